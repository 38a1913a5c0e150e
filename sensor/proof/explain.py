"""Why a signature fires in a capture, or nearly does.

All its variants (`sensor.proof.variants`) pass one pipeline at once: the code that matches a line tells what
each of them matches, and the difference is the explanation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sensor.detections.alert import Alert
from sensor.matching.compile import compile_signatures
from sensor.proof.captures import alerts_in
from sensor.proof.variants import Kind, Variant, variants_of
from signatures.model import Role, Scope, Signature

MAX_CASES: Final = 10_000
"""Flows and transactions that are remembered: of a word that is everywhere, more than anyone reads."""

_Key = tuple[str, int, int, str, int]
"""Capture, flow, transaction, sender's address and port; the last three -1, empty and 0 where clauses match
together across them."""


@dataclass(slots=True)
class ClauseCase:
    """What became of one clause."""

    clause: int
    role: Role
    match: Alert | None = None
    """Its first match, whatever the conditions."""
    near: Alert | None = None
    """Its first match in another way of writing; where it matched as it is, None."""
    failed: list[str] = field(default_factory=list)
    """Keys of the conditions that no match of it here meets."""


@dataclass(slots=True)
class Case:
    """A flow, or a transaction, in which something of the signature stands."""

    first: Alert
    """The first match of any of its clauses."""
    fired: Alert | None
    clauses: list[ClauseCase]
    without: list[tuple[str, int]]
    """Conditions (key, and index of the clause whose it is, or -1) without which it would have fired here."""

    @property
    def faults(self) -> int:
        """How far it is from firing; 0 where it fired."""
        if self.fired is not None:
            return 0
        wanted = [each for each in self.clauses if each.role is not Role.NONE]
        return 1 + sum(len(each.failed) + 2 * (each.match is None) for each in wanted)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a capture holds of a signature."""

    signature: Signature
    cases: list[Case]
    """The nearest to firing first, and of equal ones the earliest."""
    is_cut: bool
    """Whether there are more than `MAX_CASES`."""
    notes: list[str]
    """One line for each damage of the capture."""


def explain(signature: Signature, beside: Sequence[Signature], capture: str) -> Explanation:
    """Read ``capture`` and tell what it holds of ``signature``.

    :param beside: other signatures; those that set flags matter to one that needs flags.
    :raises CaptureError: if the capture cannot be opened or read on.
    """
    variants = variants_of(signature)
    flags = {*signature.needs, *signature.needs_not}
    setters = [each for each in beside if flags.intersection(each.sets) and each.sid != signature.sid]
    plan = compile_signatures([*setters, *(each for _, each in variants)])
    by_sid = {each.sid: variant for variant, each in variants}
    notes: list[str] = []
    found: dict[_Key, dict[Variant, Alert]] = {}
    is_cut = False
    for alert in alerts_in(plan, [capture], notes):
        variant = by_sid.get(alert.signature.sid)
        if variant is None:
            continue
        key = _key(signature, alert)
        if key not in found and len(found) >= MAX_CASES:
            is_cut = True
            continue
        found.setdefault(key, {}).setdefault(variant, alert)
    _spread_scope(found)
    cases = [_case(signature, by_sid.values(), alerts) for alerts in found.values()]
    shown = [case for case in cases if case is not None]
    shown.sort(key=lambda case: (case.faults, case.first.capture, case.first.packet_number))
    return Explanation(signature, shown, is_cut, notes)


def _key(signature: Signature, alert: Alert) -> _Key:
    """What the clauses of ``signature`` match together in."""
    if len(signature.clauses) == 1:
        return alert.capture, alert.flow_id, alert.tx_id, alert.src_ip, alert.src_port
    if signature.scope is Scope.TRANSACTION:
        return alert.capture, alert.flow_id, alert.tx_id, "", 0
    return alert.capture, alert.flow_id, -1, "", 0


def _spread_scope(found: dict[_Key, dict[Variant, Alert]]) -> None:
    """That clauses match in one flow, but in no transaction of it, is true of all its transactions."""
    scope, whole = Variant(Kind.WITHOUT, -1, "scope"), Variant(Kind.WHOLE)
    fired = {key[:2] for key, alerts in found.items() if whole in alerts}
    across = {key[:2]: alerts[scope] for key, alerts in found.items() if scope in alerts}
    for key, alerts in found.items():
        flow = key[:2]
        if flow in fired:
            alerts.pop(scope, None)
        elif flow in across:
            alerts.setdefault(scope, across[flow])


def _case(signature: Signature, variants: Iterable[Variant], alerts: dict[Variant, Alert]) -> Case | None:
    """None if only what must not match does."""
    clauses = [ClauseCase(at, clause.role) for at, clause in enumerate(signature.clauses)]
    without: list[tuple[str, int]] = []
    fired = alerts.get(Variant(Kind.WHOLE))
    for variant in variants:
        alert = alerts.get(variant)
        match variant.kind:
            case Kind.CLAUSE:
                clauses[variant.clause].match = alert
            case Kind.WIDE if clauses[variant.clause].match is None:
                clauses[variant.clause].near = alert
            case Kind.WITH if alert is None and clauses[variant.clause].match is not None:
                clauses[variant.clause].failed.append(variant.condition)
            case Kind.WITHOUT if alert is not None and fired is None:
                without.append((variant.condition, variant.clause))
            case _:
                pass
    told = [
        each for case in clauses if case.role is not Role.NONE for each in (case.match, case.near) if each
    ]
    if not told:
        return None
    return Case(min(told, key=lambda alert: alert.packet_number), fired, clauses, without)
