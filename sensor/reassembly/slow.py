"""Streams whose segments are not in order, one segment at a time (RFC 9293, section 3.10.7.4).

Columns of all such streams are gathered at once, since a call of numpy costs as much as a few segments.
Stretches of a stream that are in order after all are delivered in one step.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, U32, Bool
from sensor.config import ReassemblyLimits
from sensor.flow.state import ACK, FIN, RESPONDER, G, T
from sensor.flow.table import FlowTable
from sensor.reassembly.acks import FAR, Acks
from sensor.reassembly.held import Held, Segment, SlowStream
from sensor.reassembly.pieces import PieceList
from sensor.reassembly.rows import BatchRows, SegmentRows
from sensor.reassembly.sequence import KEEP_ALIVE, MODULUS, distance
from sensor.reassembly.state import StreamState
from sensor.telemetry import Counters

_END = 1 << 62  # later than any arrival


@dataclass(frozen=True, slots=True)
class _Segments:
    """Segments with data or a FIN, sorted by stream, then by arrival, as lists."""

    at: list[int]
    """Arrival: position in the tracked rows."""
    position: list[int]
    """By the sequence number, as far as the stream had come before the batch."""
    wire_len: list[int]
    cap_len: list[int]
    is_fin: list[bool]
    offset: list[int]
    """Where the octets are in the batch's."""
    number: list[int]
    ts_ns: list[int]
    stretch_end: list[int]
    """Where the stretch of consecutive, whole segments ends that the segment stands in."""


class SlowPath:
    """Puts segments in order, and keeps those that wait for a hole to be filled."""

    def __init__(
        self, limits: ReassemblyLimits, state: StreamState, table: FlowTable, counters: Counters
    ) -> None:
        self._limits = limits
        self._state = state
        self._table = table
        self._counters = counters
        self.held: dict[int, Held] = {}
        """By stream that waits."""
        self.held_cost = 0
        """Octets of memory that all of them take, about."""

    def put_in_order(
        self, streams: I64, data: I64, in_order: Bool, rows: SegmentRows, batch: BatchRows, bits: U32
    ) -> PieceList:
        """Pieces of some streams of a batch.

        :param streams: (k,) ascending.
        :param data: (n,) those of ``rows`` that have data or a FIN and are of ``streams``.
        :param in_order: (n,) the segment starts where the one before it ended.
        :param bits: history letters by arrival, added to.
        """
        out = PieceList()
        stream_of = rows.stream[data]
        begins = np.searchsorted(stream_of, streams).tolist()
        ends = np.searchsorted(stream_of, streams, side="right").tolist()
        segments = self._gather(data, in_order, begins, rows, batch)
        acks_of = self._acks(streams, rows, batch.first_number)
        for stream, begin, end, acks in zip(streams.tolist(), begins, ends, acks_of, strict=True):
            slow = self._open(stream, out)
            retransmitted = self._take_in(slow, segments, begin, end, acks, batch.octets)
            shift = RESPONDER * (stream & 1)
            bits[retransmitted] |= np.uint32(1 << T + shift)
            bits[acks.declared] |= np.uint32(1 << G + shift)
            self._close(slow)
        return out

    def give_up(self, streams: I64) -> PieceList:
        """What streams that end still hold, holes declared gaps; adds letters to their flows' histories.

        :param streams: (k,) ascending, all of them waiting.
        """
        out = PieceList()
        for stream in streams.tolist():
            slow = self._open(stream, out)
            while slow.held.segments:
                slow.skip_hole()
            self._close(slow)
        letters = G + RESPONDER * (streams & 1)
        new = (self._table.seen[streams >> 1] >> letters.astype(np.uint32)) & np.uint32(1) == 0
        self._table.append_letters(streams[new] >> 1, letters[new])
        return out

    def _gather(
        self, data: I64, in_order: Bool, begins: list[int], rows: SegmentRows, batch: BatchRows
    ) -> _Segments:
        row, stream, wire_len = rows.row[data], rows.stream[data], rows.wire_len[data]
        cap_len = batch.packets.payload_len[row]
        position = self._state.position[stream] + distance(rows.seq[data], self._state.next[stream])
        return _Segments(
            at=rows.at[data].tolist(),
            position=position.tolist(),
            wire_len=wire_len.tolist(),
            cap_len=cap_len.tolist(),
            is_fin=((rows.flags[data] & FIN) != 0).tolist(),
            offset=batch.packets.payload_offset[row].tolist(),
            number=(row + batch.first_number).tolist(),
            ts_ns=batch.ts_ns[row].tolist(),
            stretch_end=_stretches(in_order & (cap_len == wire_len), begins),
        )

    def _acks(self, streams: I64, rows: SegmentRows, first_number: int) -> Iterator[Acks]:
        """What the other sides acknowledge of ``streams``, by arrival."""
        spoke = np.flatnonzero((rows.flags & ACK) != 0)
        speaker, arrival, number = rows.stream[spoke], rows.at[spoke], rows.ack[spoke]
        packet = rows.row[spoke] + first_number
        other = streams ^ 1
        begins = np.searchsorted(speaker, other).tolist()
        ends = np.searchsorted(speaker, other, side="right").tolist()
        bases = ((self._state.next[streams] - self._state.position[streams]) % MODULUS).tolist()
        for begin, end, base in zip(begins, ends, bases, strict=True):
            columns = (arrival[begin:end].tolist(), number[begin:end].tolist(), packet[begin:end].tolist())
            yield Acks(*columns, base)

    def _take_in(
        self, slow: SlowStream, segments: _Segments, begin: int, end: int, acks: Acks, octets: memoryview
    ) -> list[int]:
        """Take in ``segments[begin:end]``, which are the stream's; arrivals of retransmissions among them."""
        s, retransmitted = segments, list[int]()
        i = begin
        while i < end:
            if slow.held.segments:
                acks.until(slow, s.at[i])
            stop = s.stretch_end[i]
            if stop > i + 1 and s.cap_len[i] == s.wire_len[i] and slow.is_next(s.position[i]):
                slow.deliver_all(s.offset[i:stop], s.wire_len[i:stop], s.number[i:stop], s.ts_ns[i:stop])
                i = stop
                continue
            if self._take_in_one(slow, s, i, acks, octets):
                retransmitted.append(s.at[i])
            i += 1
        acks.until(slow, _END)
        return retransmitted

    def _take_in_one(
        self, slow: SlowStream, segments: _Segments, i: int, acks: Acks, octets: memoryview
    ) -> bool:
        """Take in the ``i``-th segment; return whether it was, in part at least, a retransmission."""
        counters, length = self._counters, segments.wire_len[i]
        ahead = distance(segments.position[i], slow.next)
        if abs(ahead) > FAR:
            counters.segments_out_of_window += 1
            return False
        position = slow.next + ahead
        end = position + length
        if slow.fin == slow.next:
            counters.segments_after_fin += end > slow.fin
            length = min(length, slow.fin - position)  # nothing follows a FIN
        else:
            slow.take_fin(end, segments.number[i], is_fin=segments.is_fin[i])
        if length <= 0 or (ahead, segments.wire_len[i]) == KEEP_ALIVE:
            return False
        offset, cap_len = segments.offset[i], min(segments.cap_len[i], length)
        number, ts_ns = segments.number[i], segments.ts_ns[i]
        if not ahead and not slow.held.segments:
            slow.deliver(offset, cap_len, length, number, ts_ns)
            return False
        data = bytes(octets[offset : offset + cap_len])
        conflict = False
        if ahead < 0:
            counters.segments_retransmitted += 1
            conflict = slow.contradicts(position, data, octets)
        else:
            counters.segments_out_of_order += ahead > 0
        if position + length > slow.next:
            acks.until(slow, segments.at[i])
            slow.moved_at = number
            segment = Segment(position, length, data, number, ts_ns)
            conflict |= slow.held.insert(segment, max(position, slow.next))
            slow.drain()
            if self._limit(slow):
                acks.declared.append(segments.at[i])
        counters.segments_conflicting += conflict
        return ahead < 0

    def _limit(self, slow: SlowStream) -> bool:
        """Hold no more than the limits allow; return whether that made a hole a gap."""
        held, limits, limited = slow.held, self._limits, False
        while held.segments and (
            held.octets > limits.stream_octets
            or len(held.segments) > limits.stream_segments
            or self.held_cost + held.cost > limits.total_octets
        ):
            self._counters.reassembly_limited += 1
            slow.skip_hole()
            limited = True
        return limited

    def _open(self, stream: int, out: PieceList) -> SlowStream:
        state = self._state
        held = self.held.pop(stream, None) or Held()
        self.held_cost -= held.cost
        fin = int(state.fin[stream])
        return SlowStream(
            stream,
            int(state.position[stream]),
            int(state.owed[stream]),
            held,
            out,
            fin - 1 if fin else None,
            int(state.moved_at[stream]),
        )

    def _close(self, slow: SlowStream) -> None:
        state, stream = self._state, slow.stream
        moved = slow.next - int(state.position[stream])
        state.next[stream] = (int(state.next[stream]) + moved) % MODULUS
        state.position[stream] = slow.next
        state.owed[stream] = slow.owed
        state.fin[stream] = 0 if slow.fin is None else slow.fin + 1
        state.moved_at[stream] = slow.moved_at
        state.waiting[stream] = bool(slow.held.segments)
        if slow.held.segments:
            self.held[stream] = slow.held
            self.held_cost += slow.held.cost
        self._counters.comparisons_cut += slow.cut + slow.held.cut
        slow.held.cut = 0
        self._counters.reassembly_gaps += slow.gaps
        self._counters.reassembly_gap_octets += slow.gap_octets
        self._table.missed[stream & 1, stream >> 1] += slow.gap_octets


def _stretches(whole: Bool, begins: list[int]) -> list[int]:
    """For each segment, the end of the stretch of whole, consecutive ones that it stands in.

    The last segment of a stream is left out of every stretch, and one after which the order breaks is
    too: they may carry a FIN.

    :param whole: (n,) the segment follows the one before it, and all of it was captured.
    :param begins: where each stream's segments begin.
    """
    follows = whole.copy()
    n = follows.shape[0]
    follows[[at for at in begins if at < n]] = False  # a stream may have none here
    breaks = np.flatnonzero(~follows)
    ends = np.append(breaks, n)
    following: list[int] = (ends[np.searchsorted(breaks, np.arange(n), side="right")] - 1).tolist()
    return following
