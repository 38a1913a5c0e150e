"""Writes runs, detections, the loss ledger and the sensor's own log: `StoreWriter` for asyncio.

Alerts go in many at a time, one transaction each time: an fsync costs more than a thousand rows.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from sensor.detections.alert import Alert
from sensor.store.database import open_for_writing, store_errors
from sensor.store.ledger import UPSERT_LEDGER, LedgerRow, ledger_values
from sensor.store.process import is_gone, process_identity
from sensor.store.records import INSERT_ALERT, LogNote, RunCounts, RunStatus, alert_values, plain_text
from sensor.store.source import Source
from sensor.store.transaction import transaction

_INSERT_RUN = """
INSERT INTO run (command, source, started_ns, status, process, version, signatures_digest)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_INSERT_SOURCE = """
INSERT INTO source (run_id, position, name, size, digest, previous_run_id)
VALUES (:run_id, :position, :name, :size, :digest,
    (SELECT max(run_id) FROM source WHERE digest = :digest AND run_id < :run_id))
"""
_COUNT_RUN = """
UPDATE run SET detections = detections + ?, received = ?, decoded = ?, rejected = ? WHERE id = ?
"""
_END_RUN = """
UPDATE run SET finished_ns = ?, status = ?, received = ?, decoded = ?, rejected = ?, error = ? WHERE id = ?
"""


class StoreWriter:
    """One connection that writes one run. Methods raise `StoreError`; each is one transaction.

    A transaction that fails leaves nothing behind and what was committed before stays. Tasks may call
    at the same time: a lock keeps each transaction whole.
    """

    def __init__(self, db: aiosqlite.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self._lock = asyncio.Lock()
        self.run_id: int | None = None
        """The run that is going on."""
        self.previous_run: int | None = None
        """Newest earlier run that read one of the same captures."""

    @classmethod
    async def open(cls, path: Path, *, lock_timeout: float | None = None) -> "StoreWriter":
        """Open or make ``path``; runs whose process was killed are marked interrupted.

        :param lock_timeout: seconds to wait for another writer, where the usual is too long.
        """
        writer = cls(await open_for_writing(path, lock_timeout=lock_timeout), path)
        try:
            await writer._mark_interrupted()
        except BaseException:
            await writer.close()
            raise
        return writer

    async def close(self) -> None:
        """Close the connection; SQLite folds the -wal file into the database."""
        async with self._lock:
            with store_errors(self._path):
                await self._db.close()

    async def begin_run(
        self, sources: Sequence[Source], *, version: str, signatures_digest: str, command: str = "replay"
    ) -> int:
        """Log the start of a run and return its id."""
        names = [plain_text(source.name) for source in sources]
        label = names[0] if names else ""
        if len(names) > 1:
            label += f" + {len(names) - 1}"
        async with self._transaction():
            row = await self._db.execute_insert(
                _INSERT_RUN,
                (
                    command,
                    label,
                    time.time_ns(),
                    RunStatus.RUNNING,
                    process_identity(),
                    version,
                    signatures_digest,
                ),
            )
            assert row is not None
            run_id = int(row[0])
            await self._db.executemany(
                _INSERT_SOURCE,
                [
                    {
                        "run_id": run_id,
                        "position": position,
                        "name": name,
                        "size": source.size,
                        "digest": source.digest,
                    }
                    for position, (name, source) in enumerate(zip(names, sources, strict=True))
                ],
            )
            (previous,) = await self._db.execute_fetchall(
                "SELECT max(previous_run_id) FROM source WHERE run_id = ?", (run_id,)
            )
            await self._log(run_id, _note("info", "run_started", sources=names, previous_run=previous[0]))
        self.run_id, self.previous_run = run_id, previous[0]
        return run_id

    async def resume_run(self, run_id: int) -> bool:
        """Go on with a run that this process began over another connection; False if it is not here."""
        with store_errors(self._path):
            rows = await self._db.execute_fetchall(
                "SELECT 1 FROM run WHERE id = ? AND process = ? AND status = ?",
                (run_id, process_identity(), RunStatus.RUNNING),
            )
        if rows:
            self.run_id = run_id
        return bool(rows)

    async def write(
        self,
        alerts: Sequence[Alert],
        counts: RunCounts,
        *,
        ledger: Sequence[LedgerRow] = (),
        notes: Sequence[LogNote] = (),
    ) -> None:
        """Log ``alerts`` of the run, its packets so far, and what else there is, in one transaction.

        Raises `StoreValueError` where a value of them is none that the tables take.
        """
        run_id = self._current_run()
        async with self._transaction():
            await self._db.executemany(INSERT_ALERT, [alert_values(run_id, alert) for alert in alerts])
            await self._db.execute(
                _COUNT_RUN,
                (len(alerts), counts.received, counts.decoded, json.dumps(dict(counts.rejected)), run_id),
            )
            await self._upsert(run_id, ledger)
            for note in notes:
                await self._log(run_id, note)

    async def write_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """Write stretches of the run; one that was written before, with the same start, is replaced."""
        run_id = self._current_run()
        async with self._transaction():
            await self._upsert(run_id, rows)

    async def note(self, level: str, event: str, **detail: object) -> None:
        """Add a line to the sensor's own log; ``detail`` is kept as JSON."""
        async with self._transaction():
            await self._log(self.run_id, _note(level, event, **detail))

    async def oldest_detection(self) -> int:
        """Time of the oldest detection kept, 0 where there is none."""
        with store_errors(self._path):
            (row,) = await self._db.execute_fetchall("SELECT coalesce(min(ts_ns), 0) FROM detection")
        return int(row[0])

    async def end_run(self, status: RunStatus, counts: RunCounts, error: str | None = None) -> None:
        """Log how the run ended. ``error`` is the line that the operator saw."""
        run_id = self._current_run()
        error = None if error is None else plain_text(error)
        async with self._transaction():
            await self._db.execute(
                _END_RUN,
                (
                    time.time_ns(),
                    status,
                    counts.received,
                    counts.decoded,
                    json.dumps(dict(counts.rejected)),
                    error,
                    run_id,
                ),
            )
            level = "info" if status is RunStatus.COMPLETED else "warning"
            await self._log(run_id, _note(level, "run_ended", status=status, error=error))
        self.run_id = None

    def _current_run(self) -> int:
        if self.run_id is None:
            raise RuntimeError("begin_run comes first")
        return self.run_id

    async def _upsert(self, run_id: int, rows: Sequence[LedgerRow]) -> None:
        await self._db.executemany(UPSERT_LEDGER, [ledger_values(run_id, row) for row in rows])

    async def _log(self, run_id: int | None, note: LogNote) -> None:
        # ASCII JSON carries any string, lone surrogates too.
        detail = json.dumps(dict(note.detail), default=str)
        await self._db.execute(
            "INSERT INTO log (ts_ns, run_id, level, event, detail) VALUES (?, ?, ?, ?, ?)",
            (note.ts_ns, run_id, note.level, note.event, detail),
        )

    async def _mark_interrupted(self) -> None:
        async with self._transaction():
            running: Iterable[sqlite3.Row] = await self._db.execute_fetchall(
                "SELECT id, process FROM run WHERE status = ?", (RunStatus.RUNNING,)
            )
            for run_id, process in running:
                if is_gone(process):
                    await self._db.execute(
                        "UPDATE run SET status = ? WHERE id = ?", (RunStatus.INTERRUPTED, run_id)
                    )
                    await self._log(run_id, _note("warning", "run_found_interrupted"))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[None]:
        async with self._lock:
            with store_errors(self._path):
                async with transaction(self._db):
                    yield


def _note(level: str, event: str, **detail: object) -> LogNote:
    return LogNote(time.time_ns(), level, event, detail)
