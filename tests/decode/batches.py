"""Batches of packet records, and their rows in the reference's form."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from sensor.arrays import GUARD
from sensor.capture.batch import Batch
from sensor.decode.columns import Packets
from sensor.decode.events import DecoderEvent
from tests.decode.stacks import Captured
from tests.reference.decode import decode_packet

FILLER = b"\x45\x08\x00\xaa\xaa"
"""What lies between packets: octets that would mean something if they were read."""


def make_batch(packets: Sequence[Captured]) -> Batch:
    """One batch of these packets."""
    buffer = bytearray(FILLER)
    offset = []
    for packet in packets:
        offset.append(len(buffer))
        buffer += packet.data + FILLER
    used = len(buffer)
    buffer += FILLER * (GUARD // len(FILLER) + 1)
    n = len(packets)
    return Batch(
        octets=np.frombuffer(bytes(buffer), np.uint8),
        offset=np.array(offset, np.int64),
        cap_len=np.array([len(packet.data) for packet in packets], np.int64),
        wire_len=np.array([packet.wire_len for packet in packets], np.int64),
        ts_ns=np.zeros(n, np.int64),
        link_type=np.array([packet.link_type for packet in packets], np.uint32),
        first_number=1,
        used=used,
    )


def row_of(packets: Packets, batch: Batch, i: int) -> dict[str, int | str]:
    """A row as the reference has it: addresses whole, offsets from the packet's start.

    Of a rejected row only the event: its other columns are unspecified.
    """
    event = DecoderEvent(int(packets.event[i])).label
    if packets.layer[i] == 0:
        return {"layer": 0, "event": event}
    row: dict[str, int | str] = {name: int(getattr(packets, name)[i]) for name in Packets.__annotations__}
    row["event"] = event
    for name in ("src", "dst", "outer_src", "outer_dst"):
        row[name] = (int(row.pop(f"{name}_hi")) << 64) | int(row.pop(f"{name}_lo"))
    for name in ("payload_offset", "ip_offset"):
        if row["ip_version"]:
            row[name] = int(row[name]) - int(batch.offset[i])
    return row


def reference_row(packet: Captured) -> dict[str, int | str]:
    """The same row by the reference."""
    decoded = decode_packet(packet.data, packet.wire_len, packet.link_type)
    if decoded.inner.layer == 0:
        return {"layer": 0, "event": decoded.event}
    return {"event": decoded.event, **asdict(decoded.inner), **asdict(decoded.outer)}
