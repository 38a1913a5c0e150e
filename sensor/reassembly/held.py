"""The slow path of one direction of a stream: segments that came early, late, or twice.

Theory of operation. Octets are numbered by their 64-bit position in the stream (0 is the first), so
that wrap-around ends at the door. Octets up to ``next`` have been delivered. A segment

- at ``next`` is delivered, and held ones that it reaches follow;
- wholly before ``next`` is a retransmission: dropped;
- after ``next`` is held, since the hole may still be filled; what an earlier segment brought stays
  (first wins, as in Linux), and different octets in the overlap count as a conflict.

A hole becomes a gap when the other side acknowledges past it (the receiver has the octets: it is the
capture that lost them), when the limits on held octets are reached, or when the flow ends. An
acknowledgement counts only while there is a hole: one that came before the segment behind the hole may
have overtaken what fills it.

A FIN binds once ``next`` has reached it. Until then octets behind it say that it is forged, and of two
the nearer counts: a forged one far ahead must not hide the true one.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate, islice
from operator import attrgetter

from sensor.reassembly.pieces import PieceList
from sensor.reassembly.sequence import distance

SEGMENT_COST = 256
"""Octets that keeping one segment costs beside its data, so that limits on memory hold for a sender of
single octets too (CPython: 100 for the object, 40 for the bytes object, 32 for each number)."""
COMPARED = 16
"""Segments that one which brings octets again is compared with: a sender of single octets could else make
each of its later segments cost a step for every octet, for ever."""


@dataclass(slots=True)
class Segment:
    """Octets held at a position."""

    position: int
    wire_len: int
    """Octets on the wire; ``data`` is shorter where the capture cut the packet."""
    data: bytes
    number: int
    ts_ns: int

    @property
    def end(self) -> int:
        """Position after the last octet on the wire."""
        return self.position + self.wire_len


@dataclass(slots=True)
class Held:
    """Segments held for one direction of one stream, sorted, not overlapping."""

    segments: list[Segment] = field(default_factory=list)
    octets: int = 0
    starts: list[int] = field(default_factory=list)
    """Where each stretch of segments without a hole starts."""
    ends: list[int] = field(default_factory=list)
    cut: int = 0
    """Segments that were compared in part only."""

    @property
    def cost(self) -> int:
        """Octets of memory that all this takes, about."""
        return self.octets + SEGMENT_COST * len(self.segments)

    @property
    def end(self) -> int:
        """Position after the last octet held, 0 if nothing is."""
        return self.segments[-1].end if self.segments else 0

    def insert(self, new: Segment, conflicts_from: int) -> bool:
        """Hold what ``new`` brings that is not held yet, from position ``conflicts_from`` on.

        :returns: True if octets that it brings again differ from those held.
        """
        start, end = max(new.position, conflicts_from), new.end
        if start >= end:
            return False
        conflict = self._conflicts(new, start)
        # Each stretch that is walked over becomes part of one: no sender can have it walked over again.
        low, high = bisect_left(self.ends, start), bisect_right(self.starts, end)
        first, last = start, end
        if low < high:
            first, last = min(start, self.starts[low]), max(end, self.ends[high - 1])
        for stretch in range(low, high):
            if start < self.starts[stretch]:
                self._put(new, start, self.starts[stretch])
            start = max(start, self.ends[stretch])
        if start < end:
            self._put(new, start, end)
        self.starts[low:high], self.ends[low:high] = [first], [last]
        return conflict

    def _conflicts(self, new: Segment, start: int) -> bool:
        """Whether octets of ``new`` from position ``start`` on differ from those held."""
        segments, end = self.segments, new.end
        at = bisect_right(segments, start, key=_position)
        if at and segments[at - 1].end > start:
            at -= 1
        for compared, old in enumerate(islice(segments, at, None)):
            if old.position >= end:
                break
            if compared == COMPARED:
                self.cut += 1
                break
            if _differ(old, new, max(old.position, start), min(old.end, end)):
                return True
        return False

    def _put(self, new: Segment, start: int, end: int) -> None:
        data = new.data[start - new.position : end - new.position]
        at = bisect_right(self.segments, start, key=_position)
        self.segments.insert(at, Segment(start, end - start, data, new.number, new.ts_ns))
        self.octets += len(data)

    def pop(self) -> Segment:
        """Take the first segment."""
        segment = self.segments.pop(0)
        self.octets -= len(segment.data)
        self.starts[0] = segment.end
        if self.starts[0] == self.ends[0]:
            del self.starts[0], self.ends[0]
        return segment


_position = attrgetter("position")


def _differ(old: Segment, new: Segment, start: int, stop: int) -> bool:
    a = old.data[start - old.position : stop - old.position]
    b = new.data[start - new.position : stop - new.position]
    shared = min(len(a), len(b))
    return a[:shared] != b[:shared]


@dataclass(slots=True)
class SlowStream:
    """One direction of one stream while a batch's segments are put in order."""

    stream: int
    next: int
    """Position of the next octet to deliver."""
    owed: int
    """Octets missing at ``next`` that the next piece must report (a packet the capture cut)."""
    held: Held
    out: PieceList
    fin: int | None
    """Position of the end of the stream, if a FIN told it."""
    moved_at: int
    """Number of the last packet that the stream took something from, or gave up a hole for."""
    gaps: int = 0
    gap_octets: int = 0
    cut: int = 0
    """Segments that were compared in part only with what had been delivered."""
    first_piece: int = field(init=False)

    def __post_init__(self) -> None:
        self.first_piece = len(self.out.position)

    def is_next(self, position: int) -> bool:
        """Whether octets at a position (of 32 bits) come right next, and nothing waits or has ended."""
        return not self.held.segments and self.fin is None and not distance(position, self.next)

    def take_fin(self, end: int, number: int, *, is_fin: bool) -> None:
        """Take in that packet ``number`` has octets up to position ``end``, and maybe a FIN behind them."""
        if self.fin is not None and end > self.fin:
            self.fin = None
        # One that lies before what the stream has brought is forged, or from another connection.
        if is_fin and end >= max(self.next, self.held.end) and (self.fin is None or end < self.fin):
            self.fin = end
            self.moved_at = number

    def deliver(self, offset: int, cap_len: int, wire_len: int, number: int, ts_ns: int) -> None:
        """Deliver octets of the batch at ``next``."""
        self.moved_at = number
        if cap_len:
            self.out.add(self.stream, offset, cap_len, self.owed, number, number, ts_ns, self.next)
            self.owed = 0
        self.owed += wire_len - cap_len
        self.next += wire_len

    def deliver_all(
        self, offset: list[int], wire_len: list[int], number: list[int], ts_ns: list[int]
    ) -> None:
        """Deliver consecutive, whole segments of the batch at ``next``, none of them empty."""
        position = list(accumulate(wire_len, initial=self.next))
        out, n = self.out, len(offset)
        out.stream += [self.stream] * n
        out.offset += offset
        out.length += wire_len
        out.gap += [self.owed] + [0] * (n - 1)
        out.number += number
        out.released += number
        out.ts_ns += ts_ns
        out.position += position[:-1]
        self.owed = 0
        self.next = position[-1]
        self.moved_at = number[-1]

    def drain(self) -> None:
        """Deliver held segments that ``next`` has reached."""
        held = self.held
        while held.segments and held.segments[0].position <= self.next:
            segment = held.pop()
            skip = self.next - segment.position
            if skip >= segment.wire_len:
                continue
            data = segment.data[skip:]
            if data:
                number, at = segment.number, self.moved_at
                self.out.add_stored(self.stream, data, self.owed, number, at, segment.ts_ns, self.next)
                self.owed = 0
            self.owed += segment.wire_len - skip - len(data)
            self.next = segment.end

    def skip_hole(self) -> None:
        """Declare the hole before the first held segment a gap."""
        missing = self.held.segments[0].position - self.next
        if missing > 0:
            self.owed += missing
            self.next += missing
            self.gaps += 1
            self.gap_octets += missing
        self.drain()

    def acknowledged(self, position: int, number: int) -> None:
        """The other side has everything before ``position``, as packet ``number`` says."""
        while self.held.segments and self.held.segments[0].position <= position:
            self.moved_at = number
            self.skip_hole()

    def contradicts(self, position: int, data: bytes, octets: memoryview) -> bool:
        """Whether ``data`` differs from what this batch delivered at ``position`` and after."""
        out = self.out
        at = max(bisect_right(out.position, position, lo=self.first_piece) - 1, self.first_piece)
        stop = at + COMPARED
        while at < len(out.position) and out.position[at] < position + len(data):
            if at == stop:
                self.cut += 1
                break
            offset, start = out.offset[at], out.position[at]
            piece = out.stored[-1 - offset] if offset < 0 else octets[offset : offset + out.length[at]]
            begin, end = max(start, position), min(start + len(piece), position + len(data))
            if begin < end and piece[begin - start : end - start] != data[begin - position : end - position]:
                return True
            at += 1
        return False
