"""Variants of a signature that show by what they match which of its conditions failed.

Each clause alone, without any condition, says where something of the signature stands; the same with one of
the conditions says where that condition holds. What clauses ask of one another, and what counts alerts, is
found the other way round: the whole signature without it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from signatures.limits import MAX_SID
from signatures.model import Clause, Direction, Fold, Role, Scope, Signature


class Kind(StrEnum):
    """What a variant is for."""

    WHOLE = "whole"
    """The signature as it is."""
    CLAUSE = "clause"
    """One of its clauses, whatever the conditions."""
    WIDE = "wide"
    """One of its clauses, with every fold and in any case."""
    WITH = "with"
    """One of its clauses with one condition."""
    WITHOUT = "without"
    """The signature without one condition."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What is looked for, and what to conclude from it."""

    kind: Kind
    clause: int = -1
    """Index into ``Signature.clauses``; -1 for all of them."""
    condition: str = ""
    """Name of the key that it is about."""


_PLACES: Final[Mapping[str, Any]] = MappingProxyType(
    {"offset": 0, "depth": 0, "at_start": False, "at_end": False}
)
_RELATIVE: Final[Mapping[str, Any]] = MappingProxyType({"distance": None, "within": None})
_CONDITIONS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "direction": Direction.ANY,
        "protocols": (),
        "src_ports": (),
        "dst_ports": (),
        "src_networks": (),
        "dst_networks": (),
        "schedule": None,
    }
)
"""Of each match: conditions and what they are where there is none."""
_OF_ALERTS: Final[Mapping[str, Any]] = MappingProxyType(
    {"threshold": None, "suppressions": (), "needs": (), "needs_not": (), "ordered": False}
)


def variants_of(signature: Signature) -> list[tuple[Variant, Signature]]:
    """The variants of ``signature``, each with a sid that no signature has."""
    made = [
        (Variant(Kind.WHOLE), replace(signature, silent=False)),
        *_clauses(signature),
        *_without(signature),
    ]
    return [
        (variant, replace(each, sid=MAX_SID + 1 + number, sets=()))
        for number, (variant, each) in enumerate(made)
    ]


def bare_clauses(signature: Signature) -> list[Signature]:
    """Each clause of ``signature`` as a signature of its own that has no condition, under the same sid."""
    plain = replace(signature, **_CONDITIONS, **_OF_ALERTS, scope=Scope.FLOW, silent=False, sets=())
    return [
        replace(plain, clauses=(replace(clause, role=Role.ALL, **_PLACES, **_RELATIVE),))
        for clause in signature.clauses
    ]


def _clauses(signature: Signature) -> Iterator[tuple[Variant, Signature]]:
    for index, (clause, alone) in enumerate(zip(signature.clauses, bare_clauses(signature), strict=True)):
        (bare,) = alone.clauses
        yield Variant(Kind.CLAUSE, index), alone
        wide = replace(bare, folds=tuple(Fold), case_sensitive=False)
        if wide != bare and (clause.keywords or clause.case_sensitive):
            yield Variant(Kind.WIDE, index), replace(alone, clauses=(wide,))
        for key, none in _PLACES.items():
            value = getattr(clause, key)
            if value != none:
                yield Variant(Kind.WITH, index, key), replace(alone, clauses=(replace(bare, **{key: value}),))
        for key, none in _CONDITIONS.items():
            value = getattr(signature, key)
            if value != none:
                yield Variant(Kind.WITH, index, key), replace(alone, **{key: value})


def _without(signature: Signature) -> Iterator[tuple[Variant, Signature]]:
    for key, none in _OF_ALERTS.items():
        if getattr(signature, key) != none:
            yield Variant(Kind.WITHOUT, -1, key), replace(signature, **{key: none}, silent=False)
    if len(signature.clauses) > 1 and signature.scope is Scope.TRANSACTION:
        yield Variant(Kind.WITHOUT, -1, "scope"), replace(signature, scope=Scope.FLOW, silent=False)
    for index, clause in enumerate(signature.clauses):
        if clause.role is Role.NONE:
            rest = signature.clauses[:index] + signature.clauses[index + 1 :]
            yield Variant(Kind.WITHOUT, index, "none"), replace(signature, clauses=rest, silent=False)
        for key, none in _RELATIVE.items():
            if getattr(clause, key) != none:
                yield Variant(Kind.WITHOUT, index, key), _with_clause(signature, index, {key: none})


def _with_clause(signature: Signature, index: int, changes: Mapping[str, Any]) -> Signature:
    clauses: list[Clause] = list(signature.clauses)
    clauses[index] = replace(clauses[index], **changes)
    return replace(signature, clauses=tuple(clauses), silent=False)
