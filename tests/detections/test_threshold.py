"""Thresholds: Suricata's by example, any by a reference, and their bound."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.config import SECOND_NS, DetectionLimits
from sensor.detections.match import Sender
from sensor.detections.threshold import Thresholds
from sensor.telemetry import Counters
from signatures.model import Threshold, ThresholdKind, Track
from tests.detections.senders import sender
from tests.reference.threshold import let_through

LIMIT, EVERY, BOTH = ThresholdKind.LIMIT, ThresholdKind.THRESHOLD, ThresholdKind.BOTH


def thresholds(most: int = 100) -> tuple[Thresholds, Counters]:
    counters = Counters()
    return Thresholds(DetectionLimits(thresholds=most), counters), counters


def through(threshold: Threshold, times: list[float]) -> list[float]:
    """At which of ``times``, in seconds, an alert goes through."""
    table, _ = thresholds()
    return [time for time in times if table.lets_through(1, threshold, sender(), round(time * SECOND_NS))]


@pytest.mark.parametrize(
    ("kind", "count", "seconds", "times", "expected"),
    [
        # The manual's examples: "at most 1 alert in 180 seconds", ten mails within one minute, and
        # "after 5 occurrences within 360 seconds, once".
        (LIMIT, 1, 180, [0, 1, 180, 181, 182, 361, 362], [0, 181, 362]),
        (LIMIT, 2, 60, [0, 1, 2, 59, 61, 62, 63], [0, 1, 61, 62]),
        (EVERY, 10, 60, [float(at) for at in range(30)], [9, 19, 29]),
        (EVERY, 3, 60, [0, 30, 61, 62, 63], [63]),
        (EVERY, 1, 60, [0, 1, 99], [0, 1, 99]),
        (BOTH, 5, 360, [float(at) for at in range(0, 800, 60)], [240, 660]),
        (BOTH, 1, 60, [0, 1, 60, 61], [0, 61]),
        (BOTH, 3, 60, [0, 1, 61, 62], []),
        # A capture of an earlier day: a stretch of its own, not silence.
        (LIMIT, 1, 60, [100_000, 100_001, 5, 6], [100_000, 5]),
    ],
)
def test_as_suricata_has_them(
    kind: ThresholdKind, count: int, seconds: int, times: list[float], expected: list[float]
) -> None:
    assert through(Threshold(kind, Track.BY_SRC, count, seconds), times) == expected


@given(
    st.sampled_from(ThresholdKind),
    st.integers(1, 4),
    st.integers(1, 10),
    st.lists(st.integers(0, 6 * SECOND_NS), max_size=40),
)
def test_as_the_reference(kind: ThresholdKind, count: int, seconds: int, steps: list[int]) -> None:
    threshold = Threshold(kind, Track.BY_RULE, count, seconds)
    times = list(accumulate(steps))
    table, _ = thresholds()
    got = [table.lets_through(1, threshold, sender(), time) for time in times]
    assert got == let_through(threshold, times)


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        (Track.BY_SRC, [True, False, True, True, False]),
        (Track.BY_DST, [True, True, True, False, False]),
        (Track.BY_BOTH, [True, True, False, True, False]),
        (Track.BY_RULE, [True, False, False, False, False]),
    ],
)
def test_what_counts_together(track: Track, expected: list[bool]) -> None:
    one, two, three = "192.0.2.1", "192.0.2.2", "192.0.2.3"
    ways: list[Sender] = [sender(*ends) for ends in ((one, two), (one, three), (two, one), (three, two))]
    table, _ = thresholds()
    threshold = Threshold(LIMIT, track, 1, 60)
    got = [table.lets_through(1, threshold, way, 0) for way in [*ways, ways[0]]]
    assert got == expected
    assert table.lets_through(2, threshold, ways[0], 0), "another signature counts for itself"


def test_versions_do_not_mix() -> None:
    table, _ = thresholds()
    threshold = Threshold(LIMIT, Track.BY_SRC, 1, 60)
    assert table.lets_through(1, threshold, sender("0.0.0.1"), 0)
    assert table.lets_through(1, threshold, sender("::1", "::2"), 0)


def test_past_the_bound_the_oldest_stretch_begins_anew() -> None:
    table, counters = thresholds(most=2)
    threshold = Threshold(LIMIT, Track.BY_SRC, 1, 60)

    def goes(source: int, second: int) -> bool:
        return table.lets_through(1, threshold, sender(f"192.0.2.{source}"), second * SECOND_NS)

    assert [goes(1, 0), goes(2, 1), goes(1, 2), goes(2, 3)] == [True, True, False, False]
    assert counters.threshold_evictions == 0
    assert [goes(3, 4), goes(2, 5), goes(1, 6)] == [True, False, True]
    assert counters.threshold_evictions == 2
    # A stretch that began anew is no longer the oldest.
    assert [goes(3, 65), goes(4, 66), goes(3, 67)] == [True, True, False]
