"""Which flow, and which direction of it, each row of a batch belongs to.

Theory of operation. Sorting by the hash of their keys makes a flow's rows neighbours, in order of
arrival; one row of each is looked up in the table, and those not found become new flows. A group is cut
where the same ports start a new connection (``cuts``).

A flow that was cut off stays in its slot until the batch is done (``replaced``, ``timed_out``), because
the batch holds rows of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, U8, U32, Bool
from sensor.config import FlowLimits
from sensor.decode.columns import Layer, Packets
from sensor.flow.cuts import SlotRows, idle_cuts, syn_cuts
from sensor.flow.key import FlowKeys, flow_keys
from sensor.flow.state import ACK, LETTERS, RESPONDER, S, letter_bits
from sensor.flow.table import EndReason, FlowTable
from sensor.telemetry import Counters

ROW_BITS = 17
MAX_ROWS = 1 << 15
"""Rows of one batch: their numbers share a sort key with slots, and they must all find free slots."""

_LONG_AGO = -(1 << 62)

EndFlows = Callable[[I64, str], None]
"""Told of flows that end, by slot and reason, before their slots are given back."""


@dataclass(slots=True)
class Tracked:
    """The rows of a batch that belong to flows, sorted by flow, then by arrival."""

    rows: I64
    """(m,) row numbers of the batch."""
    group: I64
    """(m,) number of the row's flow among the batch's flows."""
    direction: U8
    """(m,) 0 from the originator, 1 from the responder."""
    starts: I64
    """(k,) where each flow's rows start."""
    slots: I64
    """(k,) slot of each flow in the table."""
    bits: U32
    """(m,) history letters of each row; reassembly adds its own."""
    replaced: I64
    """Slots of flows that ended because another connection took their ports."""
    timed_out: I64
    """Slots of flows that ended because their ports were silent for too long, then spoke again."""


class FlowTracker:
    """Assigns rows to flows and keeps the flows' counters."""

    def __init__(self, limits: FlowLimits, counters: Counters, end_flows: EndFlows) -> None:
        self.table = FlowTable(limits)
        self._limits = limits
        self._counters = counters
        self._end_flows = end_flows
        self._clock_ns = self._swept_ns = _LONG_AGO
        self._told_ns = self._clock_when_told = _LONG_AGO

    @property
    def clock_ns(self) -> int:
        """Packet time: the latest so far, or what :meth:`advance` made of it."""
        return self._clock_ns

    @property
    def max_rows(self) -> int:
        """Rows that one batch may have: each may start a flow, and cut one off that keeps its slot."""
        return min(MAX_ROWS, self.table.capacity // 2)

    def track(self, packets: Packets, ts_ns: I64, first_number: int) -> Tracked:
        """Assign the rows of one batch, at most ``max_rows``, in arrival order, to flows.

        :param ts_ns: (n,) packet times.
        :param first_number: packet number of row 0.
        """
        rows = np.flatnonzero(packets.layer >= Layer.IP)
        if rows.shape[0] == 0:
            none = np.zeros(0, np.int64)
            return Tracked(rows, none, none.astype(np.uint8), none, none, none.astype(np.uint32), none, none)
        clock = np.maximum.accumulate(np.maximum(ts_ns[rows], self._clock_ns))
        self._clock_ns = int(clock[-1])
        self._sweep(int(clock[0]))
        keys = flow_keys(packets, rows)
        order, starts = self._group(keys)
        known_keys, key_slots = self._look_up(keys, order[starts])
        # Slots are given in order of arrival; in their order, the hash's seed shows nowhere.
        sorting = np.argsort(key_slots)
        lengths = np.diff(np.append(starts, order.shape[0]))[sorting]
        ends = np.cumsum(lengths)
        order = order[np.repeat(starts[sorting] - (ends - lengths), lengths) + np.arange(order.shape[0])]
        slot = np.repeat(key_slots[sorting], lengths)
        known = np.repeat(known_keys[sorting], lengths)
        first = np.zeros(order.shape[0], np.bool_)
        first[ends - lengths] = True
        rows, side, clock = rows[order], keys.side[order], clock[order]
        times = ts_ns[rows]
        by_slot = SlotRows(rows, slot, side, clock, first, known)
        idle = idle_cuts(self.table, packets, by_slot)
        cut = idle | syn_cuts(self.table, packets, by_slot, idle)
        begins = first | cut
        starts = np.flatnonzero(begins)
        group = np.cumsum(begins) - 1
        slots = slot[starts]
        replaced = timed_out = np.zeros(0, np.int64)
        if cut.any():
            replaced, timed_out = self._cut(slots, cut[starts], idle[starts])

        fresh = np.flatnonzero((first & ~known)[starts] | cut[starts])
        at = starts[fresh]
        self.table.begin(slots[fresh], packets, rows[at], side[at], times[at], rows[at] + first_number)
        self._counters.flows += fresh.shape[0]

        direction = side ^ self.table.orig_side[slots][group]
        bits = letter_bits(packets, rows, direction)
        if replaced.shape[0]:
            # A flow that begins with the answer to a SYN has had that SYN.
            bits[cut & ~idle & ((packets.tcp_flags[rows] & ACK) != 0)] |= np.uint32(1 << S)
        tracked = Tracked(rows, group, direction, starts, slots, bits, replaced, timed_out)
        self._count(packets, tracked, times, clock)
        return tracked

    def advance(self, ts_ns: int, at_once: int) -> Iterator[None]:
        """Let packet time pass though no packet comes, and end idle flows, ``at_once`` for each step.

        What counts is how much later ``ts_ns`` is than at the last call, not what it says: a clock that was
        set back goes on from there, and while packets are dated behind packet time (one was dated far ahead),
        flows time out at the pace of the clock all the same. A call moves packet time by ``sweep_ns`` at
        most, half the shortest time-out: a clock that leaps ahead ends no flow that was heard since.

        :param ts_ns: any clock that runs at the pace of the packets' own.
        """
        passed = min(max(ts_ns - self._told_ns, 0), self._limits.sweep_ns)
        told_before, self._told_ns = self._told_ns, ts_ns
        if self._clock_ns == _LONG_AGO:
            return
        if _LONG_AGO not in (told_before, self._clock_when_told):
            # Packets since the last call may have moved packet time by as much already.
            self._clock_ns = max(self._clock_ns, self._clock_when_told + passed)
        self._clock_when_told = self._clock_ns
        if self._is_sweep_due(self._clock_ns):
            idle = self.table.idle(self._clock_ns)
            for start in range(0, idle.shape[0], at_once):
                self.end(idle[start : start + at_once], EndReason.TIMEOUT)
                yield

    def end_all(self, at_once: int, reason: str = EndReason.SHUTDOWN) -> Iterator[None]:
        """End every flow, oldest first, ``at_once`` for each step."""
        slots = np.flatnonzero(self.table.active)
        slots = slots[np.lexsort((self.table.first_number[slots], self.table.first_ns[slots]))]
        for start in range(0, slots.shape[0], at_once):
            self.end(slots[start : start + at_once], reason)
            yield
        self._clock_ns = self._swept_ns = self._clock_when_told = _LONG_AGO

    def end_replaced(self, tracked: Tracked) -> None:
        """The batch is done: end the flows that were cut off in it."""
        self.end(tracked.replaced, EndReason.REUSED)
        self.end(tracked.timed_out, EndReason.TIMEOUT)

    def end(self, slots: I64, reason: str) -> None:
        """End flows and give their slots back."""
        if slots.shape[0]:
            self._end_flows(slots, reason)
            self.table.release(slots)

    def _group(self, keys: FlowKeys) -> tuple[I64, I64]:
        """Sort rows by key, then by arrival: their order, and where in it each key starts.

        One sort of the upper bits of a hash with the row's number in the lower ones does it. Should two
        keys agree in those bits, the keys themselves are sorted.
        """
        n = keys.side.shape[0]
        mask = np.uint64((1 << ROW_BITS) - 1)
        number = np.arange(n, dtype=np.uint64)
        mixed = np.sort((self.table.index.hashes(keys.words) & ~mask) | number)
        order = (mixed & mask).astype(np.int64)
        words = keys.words[:, order]
        first = np.ones(n, np.bool_)
        np.not_equal(mixed[1:] >> ROW_BITS, mixed[:-1] >> ROW_BITS, out=first[1:])
        differs = (words[:, 1:] != words[:, :-1]).any(axis=0)
        if (differs != first[1:]).any():
            order = np.lexsort((number, *keys.words))
            words = keys.words[:, order]
            first[1:] = (words[:, 1:] != words[:, :-1]).any(axis=0)
        return order, np.flatnonzero(first)

    def _look_up(self, keys: FlowKeys, rows: I64) -> tuple[Bool, I64]:
        """Whether the keys of ``rows``, all different, were in the table, and their slots now."""
        index = self.table.index
        words = keys.words[:, rows]
        hashes = index.hashes(words)
        slots = index.find(words, hashes)
        known: Bool = slots >= 0
        new = np.flatnonzero(~known)
        if new.shape[0]:
            # In order of arrival, so that the same capture fills the same slots whatever the hash's seed.
            new = new[np.argsort(rows[new])]
            self._reserve(new.shape[0], slots)
            slots[new] = self.table.allocate(new.shape[0])
            index.insert(words[:, new], hashes[new], slots[new])
            self.table.linked[slots[new]] = True
        return known, slots

    def _reserve(self, k: int, spare: I64) -> None:
        """See to ``k`` free slots, if need be by evicting flows not in ``spare`` (negative: none)."""
        free = self.table.free_count
        if free >= k:
            return
        share = self.table.capacity // self._limits.evict_share
        victims = self.table.oldest(max(k - free, share), spare[spare >= 0])
        self._counters.flows_evicted += victims.shape[0]
        self.end(victims, EndReason.FORCED)

    def _sweep(self, now_ns: int) -> None:
        if self._is_sweep_due(now_ns):
            self.end(self.table.idle(now_ns), EndReason.TIMEOUT)

    def _is_sweep_due(self, now_ns: int) -> bool:
        if now_ns - self._swept_ns < self._limits.sweep_ns:
            return False
        self._swept_ns = now_ns
        return True

    def _cut(self, slots: I64, cut: Bool, idle: Bool) -> tuple[I64, I64]:
        """Give every group that a cut begins a slot of its own, in place in ``slots``.

        :returns: the slots of the flows that were cut off: by a new connection, and by time.
        """
        table = self.table
        cut_groups = np.flatnonzero(cut)
        old, by_time = slots[cut_groups], idle[cut_groups]
        self._reserve(cut_groups.shape[0], np.unique(slots))
        new = table.allocate(cut_groups.shape[0])
        table.words[:, new] = table.words[:, old]
        slots[cut_groups] = new
        last = np.append(old[1:] != old[:-1], True)
        last_old, last_new = old[last], new[last]
        for column in (table.syn_seq, table.syn_side, table.closing, table.rival_seq, table.rival_side):
            column[last_new] = column[last_old]  # left under the old slot
        table.index.replace(last_old, last_new)
        table.linked[last_old] = False
        table.linked[last_new] = True
        self._counters.flows_reused += int((~by_time).sum())
        # Each cut ends the flow before it: the old slot's (even without a row here), or another cut's.
        ended = np.where(np.append(True, last[:-1]), old, np.append(old[:1], new[:-1]))
        return ended[~by_time], ended[by_time]

    def _count(self, packets: Packets, tracked: Tracked, times: I64, clock: I64) -> None:
        table, slots, k = self.table, tracked.slots, tracked.slots.shape[0]
        where = tracked.group * 2 + tracked.direction
        rows = tracked.rows
        ends = np.append(tracked.starts[1:], rows.shape[0]) - 1
        table.last_ns[slots] = np.maximum(table.last_ns[slots], np.maximum.reduceat(times, tracked.starts))
        table.heard_ns[slots] = clock[ends]
        for column, weights in (
            (table.packets, None),
            (table.octets, packets.ip_len[rows]),
            (table.payload, packets.payload_wire_len[rows]),
        ):
            total = np.bincount(where, weights, minlength=2 * k).astype(np.int64)
            column[0, slots] += total[0::2]
            column[1, slots] += total[1::2]


def update_history(table: FlowTable, tracked: Tracked) -> None:
    """Add to each flow's history the letters that its rows bring for the first time."""
    new = tracked.bits & ~table.seen[tracked.slots][tracked.group]
    at = np.flatnonzero(new)
    if at.shape[0] == 0:
        return
    bits, group = new[at], tracked.group[at]
    found_group, found_at, found_bit = [], [], []
    union = int(np.bitwise_or.reduce(bits))
    for bit in _BITS:
        if not union >> bit & 1:
            continue
        hit = np.flatnonzero(bits & np.uint32(1 << bit))
        its = group[hit]
        keep = np.empty(hit.shape[0], np.bool_)
        keep[0] = True
        np.not_equal(its[1:], its[:-1], out=keep[1:])
        found_group.append(its[keep])
        found_at.append(at[hit[keep]])
        found_bit.append(np.full(int(keep.sum()), bit, np.int64))
    groups, spots, letters = np.concatenate(found_group), np.concatenate(found_at), np.concatenate(found_bit)
    # Rows are sorted by flow, so a row's position orders letters by flow and arrival at once.
    order = np.argsort(spots, kind="stable")
    groups, letters = groups[order], letters[order]
    table.append_letters(tracked.slots[groups], letters)


_BITS = [bit + shift for bit in range(len(LETTERS)) for shift in (0, RESPONDER)]
