"""Reassembly the slow and obvious way: one packet and one octet at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.reference.flow import ACK, FIN, RST, SYN, Flow, Packet

FAR = 1 << 30
AT_END = -1
"""Number of no packet: octets handed on because their flow ended."""

Octet = tuple[int, int, int, int]
"""Position in the stream, value, packet number, time."""


def distance(later: int, earlier: int) -> int:
    """Serial number arithmetic (RFC 1982)."""
    ahead = (later - earlier) % 2**32
    return ahead - 2**32 if ahead >= 2**31 else ahead


@dataclass(slots=True)
class Stream:
    """One direction of a connection. Position 0 is the first octet after the SYN, or the first seen.

    Where a segment without data was the first seen, data that comes next may lie before it.
    """

    base: int | None = None
    """Sequence number of position 0."""
    guessed: bool = False
    """The base is that of a segment without data, and no data has come."""
    settled: bool = False
    """Something else than a mere SYN has come, or the other side has acknowledged it."""
    next: int = 0
    held: dict[int, Octet | None] = field(default_factory=dict)
    """What waits behind a hole, by position; None is an octet that the capture cut off."""
    delivered: list[Octet] = field(default_factory=list)
    released: list[int] = field(default_factory=list)
    """For each octet delivered, the packet at which it was."""
    now: int = 0
    """Number of the packet that is taken in."""
    known: dict[int, int] = field(default_factory=dict)
    """Every octet ever delivered, by position."""
    fin: int | None = None
    missed: int = 0
    gaps: int = 0
    retransmitted: int = 0
    out_of_order: int = 0
    conflicting: int = 0
    out_of_window: int = 0
    limited: int = 0
    after_fin: int = 0

    @property
    def open(self) -> bool:
        """A SYN may tell where the stream starts."""
        return self.base is None or self.guessed or not self.settled

    def start(self, base: int) -> None:
        """A SYN tells where the stream starts."""
        if self.open:
            self.base, self.guessed = base, False

    @property
    def closed(self) -> bool:
        return self.fin == self.next

    def correct(self, seq: int, length: int) -> None:
        """The first segment with data or a FIN, where the start is a guess."""
        assert self.base is not None
        self.guessed = False
        ahead = distance(seq, self.base)
        if length and -FAR <= ahead < 0 and (ahead, length) != (-1, 1):  # (-1, 1): a keep-alive
            self.base = seq

    def drain(self) -> None:
        """Deliver what is held at the next position."""
        while self.next in self.held:
            octet = self.held.pop(self.next)
            if octet is not None:
                self.delivered.append(octet)
                self.released.append(self.now)
                self.known[octet[0]] = octet[1]
            self.next += 1

    def skip_hole(self) -> None:
        """The hole before what is held won't be filled."""
        first = min(self.held)
        self.missed += first - self.next
        self.gaps += 1
        self.next = first
        self.drain()

    def acknowledge(self, number: int) -> bool:
        """Octets that the other side has but we have not were lost by the capture; whether any were."""
        if self.base is None:
            return False
        ahead = distance(number, (self.base + self.next) % 2**32)
        lost = False
        if 0 < ahead <= FAR:
            acknowledged = self.next + ahead
            while self.held and min(self.held) <= acknowledged:
                self.skip_hole()
                lost = True
        return lost

    def segment(self, packet: Packet, limit: int) -> str:
        """Take one segment in; return the letters that it adds to the history."""
        assert self.base is not None
        seq = packet.seq + (packet.flags & SYN != 0)
        ahead = distance(seq % 2**32, (self.base + self.next) % 2**32)
        start, end = self.next + ahead, self.next + ahead + packet.wire_len
        if abs(ahead) > FAR:
            self.out_of_window += 1
            return ""
        if self.closed:
            assert self.fin is not None
            self.after_fin += end > self.fin
            end = min(end, self.fin)
        else:
            if self.fin is not None and end > self.fin:
                self.fin = None
            beyond = end >= self.next and all(end > position for position in self.held)
            if packet.flags & FIN and beyond and (self.fin is None or end < self.fin):
                self.fin = end
        if end <= start or (ahead, packet.wire_len) == (-1, 1):  # (-1, 1): a keep-alive
            return ""
        self.retransmitted += ahead < 0
        self.out_of_order += ahead > 0
        conflict = False
        for i, position in enumerate(range(start, end)):
            octet = (position, packet.data[i], packet.number, packet.ts_ns) if i < len(packet.data) else None
            if position < self.next:
                conflict |= octet is not None and self.known.get(position, octet[1]) != octet[1]
            elif position not in self.held:
                self.held[position] = octet
            else:
                old = self.held[position]
                conflict |= octet is not None and old is not None and old[1] != octet[1]
        self.conflicting += conflict
        self.drain()
        lost = False
        while sum(octet is not None for octet in self.held.values()) > limit:
            self.limited += 1
            self.skip_hole()
            lost = True
        return ("T" if ahead < 0 else "") + ("G" if lost else "")


@dataclass(slots=True)
class Connection:
    """Both directions of a TCP flow."""

    flow: Flow
    streams: tuple[Stream, Stream] = field(default_factory=lambda: (Stream(), Stream()))
    limit: int = 1 << 20

    def segment(self, packet: Packet, direction: int) -> str:
        """Take one segment in; return the letters that it adds, as the history has them."""
        if packet.flags & RST:
            return ""
        mine, other = self.streams[direction], self.streams[1 - direction]
        mine.now = other.now = packet.number
        speaks = packet.wire_len or packet.flags & FIN
        seq = (packet.seq + (packet.flags & SYN != 0)) % 2**32
        if packet.flags & SYN:
            mine.start(seq)
        elif mine.base is None:
            mine.base, mine.guessed = seq, not packet.wire_len
        if packet.flags & (SYN | ACK) == SYN | ACK:
            other.start(packet.ack)
        mine.settled |= not packet.flags & SYN or bool(speaks)
        if packet.flags & (SYN | ACK) == ACK and other.base is not None and not other.guessed:
            other.settled = True
        found = ""
        if speaks and packet.flags & SYN and seq != mine.base:
            mine.out_of_window += 1
        elif packet.wire_len or (speaks and not mine.guessed):
            if mine.guessed:
                mine.correct(seq, packet.wire_len)
            found = cased(mine.segment(packet, self.limit), direction)
        if packet.flags & ACK and other.acknowledge(packet.ack):
            found += cased("G", 1 - direction)
        return found

    def finish(self) -> str:
        """The flow ends; return the letters that this adds."""
        found = ""
        for direction, stream in enumerate(self.streams):
            stream.now = AT_END
            while stream.held:
                stream.skip_hole()
                found += cased("G", direction)
        return found


def cased(letters: str, direction: int) -> str:
    return letters.lower() if direction else letters


@dataclass(frozen=True, slots=True)
class Fragment:
    """One fragment: ``data`` at ``start`` of datagram ``key``."""

    key: int
    start: int
    data: bytes
    more: bool


def datagrams(fragments: Iterable[Fragment]) -> list[tuple[int, int, bytes]]:
    """(index of the fragment that completed it, key, payload) of every datagram that becomes whole."""
    waiting: dict[int, tuple[dict[int, int], list[int]]] = {}
    whole = []
    for index, fragment in enumerate(fragments):
        octets, ends = waiting.setdefault(fragment.key, ({}, []))
        end = fragment.start + len(fragment.data)
        beyond = ends and end > ends[0]
        short = not fragment.more and (any(at >= end for at in octets) or (ends and end < ends[0]))
        if end > 65535 or beyond or short:
            continue
        for at, octet in enumerate(fragment.data, fragment.start):
            octets.setdefault(at, octet)
        if not fragment.more:
            ends[:] = [end]
        if ends and 0 in octets and len(octets) == ends[0]:
            whole.append((index, fragment.key, bytes(octets[at] for at in range(ends[0]))))
            del waiting[fragment.key]
    return whole
