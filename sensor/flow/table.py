"""The flow table: one numpy column a property, one slot a flow.

Slots are given out and taken back in bulk; a column of the later stages (stream state, application)
is indexed by the same slots.
"""

from collections.abc import Sequence

import numpy as np

from sensor.arrays import I64, U8, U64, Bool
from sensor.capture.numbering import NUMBER_MASK
from sensor.config import FlowLimits
from sensor.decode.columns import Packets
from sensor.flow.index import FlowIndex
from sensor.flow.key import hash_words
from sensor.flow.state import LETTERS, first_from_responder

TCP, UDP = 6, 17
HISTORY = 2 * len(LETTERS)  # each letter occurs once each way at most
NO_SIDE = 2


class EndReason:
    """Why a flow ended, in Suricata's words for ``flow.reason``."""

    TIMEOUT = "timeout"
    FORCED = "forced"
    REUSED = "tcp_reuse"
    SHUTDOWN = "shutdown"


class FlowTable:
    """Columns of up to ``limits.flows`` flows."""

    def __init__(self, limits: FlowLimits) -> None:
        n = limits.flows
        self.capacity = n
        self.limits = limits
        self.index = FlowIndex(n)
        self._free = np.arange(n - 1, -1, -1, dtype=np.int32)
        self._free_count = n
        self.active = np.zeros(n, np.bool_)
        self.linked = np.zeros(n, np.bool_)
        """The index leads to this slot (not so for a flow that a newer one replaced)."""
        self.words = self.index.words
        self.flow_id = np.zeros(n, np.int64)
        self.orig_side = np.zeros(n, np.uint8)
        """1 where the originator is the key's higher endpoint."""
        self.first_ns = np.zeros(n, np.int64)
        self.last_ns = np.zeros(n, np.int64)
        """Latest time of a packet."""
        self.heard_ns = np.zeros(n, np.int64)
        """The tracker's clock at the last packet: time-outs are counted from here."""
        self.first_number = np.zeros(n, np.int64)
        self.packets = np.zeros((2, n), np.int64)
        self.octets = np.zeros((2, n), np.int64)
        """IP octets each way, headers included (Zeek's orig_ip_bytes)."""
        self.payload = np.zeros((2, n), np.int64)
        """L4 payload octets each way as the headers tell."""
        self.missed = np.zeros((2, n), np.int64)
        """Octets that reassembly had to skip (Zeek's missed_bytes)."""
        self.seen = np.zeros(n, np.uint32)
        """Bits of sensor.flow.state, one for each letter and direction."""
        self.history = np.zeros((n, HISTORY), np.uint8)
        self.history_len = np.zeros(n, np.uint8)
        self.syn_seq = np.zeros(n, np.uint32)
        self.syn_side = np.full(n, NO_SIDE, np.uint8)
        """Initial sequence number and side of the key of the last SYN between these ports."""
        self.closing = np.zeros(n, np.bool_)
        """A FIN or RST came after it, or without one."""
        self.rival_seq = np.zeros(n, np.uint32)
        self.rival_side = np.full(n, NO_SIDE, np.uint8)
        """The last SYN that may be of another connection, while none has answered it."""
        self.ports = np.zeros((2, n), np.uint16)
        """Ports of originator and responder."""
        self.icmp = np.zeros((2, n), np.uint8)
        """ICMP type and code of the first packet."""
        self.vlan = np.zeros((2, n), np.uint16)
        self.tunnel = np.zeros(n, np.uint8)
        self.outer = np.zeros((5, n), np.uint64)
        """Outermost addresses of the first packet (source hi, lo, destination hi, lo) and version."""

    @property
    def count(self) -> int:
        """Flows held."""
        return self.capacity - self._free_count

    @property
    def free_count(self) -> int:
        """Slots that can be given out."""
        return self._free_count

    def allocate(self, k: int) -> I64:
        """Take ``k`` free slots, zeroed; the caller saw to it that there are as many."""
        self._free_count -= k
        slots = self._free[self._free_count : self._free_count + k][::-1].astype(np.int64)
        for column in (self.seen, self.history_len, self.tunnel, self.closing):
            column[slots] = 0
        self.syn_side[slots] = NO_SIDE
        self.rival_side[slots] = NO_SIDE
        for pair in (self.packets, self.octets, self.payload, self.missed):
            pair[:, slots] = 0
        self.active[slots] = True
        return slots

    def release(self, slots: I64) -> None:
        """Give slots back, and take those that the index still knows out of it."""
        linked = slots[self.linked[slots]]
        if linked.shape[0]:
            self.index.remove(linked)
        self.active[slots] = False
        self.linked[slots] = False
        end = self._free_count + slots.shape[0]
        self._free[self._free_count : end] = slots
        self._free_count = end

    def append_letters(self, slots: I64, bits: I64) -> None:
        """Append letters, none of them in their flows' histories yet, a flow's side by side."""
        first = np.flatnonzero(np.append(True, slots[1:] != slots[:-1])[: slots.shape[0]])
        counts = np.diff(np.append(first, slots.shape[0]))
        place = self.history_len[slots] + np.arange(slots.shape[0]) - np.repeat(first, counts)
        self.history[slots, place] = bits
        np.maximum.at(self.history_len, slots, (place + 1).astype(np.uint8))
        np.bitwise_or.at(self.seen, slots, np.uint32(1) << bits.astype(np.uint32))

    def begins_with(self, slots: I64, letters: Sequence[int]) -> Bool:
        """(n,) whether the first letter of each flow's history is one of some, given by their bits."""
        return (self.history_len[slots] > 0) & np.isin(self.history[slots, 0], letters)

    def begin(self, slots: I64, packets: Packets, rows: I64, side: U8, ts_ns: I64, number: I64) -> None:
        """Fill the columns of new flows, whose ``words`` are set, from their first packets.

        :param rows: (n,) row numbers of the first packets.
        :param side: (n,) side of the key that each of them came from.
        """
        flip = first_from_responder(packets, rows)
        self.orig_side[slots] = side ^ flip
        self.first_ns[slots] = ts_ns
        self.last_ns[slots] = ts_ns
        self.first_number[slots] = number
        src, dst = packets.src_port[rows], packets.dst_port[rows]
        self.ports[0, slots] = np.where(flip, dst, src)
        self.ports[1, slots] = np.where(flip, src, dst)
        self.icmp[0, slots] = packets.icmp_type[rows]
        self.icmp[1, slots] = packets.icmp_code[rows]
        self.vlan[0, slots] = packets.vlan[rows]
        self.vlan[1, slots] = packets.vlan_inner[rows]
        tunnel = packets.tunnel[rows]
        if tunnel.any():
            self.tunnel[slots] = tunnel
            self.outer[:, slots] = (
                packets.outer_src_hi[rows],
                packets.outer_src_lo[rows],
                packets.outer_dst_hi[rows],
                packets.outer_dst_lo[rows],
                packets.outer_version[rows],
            )
        self.flow_id[slots] = _flow_id(self.words[:, slots], ts_ns, number)

    def idle(self, now_ns: int) -> I64:
        """Slots whose flows have been silent for longer than their protocol's time-out."""
        slots = np.flatnonzero(self.active)
        return slots[now_ns - self.heard_ns[slots] > self.idle_ns(self.proto(slots))]

    def idle_ns(self, proto: U8) -> I64:
        """(n,) time-outs of n protocols."""
        limits = self.limits
        return np.where(
            proto == TCP, limits.tcp_idle_ns, np.where(proto == UDP, limits.udp_idle_ns, limits.other_idle_ns)
        )

    def oldest(self, k: int, spare: I64) -> I64:
        """Up to ``k`` slots to evict: longest silent first, and none of ``spare``."""
        candidates = self.active.copy()
        candidates[spare] = False
        slots = np.flatnonzero(candidates)
        if slots.shape[0] <= k:
            return slots
        return slots[np.argpartition(self.heard_ns[slots], k)[:k]]

    def proto(self, slots: I64) -> U8:
        """(n,) IP protocol numbers."""
        number: U8 = ((self.words[4, slots] >> np.uint64(8)) & np.uint64(0xFF)).astype(np.uint8)
        return number

    def version(self, slots: I64) -> U8:
        """(n,) IP versions."""
        number: U8 = (self.words[4, slots] & np.uint64(0xFF)).astype(np.uint8)
        return number

    def endpoints(self, slots: I64) -> tuple[U64, U64, U64, U64]:
        """Originator's and responder's addresses: (orig hi, orig lo, resp hi, resp lo)."""
        high = self.orig_side[slots].astype(np.bool_)
        a_hi, a_lo, b_hi, b_lo = (self.words[i, slots] for i in range(4))
        return (
            np.where(high, b_hi, a_hi),
            np.where(high, b_lo, a_lo),
            np.where(high, a_hi, b_hi),
            np.where(high, a_lo, b_lo),
        )


def _flow_id(words: U64, ts_ns: I64, number: I64) -> I64:
    """Ids that are the same in every replay: of the key, and the time and number of the first packet.

    The number is the one in its capture, so that captures replayed together keep their ids.

    53 bits, so that a reader that holds numbers as doubles (jq, JavaScript) keeps them apart.
    """
    mixed = hash_words(words, 0) ^ (ts_ns.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    mixed += (number & NUMBER_MASK).astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(11)).astype(np.int64)
