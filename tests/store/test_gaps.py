"""Gaps: what a plain walk over every second of the clock's own story finds, whatever the clock did."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.store.gaps import GapReason, Interval, RunSpan, Stretches, explain_gap, find_gaps, overlap

S = 1_000_000_000


Row = tuple[int, float, float]
"""Run, start and end in seconds."""


def rows(*seconds: tuple[float, float], run: int = 1) -> list[Row]:
    return [(run, start, end) for start, end in seconds]


def gaps(found: Sequence[Row], since: int = 0, until: int = 100) -> list[Interval]:
    stretches = Stretches()
    for at, (run, start, end) in enumerate(found):
        stretches.add(at, run, int(start * S), int(end * S))
    return [(start // S, end // S) for start, end in find_gaps(stretches.all, since * S, until * S)]


@pytest.mark.parametrize(
    ("stretches", "found"),
    [
        ([], [(0, 100)]),
        (rows((0, 60), (60, 100)), []),
        (rows((10, 50), (60, 90)), [(0, 10), (50, 60), (90, 100)]),
        (rows((-50, 10), (20, 70)) + rows((70, 130), run=2), [(10, 20)]),
        # Two sensors at a time cover for each other, though the one stopped for a while.
        (
            rows((0, 20)) + rows((10, 40), run=2) + rows((30, 60)) + rows((40, 100), run=2),
            [],
        ),
        # The one that ran throughout covers for the other's gap, whichever wrote first.
        (rows((0, 40)) + rows((10, 20), run=2) + rows((40, 90)) + rows((60, 100), run=2), []),
        # Set back from 60 to 20, off from 30 to 50: the rows of before don't hide it.
        (rows((0, 40), (40, 60), (20, 30), (50, 100)), [(30, 50)]),
        (rows((0, 40), (40, 60)) + rows((20, 30), run=2) + rows((50, 100), run=3), [(30, 50)]),
        # Off from 30 to 50, then set back from 60 to 20: what came later doesn't hide it either.
        (rows((0, 30), (50, 60), (20, 60), (60, 100)), [(30, 50)]),
        # Set back within a row: nobody knows what it covers.
        (rows((0, 40), (40, 10), (10, 70), (70, 100)), []),
        (rows((0, 40), (70, 60)), [(40, 100)]),
    ],
)
def test_gaps_of_a_window(stretches: list[Row], found: list[Interval]) -> None:
    assert gaps(stretches) == found


def test_a_row_covers_two_minutes_at_most() -> None:
    """A clock that was set forward by an hour within it."""
    assert gaps(rows((0, 3600), (3600, 3660)), until=3660) == [(120, 3600)]


def test_readings_of_a_clock_may_differ_a_little() -> None:
    assert gaps(rows((0, 50), (50.01, 100))) == []
    assert gaps(rows((0, 50), (49.99, 100))) == []


@given(st.lists(st.tuples(st.integers(-20, 12), st.integers(1, 12)), max_size=20), st.booleans())
def test_what_was_never_seen_or_missed_in_one_pass_is_a_gap(
    steps: list[tuple[int, int]], one_run: bool
) -> None:
    """Each step: so many seconds pass unseen (or the clock is set back by them), then so many seen."""
    stretches: list[Row] = []
    now, never_seen, missed = 0, set(range(100)), set[int]()
    for number, (pause, length) in enumerate(steps):
        if stretches:
            missed |= set(range(now, now + pause))
        now += pause
        stretches += rows((now, now + length), run=1 if one_run else number)
        now += length
        never_seen -= set(range(now - length, now))
    found = {second for start, end in gaps(stretches) for second in range(start, end)}
    assert found == never_seen | missed & set(range(100))


def test_gap_is_explained_by_the_runs() -> None:
    runs = [
        RunSpan(1, 10, 20, last_row_ns=20),
        RunSpan(2, 30, 40, was_killed=True, last_row_ns=40),
        RunSpan(3, 50, 100, goes_on=True, last_row_ns=70),
    ]
    assert explain_gap((0, 100), runs) == [
        ((0, 10), GapReason.OFF),
        ((10, 20), GapReason.MISSING),
        ((20, 30), GapReason.OFF),
        ((30, 40), GapReason.MISSING),
        ((40, 50), GapReason.KILLED),
        ((50, 70), GapReason.MISSING),
        ((70, 100), GapReason.UNRECORDED),
    ]
    assert explain_gap((42, 44), runs) == [((42, 44), GapReason.KILLED)]
    assert explain_gap((0, 5), []) == [((0, 5), GapReason.OFF)]


@given(st.lists(st.integers(0, 60), unique=True, max_size=12), st.integers(0, 60), st.integers(0, 60))
def test_overlap_counts_what_the_window_holds(edges: list[int], since: int, until: int) -> None:
    edges = sorted(edges)[: len(edges) // 2 * 2]
    intervals = list(zip(edges[::2], edges[1::2], strict=True))
    held = {at for start, end in intervals for at in range(start, end)}
    assert overlap(intervals, since, until) == len(held & set(range(since, until)))
