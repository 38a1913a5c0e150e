"""When an interface was not looked at: what no row of the ledger covers, and why.

Theory. Rows are taken in the order in which they were written, not by their times: a clock that was set
back makes the same hour pass twice, and what was missed in the one pass must not hide behind a row of the
other. A step back begins a new *pass*. Within each pass a gap is what none of its rows covers; what no
pass spans at all is a gap too. Sensors that ran at the same time cover for each other.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Final

from sensor.store.ledger import STRETCH_NS

Interval = tuple[int, int]
"""Start, inclusive, and end, exclusive, in nanoseconds since 1970."""

TOUCHING_NS: Final = 100_000_000
"""Rows so close to each other leave no gap: what two readings of a clock may differ by."""
LONGEST_NS: Final = 2 * STRETCH_NS
"""The most that one row is believed to cover: a clock set forward makes longer ones."""
OPEN_NS: Final = STRETCH_NS // 2
"""How old the last row of a run that goes on may be: the open stretch is written every ten seconds."""


class GapReason(StrEnum):
    """Why nothing was looked at."""

    OFF = "off"
    """No sensor ran."""
    KILLED = "killed"
    """The last one did not end by itself: killed, a crash, a power cut. None ran since."""
    MISSING = "missing"
    """A sensor ran, but did not read this interface."""
    UNRECORDED = "unrecorded"
    """A sensor runs, but has not written its ledger."""


@dataclass(slots=True)
class Stretch:
    """Rows of one run and interface that touch each other."""

    run_id: int
    first_id: int
    last_id: int
    started_ns: int
    ended_ns: int


class Stretches:
    """What an interface's rows cover, in the order in which the rows were written."""

    def __init__(self) -> None:
        self.all: list[Stretch] = []
        """By first row."""
        self._last: dict[int, Stretch] = {}
        """By run."""

    def add(self, row_id: int, run_id: int, started_ns: int, ended_ns: int) -> None:
        """Take the next row."""
        # A clock that was set back within the row leaves nothing that it is known to cover.
        ended_ns = max(started_ns, min(ended_ns, started_ns + LONGEST_NS))
        last = self._last.get(run_id)
        if last is not None and abs(started_ns - last.ended_ns) <= TOUCHING_NS:
            last.last_id, last.ended_ns = row_id, max(last.ended_ns, ended_ns)
            return
        self._last[run_id] = Stretch(run_id, row_id, row_id, started_ns, ended_ns)
        self.all.append(self._last[run_id])

    def end_of(self, runs: Collection[int]) -> int:
        """Up to when the last rows of ``runs`` cover, 0 if they have none."""
        return max((last.ended_ns for run, last in self._last.items() if run in runs), default=0)


@dataclass(frozen=True, slots=True)
class RunSpan:
    """When a live run looked at anything."""

    run_id: int
    started_ns: int
    ended_ns: int
    goes_on: bool = False
    was_killed: bool = False
    last_row_ns: int = 0
    """Up to when its ledger is written."""


@dataclass(slots=True)
class _Pass:
    """A time in which the clock was not set back."""

    covered: list[Interval] = field(default_factory=list)
    end_ns: int = 0


def find_gaps(stretches: Sequence[Stretch], since_ns: int, until_ns: int) -> list[Interval]:
    """What of the window ``stretches`` of one interface, by first row, do not cover; by time."""
    passes = [_join(each.covered) for each in _split_passes(stretches)]
    gaps = [gap for covered in passes for gap in find_between(covered)]
    spans = _join((covered[0][0], covered[-1][1]) for covered in passes)
    gaps += find_between([(since_ns, since_ns), *_clip(spans, since_ns, until_ns), (until_ns, until_ns)])
    wide = (gap for gap in _clip(gaps, since_ns, until_ns) if gap[1] - gap[0] > TOUCHING_NS)
    return _join(wide)


def find_between(covered: Sequence[Interval]) -> list[Interval]:
    """What lies between disjoint intervals, by time."""
    return [(end, start) for (_, end), (start, _) in pairwise(covered) if start > end]


def explain_gap(gap: Interval, runs: Sequence[RunSpan]) -> list[tuple[Interval, GapReason]]:
    """``gap`` in pieces, each with its reason. ``runs`` are by start."""
    start, end = gap
    edges = {edge for run in runs for edge in (run.started_ns, run.ended_ns, run.last_row_ns)}
    cuts = [start, *sorted(edge for edge in edges if start < edge < end), end]
    pieces: list[tuple[Interval, GapReason]] = []
    for piece in pairwise(cuts):
        reason = _reason(piece, runs)
        if pieces and pieces[-1][1] is reason:
            pieces[-1] = (pieces[-1][0][0], piece[1]), reason
        else:
            pieces.append((piece, reason))
    return pieces


def overlap(intervals: Sequence[Interval], since_ns: int, until_ns: int) -> int:
    """Nanoseconds of the window that disjoint ``intervals``, by time, take up."""
    first = max(bisect_right(intervals, (since_ns, since_ns)) - 1, 0)
    total = 0
    for start, end in intervals[first:]:
        if start >= until_ns:
            break
        total += max(min(end, until_ns) - max(start, since_ns), 0)
    return total


def _split_passes(stretches: Sequence[Stretch]) -> list[_Pass]:
    last_ids: dict[int, int] = {}
    for stretch in stretches:
        last_ids[stretch.run_id] = max(stretch.last_id, last_ids.get(stretch.run_id, 0))
    before: dict[int, int] = {}  # where each run that was met so far last ended
    passes: list[_Pass] = []
    for stretch in stretches:
        end_ns = before.get(stretch.run_id)
        if end_ns is None and passes and all(last_ids[run] < stretch.first_id for run in before):
            end_ns = passes[-1].end_ns  # else it ran beside another, and may begin before that one's end
        if not passes or (end_ns is not None and stretch.started_ns < end_ns - TOUCHING_NS):
            passes.append(_Pass())
        before[stretch.run_id] = stretch.ended_ns
        passes[-1].covered.append((stretch.started_ns, stretch.ended_ns))
        passes[-1].end_ns = max(passes[-1].end_ns, stretch.ended_ns)
    return passes


def _join(intervals: Iterable[Interval]) -> list[Interval]:
    """``intervals`` by time, those made one that overlap or touch."""
    joined: list[Interval] = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1] + TOUCHING_NS:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def _clip(intervals: Iterable[Interval], since_ns: int, until_ns: int) -> list[Interval]:
    clipped = ((max(start, since_ns), min(end, until_ns)) for start, end in intervals)
    return [(start, end) for start, end in clipped if start < end]


def _reason(piece: Interval, runs: Sequence[RunSpan]) -> GapReason:
    start, end = piece
    running = [run for run in runs if run.started_ns <= start and end <= run.ended_ns]
    if running:
        waits = all(run.goes_on and run.last_row_ns <= start for run in running)
        return GapReason.UNRECORDED if waits else GapReason.MISSING
    earlier = [run for run in runs if run.started_ns <= start]
    return GapReason.KILLED if earlier and earlier[-1].was_killed else GapReason.OFF
