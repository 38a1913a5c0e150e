"""Databases with a ledger, as live runs leave them."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sensor.status import LedgerCounts
from sensor.store.ledger import LedgerRow
from sensor.store.records import RunCounts, RunStatus
from sensor.store.source import Source
from sensor.store.writer import StoreWriter

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
COUNTS = LedgerCounts(10, {"ring_full": 1}, 9, 900, 7, {"ipv4.trunc_pkt": 1}, {"overload": 1})
CLEAN = LedgerCounts(10, {}, 10, 1000, 10)


def minutes(interface: str, start_ns: int, count: int, counts: LedgerCounts = CLEAN) -> list[LedgerRow]:
    """``count`` rows of a minute each."""
    return [
        LedgerRow(interface, start_ns + at * MINUTE, start_ns + (at + 1) * MINUTE, counts)
        for at in range(count)
    ]


def add_run(
    path: Path, rows: Sequence[LedgerRow], *interfaces: str, ended: RunStatus | None = RunStatus.COMPLETED
) -> int:
    """Log a run that read ``interfaces`` from its first row to its last.

    :param ended: None for one that was killed; ``running`` for one that goes on, which is this process.
    """

    async def write() -> int:
        writer = await StoreWriter.open(path)
        run_id = await writer.begin_run(
            [Source(name) for name in interfaces], version="0", signatures_digest="", command="run"
        )
        await writer.write_ledger(rows)
        if ended not in {None, RunStatus.RUNNING}:
            await writer.end_run(ended or RunStatus.FAILED, RunCounts())
        await writer.close()
        return run_id

    run_id = asyncio.run(write())
    with closing(sqlite3.connect(path)) as db, db:
        times = rows[0].started_ns, rows[-1].ended_ns
        db.execute("UPDATE run SET started_ns = ? WHERE id = ?", (times[0], run_id))
        db.execute(
            "UPDATE run SET finished_ns = ? WHERE id = ? AND finished_ns IS NOT NULL", (times[1], run_id)
        )
        if ended is None:
            db.execute("UPDATE run SET process = '- 1 -' WHERE id = ?", (run_id,))
    return run_id
