"""What each signature matches in a capture, and what time that takes.

Theory of operation. Hyperscan looks for all terms at once, so there is no time of one signature in a set.
What can be measured is the CPU time of all stages with some signatures, above that with one that looks into
the same buffers and never matches; and with a thousand signatures, not for each. So groups are timed: one
whose time is lost in the noise is as cheap as it looks, any other is halved, the most expensive first, down
to single signatures. They begin in the order of what they matched, so that the idle ones fall together.

Of each measurement the least of several runs counts: whatever else the machine does only adds to it. The
error is how far several measurements without signatures lie apart. Times of signatures do not add up to that
of the set, in which they share a scan; and of a group that was not halved, each member takes at most the time
of the group.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Final

from sensor.capture.batch import Batch
from sensor.capture.source import find_captures, open_captures
from sensor.config import Settings
from sensor.detections.alert import Alert
from sensor.matching.compile import compile_signatures
from sensor.matching.plan import MatchPlan
from sensor.pipeline import Pipeline
from sensor.proof.variants import bare_clauses
from signatures.limits import MAX_SID
from signatures.model import Buffer, Clause, Severity, Signature

MAX_OCTETS: Final = 256 << 20
"""Octets of captures that are held, and run through the stages again and again."""

_LEAST_RUNS: Final = 5
_MOST_RUNS: Final = 25
_RUN_SECONDS: Final = 0.1
"""A measurement goes on so long, between those numbers of runs."""
_TRIALS: Final = 5
"""Measurements without signatures, to know the error by."""
_NOISE_SHARE: Final = 0.005
"""Of the time without signatures, what the clock and the caches make of the same run at least."""
_NEVER: Final = b"\x00\x9f\x01\xfe\x9f\x02 never \xfd\x03\x9f\xfc\x04"
"""Octets that no capture holds, but one made to."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One signature in the captures."""

    signature: Signature
    matches: int
    """Transactions, and directions of flows, in which a clause of it matches, whatever its conditions; of
    several clauses, the sum."""
    alerts: int
    seconds: float
    """CPU time, above that without it; the most that it can be where it is a bound."""
    is_bound: bool
    """Whether it was timed as one of a group only."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a set of signatures costs in some captures."""

    rows: list[Measured]
    """The most expensive first."""
    packets: int
    octets: int
    is_cut: bool
    """Whether the captures hold more than `MAX_OCTETS`, of which only those were taken."""
    idle_seconds: float
    """CPU time of all stages with a signature that never matches."""
    whole_seconds: float
    """The same with all signatures."""
    error_seconds: float
    runs: int
    """Of each measurement."""
    notes: list[str]


def profile(signatures: Sequence[Signature], captures: Sequence[str], seconds: float) -> Profile:
    """Run ``captures`` through the stages with all, and with groups, of ``signatures``.

    :param seconds: after which no more groups are halved.
    :raises CaptureError: if a capture cannot be opened or read on.
    """
    ends = time.monotonic() + seconds
    notes: list[str] = []
    bench = _Bench(captures, notes, signatures)
    matches, alerts = bench.count(signatures)
    ranked = sorted(signatures, key=lambda each: (-matches[each.sid], each.sid))
    whole = bench.seconds(ranked)
    rows = [
        Measured(each, matches[each.sid], alerts[each.sid], took, len(group) > 1)
        for group, took in _halved(bench, ranked, whole, ends)
        for each in group
    ]
    rows.sort(key=lambda row: (row.is_bound, -row.seconds, -row.matches, row.signature.sid))
    return Profile(
        rows,
        sum(map(len, bench.batches)),
        sum(int(batch.cap_len.sum()) for batch in bench.batches),
        bench.is_cut,
        bench.idle,
        bench.idle + whole,
        bench.error,
        bench.runs,
        notes,
    )


def _halved(
    bench: "_Bench", signatures: list[Signature], whole: float, ends: float
) -> Iterator[tuple[list[Signature], float]]:
    """Groups, and the time of each."""
    number = 0
    groups = [(-whole, number, signatures)] if signatures else []
    while groups:
        took, _, group = heappop(groups)
        if len(group) == 1 or -took <= bench.error or time.monotonic() >= ends:
            yield group, max(-took, bench.error if len(group) > 1 else 0.0)
            continue
        middle = len(group) // 2
        for half in (group[:middle], group[middle:]):
            number += 1
            heappush(groups, (-bench.seconds(half), number, half))


class _Bench:
    """Captures in memory, and what the stages take for them."""

    def __init__(self, captures: Sequence[str], notes: list[str], signatures: Sequence[Signature]) -> None:
        self.is_cut = False
        self.batches = self._read(captures, notes)
        buffers = tuple(dict.fromkeys(buffer for each in signatures for buffer in each.buffers))
        clause = Clause(buffers or (Buffer.PAYLOAD,), contents=(_NEVER,))
        self._idle = Signature(2 * MAX_SID, 1, {"en": "-"}, "custom", Severity.LOW, (clause,))
        plan = compile_signatures([self._idle])
        self._run(plan)  # fills the caches
        first = self._run(plan)
        self.runs = min(max(int(_RUN_SECONDS / max(first, 1e-6)), _LEAST_RUNS), _MOST_RUNS)
        times = [self._least(plan) for _ in range(_TRIALS)]
        self.idle = min(times)
        self.error = max(max(times) - self.idle, _NOISE_SHARE * self.idle)

    def seconds(self, signatures: Sequence[Signature]) -> float:
        """CPU time with ``signatures``, above that without; at least 0."""
        plan = compile_signatures([self._idle, *signatures])
        self._run(plan)
        return max(self._least(plan) - self.idle, 0.0)

    def count(self, signatures: Sequence[Signature]) -> tuple[Counter[int], Counter[int]]:
        """Matches and alerts by sid."""
        bare = [alone for each in signatures for alone in bare_clauses(each)]
        owner = {MAX_SID + 1 + number: alone.sid for number, alone in enumerate(bare)}
        renamed = [replace(alone, sid=sid) for sid, alone in zip(owner, bare, strict=True)]
        fired: Counter[int] = Counter(
            alert.signature.sid for alert in self._alerts(compile_signatures([*signatures, *renamed]))
        )
        matches: Counter[int] = Counter()
        for sid, own in owner.items():
            matches[own] += fired.pop(sid, 0)
        return matches, fired

    def _read(self, captures: Sequence[str], notes: list[str]) -> list[Batch]:
        batches: list[Batch] = []
        octets = 0
        for capture in open_captures(find_captures(captures), Settings().window):
            for batch in capture:
                octets += batch.used
                if octets > MAX_OCTETS:
                    self.is_cut = True
                    return batches
                # The reader takes its memory back.
                batches.append(
                    replace(
                        batch,
                        octets=batch.octets.copy(),
                        **{
                            name: getattr(batch, name).copy()
                            for name in ("offset", "cap_len", "wire_len", "ts_ns", "link_type")
                        },
                    )
                )
            notes += capture.notes
        return batches

    def _least(self, plan: MatchPlan) -> float:
        """A measurement."""
        return min(self._run(plan) for _ in range(self.runs))

    def _run(self, plan: MatchPlan) -> float:
        """CPU time of one run."""
        began = time.process_time()
        for _ in self._alerts(plan):
            pass
        return time.process_time() - began

    def _alerts(self, plan: MatchPlan) -> Iterator[Alert]:
        pipeline = Pipeline(Settings(), plan, want_flows=False)
        for batch in self.batches:
            # A batch takes in reassembled datagrams behind its octets in use; the next run must not see them.
            for results in pipeline.process(replace(batch)):
                yield from results.alerts
        for results in pipeline.finish():
            yield from results.alerts
