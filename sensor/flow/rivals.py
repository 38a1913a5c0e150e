"""A SYN on a connection that goes on (RFC 5961, section 4; RFC 9293, section 3.10.7.4).

Both sides have spoken, no FIN or RST came, and here is a SYN with another initial sequence number. A
receiver that still has the connection answers with an acknowledgement and goes on with it: whoever cut
here could be blinded by one forged packet. One that lost the connection answers with a SYN-ACK: that
is where the flow is cut.

Rare, so row by row, but only those rows that carry SYN, FIN or RST.
"""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, U8, Bool
from sensor.decode.columns import Packets
from sensor.flow.state import ACK, FIN, RESPONDER, RST, SYN, A, D, F, H, letter_bits
from sensor.flow.table import NO_SIDE, FlowTable

_SPOKEN = 1 << H | 1 << A | 1 << D | 1 << F
_MODULUS = 1 << 32


@dataclass(slots=True)
class Ports:
    """What is known of the ports of one slot."""

    syn_side: int = NO_SIDE
    syn_seq: int = 0
    closing: bool = False
    rival_side: int = NO_SIDE
    rival_seq: int = 0
    spoke: tuple[bool, bool] = (False, False)
    """Each side has, before this batch."""
    since: tuple[int, int] = (0, 0)
    """How often each had spoken when the flow began, or the batch."""

    def live(self, spoken: tuple[int, int]) -> bool:
        """Whether both sides have spoken."""
        before, since = self.spoke, self.since
        return (before[0] or spoken[0] > since[0]) and (before[1] or spoken[1] > since[1])

    def begin(self, side: int, seq: int, spoken: tuple[int, int]) -> None:
        """Another connection takes the ports."""
        self.syn_side, self.syn_seq, self.closing = side, seq, False
        self.rival_side, self.spoke, self.since = NO_SIDE, (False, False), spoken

    def cuts_at_syn(self, side: int, seq: int, spoken: tuple[int, int]) -> bool:
        """Take in a SYN; return whether another connection begins with it."""
        same_side = side == self.syn_side
        if not (same_side and seq == self.syn_seq):
            if self.closing:
                self.begin(side, seq, spoken)
                return True
            if self.live(spoken):
                self.rival_side, self.rival_seq = side, seq
                return False
            if same_side:
                self.begin(side, seq, spoken)
                return True
        self.syn_side, self.syn_seq, self.closing = side, seq, False
        return False

    def cuts_at_syn_ack(self, side: int, ack: int, spoken: tuple[int, int]) -> bool:
        """Take in a SYN-ACK; return whether it answers a rival."""
        if self.rival_side != 1 - side or ack != (self.rival_seq + 1) % _MODULUS:
            return False
        self.begin(self.rival_side, self.rival_seq, spoken)
        return True


def rival_cuts(
    table: FlowTable,
    packets: Packets,
    rows: I64,
    slot: I64,
    side: U8,
    begins: Bool,
    resumed: Bool,
) -> tuple[I64, dict[int, Ports]]:
    """Where some slots' rows, all (m,) and sorted by slot, then by arrival, are to be cut.

    :param begins: the slot's first row, or one after a time-out.
    :param resumed: the slot's first row, where the flow is from an earlier batch and goes on.
    :returns: indices of the rows, ascending; and what is known of each slot after the batch.
    """
    flags = packets.tcp_flags[rows]
    speaks = (letter_bits(packets, rows, np.zeros(rows.shape[0], np.uint8)) & np.uint32(_SPOKEN)) != 0
    spoken = [np.cumsum(speaks & (side == each)) - (speaks & (side == each)) for each in (0, 1)]
    at = np.flatnonzero(begins | ((flags & (SYN | FIN | RST)) != 0))
    columns = (slot, side, begins, resumed, flags, packets.tcp_seq[rows], packets.tcp_ack[rows], *spoken)
    known: dict[int, Ports] = {}
    ports = Ports()
    cuts = []
    for i, its_slot, its_side, is_begin, goes_on, its_flags, seq, ack, *counts in zip(
        at.tolist(), *(column[at].tolist() for column in columns), strict=True
    ):
        now = (counts[0], counts[1])
        if is_begin:
            ports = known[its_slot] = _carried(table, its_slot) if goes_on else Ports()
            ports.since = now
        handshake, cut = its_flags & (SYN | ACK), False
        if handshake == SYN | ACK:
            cut = ports.cuts_at_syn_ack(its_side, ack, now)
        elif handshake == SYN:
            if is_begin and not goes_on:
                ports.begin(its_side, seq, now)
            else:
                cut = ports.cuts_at_syn(its_side, seq, now)
        if its_flags & (FIN | RST):
            ports.closing = True
        if cut:
            cuts.append(i)
    return np.array(cuts, np.int64), known


def _carried(table: FlowTable, slot: int) -> Ports:
    seen = int(table.seen[slot])
    spoke = (seen & _SPOKEN != 0, seen & _SPOKEN << RESPONDER != 0)
    return Ports(
        int(table.syn_side[slot]),
        int(table.syn_seq[slot]),
        bool(table.closing[slot]),
        int(table.rival_side[slot]),
        int(table.rival_seq[slot]),
        spoke[::-1] if table.orig_side[slot] else spoke,
    )


def remember(table: FlowTable, known: dict[int, Ports]) -> None:
    """Write what is known of slots to the table."""
    for slot, ports in known.items():
        table.syn_side[slot], table.syn_seq[slot] = ports.syn_side, ports.syn_seq
        table.closing[slot] = ports.closing
        table.rival_side[slot], table.rival_seq[slot] = ports.rival_side, ports.rival_seq
