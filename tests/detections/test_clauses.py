"""Clauses of a signature put together, held against trying every choice of matches."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.detections.clauses import Found, completed_by, found_at, shape_of
from sensor.detections.match import Match, Place
from signatures.model import Buffer, Clause, Role, Signature
from tests.detections.senders import sender
from tests.reference.clauses import Seen, completed
from tests.signatures.build import signature

PAYLOAD, URI = ("payload", 0, -1), ("http.uri", 0, 3)
VALUES = (PAYLOAD, ("payload", 1, -1), URI)


def found(number: int, start: int, end: int, value: tuple[str, int, int] = PAYLOAD) -> Found:
    place = Place(Buffer(value[0]), start + 100, end + 100, start, number, number)
    return found_at(value, Match(sender(), place, b"", 0, None))


def seen(one: Found) -> Seen:
    return Seen(*one.at, one.value)


def of_clauses(*clauses: Clause, ordered: bool = False) -> Signature:
    return signature("x", clauses=clauses, ordered=ordered)


def clause(role: Role = Role.ALL, distance: int | None = None, within: int | None = None) -> Clause:
    return Clause((Buffer.PAYLOAD,), role, distance=distance, within=within)


relative = st.one_of(st.none(), st.integers(-4, 6))
clauses = st.lists(
    st.builds(clause, st.sampled_from([Role.ALL, *Role]), relative, relative), min_size=1, max_size=4
)
matches = st.lists(
    st.builds(
        lambda number, start, length, value: found(number, start, start + length, value),
        st.integers(1, 6),
        st.integers(0, 8),
        st.integers(0, 3),
        st.sampled_from(VALUES),
    ),
    max_size=5,
)


@given(clauses, st.booleans(), st.lists(matches, min_size=4, max_size=4))
def test_as_trying_every_choice(made: list[Clause], ordered: bool, every: list[list[Found]]) -> None:
    one = of_clauses(*made, ordered=ordered)
    by_clause: Sequence[Sequence[Found]] = every[: len(made)]
    expected = completed(one, [[seen(each) for each in step] for step in by_clause])
    got = completed_by(shape_of(one), by_clause)
    assert (got and got.at) == expected


@pytest.mark.parametrize(
    ("second", "complete"),
    [
        (clause(distance=0), True),
        (clause(distance=2), True),
        (clause(distance=3), False),
        (clause(within=5), True),
        (clause(within=4), False),
        (clause(distance=2, within=5), True),
        (clause(distance=-9, within=5), True),
    ],
)
def test_distance_and_within_as_suricata_has_them(second: Clause, complete: bool) -> None:
    # content:"abc"; content:"xyz" in "abc..xyz": xyz starts 2 behind abc, and ends 5 behind it.
    one = of_clauses(clause(), second)
    assert (completed_by(shape_of(one), [[found(1, 0, 3)], [found(1, 5, 8)]]) is not None) == complete


def test_a_negated_content_behind_one_leaves_another_choice() -> None:
    one = of_clauses(clause(), clause(Role.NONE, within=10))
    shape = shape_of(one)
    assert completed_by(shape, [[found(1, 0, 3)], [found(1, 5, 8)]]) is None
    last = found(1, 20, 23)
    assert completed_by(shape, [[found(1, 0, 3), last], [found(1, 5, 8)]]) is last


def test_in_order_by_position_in_one_stream_and_by_packet_across() -> None:
    shape = shape_of(of_clauses(clause(), clause(), ordered=True))

    def complete(first: Found, second: Found) -> bool:
        return completed_by(shape, [[first], [second]]) is not None

    # A hole that was filled late: what stands first in the stream came last.
    assert complete(found(9, 0, 3), found(5, 3, 6))
    assert not complete(found(5, 3, 6), found(9, 0, 3))
    assert not complete(found(5, 0, 3), found(5, 2, 6)), "they overlap"
    assert complete(found(5, 9, 12), found(5, 0, 3, URI))
    assert not complete(found(5, 0, 3), found(4, 9, 12, URI))


def test_the_last_match_that_was_needed_completed_it() -> None:
    shape = shape_of(of_clauses(clause(), clause(Role.ANY), clause(Role.ANY)))
    alls, any_early, any_late = found(3, 0, 1), found(2, 0, 1), found(9, 0, 1)
    assert completed_by(shape, [[alls], [any_late], [any_early]]) is alls
    assert completed_by(shape, [[alls], [any_late], []]) is any_late
    assert completed_by(shape, [[alls], [], []]) is None


def test_many_matches_of_long_chains_take_no_time() -> None:
    """Every choice would be 64 to the power of 8."""
    shape = shape_of(of_clauses(*[clause(distance=0, within=1000)] * 7, clause(distance=10**6), ordered=True))
    step = [found(1, at, at + 1) for at in range(64)]
    assert completed_by(shape, [step] * 8) is None
