"""Frames onto a line of the test's own, and what a packet socket's ring makes of them."""

import select
import socket
import struct
from collections.abc import Iterable, Iterator
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
    with side.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind((side.device, 0))
        for octets in frames:
            sender.send(octets)


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


def statistics(opened: PacketSocket) -> tuple[int, int]:
    """Received, dropped; nothing is counted behind a stopped intake."""
    received, dropped = read_statistics(opened.socket)
    assert read_statistics(opened.socket) == (0, 0)
    return received, dropped
