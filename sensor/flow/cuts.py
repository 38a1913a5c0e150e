"""Where a flow ends because another connection takes its ports.

A group of rows with the same ports is cut at

- a row that comes later after the one before it than the protocol's time-out;
- a SYN that is not the last one again, if a FIN or RST came since;
- without those, a SYN that follows a SYN from the same side with another initial sequence number, unless
  both sides have spoken since: then the SYN-ACK that answers it (``rivals``).

A SYN from the other side is otherwise a simultaneous open, which is one connection.

What a SYN is held against is the last SYN between these ports since the last time-out that was not
a rival, whichever flow it began. Where a batch ends changes nothing. Time is the latest
packet time so far: packets from two queues are often out of order by a little, and time that runs back
would make the sweep of idle flows, which runs between batches, cut where the rows alone do not.
"""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, U8, Bool
from sensor.decode.columns import Packets
from sensor.flow.rivals import Ports, remember, rival_cuts
from sensor.flow.state import ACK, FIN, RST, SYN
from sensor.flow.table import NO_SIDE, FlowTable


@dataclass(frozen=True, slots=True)
class SlotRows:
    """Rows of a batch, sorted by their ports' slot in the table, then by arrival; all of shape (m,)."""

    rows: I64
    slot: I64
    side: U8
    """Side of the key that sent the row's packet."""
    clock: I64
    """Latest packet time so far, ns."""
    first: Bool
    """The slot's first row in the batch."""
    known: Bool
    """The slot was in use before the batch."""


def idle_cuts(table: FlowTable, packets: Packets, by_slot: SlotRows) -> Bool:
    """(m,) whether the row's ports had been silent for longer than the time-out."""
    slot, clock, first, known = by_slot.slot, by_slot.clock, by_slot.first, by_slot.known
    before = np.empty_like(clock)
    before[1:] = clock[:-1]
    np.copyto(before, np.where(known, table.heard_ns[slot], clock), where=first)
    silence = clock - before
    limits = table.limits
    if int(silence.max()) <= min(limits.tcp_idle_ns, limits.udp_idle_ns, limits.other_idle_ns):
        return np.zeros(slot.shape[0], np.bool_)
    cuts: Bool = silence > table.idle_ns(packets.ip_proto[by_slot.rows])
    return cuts


def syn_cuts(table: FlowTable, packets: Packets, by_slot: SlotRows, idle: Bool) -> Bool:
    """(m,) whether another connection starts at the row; remembers the last SYNs.

    :param idle: (m,) what ``idle_cuts`` says.
    """
    rows, slot, side = by_slot.rows, by_slot.slot, by_slot.side
    first, known = by_slot.first, by_slot.known
    flags = packets.tcp_flags[rows]
    cuts = np.zeros(rows.shape[0], np.bool_)
    closes = (flags & (FIN | RST)) != 0
    at = np.flatnonzero((flags & (SYN | ACK)) == SYN)
    answers = np.flatnonzero((flags & (SYN | ACK)) == SYN | ACK)
    if at.shape[0] == 0 and answers.shape[0] == 0 and not closes.any() and not idle.any():
        return cuts
    # A stretch: rows of one slot without a time-out between them. Some go on from an earlier batch.
    fresh, resumed = first | idle, first & known & ~idle
    closed = np.cumsum(closes)
    start = np.flatnonzero(fresh)
    stretch = np.cumsum(fresh) - 1
    base = closed[start] - closes[start]
    carried = resumed[start]
    start_slot = slot[start]

    seq, its_side, its = packets.tcp_seq[rows[at]], side[at], stretch[at]
    closed_before = closed[at] - closes[at]
    again = np.zeros(at.shape[0], np.bool_)
    again[1:] = its[1:] == its[:-1]
    from_table = ~again & carried[its]
    last_side = np.where(from_table, table.syn_side[slot[at]], NO_SIDE).astype(np.uint8)
    last_seq = table.syn_seq[slot[at]]
    last_seq[1:] = np.where(again[1:], seq[:-1], last_seq[1:])
    last_side[1:] = np.where(again[1:], its_side[:-1], last_side[1:])
    since = base[its]
    since[1:] = np.where(again[1:], closed_before[:-1], since[1:])
    closing = (closed_before > since) | (from_table & table.closing[slot[at]])
    other = ((last_side != its_side) | (seq != last_seq)) & (resumed[at] | ~fresh[at])
    cuts[at] = other & closing
    # Whether the others cut depends on more than the SYN before them.
    waiting = slot[np.concatenate([at, answers])]
    waiting = waiting[table.rival_side[waiting] != NO_SIDE]
    doubtful = np.unique(np.concatenate([slot[at[other & ~closing]], waiting]))
    ports: dict[int, Ports] = {}
    if doubtful.shape[0]:
        mine = np.flatnonzero(np.isin(slot, doubtful))
        found, ports = rival_cuts(
            table, packets, rows[mine], slot[mine], side[mine], fresh[mine], resumed[mine]
        )
        cuts[mine] = False
        cuts[mine[found]] = True

    # What the next batch has to know of each slot: its last stretch, and the last SYN in that.
    last_stretch = np.append(start_slot[1:] != start_slot[:-1], True)
    ends = np.append(start[1:], rows.shape[0]) - 1
    new = last_stretch & ~carried
    table.syn_side[start_slot[new]] = NO_SIDE
    table.rival_side[start_slot[new]] = NO_SIDE
    since_start = (closed[ends] > base) | (carried & table.closing[start_slot])
    table.closing[start_slot[last_stretch]] = since_start[last_stretch]
    if at.shape[0]:
        final = np.flatnonzero(np.append(its[1:] != its[:-1], True) & last_stretch[its])
        its_slot = slot[at[final]]
        table.syn_side[its_slot], table.syn_seq[its_slot] = its_side[final], seq[final]
        table.closing[its_slot] = closed[ends[its[final]]] > closed_before[final]
    remember(table, ports)
    return cuts
