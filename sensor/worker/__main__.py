"""``python -m sensor.worker DESCRIPTOR``: what the service starts for each interface and core.

The descriptor is of a socket to the service, which says the rest. Rights are given up after everything was
imported, opened and mapped, and before the first packet is looked at.
"""

import gc
import signal
import socket
import sys
from typing import Any, Final

import msgspec

from sensor.config import Settings
from sensor.errors import SensorError
from sensor.worker.channel import Channel, ParentGoneError
from sensor.worker.crash import tell_crash
from sensor.worker.loop import Source, Worker
from sensor.worker.memory import ResidentMemory
from sensor.worker.messages import (
    MAX_CONFIGURE,
    Begin,
    Configure,
    MessageError,
    RingPlace,
    ToWorker,
    Unframer,
    to_worker,
)
from sensor.worker.page import CountersPage
from sensor.worker.preload import preload
from sensor.worker.sandbox import confine
from sensor.worker.sources import LibpcapSource, RingSource

_READ: Final = 1 << 18
_OTHER_VERSION: Final = "the service is of another version than its workers now are; restart it"
"""After an update of the program under a service that runs."""


def main() -> int:
    """Work until the service says stop, or is gone; returns the exit status."""
    sys.excepthook = tell_crash
    # The service says when to end; a terminal's Ctrl-C reaches its whole group.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connection = socket.socket(fileno=int(sys.argv[1]))
    try:
        begin, configure = _first_messages(connection)
        channel = Channel(connection)
        worker = _prepare(begin, channel)
        worker.begin(configure)
        worker.run()
    except ParentGoneError:
        return 0
    except SensorError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    channel.close()
    return 0


def _first_messages(connection: socket.socket) -> tuple[Begin, Configure]:
    """Wait for the two messages that a worker begins with."""
    unframer = Unframer(MAX_CONFIGURE)
    messages: list[ToWorker] = []
    while len(messages) < 2:
        octets = connection.recv(_READ)
        if not octets:
            raise ParentGoneError
        try:
            messages += map(to_worker.decode, unframer.feed(octets))
        except msgspec.MsgspecError as error:
            raise MessageError(_OTHER_VERSION) from error
    begin, configure = messages[:2]
    if not isinstance(begin, Begin) or not isinstance(configure, Configure):
        raise MessageError(_OTHER_VERSION)
    return begin, configure


def _prepare(begin: Begin, channel: Channel) -> Worker:
    """Open and map everything, then give up all rights."""
    preload()
    settings = Settings.for_memory(begin.memory_octets, bypass_encrypted=begin.bypass_encrypted)
    page = CountersPage(begin.page)
    source: Source[Any]
    ring_octets = 0
    if isinstance(begin.source, RingPlace):
        source = RingSource(begin.source, settings.batch_octets)
        ring_octets = begin.source.block_size * begin.source.block_count
    else:
        source = LibpcapSource(begin.source)
    memory = ResidentMemory(ring_octets)
    keep = [channel.fileno(), source.fileno()]
    if memory.descriptor is not None:
        keep.append(memory.descriptor)
    confined_by = confine(begin.user or None, keep, own_capture=isinstance(source, LibpcapSource))
    # What is alive now stays so; the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    return Worker(
        channel,
        page,
        source,
        settings,
        memory_octets=begin.memory_octets,
        memory=memory,
        want_eve=begin.want_eve,
        confined_by=confined_by,
    )


if __name__ == "__main__":
    sys.exit(main())
