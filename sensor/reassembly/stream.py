"""TCP reassembly of a whole batch at once (RFC 9293, section 3.4).

Theory of operation. The batch's segments are sorted by stream (one direction of a flow) and arrival.
A stream whose every segment starts where the one before it ended, and that waits for nothing, is done:
its payloads are its pieces, found without a Python step for any packet. The others go through
``sensor.reassembly.held``, run by run of consecutive segments.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, Bool
from sensor.config import ReassemblyLimits
from sensor.decode.columns import Layer, Packets
from sensor.flow.state import ACK, FIN, RESPONDER, RST, SYN, G, T
from sensor.flow.table import FlowTable
from sensor.flow.track import ROW_BITS, Tracked
from sensor.reassembly.acks import FAR, Acks
from sensor.reassembly.held import Held, Segment, SlowStream
from sensor.reassembly.pieces import PieceList, Pieces, no_pieces
from sensor.reassembly.rows import SegmentRows
from sensor.reassembly.sequence import MODULUS, distance
from sensor.reassembly.starts import StreamStarts
from sensor.telemetry import Counters


class StreamReassembler:
    """State of every stream, in arrays by 2 * slot + direction."""

    def __init__(self, limits: ReassemblyLimits, table: FlowTable, counters: Counters) -> None:
        n = 2 * table.capacity
        self._limits = limits
        self._table = table
        self._counters = counters
        self._next = np.zeros(n, np.uint32)
        self._starts = StreamStarts(self._next)
        self._position = np.zeros(n, np.int64)
        self._owed = np.zeros(n, np.int64)
        self._fin = np.full(n, -1, np.int64)
        """Position of the end of the stream."""
        self._closed = np.zeros(n, np.bool_)
        self._waiting = np.zeros(n, np.bool_)
        self._held: dict[int, Held] = {}
        self._held_cost = 0

    def reassemble(
        self, packets: Packets, tracked: Tracked, octets: memoryview, ts_ns: I64, first_number: int
    ) -> Pieces:
        """Pieces of the TCP streams of one batch; adds history letters to ``tracked.bits``."""
        rows = self._sorted(packets, tracked)
        if rows is None:
            return no_pieces()
        self._starts.find(rows)
        data = np.flatnonzero((rows.wire_len > 0) | ((rows.flags & FIN) != 0))
        stream, seq, end = rows.stream[data], rows.seq[data], rows.end[data]
        first = np.ones(data.shape[0], np.bool_)
        np.not_equal(stream[1:], stream[:-1], out=first[1:])
        self._starts.correct(stream[first], seq[first], rows.wire_len[data[first]])
        expected = np.empty_like(seq)
        expected[1:] = end[:-1]
        np.copyto(expected, self._next[stream], where=first)
        is_fin = (rows.flags[data] & FIN) != 0
        after_fin = np.zeros(data.shape[0], np.bool_)
        after_fin[1:] = is_fin[:-1]
        np.copyto(after_fin, self._fin[stream] >= 0, where=first)
        in_order = (seq == expected) & ~after_fin

        # A stream that waits for a hole needs a look even where only the other side spoke.
        waiting = rows.stream[rows.first & self._waiting[rows.stream]]
        other = rows.stream[rows.first] ^ 1
        slow_streams = np.unique(np.concatenate([stream[~in_order], waiting, other[self._waiting[other]]]))
        if slow_streams.shape[0]:
            slow = np.isin(stream, slow_streams)
            out = PieceList()
            slow_data, its_order = data[slow], in_order[slow]
            self._slow(
                slow_streams, rows, slow_data, its_order, packets, tracked, octets, ts_ns, first_number, out
            )
            fast = data[~slow]
        else:
            out, fast = None, data
        pieces = self._fast(fast, rows, packets, ts_ns, first_number)
        touched = rows.stream[rows.first]
        if slow_streams.shape[0]:
            touched = np.union1d(touched, slow_streams)
        done = touched[(self._fin[touched] == self._position[touched]) & ~self._closed[touched]]
        self._closed[done] = True
        if out is None:
            return _pieces(pieces, done, [])
        return _merged(pieces, out, done)

    def finish(self, slots: I64) -> Pieces:
        """What flows that end still hold, holes declared gaps; adds letters to their histories."""
        streams = np.concatenate([2 * slots, 2 * slots + 1])
        streams = streams[self._waiting[streams]]
        if streams.shape[0] == 0:
            return no_pieces()
        out = PieceList()
        streams = np.sort(streams)
        for stream in streams.tolist():
            slow = self._open(stream, out)
            while slow.held.segments:
                slow.skip_hole()
            self._close(slow)
        letters = G + RESPONDER * (streams & 1)
        new = (self._table.seen[streams >> 1] >> letters.astype(np.uint32)) & np.uint32(1) == 0
        self._table.append_letters(streams[new] >> 1, letters[new])
        return _merged([np.zeros(0, np.int64)] * 7, out, np.zeros(0, np.int64))

    def forget(self, slots: I64) -> None:
        """Flows have left the table: their slots are for others."""
        for stream in (2 * slots, 2 * slots + 1):
            self._starts.forget(stream)
            self._closed[stream] = False
            self._waiting[stream] = False
            self._position[stream] = 0
            self._owed[stream] = 0
            self._fin[stream] = -1

    def _sorted(self, packets: Packets, tracked: Tracked) -> SegmentRows | None:
        flags = packets.tcp_flags[tracked.rows]
        at = np.flatnonzero((packets.layer[tracked.rows] == Layer.TCP) & ((flags & RST) == 0))
        if at.shape[0] == 0:
            return None
        stream = 2 * tracked.slots[tracked.group[at]] + tracked.direction[at]
        key = np.sort((stream << ROW_BITS) | at)
        at = key & ((1 << ROW_BITS) - 1)
        stream = key >> ROW_BITS
        row = tracked.rows[at]
        first = np.ones(at.shape[0], np.bool_)
        np.not_equal(stream[1:], stream[:-1], out=first[1:])
        flags = flags[at]
        seq = packets.tcp_seq[row] + ((flags & SYN) != 0).astype(np.uint32)
        wire_len = packets.payload_wire_len[row]
        end = seq + wire_len.astype(np.uint32)
        return SegmentRows(at, row, stream, first, flags, seq, packets.tcp_ack[row], wire_len, end)

    def _fast(
        self, data: I64, rows: SegmentRows, packets: Packets, ts_ns: I64, first_number: int
    ) -> list[NDArray[np.int64]]:
        """Columns of the pieces of streams that are in order throughout."""
        stream, wire_len, row = rows.stream[data], rows.wire_len[data], rows.row[data]
        if data.shape[0] == 0:
            return [np.zeros(0, np.int64)] * 7
        starts = np.flatnonzero(np.append(True, stream[1:] != stream[:-1]))
        streams = stream[starts]
        total = np.cumsum(wire_len)
        before = total - wire_len
        runs = np.diff(np.append(starts, data.shape[0]))
        position = before - np.repeat(before[starts] - self._position[streams], runs)
        cap_len = packets.payload_len[row]
        missing = wire_len - cap_len
        ends = np.append(starts[1:], data.shape[0]) - 1
        if missing.any() or self._owed[streams].any():
            gap = np.empty_like(missing)
            gap[1:] = missing[:-1]
            gap[starts] = self._owed[streams]
            # A piece without octets (all cut off) hands its gap to the next piece of its stream.
            empty = cap_len == 0
            if empty.any():
                gap = _carry(gap, empty, starts, stream)
            self._owed[streams] = np.where(empty[ends], gap[ends], 0) + missing[ends]
        else:
            gap = np.zeros_like(missing)
        self._next[streams] = rows.end[data[ends]]
        self._position[streams] = position[ends] + wire_len[ends]
        fin = np.flatnonzero((rows.flags[data] & FIN) != 0)
        if fin.shape[0]:
            self._fin[stream[fin]] = position[fin] + wire_len[fin]
        keep = np.flatnonzero(cap_len > 0)
        if keep.shape[0] != data.shape[0]:
            stream, row, cap_len = stream[keep], row[keep], cap_len[keep]
            gap, position = gap[keep], position[keep]
        return [stream, packets.payload_offset[row], cap_len, gap, row + first_number, ts_ns[row], position]

    def _slow(
        self,
        streams: I64,
        rows: SegmentRows,
        data: I64,
        in_order: Bool,
        packets: Packets,
        tracked: Tracked,
        octets: memoryview,
        ts_ns: I64,
        first_number: int,
        out: PieceList,
    ) -> None:
        """Put the segments of some streams in order; ``data`` and ``in_order`` are of those streams alone."""
        # Everything is gathered for all streams at once: a numpy call costs as much as a few segments.
        row, key = rows.row[data], rows.stream[data]
        cap_len, wire_len = packets.payload_len[row], rows.wire_len[data]
        begins = np.searchsorted(key, streams).tolist()
        ends = np.searchsorted(key, streams, side="right").tolist()
        positions = (self._position[key] + distance(rows.seq[data], self._next[key])).tolist()
        stretch_ends = _stretches(in_order & (cap_len == wire_len), begins)
        wires, caps, offsets = wire_len.tolist(), cap_len.tolist(), packets.payload_offset[row].tolist()
        numbers, all_times = (row + first_number).tolist(), ts_ns[row].tolist()
        fins, arrivals = ((rows.flags[data] & FIN) != 0).tolist(), rows.at[data].tolist()
        all_acks = self._acks_of(streams, rows)
        for stream, begin, end, acks in zip(streams.tolist(), begins, ends, all_acks, strict=True):
            slow = self._open(stream, out)
            mine = slice(begin, end)
            position, wire, cap, offset = positions[mine], wires[mine], caps[mine], offsets[mine]
            number, times, fin, arrival = numbers[mine], all_times[mine], fins[mine], arrivals[mine]
            retransmitted: list[int] = []
            i = -1
            while (i := i + 1) < len(position):
                if slow.held.segments:
                    acks.until(slow, arrival[i])
                ahead = distance(position[i], slow.next)
                pos, length = slow.next + ahead, wire[i]
                waiting = bool(slow.held.segments)
                last = stretch_ends[begin + i] - begin
                if not ahead and not waiting and slow.fin is None and cap[i] == length and last > i + 1:
                    slow.deliver_all(offset[i:last], wire[i:last], number[i:last], times[i:last])
                    i = last - 1
                    continue
                if abs(ahead) > FAR:
                    self._counters.segments_out_of_window += 1
                    continue
                if slow.fin is not None:
                    length = min(length, slow.fin - pos)  # nothing follows a FIN
                elif fin[i] and pos + length >= max(slow.next, slow.held.end):
                    # One that lies before what the stream has brought is forged, or from another connection.
                    slow.fin = pos + length
                if length <= 0:
                    continue
                if not ahead and not waiting:
                    slow.deliver(offset[i], min(cap[i], length), length, number[i], times[i])
                    continue
                skip = max(0, -ahead)
                octets_of = bytes(octets[offset[i] : offset[i] + min(cap[i], length)])
                conflict = False
                if skip:
                    self._counters.segments_retransmitted += 1
                    retransmitted.append(arrival[i])
                    conflict = slow.contradicts(pos, octets_of, octets)
                else:
                    self._counters.segments_out_of_order += ahead > 0
                if skip < length:
                    acks.until(slow, arrival[i])
                    segment = Segment(pos, length, octets_of, number[i], times[i])
                    conflict |= slow.held.insert(segment, pos + skip)
                    slow.drain()
                    if self._limit(slow):
                        acks.declared.append(arrival[i])
                self._counters.segments_conflicting += conflict
            acks.until(slow, 1 << 62)
            shift = RESPONDER * (stream & 1)
            tracked.bits[retransmitted] |= np.uint32(1 << T + shift)
            tracked.bits[acks.declared] |= np.uint32(1 << G + shift)
            self._close(slow)

    def _acks_of(self, streams: I64, rows: SegmentRows) -> Iterator[Acks]:
        """What the other sides acknowledge of ``streams``, by arrival."""
        spoke = np.flatnonzero((rows.flags & ACK) != 0)
        speaker, arrival, number = rows.stream[spoke], rows.at[spoke], rows.ack[spoke]
        other = streams ^ 1
        begins = np.searchsorted(speaker, other).tolist()
        ends = np.searchsorted(speaker, other, side="right").tolist()
        bases = ((self._next[streams] - self._position[streams]) % MODULUS).tolist()
        for begin, end, base in zip(begins, ends, bases, strict=True):
            mine = slice(begin, end)
            yield Acks(arrival[mine].tolist(), number[mine].tolist(), base)

    def _limit(self, slow: SlowStream) -> bool:
        """Hold no more than the limits allow; return whether that made a hole a gap."""
        held, limits, limited = slow.held, self._limits, False
        while held.segments and (
            held.octets > limits.stream_octets
            or len(held.segments) > limits.stream_segments
            or self._held_cost + held.cost > limits.total_octets
        ):
            self._counters.reassembly_limited += 1
            slow.skip_hole()
            limited = True
        return limited

    def _open(self, stream: int, out: PieceList) -> SlowStream:
        held = self._held.pop(stream, None) or Held()
        self._held_cost -= held.cost
        fin = int(self._fin[stream])
        return SlowStream(
            stream,
            int(self._position[stream]),
            int(self._owed[stream]),
            held,
            out,
            fin if fin >= 0 else None,
        )

    def _close(self, slow: SlowStream) -> None:
        stream, moved = slow.stream, slow.next - int(self._position[slow.stream])
        self._next[stream] = (int(self._next[stream]) + moved) & 0xFFFFFFFF
        self._position[stream] = slow.next
        self._owed[stream] = slow.owed
        self._fin[stream] = -1 if slow.fin is None else slow.fin
        self._waiting[stream] = bool(slow.held.segments)
        if slow.held.segments:
            self._held[stream] = slow.held
            self._held_cost += slow.held.cost
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


def _carry(gap: I64, empty: Bool, starts: I64, stream: I64) -> I64:
    """Gaps, with those before empty pieces added to the next piece of the same stream."""
    total = np.cumsum(gap)
    # The gap of a piece: everything since the last piece of its stream that had octets.
    index = np.arange(gap.shape[0])
    solid = np.where(empty, -1, index)
    last = np.empty_like(solid)
    last[0] = -1
    last[1:] = np.maximum.accumulate(solid)[:-1]
    begin = np.repeat(starts, np.diff(np.append(starts, stream.shape[0])))
    since = np.maximum(last, begin - 1)
    return total - np.where(since >= 0, total[since], 0)


def _merged(fast: list[NDArray[np.int64]], out: PieceList, closed: I64) -> Pieces:
    slow = out.arrays()
    if fast[0].shape[0] == 0:
        columns = slow
    else:
        columns = [np.concatenate(pair) for pair in zip(fast, slow, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        columns = [column[order] for column in columns]
    return _pieces(columns, closed, out.stored)


def _pieces(columns: list[NDArray[np.int64]], closed: I64, stored: list[bytes]) -> Pieces:
    stream, offset, length, gap, number, ts_ns, position = columns
    return Pieces(stream, offset, length, gap, number, ts_ns, position, closed, stored)
