"""TCP reassembly of a whole batch at once (RFC 9293, section 3.4).

Theory of operation. The batch's segments are sorted by stream (one direction of a flow) and arrival.
A stream whose every segment starts where the one before it ended, and that waits for nothing, is done:
its payloads are its pieces, found without a Python step for any packet. The others go through
``sensor.reassembly.slow``.
"""

import numpy as np

from sensor.arrays import I64, Bool
from sensor.config import ReassemblyLimits
from sensor.decode.columns import Layer, Packets
from sensor.flow.state import FIN, RST, SYN
from sensor.flow.table import FlowTable
from sensor.flow.track import ROW_BITS, Tracked
from sensor.reassembly.pieces import PieceList, Pieces, no_pieces
from sensor.reassembly.rows import BatchRows, SegmentRows
from sensor.reassembly.slow import SlowPath
from sensor.reassembly.starts import StreamStarts
from sensor.reassembly.state import StreamState
from sensor.telemetry import Counters


class StreamReassembler:
    """State of every stream, in arrays by 2 * slot + direction."""

    def __init__(self, limits: ReassemblyLimits, table: FlowTable, counters: Counters) -> None:
        self._counters = counters
        self._state = StreamState(2 * table.capacity)
        self._starts = StreamStarts(self._state.next)
        self._slow = SlowPath(limits, self._state, table, counters)

    def reassemble(
        self, packets: Packets, tracked: Tracked, octets: memoryview, ts_ns: I64, first_number: int
    ) -> Pieces:
        """Pieces of the TCP streams of one batch; adds history letters to ``tracked.bits``."""
        rows = self._sorted(packets, tracked)
        if rows is None:
            return no_pieces()
        batch, state = BatchRows(packets, octets, ts_ns, first_number), self._state
        data = self._with_data(rows)
        stream, seq, end = rows.stream[data], rows.seq[data], rows.end[data]
        first = np.ones(data.shape[0], np.bool_)
        np.not_equal(stream[1:], stream[:-1], out=first[1:])
        expected = np.empty_like(seq)
        expected[1:] = end[:-1]
        np.copyto(expected, state.next[stream], where=first)
        is_fin = (rows.flags[data] & FIN) != 0
        after_fin = np.zeros(data.shape[0], np.bool_)
        after_fin[1:] = is_fin[:-1]
        np.copyto(after_fin, state.fin[stream] > 0, where=first)
        in_order = (seq == expected) & ~after_fin

        # A stream that waits for a hole needs a look even where only the other side spoke.
        waiting = rows.stream[rows.first & state.waiting[rows.stream]]
        other = rows.stream[rows.first] ^ 1
        slow_streams = np.unique(np.concatenate([stream[~in_order], waiting, other[state.waiting[other]]]))
        fast, out = data, None
        if slow_streams.shape[0]:
            slow = np.isin(stream, slow_streams)
            fast = data[~slow]
            out = self._slow.put_in_order(slow_streams, data[slow], in_order[slow], rows, batch, tracked.bits)
        pieces = self._fast(fast, rows, batch)
        touched = rows.stream[rows.first]
        if slow_streams.shape[0]:
            touched = np.union1d(touched, slow_streams)
        done = touched[(state.fin[touched] == state.position[touched] + 1) & ~state.closed[touched]]
        state.closed[done] = True
        closed = (done, state.moved_at[done])
        if out is None:
            return _pieces(pieces, closed, [])
        return _pieces(_merged(pieces, out), closed, out.stored)

    def finish(self, slots: I64) -> Pieces:
        """What flows that end still hold, holes declared gaps; adds letters to their histories."""
        streams = np.concatenate([2 * slots, 2 * slots + 1])
        streams = streams[self._state.waiting[streams]]
        if streams.shape[0] == 0:
            return no_pieces()
        out = self._slow.give_up(np.sort(streams))
        none = np.zeros(0, np.int64)
        return _pieces(out.arrays(), (none, none), out.stored)

    def forget(self, slots: I64) -> None:
        """Flows have left the table: their slots are for others."""
        for stream in (2 * slots, 2 * slots + 1):
            self._starts.forget(stream)
            self._state.forget(stream)

    def _with_data(self, rows: SegmentRows) -> I64:
        """Which segments have data or a FIN of their stream, whose start is found."""
        speaks = (rows.wire_len > 0) | ((rows.flags & FIN) != 0)
        speaks[self._starts.find(rows)] = False
        data = np.flatnonzero(speaks)
        self._starts.correct(rows, data)
        syn = data[(rows.flags[data] & SYN) != 0]
        if syn.shape[0] == 0:
            return data
        stream = rows.stream[syn]
        start = self._state.next[stream] - self._state.position[stream].astype(np.uint32)
        foreign = syn[rows.seq[syn] != start]
        self._counters.segments_out_of_window += foreign.shape[0]
        speaks[foreign] = False
        return np.flatnonzero(speaks)

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

    def _fast(self, data: I64, rows: SegmentRows, batch: BatchRows) -> list[I64]:
        """Columns of the pieces of streams that are in order throughout."""
        state, packets = self._state, batch.packets
        stream, wire_len, row = rows.stream[data], rows.wire_len[data], rows.row[data]
        if data.shape[0] == 0:
            return [np.zeros(0, np.int64)] * 8
        starts = np.flatnonzero(np.append(True, stream[1:] != stream[:-1]))
        streams = stream[starts]
        total = np.cumsum(wire_len)
        before = total - wire_len
        runs = np.diff(np.append(starts, data.shape[0]))
        position = before - np.repeat(before[starts] - state.position[streams], runs)
        cap_len = packets.payload_len[row]
        missing = wire_len - cap_len
        ends = np.append(starts[1:], data.shape[0]) - 1
        if missing.any() or state.owed[streams].any():
            gap = np.empty_like(missing)
            gap[1:] = missing[:-1]
            gap[starts] = state.owed[streams]
            # A piece without octets (all cut off) hands its gap to the next piece of its stream.
            empty = cap_len == 0
            if empty.any():
                gap = _carry(gap, empty, starts, stream)
            state.owed[streams] = np.where(empty[ends], gap[ends], 0) + missing[ends]
        else:
            gap = np.zeros_like(missing)
        state.next[streams] = rows.end[data[ends]]
        state.position[streams] = position[ends] + wire_len[ends]
        state.moved_at[streams] = row[ends] + batch.first_number
        fin = np.flatnonzero((rows.flags[data] & FIN) != 0)
        if fin.shape[0]:
            state.fin[stream[fin]] = position[fin] + wire_len[fin] + 1
        keep = np.flatnonzero(cap_len > 0)
        if keep.shape[0] != data.shape[0]:
            stream, row, cap_len = stream[keep], row[keep], cap_len[keep]
            gap, position = gap[keep], position[keep]
        offset, number = packets.payload_offset[row], row + batch.first_number
        return [stream, offset, cap_len, gap, number, number, batch.ts_ns[row], position]


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


def _merged(fast: list[I64], out: PieceList) -> list[I64]:
    slow = out.arrays()
    if fast[0].shape[0] == 0:
        return slow
    columns = [np.concatenate(pair) for pair in zip(fast, slow, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    return [column[order] for column in columns]


def _pieces(columns: list[I64], closed: tuple[I64, I64], stored: list[bytes]) -> Pieces:
    stream, offset, length, gap, number, released, ts_ns, position = columns
    return Pieces(stream, offset, length, gap, number, released, ts_ns, position, *closed, stored)
