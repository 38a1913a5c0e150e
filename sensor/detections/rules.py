"""Signatures made ready for matches: what of them can be worked out before a packet comes."""

from collections.abc import Sequence
from dataclasses import dataclass

from sensor.detections.clauses import Shape, shape_of
from sensor.detections.conditions import Conditions, compile_conditions
from sensor.detections.match import Sender
from sensor.detections.networks import Networks, compile_networks
from sensor.matching.plan import MatchPlan
from signatures.model import Buffer, Role, Scope, Signature, Track

RuleKey = tuple[int, int]
"""sid and rev."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A signature as detections use it."""

    signature: Signature
    key: RuleKey
    conditions: Conditions | None
    shape: Shape | None
    """None for a single clause, which fires with its first match."""
    in_transaction: bool
    """Of several clauses: whether they must match in one transaction; else in one flow."""
    waits: bool
    """Whether its matches are taken in the order of packets, at the end of a batch: there are several
    clauses, or flags."""
    suppressed_src: Networks | None
    suppressed_dst: Networks | None

    def suppresses(self, sender: Sender) -> bool:
        """Whether the signature is silent for these addresses."""
        src, dst = self.suppressed_src, self.suppressed_dst
        return (src is not None and (sender.version, *sender.src) in src) or (
            dst is not None and (sender.version, *sender.dst) in dst
        )


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """The signatures of a plan."""

    rules: tuple[Rule, ...] = ()
    owner: tuple[Rule, ...] = ()
    """Whose each clause of the plan is."""
    place: tuple[int, ...] = ()
    """Index of each clause of the plan in its signature."""


def compile_rules(plan: MatchPlan) -> Rules:
    """The signatures of ``plan``."""
    rules = tuple(map(rule_of, plan.signatures))
    places = [place for rule in rules for place in range(len(rule.signature.clauses))]
    return Rules(rules, tuple(rules[index] for index in plan.owner.tolist()), tuple(places))


def rule_of(signature: Signature) -> Rule:
    """``signature`` made ready."""
    # Payload is in no transaction, so with it clauses can only match together in a flow.
    in_transaction = signature.scope is Scope.TRANSACTION and Buffer.PAYLOAD not in signature.buffers
    several = len(signature.clauses) > 1 or signature.clauses[0].role is Role.NONE
    flags = bool(signature.sets or signature.needs or signature.needs_not)
    return Rule(
        signature,
        (signature.sid, signature.rev),
        compile_conditions(signature),
        shape_of(signature) if several else None,
        in_transaction,
        several or flags,
        _suppressed(signature, (Track.BY_SRC, Track.BY_BOTH)),
        _suppressed(signature, (Track.BY_DST, Track.BY_BOTH)),
    )


def _suppressed(signature: Signature, tracks: Sequence[Track]) -> Networks | None:
    texts = [text for each in signature.suppressions if each.track in tracks for text in each.networks]
    return compile_networks(texts) if texts else None
