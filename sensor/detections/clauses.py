"""Whether the clauses of a signature match together, and which match completed it.

Theory of operation. Clauses of `Role.ALL` are steps of a chain: what a step asks of its match (order,
``distance``, ``within``) it asks relative to the match of the step before, and of nothing else. So it is
enough to know, for each match of a step, how early the chain can have come so far: the last step tells how
early it can be whole. A match of a step looks up those of the step before by bisection, in its own value or
stream. The clauses of the other roles are alternatives and exclusions; what they ask, they ask relative to
the last step that is listed before them, and with 64 matches kept of a clause that takes 4,096 comparisons at
most.

"Early" is by the packet that brought a match's last octet, then by buffer, then by position.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sensor.detections.match import Match
from signatures.model import Buffer, Clause, Role, Signature

_RANK = {buffer.value: rank for rank, buffer in enumerate(Buffer)} | {Buffer.PAYLOAD.value: len(Buffer)}
"""Which is looked into first; the payload last."""
_FAR = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A match of a clause, as far as clauses are concerned."""

    at: tuple[int, int, int, int]
    """What matches are ordered by."""
    value: tuple[str, int, int]
    """Which value or stream it is in: only there do positions tell which was first."""
    start: int
    """Octets from the start of the value or stream."""
    end: int
    match: Match


def found_at(value: tuple[str, int, int], match: Match) -> Found:
    """``match``, which is in ``value``."""
    place = match.place
    start, end = place.position, place.position + place.end - place.start
    return Found((place.number, _RANK[place.buffer], end, start), value, start, end, match)


@dataclass(frozen=True, slots=True)
class Shape:
    """The clauses of a signature by role."""

    clauses: tuple[Clause, ...]
    steps: tuple[int, ...]
    """Those of `Role.ALL`, in order."""
    alternatives: tuple[int, ...]
    exclusions: tuple[int, ...]
    base: tuple[int | None, ...]
    """Of each clause, which step (index into ``steps``) is the last before it."""
    ordered: bool
    needs_all: tuple[bool, ...]
    """Of each clause, whether where it matches matters, not only whether."""


def shape_of(signature: Signature) -> Shape:
    """The clauses of ``signature`` by role."""
    clauses = signature.clauses
    steps = tuple(at for at, clause in enumerate(clauses) if clause.role is Role.ALL)
    base: list[int | None] = []
    step: int | None = None
    for clause in clauses:
        base.append(step)
        if clause.role is Role.ALL:
            step = 0 if step is None else step + 1
    needs_all = [clause.distance is not None or clause.within is not None for clause in clauses]
    for at, before in enumerate(base):
        if needs_all[at] and before is not None:
            needs_all[steps[before]] = True
    if signature.ordered and len(steps) > 1:
        for at in steps:
            needs_all[at] = True
    return Shape(
        clauses,
        steps,
        tuple(at for at, clause in enumerate(clauses) if clause.role is Role.ANY),
        tuple(at for at, clause in enumerate(clauses) if clause.role is Role.NONE),
        tuple(base),
        signature.ordered,
        tuple(needs_all),
    )


def completed_by(shape: Shape, found: Sequence[Sequence[Found]]) -> Found | None:
    """The match that completed the signature at the earliest; None if it is not complete.

    One whose clauses are all exclusions is never complete: there is nothing that an alert could be about.

    :param found: the matches of each clause, in any order.
    """
    alternatives = [at for at in shape.alternatives if found[at]]
    if (
        not (shape.steps or alternatives)
        or not all(found[at] for at in shape.steps)
        or (shape.alternatives and not alternatives)
    ):
        return None
    every = sorted((one for at in (*shape.steps, *alternatives) for one in found[at]), key=attrgetter("at"))
    order = {id(one): place for place, one in enumerate(every)}
    steps = [[(one, order[id(one)]) for one in found[at]] for at in shape.steps]
    for at in shape.exclusions:
        before = shape.base[at]
        clause = shape.clauses[at]
        if not _is_relative(clause) or before is None:
            if any(_follows_start(clause, one) for one in found[at]):
                return None
        else:
            steps[before] = [
                (one, own)
                for one, own in steps[before]
                if not any(_follows(clause, one, other) for other in found[at])
            ]
    ends = (
        [_chain(shape, steps)]
        if not shape.alternatives
        else [
            _with_alternative(shape, steps, at, [(one, order[id(one)]) for one in found[at]])
            for at in alternatives
        ]
    )
    whole = [end for end in ends if end is not None]
    return every[min(whole)] if whole else None


_Step = list[tuple[Found, int]]
"""Matches, and how early each is."""


def _with_alternative(shape: Shape, steps: list[_Step], at: int, others: _Step) -> int | None:
    """How early the chain can be whole with the clause ``at``."""
    clause, before = shape.clauses[at], shape.base[at]
    if not _is_relative(clause) or before is None:
        end = _chain(shape, steps)
        first = min((own for one, own in others if _follows_start(clause, one)), default=None)
        return None if end is None or first is None else max(end, first)
    joined: _Step = []
    for one, own in steps[before]:
        first = min((early for other, early in others if _follows(clause, one, other)), default=None)
        if first is not None:
            joined.append((one, max(own, first)))
    return _chain(shape, [*steps[:before], joined, *steps[before + 1 :]])


def _chain(shape: Shape, steps: list[_Step]) -> int | None:
    """How early the chain can be whole; -1 if it has no step, None if it can't."""
    reached: _Step = []
    for number, (at, step) in enumerate(zip(shape.steps, steps, strict=True)):
        clause = shape.clauses[at]
        if not number:
            reached = [(one, own) for one, own in step if _follows_start(clause, one)]
        elif _is_relative(clause):
            reached = _near(clause, shape.ordered, reached, step)
        elif shape.ordered:
            reached = _later(reached, step)
        elif reached:
            first = min(early for _, early in reached)
            reached = [(one, max(own, first)) for one, own in step]
        if not reached:
            return None
    return min((early for _, early in reached), default=-1)


def _near(clause: Clause, ordered: bool, before: _Step, step: _Step) -> _Step:
    """The matches of ``step`` that are where ``clause`` wants them, relative to one of the step before."""
    values = _by_value(before)
    least = max(clause.distance or 0, 0) if ordered else clause.distance or 0
    reached = []
    for one, own in step:
        ends, early = values.get(one.value, _NOWHERE)
        low = -_FAR if clause.within is None else one.end - clause.within
        first, stop = bisect_left(ends, low), bisect_right(ends, one.start - least)
        if first < stop:
            reached.append((one, max(own, min(early[first:stop]))))
    return reached


def _later(before: _Step, step: _Step) -> _Step:
    """The matches of ``step`` that come after one of the step before.

    In one value by position; else by packet, where one of the same packet counts as after.
    """
    values = _by_value(before)
    numbers, earliest = _by_packet(before)
    reached = []
    for one, own in step:
        ends, early = values.get(one.value, _NOWHERE)
        candidates = early[: bisect_right(ends, one.start)]
        stop = bisect_right(numbers, one.at[0])
        if stop:
            (first, value), second = earliest[stop - 1]
            candidates = [*candidates, second if value == one.value else first]
        if candidates and (least := min(candidates)) < _FAR:
            reached.append((one, max(own, least)))
    return reached


_NOWHERE: tuple[list[int], list[int]] = ([], [])


def _by_value(step: _Step) -> dict[tuple[str, int, int], tuple[list[int], list[int]]]:
    """By value: where the matches in it end, ascending, and how early each is."""
    values: defaultdict[tuple[str, int, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for one, early in sorted(step, key=lambda each: each[0].end):
        ends, earlies = values[one.value]
        ends.append(one.end)
        earlies.append(early)
    return values


def _by_packet(
    step: _Step,
) -> tuple[list[int], list[tuple[tuple[int, tuple[str, int, int] | None], int]]]:
    """Packets of the matches, ascending; how early one up to each is, its value; the earliest of another."""
    numbers, earliest = [], []
    first: tuple[int, tuple[str, int, int] | None] = (_FAR, None)
    second = _FAR
    for one, early in sorted(step, key=lambda each: each[0].at[0]):
        if early < first[0]:
            if one.value != first[1]:
                second = first[0]
            first = early, one.value
        elif one.value != first[1]:
            second = min(second, early)
        numbers.append(one.at[0])
        earliest.append((first, second))
    return numbers, earliest


def _is_relative(clause: Clause) -> bool:
    return clause.distance is not None or clause.within is not None


def _follows(clause: Clause, before: Found, one: Found) -> bool:
    """Whether ``one`` is where ``clause`` wants it, relative to ``before``."""
    return before.value == one.value and _fits(clause, before.end, one)


def _follows_start(clause: Clause, one: Found) -> bool:
    """The same where there is no step before: relative to the start of the value, as in Suricata."""
    return _fits(clause, 0, one) if _is_relative(clause) else True


def _fits(clause: Clause, end: int, one: Found) -> bool:
    return one.start >= end + (clause.distance or 0) and (
        clause.within is None or one.end <= end + clause.within
    )


def trimmed(found: Iterable[Found], most: int) -> list[Found]:
    """The latest ``most`` of ``found``."""
    return sorted(found, key=attrgetter("at"))[-most:]
