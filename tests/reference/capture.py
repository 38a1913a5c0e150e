"""Capture files read one octet at a time, as the format documents say: slow, and easy to check by eye.

draft-ietf-opsawg-pcap-04 and draft-ietf-opsawg-pcapng-02.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Literal

MAX_CAP_LEN = 262_144
MAX_BLOCK_LEN = 16 << 20
MAX_NS = 9_223_372_035 * 10**9

Order = Literal["little", "big"]


@dataclass(frozen=True)
class Record:
    """One packet record."""

    number: int
    octets: bytes
    wire_len: int
    ts_ns: int
    link_type: int


@dataclass(frozen=True)
class Interface:
    """What a pcapng section says of one interface."""

    link_type: int
    snaplen: int
    second: int
    """Ticks a second."""
    tsoffset: int


@dataclass
class Capture:
    """What a file holds up to its end or the first fault."""

    records: list[Record]
    received: int = 0
    """Records, those included that are no packets."""
    sound: bool = True
    """Whether the file was read to its end."""


class DamageError(Exception):
    """The file contradicts itself or ends too early."""


def read_capture(octets: bytes) -> Capture | None:
    """The records of a pcap or pcapng file, or None if ``octets`` cannot be opened as one."""
    capture = Capture([])
    try:
        if octets[:4] == b"\x0a\x0d\x0d\x0a":
            _read_pcapng(octets, capture)
        else:
            _read_pcap(octets, capture)
    except DamageError:
        capture.sound = False
    except ValueError:
        return None
    return capture


def _number(octets: bytes, at: int, size: int, order: Order) -> int:
    if at + size > len(octets):
        raise DamageError
    return int.from_bytes(octets[at : at + size], order)


def _read_pcap(octets: bytes, capture: Capture) -> None:
    orders: dict[Order, int] = {order: int.from_bytes(octets[:4], order) for order in ("little", "big")}
    known = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
    order = next((order for order, magic in orders.items() if magic in known), None)
    if order is None or len(octets) < 24:
        raise ValueError
    tick_ns, header_len = known[orders[order]]
    link_type = _number(octets, 20, 4, order) % 2**16
    at = 24
    while at < len(octets):
        seconds, tick, cap_len, wire_len = (_number(octets, at + 4 * i, 4, order) for i in range(4))
        data = octets[at + header_len : at + header_len + cap_len]
        if cap_len > MAX_CAP_LEN or at + header_len + cap_len > len(octets):
            raise DamageError
        capture.received += 1
        ts_ns = seconds * 10**9 + tick * tick_ns
        capture.records.append(Record(capture.received, data, max(wire_len, cap_len), ts_ns, link_type))
        at += header_len + cap_len


def _read_pcapng(octets: bytes, capture: Capture) -> None:
    at = 0
    order: Order = "little"
    interfaces: list[Interface] = []
    while at < len(octets):
        if octets[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            try:
                order = _section_order(octets, at)
            except DamageError:
                if not at:
                    raise ValueError from None
                raise
            interfaces = []
        kind = _number(octets, at, 4, order)
        length = _number(octets, at + 4, 4, order)
        end = at + (length + 3) // 4 * 4
        if (
            not 12 <= length <= MAX_BLOCK_LEN
            or end > len(octets)
            or _number(octets, end - 4, 4, order) != length
        ):
            raise DamageError
        _read_block(octets[at:end], kind, length, order, interfaces, capture)
        at = end


def _section_order(octets: bytes, at: int) -> Order:
    magic = octets[at + 8 : at + 12]
    orders: dict[bytes, Order] = {b"\x4d\x3c\x2b\x1a": "little", b"\x1a\x2b\x3c\x4d": "big"}
    if magic not in orders:
        raise DamageError
    order = orders[magic]
    length = _number(octets, at + 4, 4, order)
    end = at + (length + 3) // 4 * 4
    if not 28 <= length <= MAX_BLOCK_LEN or _number(octets, end - 4, 4, order) != length:
        raise DamageError
    if _number(octets, at + 12, 2, order) != 1:
        raise DamageError
    return order


def _read_block(
    block: bytes, kind: int, length: int, order: Order, interfaces: list[Interface], capture: Capture
) -> None:
    shortest = {1: 20, 2: 32, 3: 16, 6: 32, 9: 35, 0xBAD: 16, 0x40000BAD: 16}
    shortest |= dict.fromkeys((0x204, 0x208, 0x216, 0x217, 0x221), 36)
    if length < shortest.get(kind, 12):
        raise DamageError
    if kind == 1:
        interfaces.append(_interface(block, order))
    elif kind in (2, 6):
        wide = 4 if kind == 6 else 2
        number = _number(block, 8, wide, order)
        ticks = _number(block, 12, 4, order) << 32 | _number(block, 16, 4, order)
        cap_len, wire_len = _number(block, 20, 4, order), _number(block, 24, 4, order)
        if number >= len(interfaces) or cap_len > min(length - 32, MAX_CAP_LEN):
            raise DamageError
        _add(capture, block[28 : 28 + cap_len], wire_len, _ns(ticks, interfaces[number]), interfaces[number])
    elif kind == 3:
        if not interfaces:
            raise DamageError
        wire_len = _number(block, 8, 4, order)
        cap_len = min(wire_len, interfaces[0].snaplen or MAX_CAP_LEN)
        if cap_len > min(length - 16, MAX_CAP_LEN):
            raise DamageError
        last_ns = capture.records[-1].ts_ns if capture.records else 0
        _add(capture, block[12 : 12 + cap_len], wire_len, last_ns, interfaces[0])
    elif kind in shortest:
        capture.received += 1


def _add(capture: Capture, octets: bytes, wire_len: int, ts_ns: int, interface: Interface) -> None:
    capture.received += 1
    wire_len = max(wire_len, len(octets))
    capture.records.append(Record(capture.received, octets, wire_len, ts_ns, interface.link_type))


def _interface(block: bytes, order: Order) -> Interface:
    second, tsoffset = 10**6, 0
    at, end = 16, len(block) - 4
    while at + 4 <= end:
        code, length = _number(block, at, 2, order), _number(block, at + 2, 2, order)
        value = block[at + 4 : at + 4 + length]
        if code == 0 or at + 4 + length > end:
            break
        if code == 9 and length == 1:
            second = 2 ** (value[0] - 128) if value[0] >= 128 else 10 ** value[0]
        if code == 14 and length == 8:
            tsoffset = int.from_bytes(value, order, signed=True)
        at += 4 + (length + 3) // 4 * 4
    return Interface(_number(block, 8, 2, order), _number(block, 12, 4, order), second, tsoffset)


def _ns(ticks: int, interface: Interface) -> int:
    seconds, rest = divmod(ticks, interface.second)
    seconds = min(max(seconds + interface.tsoffset, -MAX_NS // 10**9), MAX_NS // 10**9)
    return seconds * 10**9 + floor(Fraction(rest * 10**9, interface.second))
