"""The packet blocks of a pcapng section as columns.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-02.html: Enhanced Packet Block (4.3), Simple
Packet Block (4.4), and the obsolete Packet Block (appendix A). The enhanced and the obsolete one
differ only in how wide the interface id is.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sensor.arrays import I64, U8, U32, gather
from sensor.capture.batch import NOT_A_PACKET
from sensor.capture.block_kinds import PACKET, PACKET_MIN_LEN, SIMPLE, SIMPLE_MIN_LEN
from sensor.capture.interfaces import ByteOrder, InterfaceTable
from sensor.capture.pcap import MAX_CAP_LEN

_FIELDS_OFFSET: Final = 8
_PACKET_DATA_OFFSET: Final = 28
_SIMPLE_DATA_OFFSET: Final = 12


@dataclass(frozen=True, slots=True)
class PacketRows:
    """Columns of shape (n,), as ``Batch`` has them."""

    offset: I64
    cap_len: I64
    wire_len: I64
    ts_ns: I64
    link_type: U32

    def with_others(self, place: I64, offset: I64, last_ts_ns: int) -> "PacketRows":
        """These rows, and one for each record that is not a packet.

        :param place: (k,) int64, ascending, how many of these rows come before the record.
        :param offset: (k,) int64, where it starts in the octets.
        :param last_ts_ns: time of the packet before the first of these rows.
        """
        if not place.size:
            return self
        time_before = np.concatenate((np.array([last_ts_ns], np.int64), self.ts_ns))
        return PacketRows(
            offset=np.insert(self.offset, place, offset),
            cap_len=np.insert(self.cap_len, place, 0),
            wire_len=np.insert(self.wire_len, place, 0),
            ts_ns=np.insert(self.ts_ns, place, time_before[place]),
            link_type=np.insert(self.link_type, place, NOT_A_PACKET),
        )


@dataclass(frozen=True, slots=True)
class PacketBlocks:
    """Blocks of the three packet kinds, in file order, whole and at least their kind's length."""

    start: I64
    """(n,) int64, where the block starts in the octets."""
    kind: U32
    length: I64
    number: I64
    """(n,) int64, the block's number in its section."""


def read_packet_blocks(
    octets: U8, blocks: PacketBlocks, interfaces: InterfaceTable, order: ByteOrder, last_ts_ns: int
) -> tuple[PacketRows, str]:
    """Rows up to the first block that contradicts itself, and what is wrong with that one.

    A Simple Packet Block has no time; it takes that of the packet before it, so that packet time does
    not jump back to 1970.

    :param last_ts_ns: time of the packet before the first block.
    :returns: the rows, and an empty text if all blocks became rows.
    """
    names = ("interface", "ticks_high", "ticks_low", "cap_len", "wire_len")
    fields = gather(octets, blocks.start + _FIELDS_OFFSET, np.dtype([(name, f"{order}u4") for name in names]))
    first = fields["interface"].astype(np.int64)
    simple = blocks.kind == SIMPLE
    narrow = first & 0xFFFF if order == "<" else first >> 16
    interface = np.where(blocks.kind == PACKET, narrow, first)
    interface[simple] = 0
    known = _known(interface, blocks.number, interfaces)
    interface[~known] = 0

    cap_len = fields["cap_len"].astype(np.int64)
    wire_len = fields["wire_len"].astype(np.int64)
    room = blocks.length - PACKET_MIN_LEN
    offset = blocks.start + _PACKET_DATA_OFFSET
    if simple.any() and len(interfaces):
        snaplen = int(interfaces.snaplen[0]) or MAX_CAP_LEN
        wire_len[simple] = first[simple]
        cap_len[simple] = np.minimum(first[simple], snaplen)
        room[simple] = blocks.length[simple] - SIMPLE_MIN_LEN
        offset[simple] = blocks.start[simple] + _SIMPLE_DATA_OFFSET

    fault = ""
    bad = np.flatnonzero(~(known & (cap_len <= room) & (cap_len <= MAX_CAP_LEN)))
    count = blocks.start.shape[0]
    if bad.size:
        count = int(bad[0])
        if not known[count]:
            fault = "names an interface that the capture does not describe before it"
        else:
            fault = f"claims {cap_len[count]} captured octets, more than it can hold"

    high = fields["ticks_high"][:count].astype(np.uint64)
    ticks = high << np.uint64(32) | fields["ticks_low"][:count]
    ts_ns = interfaces.to_ns(interface[:count], ticks)
    _inherit(ts_ns, simple[:count], last_ts_ns)
    rows = PacketRows(
        offset=offset[:count],
        cap_len=cap_len[:count],
        wire_len=np.maximum(wire_len[:count], cap_len[:count]),
        ts_ns=ts_ns,
        link_type=interfaces.link_type[interface[:count]],
    )
    return rows, fault


def _known(
    interface: I64, number: I64, interfaces: InterfaceTable
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether each id was described by an earlier block of the section."""
    known = interface < len(interfaces)
    known[known] = interfaces.since_block[interface[known]] < number[known]
    return known


def _inherit(ts_ns: I64, timeless: np.ndarray[tuple[int], np.dtype[np.bool_]], last_ts_ns: int) -> None:
    """Give rows without a time that of the last row before them that has one."""
    if not timeless.any():
        return
    source = np.maximum.accumulate(np.where(timeless, -1, np.arange(ts_ns.shape[0])))
    ts_ns[:] = np.where(source < 0, last_ts_ns, ts_ns[source])
