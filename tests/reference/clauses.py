"""Clauses of signatures as one would put them together by hand: every choice of matches in turn."""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from signatures.model import Clause, Role, Signature


class Seen(NamedTuple):
    """A match of a clause. Earlier ones are smaller."""

    number: int
    rank: int
    end: int
    start: int
    value: tuple[str, int, int]


def completed(signature: Signature, seen: Sequence[Sequence[Seen]]) -> tuple[int, int, int, int] | None:
    """The earliest moment at which ``signature`` is complete, with all of ``seen`` known, by clause."""
    clauses = signature.clauses
    steps = [at for at, clause in enumerate(clauses) if clause.role is Role.ALL]
    others = [at for at, clause in enumerate(clauses) if clause.role is Role.ANY]
    never = [at for at, clause in enumerate(clauses) if clause.role is Role.NONE]
    moments = []
    for chosen in product(*(seen[at] for at in steps)):
        of_step = dict(zip(steps, chosen, strict=True))
        if not _is_in_place(signature, steps, of_step):
            continue
        if any(_is_where(clauses, at, of_step, one) for at in never for one in seen[at]):
            continue
        any_of = [one for at in others for one in seen[at] if _is_where(clauses, at, of_step, one)]
        if others and not any_of:
            continue
        last = [min(one[:4] for one in any_of)] if others else []
        if chosen or last:
            moments.append(max([*(one[:4] for one in chosen), *last]))
    return min(moments, default=None)


def _is_in_place(signature: Signature, steps: list[int], of_step: dict[int, Seen]) -> bool:
    for before, at in zip([None, *steps], steps, strict=False):
        one = of_step[at]
        if not _is_where(signature.clauses, at, of_step, one):
            return False
        if signature.ordered and before is not None:
            earlier = of_step[before]
            if earlier.value == one.value:
                if one.start < earlier.end:
                    return False
            elif one.number < earlier.number:
                return False
    return True


def _is_where(clauses: tuple[Clause, ...], at: int, of_step: dict[int, Seen], one: Seen) -> bool:
    """Whether ``one`` is where the clause ``at`` wants it, relative to the ALL clause before."""
    clause = clauses[at]
    if clause.distance is None and clause.within is None:
        return True
    base = [step for step in of_step if step < at]
    end = of_step[max(base)].end if base else 0
    if base and of_step[max(base)].value != one.value:
        return False
    return one.start >= end + (clause.distance or 0) and (
        clause.within is None or one.end <= end + clause.within
    )
