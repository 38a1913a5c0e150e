"""The samples of signatures, sent through the stages that a line is watched with.

Each sample becomes the packets of a flow of its own; all of them pass one pipeline, compiled once. What one
sample alone can't meet is left out of its signature meanwhile: thresholds and suppressions, schedules, flags
that other signatures set.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from sensor.config import SECOND_NS, FlowLimits, Settings
from sensor.detections.results import Results
from sensor.matching.compile import compile_signatures, load_plan
from sensor.matching.plan import MatchPlan
from sensor.pipeline import Pipeline
from sensor.proof.carriers import Carrier, carrier_of
from sensor.proof.packets import batch_of
from signatures.model import Sample, Signature

MAX_FAILURES: Final = 100
"""Failures that are told: whoever has a hundred mends one and looks again."""

_AT_ONCE: Final = 1_000
"""Samples in the pipeline at once, each a flow with its octets."""
_START_NS: Final = 1_767_225_600 * SECOND_NS
"""2026-01-01T00:00:00Z. Schedules are left out, so that any time will do."""


class Reason(StrEnum):
    """Why a sample failed."""

    MISSED = "missed"
    """It must match, and the signature did not fire."""
    MATCHED = "matched"
    """It must not match, and the signature fired."""
    UNSENDABLE = "unsendable"
    """No packet can carry it: a line end in a field of HTTP, conditions that no flow meets."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A sample that its signature fails. Holds nothing of what the signature looks for."""

    sid: int
    sample: int
    """Index into ``Signature.samples``, of match and no_match together, from 0."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class _Sent:
    signature: Signature
    index: int
    carrier: Carrier

    @property
    def sample(self) -> Sample:
        return self.signature.samples[self.index]


def prove(
    signatures: Sequence[Signature], *, databases: Sequence[bytes] | None = None, limit: int = MAX_FAILURES
) -> list[Failure]:
    """Every sample that fails, in the order of ``signatures``; of none if all hold, or there are none.

    Takes some 0.2 ms a sample, beside compiling; does no I/O and looks at no clock.

    :param databases: of the same signatures, as ``sensor.matching.compile.dump_databases`` makes them;
        without them they are compiled here.
    :param limit: failures to answer with at most.
    :raises hyperscan.HyperscanError: as `compile_signatures`.
    :raises SensorError: as `load_plan`, with ``databases``.
    """
    if not any(signature.samples for signature in signatures):
        return []
    bare = [_alone(signature) for signature in signatures]
    plan = compile_signatures(bare) if databases is None else load_plan(bare, databases)
    failed: dict[tuple[int, int], Reason] = {}
    sent: list[_Sent] = []
    for signature in signatures:
        for index, sample in enumerate(signature.samples):
            carrier = carrier_of(signature, sample)
            if carrier is None:
                failed[signature.sid, index] = Reason.UNSENDABLE
            else:
                sent.append(_Sent(signature, index, carrier))
    fired = _fired(plan, sent)
    for each, has_fired in zip(sent, fired, strict=True):
        if has_fired != each.sample.matches:
            failed[each.signature.sid, each.index] = Reason.MATCHED if has_fired else Reason.MISSED
    order = {signature.sid: at for at, signature in enumerate(signatures)}
    ranked = sorted(failed.items(), key=lambda item: (order[item[0][0]], item[0][1]))
    return [Failure(sid, index, reason) for (sid, index), reason in ranked[:limit]]


def failures_text(failures: Sequence[Failure]) -> str:
    """What `prove` found, for one line that quotes nothing."""
    count, first = len({failure.sid for failure in failures}), failures[0]
    return (
        f"samples of {count:,} signature{'' if count == 1 else 's'} fail, the first of sid {first.sid}, "
        f"number {first.sample + 1} ({first.reason})"
    )


def _alone(signature: Signature) -> Signature:
    """``signature`` without what needs more than one match, or a time, to be met."""
    return replace(
        signature,
        schedule=None,
        threshold=None,
        suppressions=(),
        sets=(),
        needs=(),
        needs_not=(),
        silent=False,
    )


def _fired(plan: MatchPlan, sent: Sequence[_Sent]) -> list[bool]:
    """Whether the signature of each sample fired on it."""
    pipeline = Pipeline(Settings(flow=FlowLimits(flows=4 * _AT_ONCE)), plan, want_flows=False)
    fired = [False] * len(sent)
    number = 1
    for members in _rounds(sent):
        packets: list[bytes] = []
        first: list[int] = []
        for at, member in enumerate(members):
            first.append(number + len(packets))
            packets += sent[member].carrier.with_port(at).packets()
        batch = batch_of(packets, _START_NS, number)
        number += len(packets)
        for results in (*pipeline.process(batch), *pipeline.finish()):
            _note(results, first, members, sent, fired)
    return fired


def _note(
    results: Results, first: list[int], members: list[int], sent: Sequence[_Sent], fired: list[bool]
) -> None:
    for alert in results.alerts:
        member = members[bisect_right(first, alert.packet_number) - 1]
        if alert.signature.sid == sent[member].signature.sid:
            fired[member] = True


def _rounds(sent: Sequence[_Sent]) -> Iterable[list[int]]:
    """Samples that can be sent at once: none in a flow that another is in, too, because its ends are told."""
    waiting = list(range(len(sent)))
    while waiting:
        chosen: list[int] = []
        later: list[int] = []
        used = set()
        for member in waiting:
            carrier = sent[member].carrier
            key = (carrier.ends, carrier.is_udp)
            if len(chosen) == _AT_ONCE or (not carrier.is_port_free and key in used):
                later.append(member)
                continue
            used.add(key)
            chosen.append(member)
        yield chosen
        waiting = later
