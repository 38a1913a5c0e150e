"""IPv4 and IPv6 fragments become datagrams (RFC 791, section 3.2; RFC 8200, section 4.5; RFC 5722).

Rare, so row by row, and bounded in datagrams, pieces, octets and time. The row that completes a
datagram becomes that datagram: it is decoded again, from behind the batch's own octets, and its columns
take the place of the fragment's. Where fragments overlap, what came first stays; systems differ here,
so every overlap and every conflict is counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields

import numpy as np

from sensor.arrays import I64
from sensor.capture.batch import Batch
from sensor.config import ReassemblyLimits
from sensor.decode.columns import Layer, Packets
from sensor.decode.stack import decode_batch
from sensor.reassembly.held import Held, Segment
from sensor.telemetry import Counters

LINKTYPE_RAW = 101
_MAX_DATAGRAM = 65_535
_IPV6_FRAGMENT_HEADER = 8
_MAX_NESTED = 3
"""A datagram may carry a fragment of a tunnel's inner packet, in a tunnel inside that, and so on; deeper
nesting is left as it is. Each could only be sent to make work."""

_Key = tuple[int, ...]


@dataclass(slots=True)
class _Datagram:
    first_ns: int
    held: Held = field(default_factory=Held)
    header: bytes = b""
    total: int = -1
    """Octets of the payload, -1 until the last fragment told."""
    count: int = 0


class FragmentReassembler:
    """Datagrams that wait for fragments."""

    def __init__(self, limits: ReassemblyLimits, counters: Counters) -> None:
        self._limits = limits
        self._counters = counters
        self._waiting: dict[_Key, _Datagram] = {}
        self._cost = 0

    def reassemble(self, packets: Packets, batch: Batch) -> None:
        """Turn the rows of ``packets`` that complete a datagram into it, in place.

        Each depth of tunnels takes a round, so that fragments of one datagram are taken in by arrival
        whether or not they came in fragments of a tunnel's packet; those of a datagram that came in tunnels
        and without wait for the deepest. (Not for one that shows only when a tunnel's packet is whole: a
        datagram that comes partly in fragments of a tunnel and partly bare is taken in bare parts first.)
        """
        rows = np.flatnonzero(packets.layer == Layer.FRAGMENT)
        if rows.shape[0] == 0:
            return
        nesting = np.zeros(len(packets), np.uint8)
        while rows.shape[0]:
            depth = _deepest(packets, rows)
            now = depth == depth.min()
            self._counters.fragments += int(now.sum())
            whole = self._add(packets, rows[now], batch)
            again = _decode_again(packets, batch, whole) if whole else rows[:0]
            nesting[again] += 1
            nested = again[(packets.layer[again] == Layer.FRAGMENT) & (nesting[again] <= _MAX_NESTED)]
            rows = np.sort(np.concatenate([rows[~now], nested]))

    def _add(self, packets: Packets, rows: I64, batch: Batch) -> list[tuple[int, bytes]]:
        """Take fragments in; return (row, datagram) for those that complete one."""
        whole = []
        for row, key, start, more, at, cap_len, wire_len, ip_at in _values(packets, rows):
            now = int(batch.ts_ns[row])
            if cap_len < wire_len or start + wire_len > _MAX_DATAGRAM:
                self._counters.fragments_dropped += 1
                continue
            waiting = self._find(key, now)
            held, end = waiting.held, start + wire_len
            if (0 <= waiting.total < end) or (not more and end < max(held.end, waiting.total)):
                self._counters.fragments_dropped += 1  # it contradicts where the datagram ends
                continue
            data = batch.octets[at : at + cap_len].tobytes()
            octets, cost = held.octets, held.cost
            if held.insert(Segment(start, wire_len, data, batch.first_number + row, now), 0):
                self._counters.fragment_conflicts += 1
            self._counters.comparisons_cut += held.cut
            held.cut = 0
            self._cost += held.cost - cost
            self._counters.fragment_overlaps += held.octets - octets < wire_len
            waiting.count += 1
            if start == 0 and not waiting.header:
                waiting.header = batch.octets[ip_at:at].tobytes()
            if not more:
                waiting.total = end
            if waiting.header and held.octets == waiting.total:
                whole.append((row, _datagram(key[0], waiting)))
                self._counters.datagrams_reassembled += 1
                self._forget(key)
            elif waiting.count >= self._limits.fragments:
                self._expire(key)
            while self._cost > self._limits.fragment_octets:
                self._expire_oldest()
        return whole

    def expire(self, now_ns: int) -> None:
        """Give up datagrams that have waited for too long, those before which none waits for less."""
        while self._waiting:
            if now_ns - next(iter(self._waiting.values())).first_ns <= self._limits.fragment_ns:
                return
            self._expire_oldest()

    def _find(self, key: _Key, now: int) -> _Datagram:
        waiting = self._waiting.get(key)
        if waiting is not None and now - waiting.first_ns > self._limits.fragment_ns:
            self._expire(key)
            waiting = None
        if waiting is None:
            if len(self._waiting) >= self._limits.datagrams:
                self._expire_oldest()
            waiting = self._waiting[key] = _Datagram(now)
        return waiting

    def _forget(self, key: _Key) -> None:
        self._cost -= self._waiting.pop(key).held.cost

    def _expire(self, key: _Key) -> None:
        self._counters.fragments_expired += self._waiting[key].count
        self._forget(key)

    def _expire_oldest(self) -> None:
        self._expire(next(iter(self._waiting)))  # dictionaries keep the order of insertion

    def finish(self) -> None:
        """The capture is over: count what never became whole."""
        for key in list(self._waiting):
            self._expire(key)


def _keys(packets: Packets, rows: I64) -> Iterator[_Key]:
    """What the fragments of one datagram, and of no other that is on its way, have in common."""
    # RFC 791 has the protocol in the key; RFC 8200 has not, since only the first fragment's counts.
    proto = np.where(packets.ip_version[rows] == 4, packets.ip_proto[rows], 0)
    names = ("ip_version", "src_hi", "src_lo", "dst_hi", "dst_lo", "fragment_id")
    return zip(*(getattr(packets, name)[rows].tolist() for name in names), proto.tolist(), strict=True)


def _deepest(packets: Packets, rows: I64) -> I64:
    """The tunnels around each row's datagram, by that row of it which has the most."""
    depth = packets.tunnel_depth[rows].astype(np.int64)
    if depth.min() == depth.max():
        return depth
    keys, deepest = list(_keys(packets, rows)), dict[_Key, int]()
    for key, tunnels in zip(keys, depth.tolist(), strict=True):
        deepest[key] = max(tunnels, deepest.get(key, 0))
    return np.array([deepest[key] for key in keys], np.int64)


def _values(packets: Packets, rows: I64) -> Iterator[tuple[int, _Key, int, int, int, int, int, int]]:
    """Row, key, offset, more flag, payload's place, captured and wire length, header's place of each."""
    columns = (
        getattr(packets, name)[rows].tolist()
        for name in (
            "fragment_offset",
            "fragment_more",
            "payload_offset",
            "payload_len",
            "payload_wire_len",
            "ip_offset",
        )
    )
    return zip(rows.tolist(), _keys(packets, rows), *columns, strict=True)


def _datagram(version: int, waiting: _Datagram) -> bytes:
    """The IP packet as it was before it was fragmented, as far as decoding needs it."""
    payload = b"".join(segment.data for segment in waiting.held.segments)
    header = bytearray(waiting.header)
    if version == 4:
        header[2:4] = min(len(header) + len(payload), _MAX_DATAGRAM).to_bytes(2, "big")
        header[6:8] = b"\0\0"
        return bytes(header) + payload
    # The extension headers before the fragment header are left out: nothing after this stage uses them.
    next_header = header[-_IPV6_FRAGMENT_HEADER]
    plain = header[:4] + len(payload).to_bytes(2, "big") + bytes([next_header]) + header[7:40]
    return bytes(plain) + payload


def _decode_again(packets: Packets, batch: Batch, whole: list[tuple[int, bytes]]) -> I64:
    """Decode whole datagrams into the rows that completed them; return those rows."""
    rows = np.array([row for row, _ in whole], np.int64)
    offset = np.array([batch.append(data) for _, data in whole], np.int64)
    length = np.array([len(data) for _, data in whole], np.int64)
    link_type = np.full(rows.shape[0], LINKTYPE_RAW, np.uint32)
    again = decode_batch(
        Batch(batch.octets, offset, length, length, batch.ts_ns[rows], link_type, 0, batch.used)
    )
    good = np.flatnonzero(again.layer != Layer.NONE)
    rows, tunnelled = rows[good], packets.tunnel[rows[good]] != 0
    for item in fields(Packets):
        name, column = item.name, getattr(packets, item.name)
        old, new = column[rows], getattr(again, name)[good]
        if name == "tunnel_depth":
            new = old + new
        elif name.startswith("vlan"):
            new = old
        elif name.startswith("outer_"):
            new = np.where(tunnelled, old, new)
        elif name == "tunnel":
            new = np.where(new != 0, new, old)  # the last that was peeled off
        column[rows] = new
    return rows
