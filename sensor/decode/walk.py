"""The work-list of a decode: which rows have which header next, and where.

Theory of operation. A decode goes over a batch one layer at a time: all rows whose next header is of
one kind are one ``Rows`` and are handled by one call of that kind's handler, which checks lengths,
gathers the header of every row at once, writes columns, and puts the rows down again under their
next kinds. A row that nobody puts down again is finished: decoded when its ``layer`` was set,
rejected when only its ``event`` was.

A tunnel is entered on a row that is already decoded as its outer packet. What the outer packet wrote
is put aside; if nothing inside can be read, it is put back, and the event of the failure stays.
"""

from collections.abc import Container
from dataclasses import dataclass, fields
from enum import IntEnum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, U8, Bool
from sensor.decode.columns import Layer, Packets, Tunnel
from sensor.decode.events import DecoderEvent

MAX_TUNNELS = 4
"""Tunnels peeled off one packet. Operators' networks nest two (GTP-U over an MPLS VPN's GRE); more is
a loop or an attack on the sensor."""


class Header(IntEnum):
    """A kind of header: the key of the work-list. NONE stands for an unknown one in tables."""

    NONE = 0
    OTHER = auto()
    ETHERNET = auto()
    LLC = auto()
    VLAN = auto()
    VNTAG = auto()
    ITAG = auto()
    ETAG = auto()
    NSH = auto()
    METADATA = auto()
    PPPOE = auto()
    PPP = auto()
    CHDLC = auto()
    MPLS = auto()
    SLL = auto()
    SLL2 = auto()
    LOOPBACK = auto()
    RAW_IP = auto()
    NFLOG = auto()
    RADIOTAP = auto()
    IEEE80211 = auto()
    IPV4 = auto()
    IPV6 = auto()
    IPV6_EXTENSION = auto()
    IPV6_FRAGMENT = auto()
    AH = auto()
    IP_PAYLOAD = auto()
    TCP = auto()
    UDP = auto()
    ICMP = auto()
    ICMPV6 = auto()
    IPV4_IN_IP = auto()
    IPV6_IN_IP = auto()
    GRE = auto()
    GRE_UDP = auto()
    ERSPAN2 = auto()
    ERSPAN3 = auto()
    WCCP = auto()
    TEREDO = auto()
    AYIYA = auto()
    VXLAN = auto()
    GTP_U = auto()
    GENEVE = auto()
    L2TP = auto()
    MPLS_UDP = auto()
    VXLAN_GPE = auto()


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a batch that have the same kind of header next; all arrays (n,) int64.

    ``end - offset`` octets of the header and what follows it were captured, ``wire_end - offset``
    were on the wire, both as the enclosing headers tell it; ``end <= wire_end``.
    """

    row: I64
    offset: I64
    end: I64
    wire_end: I64

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: I64) -> "Rows":
        """These of the rows."""
        return Rows(self.row[index], self.offset[index], self.end[index], self.wire_end[index])

    def skip(self, octets: I64 | int) -> "Rows":
        """The same rows, so many octets further on."""
        return Rows(self.row, self.offset + octets, self.end, self.wire_end)

    def limit(self, length: I64) -> "Rows":
        """The same rows, no longer than ``length`` octets from their offset."""
        wire_end = np.minimum(self.wire_end, self.offset + length)
        return Rows(self.row, self.offset, np.minimum(self.end, wire_end), wire_end)


def indices(mask: Bool) -> I64:
    """Where a mask is true; numpy.flatnonzero without its cost, which counts on small sets."""
    index: I64 = mask.nonzero()[0]
    return index


def concatenate(parts: list[Rows]) -> Rows:
    """One ``Rows`` out of several."""
    if len(parts) == 1:
        return parts[0]
    return Rows(
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.offset for part in parts]),
        np.concatenate([part.end for part in parts]),
        np.concatenate([part.wire_end for part in parts]),
    )


_INNER_COLUMNS = tuple(
    column.name
    for column in fields(Packets)
    if column.name not in ("event", "vlan", "vlan_inner", "tunnel", "tunnel_depth")
    and not column.name.startswith("outer_")
)
"""Columns that describe the innermost packet, and start anew inside a tunnel."""

_SAVED_COLUMNS = tuple(column.name for column in fields(Packets) if column.name != "event")


class Walk:
    """One decode in progress: the octets, the columns so far, and the work-list."""

    __slots__ = ("_all", "_pending", "_saved", "octets", "packets")

    def __init__(self, octets: U8, packets: Packets) -> None:
        self.octets = octets
        self.packets = packets
        self._all: I64 = np.arange(len(packets))
        self._pending: dict[int, list[Rows]] = {}
        self._saved: list[tuple[I64, dict[str, NDArray[Any]]]] = []

    def start(self, offset: I64, end: I64, wire_end: I64) -> Rows:
        """Every row of the batch."""
        return Rows(self._all, offset, end, wire_end)

    def at(self, rows: Rows) -> I64 | slice:
        """Index of the rows' places in the columns.

        While they are still the whole batch, as in a capture of one kind of traffic, that is a
        slice, which numpy fills at half the cost.
        """
        return slice(None) if rows.row is self._all else rows.row

    def push(self, header: int, rows: Rows) -> None:
        """Put rows down under their next header."""
        if len(rows):
            self._pending.setdefault(header, []).append(rows)

    def dispatch(self, rows: Rows, headers: U8, unknown: DecoderEvent) -> None:
        """Put each row down under its own kind; rows of kind NONE are rejected as ``unknown``."""
        counts = np.bincount(headers, minlength=1)
        for header in np.flatnonzero(counts).tolist():
            whole = counts[header] == len(rows)
            part = rows if whole else rows.take(indices(headers == header))
            if header:
                self.push(header, part)
            else:
                self.flag(part.row, unknown)

    def take_pending(self, headers: Container[int]) -> dict[int, Rows]:
        """Take what is pending under any of these headers off the work-list, merged by header."""
        taken = [header for header in self._pending if header in headers]
        return {header: concatenate(self._pending.pop(header)) for header in taken}

    def flag(self, row: I64, event: DecoderEvent) -> None:
        """Note an event on rows that have none yet."""
        self.packets.event[row] = np.where(self.packets.event[row] == 0, event, self.packets.event[row])

    def require(self, rows: Rows, octets: I64 | int, event: DecoderEvent) -> Rows:
        """Rows of which that many octets were captured; the others are flagged and dropped."""
        return self.keep(rows, rows.end - rows.offset >= octets, event)

    def filter(self, rows: Rows, good: Bool) -> Rows:
        """Rows that are ``good``; nothing is noted on the others."""
        return rows if good.all() else rows.take(indices(good))

    def keep(self, rows: Rows, good: Bool, event: DecoderEvent) -> Rows:
        """Rows that are ``good``; the others are flagged and dropped."""
        if good.all():
            return rows
        self.flag(rows.row[~good], event)
        return rows.take(indices(good))

    def keep_headers(
        self, rows: Rows, headers: NDArray[Any], good: Bool, event: DecoderEvent
    ) -> tuple[Rows, NDArray[Any]]:
        """As :meth:`keep`, for rows and the headers gathered for them."""
        if good.all():
            return rows, headers
        self.flag(rows.row[~good], event)
        index = indices(good)
        return rows.take(index), headers[index]

    def finish(self, rows: Rows, layer: Layer) -> None:
        """Write what is left of the rows as their payload: decoded."""
        packets, at = self.packets, self.at(rows)
        packets.layer[at] = layer
        packets.payload_offset[at] = rows.offset
        packets.payload_len[at] = np.maximum(rows.end - rows.offset, 0)
        packets.payload_wire_len[at] = np.maximum(rows.wire_end - rows.offset, 0)

    def enter(self, rows: Rows, tunnel: Tunnel) -> Rows:
        """Go into a tunnel on rows that are decoded as its outer packet.

        Rows at the depth limit stay what they are, with an event.
        """
        if not len(rows):
            return rows
        packets = self.packets
        shallow = packets.tunnel_depth[rows.row] < MAX_TUNNELS
        rows = self.keep(rows, shallow, DecoderEvent.GENERIC_TOO_MANY_LAYERS)
        row = rows.row
        self._saved.append((row, {name: getattr(packets, name)[row] for name in _SAVED_COLUMNS}))
        outermost = row[packets.tunnel_depth[row] == 0]
        packets.outer_version[outermost] = packets.ip_version[outermost]
        packets.outer_src_hi[outermost] = packets.src_hi[outermost]
        packets.outer_src_lo[outermost] = packets.src_lo[outermost]
        packets.outer_dst_hi[outermost] = packets.dst_hi[outermost]
        packets.outer_dst_lo[outermost] = packets.dst_lo[outermost]
        packets.tunnel[row] = tunnel
        packets.tunnel_depth[row] += 1
        for name in _INNER_COLUMNS:
            getattr(packets, name)[row] = 0
        return rows

    def restore_outer(self) -> None:
        """Put the outer packet back on rows whose tunnel held nothing readable, innermost first."""
        for row, saved in reversed(self._saved):
            failed = indices(self.packets.layer[row] == Layer.NONE)
            if failed.shape[0]:
                for name, column in saved.items():
                    getattr(self.packets, name)[row[failed]] = column[failed]
