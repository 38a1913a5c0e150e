"""Keywords and regexes looked for in joined buffers.

Theory of operation. A call of Hyperscan costs 0.3 µs and a callback into Python as much again, while
scanning itself takes 0.3 ns an octet; most buffers are small, and most hold no keyword. So buffers are
joined, scanned by one call whose callback only notes id and end, and the matches are placed, filtered
and ordered by numpy afterwards. A match counts only if it lies wholly inside one run, so what separates
the runs does not matter.

Of each clause only the first match in each run is kept: the one that ends first, the longest of
those. A keyword that occurs all the time would make the callbacks cost more than everything else, so a
joined scan that finds too much is given up, and its runs are scanned one at a time by a callback that
notes each keyword once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, groupby, repeat
from operator import itemgetter
from typing import Any, Final

import hyperscan
import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, U8, Bool
from sensor.matching.keywords import Hit, parity
from sensor.matching.layers import Asked, Effort, KeywordMatch, match_keywords
from sensor.matching.plan import ANCHOR, CONTENT, DOMAIN, IN_BASE64, Literals, MatchPlan, Regexes
from sensor.matching.reading import Reading
from signatures.model import Buffer

_FLOOD_BASE = 4096
_FLOOD_PER_RUN = 4
"""A joined scan may call back so often, plus so often for each run. Past that, a call for each run is
cheaper than one more callback for each occurrence."""
_PIECE: Final = 1 << 13
"""Octets of a run in which a keyword is looked for at once."""
_EVERY: Final = 64
"""Matches of a clause that are kept in a run where every one is wanted: two clauses are compared by pairs."""


_NO_EFFORT: Final = Effort()


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
    effort: Effort = _NO_EFFORT
    """What looking for keywords took."""

    def __len__(self) -> int:
        return len(self.clause)


@dataclass(frozen=True, slots=True, eq=False)
class _Runs:
    start: I64
    fresh: I64
    end: I64
    offset: I64


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """As `Matches`, in no order, with all matches of each clause."""

    clause: I64
    run: I64
    start: I64
    end: I64
    flooded: bool
    worded: tuple[KeywordMatch | None, ...] = ()
    """The keywords; empty where none matched."""
    effort: Effort = _NO_EFFORT

    def __len__(self) -> int:
        return len(self.clause)


class _FloodError(Exception):
    """Raised in a callback to stop a scan that finds too much."""


_DOT = ord(".")
_COLON = ord(":")
_ZERO = np.zeros(1, np.int64)
_NONE = np.zeros(0, np.int64)
_EMPTY = Matches(_NONE, _NONE, _NONE, _NONE, False)
_NO_ROWS = _Rows(_NONE, _NONE, _NONE, _NONE, False)


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
    return _first_of_each(plan, _scan_literals(plan, buffer_plan.literals, view, runs))


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
    return _first_of_each(plan, replace(found, start=start, end=start))


def scan_fields(plan: MatchPlan, buffer: Buffer, values: Sequence[bytes]) -> Matches:
    """Look for the keywords and regexes of ``buffer`` in each of ``values``.

    ``^`` and ``$`` in a regex stand for the start and end of the value. Nothing matches in an empty
    value: the field may be absent. Positions are relative to the value.
    """
    buffer_plan = plan.buffers.get(buffer)
    if buffer_plan is None or not values:
        return _EMPTY
    parts: list[_Rows] = []
    if buffer_plan.literals is not None:
        end = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
        start = np.concatenate((_ZERO, end[:-1]))
        joined = np.frombuffer(b"".join(values), np.uint8)
        runs = _Runs(start, start, end, np.zeros_like(start))
        found = _scan_literals(plan, buffer_plan.literals, joined, runs)
        base = start[found.run]
        parts.append(replace(found, start=found.start - base, end=found.end - base))
    if buffer_plan.regexes is not None:
        parts.append(_scan_regexes(plan, buffer_plan.regexes, values))
    return _first_of_each(plan, _concatenate(parts))


def _scan(database: hyperscan.Database, octets: Any, handler: Callable[..., None]) -> None:
    """``octets`` is any contiguous buffer; the binding's stub knows of bytes only."""
    database.scan(octets, match_event_handler=handler)


def _scan_literals(plan: MatchPlan, literals: Literals, joined: U8, runs: _Runs) -> _Rows:
    ids, ends, flooded = _all_literals(literals, joined, runs)
    anchor = literals.kind[ids] >= ANCHOR
    found = _place(plan, literals, joined, runs, ids[~anchor], ends[~anchor])
    if not len(literals.terms):
        return replace(found, flooded=flooded)
    first = (ids[anchor], ends[anchor], flooded)

    def scan(octets: U8, start: I64, end: I64) -> Iterator[tuple[int, list[Hit]]]:
        inner = _Runs(start, start, end, start)
        hits = first if octets is joined else _all_literals(literals, octets, inner)
        return _anchors_by_run(literals, inner, *hits)

    asked = Asked(runs.offset == 0, _counts(plan, runs), lambda clause: _EVERY if plan.every[clause] else 1)
    worded, effort = match_keywords(literals, joined, runs.start, runs.end, asked, scan)
    return replace(_concatenate([found, _keyword_matches(worded)]), flooded=flooded, effort=effort)


def _all_literals(literals: Literals, octets: U8, runs: _Runs) -> tuple[I64, I64, bool]:
    """Ids and ends of every occurrence; of the first in each run where there are too many."""
    ids: list[int] = []
    ends: list[int] = []
    limit = _FLOOD_BASE + _FLOOD_PER_RUN * runs.start.shape[0]
    flooded = False
    try:
        _scan(literals.database, octets, _collector(ids, ends, limit))
    except _FloodError:
        flooded = True
        ids, ends = _scan_each_run(literals, octets, runs)
    return np.array(ids, np.int64), np.array(ends, np.int64), flooded


def _anchors_by_run(
    literals: Literals, runs: _Runs, ids: I64, ends: I64, flooded: bool
) -> Iterator[tuple[int, list[Hit]]]:
    """The anchors of each run that has any, in order.

    Where only the first of each is known, another may stand anywhere behind it: the keyword is looked for in
    the whole run, a piece at a time.
    """
    starts = ends - literals.length[ids]
    at = np.searchsorted(runs.start, starts, side="right") - 1
    keep = (literals.kind[ids] >= ANCHOR) & (at >= 0) & (ends <= runs.end[at])
    order = np.flatnonzero(keep)[np.argsort(at[keep], kind="stable")]
    anchors = literals.clause[ids[order]].tolist()
    anywhere = (literals.kind[ids[order]] != IN_BASE64).tolist() if flooded else repeat(False)
    columns = (at[order].tolist(), starts[order].tolist(), ends[order].tolist(), anchors)
    rows = zip(*columns, anywhere, strict=False)
    for run, members in groupby(rows, key=itemgetter(0)):
        hits = []
        whole = set()
        for _, start, end, anchor, is_anywhere in members:
            if is_anywhere:
                whole.add(anchor)
            else:
                hits.append(Hit(start, end, anchor))
        first, last = int(runs.start[run]), int(runs.end[run])
        hits += [
            Hit(start + shift, min(start + _PIECE, last), anchor)
            for anchor in sorted(whole)
            for shift in range(1 + parity(literals.terms.anchors[anchor].charset, 1))
            for start in range(first, last - shift, _PIECE)
        ]
        yield run, hits


def _counts(plan: MatchPlan, runs: _Runs) -> Callable[[int, int, int, int], bool]:
    """Tells which matches are new, and lie where their clause wants them, as ``Bounds.hold`` of many does."""

    def counts(clause: int, run: int, start: int, end: int) -> bool:
        if end <= runs.fresh[run]:
            return False
        base = int(runs.start[run] - runs.offset[run])
        bounds = plan.clauses[clause]
        return (
            start - base >= bounds.offset
            and not 0 < bounds.depth < end - base
            and (not bounds.at_start or start == base)
            and (not bounds.at_end or end == runs.end[run])
        )

    return counts


def _keyword_matches(found: list[KeywordMatch]) -> _Rows:
    if not found:
        return _NO_ROWS
    columns = zip(*(each[:4] for each in found), strict=True)
    clause, run, start, end = (np.array(column, np.int64) for column in columns)
    return _Rows(clause, run, start, end, False, tuple(found))


def _collector(ids: list[int], ends: list[int], limit: int) -> Callable[..., None]:
    note_id = ids.append
    note_end = ends.append

    def collect(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
        note_id(pattern)
        note_end(end)
        if len(ids) > limit:
            raise _FloodError

    return collect


def _place(plan: MatchPlan, literals: Literals, joined: U8, runs: _Runs, ids: I64, end: I64) -> _Rows:
    """Find the run of each match, and leave out what lies in none, was found before, or is out of bounds."""
    if not ids.shape[0]:
        return _NO_ROWS
    start = end - literals.length[ids]
    clause = literals.clause[ids]
    # Of runs with equal starts all but the last are empty; side="right" takes the last.
    run = np.searchsorted(runs.start, start, side="right") - 1
    keep: Bool = (run >= 0) & (end <= runs.end[run]) & (end > runs.fresh[run])
    base = runs.start[run] - runs.offset[run]
    keep &= plan.bounds.hold(clause, start - base, end - base, runs.end[run] - base)
    is_domain = literals.kind[ids[keep]] == DOMAIN
    keep[keep] &= ~is_domain | _is_name(joined, runs, run[keep], start[keep], end[keep])
    return _Rows(clause[keep], run[keep], start[keep], end[keep], False)


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


def _scan_each_run(literals: Literals, octets: U8, runs: _Runs) -> tuple[list[int], list[int]]:
    """As the joined scan, with no more than the first of each literal in each run.

    Where a run has a carried tail, a literal's first occurrence may lie in it and hide a new one. So the part
    around the seam, shorter than twice the longest literal, is taken whole (all of the tail if there are
    keywords, which are longer than their anchors), and only of what follows the tail the first ones. Of a
    domain every occurrence is taken, as the first may stand in the middle of a name; of an anchor in base64
    too, as where it stands tells how to read it.
    """
    ids: list[int] = []
    ends: list[int] = []
    reach = int(literals.length.max()) - 1
    singly = ((literals.kind == CONTENT) | (literals.kind == ANCHOR)).tolist()
    rows = zip(runs.start.tolist(), runs.fresh.tolist(), runs.end.tolist(), strict=True)
    for start, fresh, end in rows:
        if fresh > start:
            first = start if len(literals.terms) else max(start, fresh - reach)
            _scan(literals.database, octets[first : min(fresh + reach, end)], _noter(ids, ends, first, None))
        _scan(literals.database, octets[fresh:end], _noter(ids, ends, fresh, singly))
    return ids, ends


def _noter(ids: list[int], ends: list[int], base: int, singly: list[bool] | None) -> Callable[..., None]:
    """Notes ids and ends, counted from ``base``; of ids that are set in ``singly`` once each."""
    seen: set[int] = set()

    def note(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
        if singly is not None and singly[pattern]:
            if pattern in seen:
                return
            seen.add(pattern)
        ids.append(pattern)
        ends.append(base + end)

    return note


def _scan_regexes(plan: MatchPlan, regexes: Regexes, values: Sequence[bytes | NDArray[np.uint8]]) -> _Rows:
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
        return _NO_ROWS
    clause = regexes.clause[np.array(ids, np.int64)]
    end = np.array(ends, np.int64)
    run = np.array(at, np.int64)
    length = np.fromiter(map(len, values), np.int64, len(values))[run]
    # A regex does not tell where its match starts: ``^`` and ``$`` bind it, offsets do not apply.
    depth = plan.bounds.depth[clause]
    keep: Bool = ((depth == 0) | (end <= depth)) & (~plan.bounds.at_end[clause] | (end == length))
    return _Rows(clause[keep], run[keep], end[keep], end[keep], False)


def _concatenate(parts: Sequence[_Rows]) -> _Rows:
    if len(parts) == 1:
        return parts[0]
    return _Rows(
        np.concatenate([part.clause for part in parts]),
        np.concatenate([part.run for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        any(part.flooded for part in parts),
        tuple(chain.from_iterable(part.worded or repeat(None, len(part)) for part in parts))
        if any(part.worded for part in parts)
        else (),
        parts[0].effort,  # regexes take none
    )


def _first_of_each(plan: MatchPlan, matches: _Rows) -> Matches:
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
        first |= plan.every[clause] & (place < _EVERY) & ~again
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
