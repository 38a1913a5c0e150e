"""Which flow, and which direction of it, each row of a batch belongs to.

Theory of operation. Rows are looked up in the table by key; those not found become new flows. Sorting
by (slot, arrival) makes a flow's rows a group of neighbours. A group is cut where the same ports start
a new connection:

- a row that comes later after the one before it than the protocol's time-out;
- a SYN with another initial sequence number than the SYN before it from that side, or, where none was
  seen from that side, one after a FIN or RST.

Both rules look at rows alone, so where a batch ends changes nothing. A flow that was cut off stays in
its slot until the batch is done (``replaced``), because the batch holds rows of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, U8, U32
from sensor.config import FlowLimits
from sensor.decode.columns import Layer, Packets
from sensor.flow.key import flow_keys
from sensor.flow.state import ACK, FIN, LETTERS, RESPONDER, RST, SYN, F, R, letter_bits
from sensor.flow.table import HISTORY, EndReason, FlowTable
from sensor.telemetry import Counters

ROW_BITS = 17
MAX_ROWS = 1 << 16
"""Rows of one batch: their numbers share a sort key with slots, and they must all find free slots."""

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
    """Slots of flows that ended because another took their ports."""


class FlowTracker:
    """Assigns rows to flows and keeps the flows' counters."""

    def __init__(self, limits: FlowLimits, counters: Counters, end_flows: EndFlows) -> None:
        self.table = FlowTable(limits)
        self._limits = limits
        self._counters = counters
        self._end_flows = end_flows
        self._swept_ns = -(1 << 62)

    def track(self, packets: Packets, ts_ns: I64, first_number: int) -> Tracked:
        """Assign the rows of one batch, in arrival order, to flows.

        :param ts_ns: (n,) packet times.
        :param first_number: packet number of row 0.
        """
        rows = np.flatnonzero(packets.layer >= Layer.IP)
        if rows.shape[0] == 0:
            none = np.zeros(0, np.int64)
            return Tracked(rows, none, none.astype(np.uint8), none, none, none.astype(np.uint32), none)
        self._sweep(int(ts_ns[rows[0]]))
        slot, side, is_new = self._look_up(packets, rows)

        position = np.sort((slot << ROW_BITS) | np.arange(rows.shape[0]))
        order = position & ((1 << ROW_BITS) - 1)
        slot = position >> ROW_BITS
        rows, side, times = rows[order], side[order], ts_ns[rows[order]]

        first = np.empty(rows.shape[0], np.bool_)
        first[0] = True
        np.not_equal(slot[1:], slot[:-1], out=first[1:])
        known = ~is_new[slot] if is_new is not None else np.ones(rows.shape[0], np.bool_)
        cut = self._idle_cuts(packets, rows, slot, times, first, known)
        self._syn_cuts(packets, rows, slot, side, first, known, cut)
        begins = first | cut
        starts = np.flatnonzero(begins)
        group = np.cumsum(begins) - 1
        slots = slot[starts]
        replaced = self._cut(slots, slot, cut, starts) if cut.any() else np.zeros(0, np.int64)

        fresh = np.flatnonzero((first & ~known)[starts] | cut[starts])
        at = starts[fresh]
        self.table.begin(slots[fresh], packets, rows[at], side[at], times[at], rows[at] + first_number)
        self._counters.flows += fresh.shape[0]

        direction = side ^ self.table.orig_side[slots][group]
        tracked = Tracked(
            rows, group, direction, starts, slots, letter_bits(packets, rows, direction), replaced
        )
        self._count(packets, tracked, times)
        return tracked

    def end_all(self, reason: str = EndReason.SHUTDOWN) -> None:
        """End every flow."""
        slots = np.flatnonzero(self.table.active)
        slots = slots[np.lexsort((self.table.first_number[slots], self.table.first_ns[slots]))]
        self.end(slots, reason)
        self._swept_ns = -(1 << 62)

    def end(self, slots: I64, reason: str) -> None:
        """End flows and give their slots back."""
        if slots.shape[0]:
            self._end_flows(slots, reason)
            self.table.release(slots)

    def _look_up(self, packets: Packets, rows: I64) -> tuple[I64, U8, NDArray[np.bool_] | None]:
        """Slots of rows, new flows included; the side each came from; which slots are new."""
        keys = flow_keys(packets, rows)
        index = self.table.index
        hashes = index.hashes(keys.words)
        slot = index.find(keys.words, hashes)
        missing = np.flatnonzero(slot < 0)
        if missing.shape[0] == 0:
            return slot, keys.side, None
        is_new = np.zeros(self.table.capacity, np.bool_)
        while missing.shape[0]:
            # One row a hash; rows of another key with the same hash are found wanting and go round.
            _, pick = np.unique(hashes[missing], return_index=True)
            chosen = missing[np.sort(pick)]
            self._reserve(chosen.shape[0], np.unique(slot[slot >= 0]))
            slots = self.table.allocate(chosen.shape[0])
            index.insert(keys.words[:, chosen], hashes[chosen], slots)
            self.table.linked[slots] = True
            is_new[slots] = True
            slot[missing] = index.find(keys.words[:, missing], hashes[missing])
            missing = missing[slot[missing] < 0]
        return slot, keys.side, is_new

    def _reserve(self, k: int, spare: I64) -> None:
        """See to ``k`` free slots, evicting flows other than ``spare`` if need be."""
        free = self.table.free_count
        if free >= k:
            return
        share = self.table.capacity // self._limits.evict_share
        victims = self.table.oldest(max(k - free, share), spare)
        self._counters.flows_evicted += victims.shape[0]
        self.end(victims, EndReason.FORCED)

    def _sweep(self, now_ns: int) -> None:
        if now_ns - self._swept_ns < self._limits.sweep_ns:
            return
        self._swept_ns = now_ns
        self.end(self.table.idle(now_ns), EndReason.TIMEOUT)

    def _idle_cuts(
        self,
        packets: Packets,
        rows: I64,
        slot: I64,
        times: I64,
        first: NDArray[np.bool_],
        known: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        before = np.empty_like(times)
        before[1:] = times[:-1]
        np.copyto(before, np.where(known, self.table.last_ns[slot], times), where=first)
        silence = times - before
        if int(silence.max()) <= min(self._limits.udp_idle_ns, self._limits.other_idle_ns):
            return np.zeros(rows.shape[0], np.bool_)
        cuts: NDArray[np.bool_] = silence > self.table.idle_ns(packets.ip_proto[rows])
        return cuts

    def _syn_cuts(
        self,
        packets: Packets,
        rows: I64,
        slot: I64,
        side: U8,
        first: NDArray[np.bool_],
        known: NDArray[np.bool_],
        cut: NDArray[np.bool_],
    ) -> None:
        """Mark SYNs that start another connection; remember the initial sequence numbers."""
        flags = packets.tcp_flags[rows]
        at = np.flatnonzero((flags & (SYN | ACK)) == SYN)
        if at.shape[0] == 0:
            return
        table = self.table
        by_side = np.argsort((slot[at] << 1) | side[at], kind="stable")
        at = at[by_side]
        seq, its_slot, its_side = packets.tcp_seq[rows[at]], slot[at], side[at]
        again = np.zeros(at.shape[0], np.bool_)
        again[1:] = (its_slot[1:] == its_slot[:-1]) & (its_side[1:] == its_side[:-1])
        seen_before = np.where(again, True, known[at] & table.has_isn[its_side, its_slot])
        before = np.empty_like(seq)
        before[1:] = seq[:-1]
        before = np.where(again, before, table.isn[its_side, its_slot])
        cut[at[seen_before & (seq != before)]] = True
        unseen = np.flatnonzero(~seen_before & ~(first[at] & ~known[at]))
        if unseen.shape[0]:
            closing = np.flatnonzero((flags & (FIN | RST)) != 0)
            spot = np.searchsorted(closing, at[unseen]) - 1
            here = np.zeros(unseen.shape[0], np.bool_)
            if closing.shape[0]:
                near = closing[np.maximum(spot, 0)]
                here = (spot >= 0) & (slot[near] == its_slot[unseen])
            closed_bits = np.uint32((1 << F | 1 << R) * 0x10001)
            earlier = known[at[unseen]] & ((table.seen[its_slot[unseen]] & closed_bits) != 0)
            cut[at[unseen[here | earlier]]] = True
        cut &= ~(first & ~known)
        table.isn[its_side, its_slot] = seq  # the last write of a (side, slot) stands
        table.has_isn[its_side, its_slot] = True

    def _cut(self, slots: I64, slot: I64, cut: NDArray[np.bool_], starts: I64) -> I64:
        """Give every group that a cut begins a slot of its own, in place in ``slots``."""
        table = self.table
        cut_groups = np.flatnonzero(cut[starts])
        old = slots[cut_groups]
        self._reserve(cut_groups.shape[0], np.unique(slots))
        new = table.allocate(cut_groups.shape[0])
        table.words[:, new] = table.words[:, old]
        # SYNs of this batch left their numbers under the old slot: they belong to the last flow.
        table.isn[:, new] = table.isn[:, old]
        table.has_isn[:, new] = table.has_isn[:, old]
        slots[cut_groups] = new
        last = np.ones(cut_groups.shape[0], np.bool_)
        last[:-1] = old[1:] != old[:-1]
        table.index.replace(old[last], new[last])
        table.linked[old[last]] = False
        table.linked[new[last]] = True
        self._counters.flows_reused += cut_groups.shape[0]
        # A cut at a known flow's first row leaves no row of the old flow here, but it ends all the same.
        return np.unique(np.concatenate([old, new[~last]]))

    def _count(self, packets: Packets, tracked: Tracked, times: I64) -> None:
        table, slots, k = self.table, tracked.slots, tracked.slots.shape[0]
        where = tracked.group * 2 + tracked.direction
        rows = tracked.rows
        ends = np.append(tracked.starts[1:], rows.shape[0]) - 1
        table.last_ns[slots] = np.maximum(table.last_ns[slots], times[ends])
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
    slots = tracked.slots[groups]
    begin = np.searchsorted(groups, groups)
    place = table.history_len[slots].astype(np.int64) + np.arange(groups.shape[0]) - begin
    fits = place < HISTORY
    table.history[slots[fits], place[fits]] = letters[fits]
    np.maximum.at(table.history_len, slots[fits], (place[fits] + 1).astype(np.uint8))
    np.bitwise_or.at(table.seen, slots, (np.uint32(1) << letters.astype(np.uint32)))


_BITS = [bit + shift for bit in range(len(LETTERS)) for shift in (0, RESPONDER)]
