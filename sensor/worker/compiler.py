"""``python -m sensor.worker.compiler DESCRIPTOR``: compiles signatures and proves them, in a process apart.

They are proved by their samples: of a set of which one fails there are no databases, and the old set stays.

Compiling very many takes minutes and gigabytes. In a capture worker the ring would overflow meanwhile, in the
service all else would stop. Here it costs time that nobody waits for, and memory up to a limit whose breach
ends this process alone. Hyperscan's compiler is much code on what somebody wrote into a file, so rights are
given up before, as a worker does.
"""

import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import hyperscan
import msgspec

from sensor.errors import SensorError
from sensor.matching.compile import dump_databases, load_plan
from sensor.proof.samples import Failure, failures_text, prove
from sensor.worker.crash import tell_crash
from sensor.worker.messages import (
    MAX_PART,
    Compile,
    Compiled,
    MessageError,
    Unframer,
    frame,
    to_compiler,
)
from sensor.worker.preload import preload
from sensor.worker.sandbox import confine
from signatures.model import Signature

_READ: Final = 1 << 18
_NICE: Final = 5
"""Packets come first; but a busy machine must not starve a reload until its time is over."""


def main() -> int:
    """Compile what the service sends, answer, and end; returns the exit status."""
    sys.excepthook = tell_crash
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # A unit that forbids @resources does not let it; it is then one process among others.
    with suppress(OSError):
        os.nice(_NICE)
    connection = socket.socket(fileno=int(sys.argv[1]))
    try:
        message = _receive(connection)
        if message is not None:
            connection.sendall(frame(_compile(message, connection.fileno())))
    except ConnectionError:
        return 0  # nobody waits for it any more
    except SensorError as error:
        connection.sendall(frame(Compiled([], str(error))))
        return 1
    return 0


def _receive(connection: socket.socket) -> Compile | None:
    """The message; None if the service is gone."""
    unframer = Unframer(MAX_PART)
    while octets := connection.recv(_READ):
        for body in unframer.feed(octets):
            try:
                return to_compiler.decode(body)
            except msgspec.MsgspecError as error:
                raise MessageError("the service is of another version now; restart it") from error
    return None


def _compile(message: Compile, descriptor: int) -> Compiled:
    preload(("sensor.pipeline",))  # which samples go through
    confine(message.user or None, [descriptor], address_space=message.memory_octets)
    try:
        databases = _databases(message)
        if failures := prove(message.signatures, databases=databases):
            return Compiled([], _failed(failures, message.signatures), len(failures))
        return Compiled(databases)
    except (hyperscan.HyperscanError, MemoryError) as error:
        # No more of it than its kind: a text may quote what somebody looks for.
        if isinstance(error, MemoryError) or "memory" in str(error):
            raise SensorError(
                f"{message.memory_octets >> 20:,} MiB of memory are too little; "
                "use fewer signatures, or raise [limits] memory"
            ) from error
        raise SensorError(f"Hyperscan says {type(error).__name__}") from error


def _databases(message: Compile) -> list[bytes]:
    """Those that were compiled before, if they can be used."""
    if message.databases:
        with suppress(SensorError):  # of another processor: a state directory that was moved
            load_plan(message.signatures, message.databases)
            return message.databases
    return dump_databases(message.signatures)


def _failed(failures: Sequence[Failure], signatures: Sequence[Signature]) -> str:
    file = next(each.source.rpartition(":")[0] for each in signatures if each.sid == failures[0].sid)
    return f"{failures_text(failures)}; watchdog-sensor signatures test {file} tells all"


if __name__ == "__main__":
    sys.exit(main())
