"""Keywords, contents and regexes looked for in payload, and in fields: the first match of each clause.

Of each clause only the first match in each run or value is kept: the one that ends first, the longest of
those; or, where it matters which, the first so many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sensor.arrays import I64, U8
from sensor.matching.layers import Effort
from sensor.matching.literals import scan_literals
from sensor.matching.plan import MatchPlan
from sensor.matching.reading import Reading
from sensor.matching.regexes import scan_regexes
from sensor.matching.rows import EVERY, NO_EFFORT, Rows, Runs, concatenate
from signatures.model import Buffer


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The first match of each clause in each run or value, in order of run, then of end."""

    clause: I64
    """(n,) index into ``MatchPlan.clauses``."""
    run: I64
    """(n,) index of the run or value."""
    start: I64
    """(n,) where the match starts: in the joined octets (payload) or in the value (fields). Equal to
    ``end`` for a regex, which does not tell."""
    end: I64
    """(n,) where it ends, exclusive."""
    flooded: bool
    """Whether so much matched that the runs were scanned one at a time."""
    readings: tuple[Reading | None, ...] = ()
    """Of each match, None where no keyword matched; empty where none did at all."""
    effort: Effort = NO_EFFORT
    """What looking for keywords took."""

    def __len__(self) -> int:
        return len(self.clause)


_ZERO = np.zeros(1, np.int64)
_NONE = np.zeros(0, np.int64)
_EMPTY = Matches(_NONE, _NONE, _NONE, _NONE, False)


def scan_payload(
    plan: MatchPlan,
    joined: U8 | memoryview | bytes,
    run_start: I64,
    run_end: I64,
    run_fresh: I64 | None = None,
    run_offset: I64 | None = None,
) -> Matches:
    """Look for the payload keywords in runs of stream octets and in datagrams.

    Payload regexes are not looked for here: see ``StreamScanner`` and :func:`scan_datagrams`.

    :param joined: (m,) octets; what lies between runs is ignored.
    :param run_start: (k,) where each run starts in ``joined``, ascending, runs not overlapping. A run
        is a stretch of one stream direction, with the last ``plan.payload_tail`` octets of what was
        scanned of it before at its start, or one datagram.
    :param run_end: (k,) where each run ends, exclusive.
    :param run_fresh: (k,) where each run's octets start that were not scanned before (after the
        carried tail): a match must end behind it, so that each is found once. Default: ``run_start``.
    :param run_offset: (k,) offset of the run's first octet in its stream direction, for
        ``Clause.depth``. Default: 0, every run starts its stream.
    """
    buffer_plan = plan.buffers.get(Buffer.PAYLOAD)
    if buffer_plan is None or buffer_plan.literals is None or not run_start.shape[0]:
        return _EMPTY
    runs = Runs(
        run_start,
        run_start if run_fresh is None else run_fresh,
        run_end,
        np.zeros_like(run_start) if run_offset is None else run_offset,
    )
    view = joined if isinstance(joined, np.ndarray) else np.frombuffer(joined, np.uint8)
    return _first_of_each(plan, scan_literals(plan, buffer_plan.literals, view, runs))


def scan_datagrams(plan: MatchPlan, joined: U8, run_start: I64, run_end: I64) -> Matches:
    """Look for the payload regexes in datagrams; parameters as of :func:`scan_payload`.

    One call of Hyperscan a datagram: ask ``plan.has_payload_regexes`` before gathering them.
    """
    buffer_plan = plan.buffers.get(Buffer.PAYLOAD)
    if buffer_plan is None or buffer_plan.regexes is None:
        return _EMPTY
    values = [joined[start:end] for start, end in zip(run_start.tolist(), run_end.tolist(), strict=True)]
    found = scan_regexes(plan, buffer_plan.regexes, values)
    start = found.start + run_start[found.run]
    return _first_of_each(plan, replace(found, start=start, end=start))


def scan_fields(plan: MatchPlan, buffer: Buffer, values: Sequence[bytes]) -> Matches:
    """Look for the keywords and regexes of ``buffer`` in each of ``values``.

    ``^`` and ``$`` in a regex stand for the start and end of the value. Nothing matches in an empty
    value: the field may be absent. Positions are relative to the value.
    """
    buffer_plan = plan.buffers.get(buffer)
    if buffer_plan is None or not values:
        return _EMPTY
    parts: list[Rows] = []
    if buffer_plan.literals is not None:
        end = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
        start = np.concatenate((_ZERO, end[:-1]))
        joined = np.frombuffer(b"".join(values), np.uint8)
        runs = Runs(start, start, end, np.zeros_like(start))
        found = scan_literals(plan, buffer_plan.literals, joined, runs)
        base = start[found.run]
        parts.append(replace(found, start=found.start - base, end=found.end - base))
    if buffer_plan.regexes is not None:
        parts.append(scan_regexes(plan, buffer_plan.regexes, values))
    return _first_of_each(plan, concatenate(parts))


def _first_of_each(plan: MatchPlan, matches: Rows) -> Matches:
    """Keep, for each clause and run, the match that ends first, and the longest of those.

    Of clauses whose every match is wanted, so many of the first.
    """
    if not len(matches):
        return replace(_EMPTY, flooded=matches.flooded, effort=matches.effort)
    order = np.lexsort((matches.start, matches.end, matches.clause, matches.run))
    clause, run, end = matches.clause[order], matches.run[order], matches.end[order]
    first = np.ones(order.shape[0], np.bool_)
    first[1:] = (clause[1:] != clause[:-1]) | (run[1:] != run[:-1])
    if plan.every[clause].any():
        at = np.arange(order.shape[0])
        place = at - np.maximum.accumulate(np.where(first, at, 0))
        start = matches.start[order]
        again = np.zeros_like(first)
        again[1:] = ~first[1:] & (start[1:] == start[:-1]) & (end[1:] == end[:-1])
        first |= plan.every[clause] & (place < EVERY) & ~again
    order = order[first]
    order = order[np.lexsort((matches.clause[order], matches.end[order], matches.run[order]))]
    worded = [matches.worded[row] for row in order.tolist()] if matches.worded else []
    return Matches(
        matches.clause[order],
        matches.run[order],
        matches.start[order],
        matches.end[order],
        matches.flooded,
        tuple(each and each.reading() for each in worded),
        matches.effort,
    )
