"""Near-valid packets between few endpoints, and the columns that decode would make of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from sensor.arrays import U8
from sensor.config import FlowLimits
from sensor.decode.columns import Layer, Packets
from tests.reference.flow import ACK, FIN, RST, SYN, TCP, UDP, Endpoint, Packet

SECOND = 1_000_000_000
LIMITS = FlowLimits(flows=128, sweep_ns=30 * SECOND)
"""As many slots as a test's packets can need: eviction has tests of its own."""

CLIENT: Endpoint = (0x0A000001, 1111)
ENDPOINTS: tuple[tuple[Endpoint, Endpoint], ...] = (
    (CLIENT, (0x0A000002, 80)),
    ((0x0A000002, 443), (0x0A000001, 2000)),
    (CLIENT, (1 << 64 | 5, 1111)),
)
_LAYER = {TCP: Layer.TCP, UDP: Layer.UDP, 1: Layer.ICMP}
_ISNS = (0, 1000, 2**32 - 3, 2**32 - 12)
_PAUSES = (0, 0, 0, 1000, SECOND, -5 * SECOND, 59 * SECOND, 61 * SECOND, 601 * SECOND, -700 * SECOND)


def columns(packets: Sequence[Packet]) -> tuple[Packets, U8]:
    """The packets as decoded rows, and the octets that their payloads lie in."""
    rows = Packets.empty(len(packets))
    octets = bytearray(b"\xee")
    for i, packet in enumerate(packets):
        rows.layer[i] = _LAYER[packet.proto]
        rows.ip_version[i], rows.ip_proto[i] = packet.version, packet.proto
        for end, (address, port) in (("src", packet.src), ("dst", packet.dst)):
            getattr(rows, f"{end}_hi")[i], getattr(rows, f"{end}_lo")[i] = divmod(address, 2**64)
            getattr(rows, f"{end}_port")[i] = port
        rows.tcp_seq[i], rows.tcp_ack[i] = packet.seq, packet.ack
        rows.tcp_flags[i], rows.tcp_window[i] = packet.flags, packet.window
        rows.payload_offset[i], rows.payload_len[i] = len(octets), len(packet.data)
        rows.payload_wire_len[i], rows.ip_len[i] = packet.wire_len, packet.ip_len
        octets += packet.data + b"\xee"
    return rows, np.frombuffer(bytes(octets), np.uint8)


def times(packets: Sequence[Packet]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.array([packet.ts_ns for packet in packets], np.int64)


@dataclass(slots=True)
class _Side:
    """What one end of a connection would send next."""

    isn: int = 1000
    next: int = 1001


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next on the line."""

    pair: int
    side: int
    kind: str
    length: int
    shift: int
    """Of the sequence number, from what would be right."""
    cut: int
    """Octets of the payload that the capture cut off."""
    other: bool
    """Other octets than the sequence number's own."""
    pause: int
    isn: int


KINDS = (
    "data", "data", "data", "data", "data", "lost", "lost", "ack", "ack", "late_ack", "wild_ack",
    "syn", "syn", "syn_data", "syn_ack", "fin", "fin_data", "rst", "restart", "udp", "icmp",
)  # fmt: skip

steps = st.lists(
    st.builds(
        Step,
        pair=st.sampled_from([0, 0, 0, 1, 2]),
        side=st.integers(0, 1),
        kind=st.sampled_from(KINDS),
        length=st.integers(1, 5),
        shift=st.sampled_from([0, 0, 0, 0, 0, -1, -2, -3, 1, 2, 4, -7, 9, 1 << 30, (1 << 30) + 1, 1 << 31]),
        cut=st.sampled_from([0, 0, 0, 0, 1, 2, 5]),
        other=st.sampled_from([False, False, False, True]),
        pause=st.sampled_from(_PAUSES),
        isn=st.sampled_from(_ISNS),
    ),
    max_size=40,
)


def captured(script: Sequence[Step]) -> list[Packet]:
    """The packets that a capture of these steps holds, numbered from 1."""
    sides = [(_Side(), _Side()) for _ in ENDPOINTS]
    now = 10_000 * SECOND
    packets: list[Packet] = []
    for step in script:
        now = max(0, now + step.pause)
        packet = _packet(step, sides[step.pair])
        if packet is not None:
            src, dst = ENDPOINTS[step.pair][:: -1 if step.side else 1]
            packets.append(replace(packet, ts_ns=now, src=src, dst=dst, number=len(packets) + 1))
    return packets


def _packet(step: Step, pair: tuple[_Side, _Side]) -> Packet | None:
    """The packet of one step, if one is captured; addresses, time and number come later."""
    mine, other = pair[step.side], pair[1 - step.side]
    blank = Packet(0, CLIENT, CLIENT, ack=other.next, window=step.length - 1)
    kind, length = step.kind, step.length
    if kind == "lost":
        mine.next = (mine.next + length) % 2**32
        return None
    if kind == "restart":
        mine.isn, mine.next = step.isn, (step.isn + 1) % 2**32
        return None
    if kind in ("udp", "icmp"):
        data = b"datagram"[:length]
        return replace(blank, proto=UDP if kind == "udp" else 1, data=data, wire_len=length, ack=0)
    if kind.startswith("syn"):
        flags = SYN | ACK if kind == "syn_ack" else SYN
        length = length if kind == "syn_data" else 0
        data = _octets(mine.isn + 1, length, other=step.other)
        return replace(blank, flags=flags, seq=mine.isn, data=data, wire_len=length)
    if kind == "rst":
        return replace(blank, flags=RST | ACK, seq=mine.next, data=b"why"[: step.cut], wire_len=step.cut)
    seq = (mine.next + step.shift) % 2**32
    if kind in ("ack", "late_ack", "wild_ack"):
        ack = {"ack": 0, "late_ack": -length, "wild_ack": step.shift + length}[kind]
        return replace(blank, flags=ACK, seq=mine.next, ack=(other.next + ack) % 2**32)
    flags = ACK | (FIN if kind.startswith("fin") else 0)
    length = 0 if kind == "fin" else length
    data = _octets(seq, length, other=step.other)[: max(0, length - step.cut)]
    if not step.shift:
        mine.next = (mine.next + length) % 2**32
    return replace(blank, flags=flags, seq=seq, data=data, wire_len=length)


def _octets(seq: int, length: int, *, other: bool) -> bytes:
    """What a stream has at these sequence numbers; or something else."""
    return bytes(((seq + i) * 7 + other) % 251 for i in range(length))
