"""Raw IP packets through decode and fragment reassembly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment

from sensor.capture.batch import Batch
from sensor.config import ReassemblyLimits
from sensor.decode.columns import Packets
from sensor.decode.stack import decode_batch
from sensor.reassembly.fragments import LINKTYPE_RAW, FragmentReassembler
from sensor.telemetry import Counters
from tests.decode.batches import make_batch
from tests.decode.stacks import Captured
from tests.reference.reassembly import Fragment

EXPERIMENT = 253
"""RFC 3692: no protocol that decode knows."""


@dataclass(slots=True)
class Row:
    """One row after reassembly: every column, and the payload that it points at."""

    columns: dict[str, int]
    payload: bytes

    def __getattr__(self, name: str) -> int:
        return self.columns[name]


class Line:
    """Batches of raw IP packets, one after the other."""

    def __init__(self, limits: ReassemblyLimits | None = None) -> None:
        self.counters = Counters()
        self.reassembler = FragmentReassembler(limits or ReassemblyLimits(), self.counters)
        self.count = 0

    def feed(self, packets: Sequence[Any], ts_ns: int = 0, cut: int = 0) -> list[Row]:
        """One batch of packets (scapy's, or octets), ``cut`` octets of each not captured."""
        octets = [bytes(packet) for packet in packets]
        batch = make_batch([Captured(LINKTYPE_RAW, data[: len(data) - cut], len(data)) for data in octets])
        batch.ts_ns[:] = ts_ns
        batch.first_number = self.count + 1
        self.count += len(octets)
        rows = decode_batch(batch)
        self.reassembler.reassemble(rows, batch)
        return [row_of(rows, batch, i) for i in range(len(octets))]


def row_of(packets: Packets, batch: Batch, i: int) -> Row:
    columns = {name: int(getattr(packets, name)[i]) for name in Packets.__annotations__}
    start = columns.pop("payload_offset")
    assert 0 <= columns.pop("ip_offset") <= start
    payload = batch.octets[start : start + columns["payload_len"]]
    assert payload.dtype == np.uint8
    return Row(columns, payload.tobytes())


def alone(packet: Any) -> Row:
    """A packet's row where it came whole."""
    return Line().feed([packet])[0]


def packet_of(piece: Fragment, version: int) -> Any:
    """A fragment in a packet of IP version 4 or 6 (scapy's)."""
    if version == 4:
        head = IP(src="192.0.2.1", dst="192.0.2.2", id=piece.key, proto=EXPERIMENT)
        head.frag, head.flags = piece.start // 8, int(piece.more)
        return head / piece.data
    head = IPv6(src="2001:db8::1", dst="2001:db8::2")
    extension = IPv6ExtHdrFragment(offset=piece.start // 8, m=int(piece.more), id=piece.key, nh=EXPERIMENT)
    return head / extension / piece.data
