"""Keywords and regexes looked for in joined buffers.

Theory of operation. A call of Hyperscan costs 0.3 µs and a callback into Python as much again, while
scanning itself takes 0.3 ns an octet; most buffers are small, and most hold no keyword. So buffers are
joined, scanned by one call whose callback only notes id and end, and the matches are placed, filtered
and ordered by numpy afterwards. A match counts only if it lies wholly inside one run, so what separates
the runs does not matter.

Of each clause only the first match in each run is kept: the one that ends first, the longest of
those. A keyword that occurs all the time would make the callbacks cost more than everything else, so a
joined scan that finds too much is given up, and its runs are scanned one at a time by a database that
reports each keyword once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import hyperscan
import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, U8, Bool
from sensor.matching.compile import Literals, MatchPlan, Regexes
from sensor.matching.reading import Reading
from signatures.model import Buffer

_FLOOD_BASE = 4096
_FLOOD_PER_RUN = 4
"""A joined scan may call back so often, plus so often for each run. Past that, a call for each run is
cheaper than one more callback for each occurrence."""


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

    def __len__(self) -> int:
        return len(self.clause)


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    start: I64
    fresh: I64
    end: I64
    offset: I64


class _FloodError(Exception):
    """Raised in a callback to stop a scan that finds too much."""


_DOT = ord(".")
_COLON = ord(":")
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
    runs = _Runs(
        run_start,
        run_start if run_fresh is None else run_fresh,
        run_end,
        np.zeros_like(run_start) if run_offset is None else run_offset,
    )
    view = joined if isinstance(joined, np.ndarray) else np.frombuffer(joined, np.uint8)
    found = _scan_literals(plan, buffer_plan.literals, view, runs)
    return _first_of_each(found)


def scan_datagrams(plan: MatchPlan, joined: U8, run_start: I64, run_end: I64) -> Matches:
    """Look for the payload regexes in datagrams; parameters as of :func:`scan_payload`.

    One call of Hyperscan a datagram: ask ``plan.has_payload_regexes`` before gathering them.
    """
    buffer_plan = plan.buffers.get(Buffer.PAYLOAD)
    if buffer_plan is None or buffer_plan.regexes is None:
        return _EMPTY
    values = [joined[start:end] for start, end in zip(run_start.tolist(), run_end.tolist(), strict=True)]
    found = _scan_regexes(plan, buffer_plan.regexes, values)
    start = found.start + run_start[found.run]
    return _first_of_each(Matches(found.clause, found.run, start, start, False))


def scan_fields(plan: MatchPlan, buffer: Buffer, values: Sequence[bytes]) -> Matches:
    """Look for the keywords and regexes of ``buffer`` in each of ``values``.

    ``^`` and ``$`` in a regex stand for the start and end of the value. Nothing matches in an empty
    value: the field may be absent. Positions are relative to the value.
    """
    buffer_plan = plan.buffers.get(buffer)
    if buffer_plan is None or not values:
        return _EMPTY
    parts: list[Matches] = []
    if buffer_plan.literals is not None:
        end = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
        start = np.concatenate((_ZERO, end[:-1]))
        joined = np.frombuffer(b"".join(values), np.uint8)
        runs = _Runs(start, start, end, np.zeros_like(start))
        found = _scan_literals(plan, buffer_plan.literals, joined, runs)
        base = start[found.run]
        parts.append(Matches(found.clause, found.run, found.start - base, found.end - base, found.flooded))
    if buffer_plan.regexes is not None:
        parts.append(_scan_regexes(plan, buffer_plan.regexes, values))
    if len(parts) == 1:
        return _first_of_each(parts[0])
    return _first_of_each(_concatenate(parts))


def scan_one(plan: MatchPlan, buffer: Buffer, data: bytes) -> Matches:
    """Look for the keywords and regexes of ``buffer`` in one value (a body), without a copy of it."""
    return scan_fields(plan, buffer, (data,))


def _scan(database: hyperscan.Database, octets: Any, handler: Callable[..., None]) -> None:
    """``octets`` is any contiguous buffer; the binding's stub knows of bytes only."""
    database.scan(octets, match_event_handler=handler)


def _scan_literals(plan: MatchPlan, literals: Literals, joined: U8, runs: _Runs) -> Matches:
    ids: list[int] = []
    ends: list[int] = []
    limit = _FLOOD_BASE + _FLOOD_PER_RUN * runs.start.shape[0]
    try:
        _scan(literals.every, joined, _collector(ids, ends, limit))
    except _FloodError:
        return _scan_each_run(plan, literals, joined, runs)
    if not ids:
        return _EMPTY
    return _place(plan, literals, joined, runs, np.array(ids, np.int64), np.array(ends, np.int64))


def _collector(ids: list[int], ends: list[int], limit: int) -> Callable[..., None]:
    note_id = ids.append
    note_end = ends.append

    def collect(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
        note_id(pattern)
        note_end(end)
        if len(ids) > limit:
            raise _FloodError

    return collect


def _place(plan: MatchPlan, literals: Literals, joined: U8, runs: _Runs, ids: I64, end: I64) -> Matches:
    """Find the run of each match, and leave out what lies in none, was found before, or is too deep."""
    start = end - literals.length[ids]
    clause = literals.clause[ids]
    # Of runs with equal starts all but the last are empty; side="right" takes the last.
    run = np.searchsorted(runs.start, start, side="right") - 1
    keep: Bool = (run >= 0) & (end <= runs.end[run]) & (end > runs.fresh[run])
    depth = plan.depth[clause]
    keep &= (depth == 0) | (end - runs.start[run] + runs.offset[run] <= depth)
    keep[keep] &= ~literals.domain[ids[keep]] | _is_name(joined, runs, run[keep], start[keep], end[keep])
    return Matches(clause[keep], run[keep], start[keep], end[keep], False)


def _is_name(joined: U8, runs: _Runs, run: I64, start: I64, end: I64) -> Bool:
    """Whether each match is the whole of a host's name, or its end behind a dot.

    A name may be followed by the root's dot and by a port.
    """
    last = joined.shape[0] - 1
    run_end = runs.end[run]
    begins = (start == runs.start[run]) | (joined[np.maximum(start - 1, 0)] == _DOT)
    rooted = (end < run_end) & (joined[np.minimum(end, last)] == _DOT)
    name_end = end + rooted
    ends = (name_end == run_end) | (joined[np.minimum(name_end, last)] == _COLON)
    whole: Bool = begins & ends
    return whole


def _scan_each_run(plan: MatchPlan, literals: Literals, joined: U8, runs: _Runs) -> Matches:
    """As the joined scan, with at most one callback for each keyword and run.

    Where a run has a carried tail, a keyword's first occurrence may lie in it and hide a new one. So
    the part around the seam, shorter than twice the longest keyword, is scanned for all occurrences,
    and only what follows the tail for first ones.
    """
    ids: list[int] = []
    ends: list[int] = []
    reach = int(literals.length.max()) - 1
    rows = zip(runs.start.tolist(), runs.fresh.tolist(), runs.end.tolist(), strict=True)
    for start, fresh, end in rows:
        if fresh > start:
            _scan_at(literals.every, joined, max(start, fresh - reach), min(fresh + reach, end), ids, ends)
        _scan_at(literals.first(), joined, fresh, end, ids, ends)
    found = _place(plan, literals, joined, runs, np.array(ids, np.int64), np.array(ends, np.int64))
    return replace(found, flooded=True)


def _scan_at(
    database: hyperscan.Database, joined: U8, start: int, end: int, ids: list[int], ends: list[int]
) -> None:
    def collect(pattern: int, _start: int, match_end: int, _flags: int, _context: object) -> None:
        ids.append(pattern)
        ends.append(start + match_end)

    _scan(database, joined[start:end], collect)


def _scan_regexes(plan: MatchPlan, regexes: Regexes, values: Sequence[bytes | NDArray[np.uint8]]) -> Matches:
    ids: list[int] = []
    ends: list[int] = []
    at: list[int] = []

    def collect(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
        ids.append(pattern)
        ends.append(end)

    for index, value in enumerate(values):
        if not len(value):  # an array's truth is not its length
            continue
        _scan(regexes.database, value, collect)
        if len(at) < len(ids):
            at += [index] * (len(ids) - len(at))
    if not ids:
        return _EMPTY
    clause = regexes.clause[np.array(ids, np.int64)]
    end = np.array(ends, np.int64)
    depth = plan.depth[clause]
    keep: Bool = (depth == 0) | (end <= depth)
    return Matches(clause[keep], np.array(at, np.int64)[keep], end[keep], end[keep], False)


def _concatenate(parts: Sequence[Matches]) -> Matches:
    return Matches(
        np.concatenate([part.clause for part in parts]),
        np.concatenate([part.run for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        any(part.flooded for part in parts),
    )


def _first_of_each(matches: Matches) -> Matches:
    """Keep, for each clause and run, the match that ends first, and the longest of those."""
    if not len(matches):
        return matches
    order = np.lexsort((matches.start, matches.end, matches.clause, matches.run))
    clause, run = matches.clause[order], matches.run[order]
    first = np.ones(order.shape[0], np.bool_)
    first[1:] = (clause[1:] != clause[:-1]) | (run[1:] != run[:-1])
    order = order[first]
    order = order[np.lexsort((matches.clause[order], matches.end[order], matches.run[order]))]
    start, end = matches.start[order], matches.end[order]
    return Matches(matches.clause[order], matches.run[order], start, end, matches.flooded)
