"""Frames onto a line of the test's own, and what a packet socket's ring makes of them."""

import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from sensor.arrays import GUARD
from sensor.capture.af_packet import (
    PacketSocket,
    open_packet_socket,
    read_statistics,
    stop_intake,
)
from sensor.capture.packet_ring import PacketRing, RingBatch
from tests.netns import Line, Namespace
from tests.reference.capture import Record

RING = 4 << 20
"""Octets: the smallest ring, four blocks."""
WAIT_S = 10


@contextmanager
def capturing(
    side: Namespace, device: str = "", *, bpf: bytes | None = None, ring_octets: int = RING
) -> Iterator[PacketSocket]:
    """A packet socket on the line's end, or on another device of that side."""
    with side.entered():
        opened = open_packet_socket(device or side.device, ring_octets=ring_octets, bpf=bpf)
    with opened.socket:
        yield opened


def ring_of(opened: PacketSocket) -> PacketRing:
    return PacketRing(opened.socket.fileno(), opened.geometry)


def frame(line: Line, payload: bytes, tags: bytes = b"", ethertype: int = 0x88B5) -> bytes:
    """From left to right; the EtherType is one for experiments (RFC 9542) that no stack answers."""
    addresses = bytes.fromhex((line.right.mac + line.left.mac).replace(":", ""))
    return addresses + tags + struct.pack(">H", ethertype) + payload


def send(side: Namespace, frames: Iterable[bytes]) -> None:
    """Put frames on the line, in order. On a busy machine they arrive a while after this returns.

    They wait in a queue of the processor that sent them, so that it has to be one for all.
    """
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})
    try:
        with side.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
            sender.bind((side.device, 0))
            for octets in frames:
                sender.send(octets)
    finally:
        os.sched_setaffinity(0, processors)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what the kernel does in its own time."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def rows(taken: RingBatch) -> list[Record]:
    batch = taken.batch
    records = []
    for i in range(len(batch)):
        start, size = int(batch.offset[i]), int(batch.cap_len[i])
        assert start + size + GUARD <= batch.octets.size
        records.append(
            Record(
                batch.first_number + i,
                batch.octets[start : start + size].tobytes(),
                int(batch.wire_len[i]),
                int(batch.ts_ns[i]),
                int(batch.link_type[i]),
            )
        )
    assert len(records) == taken.packets
    return records


def take(opened: PacketSocket, ring: PacketRing, count: int) -> list[Record]:
    """Read and release until there are ``count`` packets."""
    taken: list[Record] = []
    while len(taken) < count:
        assert select.select([opened.socket], [], [], WAIT_S)[0], f"{len(taken)} packets of {count}"
        batch = ring.ready(len(taken) + 1)
        assert batch is not None, "the socket is readable, and no block is ready"
        taken += rows(batch)
        assert ring.release(batch.last_sequence) == batch.packets
    assert len(taken) == count
    return taken


def drain(opened: PacketSocket, ring: PacketRing) -> list[Record]:
    """Stop the intake and read all that is left."""
    stop_intake(opened.socket)
    taken: list[Record] = []
    while select.select([opened.socket], [], [], 0.3)[0]:  # several times what a block takes to retire
        batch = ring.ready(len(taken) + 1)
        assert batch is not None
        taken += rows(batch)
        ring.release(batch.last_sequence)
    return taken


def statistics(opened: PacketSocket, count: int) -> tuple[int, int]:
    """Received, dropped: once ``count`` packets have been received since the last call."""
    received = dropped = 0

    def arrived() -> bool:
        nonlocal received, dropped
        more_received, more_dropped = read_statistics(opened.socket)
        received += more_received
        dropped += more_dropped
        return received >= count

    until(arrived)
    return received, dropped
