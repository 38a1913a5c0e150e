"""Literals looked for in joined buffers: contents, domains, and the anchors of keywords.

Theory of operation. A call of Hyperscan costs 0.3 µs and a callback into Python as much again, while
scanning itself takes 0.3 ns an octet; most buffers are small, and most hold no keyword. So buffers are
joined, scanned by one call whose callback only notes id and end, and the matches are placed, filtered
and ordered by numpy afterwards. A match counts only if it lies wholly inside one run, so what separates
the runs does not matter.

A keyword that occurs all the time would make the callbacks cost more than everything else, so a joined scan
that finds too much is given up, and its runs are scanned one at a time by a callback that notes each keyword
once.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby, repeat
from operator import itemgetter
from typing import Final

import numpy as np

from sensor.arrays import I64, U8, Bool
from sensor.matching.keywords import Hit, parity
from sensor.matching.layers import Asked, KeywordMatch, match_keywords
from sensor.matching.plan import ANCHOR, CONTENT, DOMAIN, IN_BASE64, Literals, MatchPlan
from sensor.matching.rows import EVERY, NO_ROWS, Rows, Runs, concatenate, scan_block

_FLOOD_BASE = 4096
_FLOOD_PER_RUN = 4
"""A joined scan may call back so often, plus so often for each run. Past that, a call for each run is
cheaper than one more callback for each occurrence."""
_PIECE: Final = 1 << 13
"""Octets of a run in which a keyword is looked for at once."""
_DOT = ord(".")
_COLON = ord(":")


class _FloodError(Exception):
    """Raised in a callback to stop a scan that finds too much."""


def scan_literals(plan: MatchPlan, literals: Literals, joined: U8, runs: Runs) -> Rows:
    """Every match of contents and domains, and the keywords."""
    ids, ends, flooded = _all_literals(literals, joined, runs)
    anchor = literals.kind[ids] >= ANCHOR
    found = _place(plan, literals, joined, runs, ids[~anchor], ends[~anchor])
    if not len(literals.terms):
        return replace(found, flooded=flooded)
    first = (ids[anchor], ends[anchor], flooded)

    def scan(octets: U8, start: I64, end: I64) -> Iterator[tuple[int, list[Hit]]]:
        inner = Runs(start, start, end, start)
        hits = first if octets is joined else _all_literals(literals, octets, inner)
        return _anchors_by_run(literals, inner, *hits)

    asked = Asked(runs.offset == 0, _counts(plan, runs), lambda clause: EVERY if plan.every[clause] else 1)
    worded, effort = match_keywords(literals, joined, runs.start, runs.end, asked, scan)
    return replace(concatenate([found, _keyword_matches(worded)]), flooded=flooded, effort=effort)


def _all_literals(literals: Literals, octets: U8, runs: Runs) -> tuple[I64, I64, bool]:
    """Ids and ends of every occurrence; of the first in each run where there are too many."""
    ids: list[int] = []
    ends: list[int] = []
    limit = _FLOOD_BASE + _FLOOD_PER_RUN * runs.start.shape[0]
    flooded = False
    try:
        scan_block(literals.database, octets, _collector(ids, ends, limit))
    except _FloodError:
        flooded = True
        ids, ends = _scan_each_run(literals, octets, runs)
    return np.array(ids, np.int64), np.array(ends, np.int64), flooded


def _anchors_by_run(
    literals: Literals, runs: Runs, ids: I64, ends: I64, flooded: bool
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


def _counts(plan: MatchPlan, runs: Runs) -> Callable[[int, int, int, int], bool]:
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


def _keyword_matches(found: list[KeywordMatch]) -> Rows:
    if not found:
        return NO_ROWS
    columns = zip(*(each[:4] for each in found), strict=True)
    clause, run, start, end = (np.array(column, np.int64) for column in columns)
    return Rows(clause, run, start, end, False, tuple(found))


def _collector(ids: list[int], ends: list[int], limit: int) -> Callable[..., None]:
    note_id = ids.append
    note_end = ends.append

    def collect(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
        note_id(pattern)
        note_end(end)
        if len(ids) > limit:
            raise _FloodError

    return collect


def _place(plan: MatchPlan, literals: Literals, joined: U8, runs: Runs, ids: I64, end: I64) -> Rows:
    """Find the run of each match, and leave out what lies in none, was found before, or is out of bounds."""
    if not ids.shape[0]:
        return NO_ROWS
    start = end - literals.length[ids]
    clause = literals.clause[ids]
    # Of runs with equal starts all but the last are empty; side="right" takes the last.
    run = np.searchsorted(runs.start, start, side="right") - 1
    keep: Bool = (run >= 0) & (end <= runs.end[run]) & (end > runs.fresh[run])
    base = runs.start[run] - runs.offset[run]
    keep &= plan.bounds.hold(clause, start - base, end - base, runs.end[run] - base)
    is_domain = literals.kind[ids[keep]] == DOMAIN
    keep[keep] &= ~is_domain | _is_name(joined, runs, run[keep], start[keep], end[keep])
    return Rows(clause[keep], run[keep], start[keep], end[keep], False)


def _is_name(joined: U8, runs: Runs, run: I64, start: I64, end: I64) -> Bool:
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


def _scan_each_run(literals: Literals, octets: U8, runs: Runs) -> tuple[list[int], list[int]]:
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
            scan_block(
                literals.database, octets[first : min(fresh + reach, end)], _noter(ids, ends, first, None)
            )
        scan_block(literals.database, octets[fresh:end], _noter(ids, ends, fresh, singly))
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
