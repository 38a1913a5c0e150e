"""The interfaces of a pcapng section: link type, snap length, and the clock of each.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html section 4.2 (Interface Description
Block) and its options if_tsresol and if_tsoffset.
"""

import struct
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from sensor.arrays import I64, U32, U64

MAX_INTERFACES: Final = 65_536
"""A section. The obsolete Packet Block cannot name more; a real capture has a handful."""

ByteOrder = Literal["<", ">"]

_OPTIONS_OFFSET: Final = 16
_END_OF_OPTIONS: Final = 0
_IF_TSRESOL: Final = 9
_IF_TSOFFSET: Final = 14
_BINARY: Final = 0x80
_MICROSECONDS: Final = 6

_MAX_SECONDS: Final = 9_223_372_035
"""Seconds that fit int64 nanoseconds (the year 2262); later or earlier times stop there."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One Interface Description Block."""

    link_type: int
    snaplen: int
    """Octets, 0 for no limit."""
    tsresol: int
    """The option as sent: ticks of 10 ** -n seconds, or with the highest bit set of 2 ** -n."""
    tsoffset: int
    """Seconds to add."""
    since_block: int
    """Number, in its section, of the block that described it: packets before it cannot use it."""


def parse_interface(block: memoryview, order: ByteOrder, since_block: int) -> Interface:
    """Read one whole block, header and trailer included, of at least 20 octets.

    Malformed options end the list of options, as in libpcap; the interface counts all the same.
    """
    link_type, snaplen = struct.unpack_from(f"{order}HxxI", block, 8)
    tsresol, tsoffset = _MICROSECONDS, 0
    position = _OPTIONS_OFFSET
    end = len(block) - 4
    while position + 4 <= end:
        code, length = struct.unpack_from(f"{order}HH", block, position)
        position += 4
        if code == _END_OF_OPTIONS or position + length > end:
            break
        if code == _IF_TSRESOL and length == 1:
            tsresol = block[position]
        elif code == _IF_TSOFFSET and length == 8:
            (tsoffset,) = struct.unpack_from(f"{order}q", block, position)
        position += length + 3 & ~3
    return Interface(link_type, snaplen, tsresol, tsoffset, since_block)


class InterfaceTable:
    """The interfaces of one section as columns, for look-ups by interface id."""

    __slots__ = ("_clock", "_clocks", "link_type", "since_block", "snaplen")

    def __init__(self, interfaces: list[Interface]) -> None:
        self.link_type: U32 = np.array([i.link_type for i in interfaces], np.uint32)
        self.snaplen: I64 = np.array([i.snaplen for i in interfaces], np.int64)
        self.since_block: I64 = np.array([i.since_block for i in interfaces], np.int64)
        clocks = {(i.tsresol, i.tsoffset) for i in interfaces}
        self._clocks = sorted(clocks)
        index = {clock: number for number, clock in enumerate(self._clocks)}
        self._clock: I64 = np.array([index[i.tsresol, i.tsoffset] for i in interfaces], np.int64)

    def __len__(self) -> int:
        return len(self.link_type)

    def to_ns(self, interface: I64, ticks: U64) -> I64:
        """Nanoseconds since the Unix epoch.

        :param interface: (n,) int64, ids in this table.
        :param ticks: (n,) uint64, time as the block has it.
        :returns: (n,) int64.
        """
        if len(self._clocks) == 1:
            return ticks_to_ns(ticks, *self._clocks[0])
        clock = self._clock[interface]
        ts_ns = np.zeros(ticks.shape, np.int64)
        for number in np.unique(clock):
            rows = clock == number
            ts_ns[rows] = ticks_to_ns(ticks[rows], *self._clocks[number])
        return ts_ns


def ticks_to_ns(ticks: U64, tsresol: int, tsoffset: int) -> I64:
    """Convert (n,) uint64 ticks of any resolution; what is below a nanosecond is cut off.

    :returns: (n,) int64 nanoseconds, clipped to what that type holds.
    """
    digits = tsresol & ~_BINARY
    per_second = 2**digits if tsresol & _BINARY else 10**digits
    seconds = np.zeros_like(ticks)
    if per_second < 2**64:
        seconds = ticks // np.uint64(per_second)
    rest = ticks - seconds * np.uint64(per_second % 2**64)
    to_ns = _binary_fraction_to_ns if tsresol & _BINARY else _decimal_fraction_to_ns
    # Clipped first to what the sum allows, which is then right whatever wraps around on the way.
    tsoffset = min(tsoffset, _MAX_SECONDS)
    lowest, highest = max(-_MAX_SECONDS - tsoffset, 0), _MAX_SECONDS - tsoffset
    whole = np.clip(seconds, np.uint64(lowest), np.uint64(highest)) + np.uint64(tsoffset % 2**64)
    return whole.view(np.int64) * 1_000_000_000 + to_ns(rest, digits).astype(np.int64)


def _binary_fraction_to_ns(rest: U64, bits: int) -> U64:
    """``rest`` / 2 ** ``bits`` seconds, in two halves because the whole product overflows."""
    billion, half = np.uint64(1_000_000_000), np.uint64(32)
    if bits <= 32:
        return rest * billion >> np.uint64(bits)
    low = (rest & np.uint64(0xFFFFFFFF)) * billion >> half
    return (rest >> half) * billion + low >> np.uint64(bits - 32)


def _decimal_fraction_to_ns(rest: U64, digits: int) -> U64:
    if digits <= 9:
        return rest * np.uint64(10 ** (9 - digits))
    divisor = 10 ** (digits - 9)
    return rest // np.uint64(divisor) if divisor < 2**64 else np.zeros_like(rest)
