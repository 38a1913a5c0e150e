"""The loss ledger read back: counts by step of time, and when nothing was looked at.

One read transaction, two passes: the first finds the gaps (`sensor.store.gaps`), the second streams the
counts, so that a year of minutes takes the memory of its gaps.
"""

import json
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiosqlite

from sensor.status import LedgerCounts
from sensor.store.database import open_for_reading
from sensor.store.gaps import (
    LONGEST_NS,
    OPEN_NS,
    Interval,
    RunSpan,
    Stretches,
    explain_gap,
    find_gaps,
    overlap,
)
from sensor.store.ledger import STRETCH_NS
from sensor.store.ledger_steps import Gap, LedgerItem, Looked, Step, step_of
from sensor.store.loop import iterate
from sensor.store.process import is_gone
from sensor.store.records import RunStatus
from sensor.store.transaction import transaction

_CHUNK_LEN: Final = 500

_SELECT_STRETCHES = """
SELECT interface, id, run_id, started_ns, ended_ns FROM ledger
WHERE started_ns > ? AND started_ns < ? ORDER BY id
"""
_SELECT_RUNS = """
SELECT id, started_ns, finished_ns, status, process,
    id = (SELECT max(id) FROM run WHERE command = 'run' AND started_ns < :since)
FROM run WHERE command = 'run' AND started_ns < :until ORDER BY started_ns
"""
_SELECT_SOURCES = "SELECT name FROM source WHERE run_id = ?"
_SELECT_COUNTS = """
SELECT interface, started_ns, received, dropped, delivered, octets, decoded, rejected, shed, waiting, error,
    shed_bodies, shed_payload_octets, bypassed_octets
FROM ledger WHERE started_ns >= ? AND started_ns < ? ORDER BY started_ns, id
"""


@dataclass(frozen=True, slots=True)
class LedgerFilter:
    """Which part of the ledger to read."""

    since_ns: int
    """Inclusive."""
    until_ns: int
    """Exclusive."""
    interfaces: tuple[str, ...] = ()
    """Empty for all."""
    step: Step = "hour"


async def list_ledger(
    db: aiosqlite.Connection, wanted: LedgerFilter, now_ns: int
) -> AsyncGenerator[list[LedgerItem]]:
    """Yield the ledger by time: steps in which there is anything, and gaps, each once and whole.

    An interface is missed where it has a row in the time asked for, or a run of that time was to read it, or
    the last run before. What comes after ``now_ns`` is no gap.
    """
    # One snapshot, so that the counts are of the rows between which the gaps lie.
    until_ns = min(wanted.until_ns, now_ns)
    async with transaction(db, "DEFERRED"), aclosing(_list_steps(db, wanted, until_ns)) as steps:
        gaps = await _list_gaps(db, wanted, until_ns)
        by_interface: dict[str, list[Interval]] = defaultdict(list)
        for gap in gaps:
            by_interface[gap.interface].append((gap.started_ns, gap.ended_ns))
        items: list[LedgerItem] = []
        shown = 0
        async for looked in steps:
            while shown < len(gaps) and gaps[shown].started_ns < looked[0].started_ns:
                items.append(gaps[shown])
                shown += 1
            for each in looked:
                missed = overlap(by_interface[each.interface], each.started_ns, each.ended_ns)
                each.covered_ns = each.ended_ns - each.started_ns - missed
            items += looked
            if len(items) >= _CHUNK_LEN:
                yield items
                items = []
        yield [*items, *gaps[shown:]]


def read_ledger(path: Path, wanted: LedgerFilter) -> Generator[LedgerItem, None, None]:
    """`list_ledger` of the database ``path`` until now, one by one. Raises `StoreError`.

    Whoever may stop early closes it (`contextlib.closing`), lest the database stay open.
    """
    return iterate(_stream(path, wanted))


async def _stream(path: Path, wanted: LedgerFilter) -> AsyncGenerator[list[LedgerItem]]:
    async with open_for_reading(path) as db, aclosing(list_ledger(db, wanted, time.time_ns())) as chunks:
        async for items in chunks:
            yield items


async def _list_gaps(db: aiosqlite.Connection, wanted: LedgerFilter, until_ns: int) -> list[Gap]:
    since_ns = max(wanted.since_ns - LONGEST_NS, 0)
    stretches: dict[str, Stretches] = defaultdict(Stretches)
    bounds: dict[int, Interval] = {}
    async with db.execute(_SELECT_STRETCHES, (since_ns, wanted.until_ns)) as cursor:
        while rows := list(await cursor.fetchmany(_CHUNK_LEN)):
            for interface, row_id, run_id, started_ns, ended_ns in rows:
                stretches[interface].add(row_id, run_id, started_ns, ended_ns)
                start, end = bounds.get(run_id, (started_ns, started_ns))
                bounds[run_id] = min(start, started_ns), max(end, min(ended_ns, started_ns + LONGEST_NS))
    runs, sources = await _list_runs(db, wanted, until_ns, bounds)
    going_on = {run.run_id for run in runs if run.goes_on}
    gaps = []
    for interface in wanted.interfaces or sorted(stretches.keys() | sources):
        end_ns, open_ns = until_ns, stretches[interface].end_of(going_on)
        if until_ns - OPEN_NS <= open_ns < until_ns:
            end_ns = open_ns  # the rest is being counted
        for gap in find_gaps(stretches[interface].all, wanted.since_ns, end_ns):
            gaps += [Gap(interface, *piece, reason) for piece, reason in explain_gap(gap, runs)]
    return sorted(gaps, key=lambda gap: (gap.started_ns, gap.interface))


async def _list_runs(
    db: aiosqlite.Connection, wanted: LedgerFilter, until_ns: int, bounds: dict[int, Interval]
) -> tuple[list[RunSpan], set[str]]:
    """Read the live runs of that time and the last before, by start, and the interfaces they were to read.

    :param bounds: start of the first and end of the last row of each run in that time.
    """
    runs, sources = [], set[str]()
    times = {"since": wanted.since_ns, "until": wanted.until_ns}
    for run_id, started_ns, finished_ns, status, process, is_last in await db.execute_fetchall(
        _SELECT_RUNS, times
    ):
        goes_on = status == RunStatus.RUNNING and not is_gone(process)
        ended_ns = until_ns if goes_on else finished_ns or started_ns
        if ended_ns < wanted.since_ns and run_id not in bounds and not is_last:
            continue
        first_ns, last_ns = bounds.get(run_id, (started_ns, started_ns))
        # A sensor takes a moment to start and to stop, in which it looks at nothing.
        start_ns = first_ns if started_ns <= first_ns <= started_ns + STRETCH_NS else started_ns
        if goes_on:
            end_ns = max(until_ns, last_ns)
        elif finished_ns is None or last_ns <= finished_ns <= last_ns + STRETCH_NS:
            end_ns = last_ns
        else:
            end_ns = finished_ns
        was_killed = finished_ns is None and not goes_on
        runs.append(RunSpan(run_id, start_ns, end_ns, goes_on, was_killed, last_ns))
        sources |= {name for (name,) in await db.execute_fetchall(_SELECT_SOURCES, (run_id,))}
    return runs, sources


async def _list_steps(
    db: aiosqlite.Connection, wanted: LedgerFilter, until_ns: int
) -> AsyncGenerator[list[Looked]]:
    """Yield the steps of all interfaces that begin at one time, clipped to the time asked for."""
    steps: dict[str, Looked] = {}
    end_ns = wanted.since_ns
    async with db.execute(_SELECT_COUNTS, (wanted.since_ns, wanted.until_ns)) as cursor:
        while rows := list(await cursor.fetchmany(_CHUNK_LEN)):
            for interface, started_ns, *values in rows:
                if wanted.interfaces and interface not in wanted.interfaces:
                    continue
                if started_ns >= end_ns:
                    if steps:
                        yield [steps[name] for name in sorted(steps)]
                        steps = {}
                    start_ns, end_ns = step_of(started_ns, wanted.step)
                if interface not in steps:
                    first = max(start_ns, wanted.since_ns)
                    steps[interface] = Looked(interface, first, max(min(end_ns, until_ns), first))
                _add(steps[interface], values)
    if steps:
        yield [steps[name] for name in sorted(steps)]


def _add(step: Looked, values: Sequence[Any]) -> None:
    """Add a row, from ``received`` on."""
    received, dropped, delivered, octets, decoded, rejected, shed, waiting, error, *left_out = values
    dropped, rejected, shed = _by_reason(dropped), _by_reason(rejected), _by_reason(shed)
    counts = LedgerCounts(received, dropped, delivered, octets, decoded, rejected, shed)
    step.counts += counts
    step.waiting = waiting
    step.error += max(error, abs(counts.unaccounted))
    bodies, payload_octets, bypassed_octets = left_out
    step.shed_bodies += bodies
    step.shed_payload_octets += payload_octets
    step.bypassed_octets += bypassed_octets


def _by_reason(text: str) -> dict[str, int]:
    packets: dict[str, int] = {} if text == "{}" else json.loads(text)  # nearly all are
    return packets
