"""`AlertRecorder`: the writer for the live service, in its own event loop.

It outlives its database. What cannot be written now waits in memory, bounded, and is tried again at
growing intervals; after an error that the connection may not survive (the disk's own, a file that was
deleted or replaced) the database is opened anew. A value that no table takes is given up alone, lest it
hold up all others: what workers send was made of hostile input.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import disk_usage
from typing import Final

from msgspec.structs import replace

from sensor.detections.alert import Alert
from sensor.errors import StoreError
from sensor.status import Histogram, StoreStatus
from sensor.store.backlog import Backlog, Item
from sensor.store.database import StoreBlockedError, StoreValueError
from sensor.store.ledger import LedgerRow
from sensor.store.records import LogNote, RunCounts, RunStatus
from sensor.store.replay import BATCH_LEN, MAX_WAITING
from sensor.store.source import Source
from sensor.store.writer import StoreWriter

BATCH_SECONDS: Final = 0.03
"""The longest that an alert waits for others to share its transaction: a detection is to be stored within
a quarter of a second of its packet, on a disk whose fsync takes a tenth."""
LOCK_TIMEOUT: Final = 1.0
"""Seconds to wait for another program's lock in one try: a stop has five for everything."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 15.0
"""Seconds between two tries: each pause is twice the one before."""
_OLDEST_SECONDS: Final = 60.0
"""How often the oldest detection is looked up: it changes only when old ones are deleted."""


class AlertRecorder:
    """Logs one live run. Of the loop's own thread; only its coroutines wait for the disk.

    ``counts``, for the caller to keep, are the run's packets so far.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_commit: Callable[[Sequence[Alert]], None],
        on_trouble: Callable[[str], None],
        batch_len: int = BATCH_LEN,
        batch_seconds: float = BATCH_SECONDS,
        max_waiting: int = MAX_WAITING,
        lock_timeout: float = LOCK_TIMEOUT,
    ) -> None:
        """Log to ``path``.

        :param on_commit: takes the alerts of each transaction, once they are on the disk.
        :param on_trouble: takes one line when writing begins to fail, or fails otherwise, and an empty one
            when it succeeds again; the log of the store says so as well. Neither may raise.
        :param max_waiting: alerts that wait at most; those above are given up and counted.
        """
        self._path = path
        self._on_commit = on_commit
        self._on_trouble = on_trouble
        self._batch_len = batch_len
        self._batch_seconds = batch_seconds
        self._lock_timeout = lock_timeout
        self.counts = RunCounts()
        self._backlog = Backlog(max_waiting)
        self._run: tuple[Sequence[Source], str, str]
        """Sources, version and digest that the run began with."""
        self._run_id: int | None = None
        self._writer: StoreWriter | None = None
        self._identity: tuple[int, int] | None = None
        """Device and inode of the file that is open."""
        self._task: asyncio.Task[None] | None = None
        self._work = asyncio.Event()
        """Something waits, or there is something to try."""
        self._hurry = asyncio.Event()
        """What waits need not wait for more."""
        self._idle = asyncio.Event()
        """Nothing waits."""
        self._idle.set()
        self._flushing = 0
        """How many wait in `flush`."""
        self._stopping = False
        self._pause = 0.0
        """Seconds until the next try, 0 while all is well."""
        self._oldest_due = 0.0
        self._status = StoreStatus(str(path))

    @property
    def run_id(self) -> int | None:
        """Id of the run; None until the database could be opened."""
        return self._run_id

    async def start(self, sources: Sequence[Source], *, version: str, signatures_digest: str) -> None:
        """Open the database and log the start of a live run of ``sources``, its interfaces.

        A database that is locked or full is tried again later. Raises `StoreError` where it is unusable.
        """
        self._run = (tuple(sources), version, signatures_digest)
        try:
            await self._open()
        except StoreBlockedError as blocked:
            await self._fail(blocked)
        self._task = asyncio.create_task(self._serve(), name="store")
        self._task.add_done_callback(self._say_fault)

    def add(self, alerts: Sequence[Alert]) -> None:
        """Log ``alerts``, soon."""
        self._backlog.add_alerts(alerts)
        self._expect_work()
        if self._backlog.alert_count >= self._batch_len and not self._pause:
            self._hurry.set()

    def add_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """Write stretches of the ledger, soon; one with the start of another takes its place."""
        self._backlog.add_ledger(rows)
        self._expect_work()

    def note(self, level: str, event: str, /, **detail: object) -> None:
        """Add a line to the sensor's own log, with the present time, soon."""
        self._backlog.add_note(LogNote(time.time_ns(), level, event, detail))
        self._expect_work()

    def status(self) -> StoreStatus:
        """How the database stands, copied. Costs a few looks at the file system."""
        octets = free = 0
        with suppress(OSError):
            free = disk_usage(self._path.parent).free
            octets = self._path.stat().st_size
            octets += Path(f"{self._path}-wal").stat().st_size
        commits = self._status.commit_seconds
        return replace(
            self._status,
            octets=octets,
            disk_free_octets=free,
            waiting=self._backlog.alert_count,
            lost=self._backlog.alerts_lost,
            commit_seconds=Histogram(commits.buckets, list(commits.counts), commits.total),
        )

    async def flush(self, seconds: float) -> bool:
        """Return when nothing waits any more, or after so many ``seconds``; whether all is committed."""
        self._flushing += 1
        self._hurry.set()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        finally:
            self._flushing -= 1
        return True

    async def close(self, status: RunStatus, error: str | None = None, *, seconds: float = 2.5) -> int:
        """Commit what goes in within ``seconds``, log how the run ended; returns how many alerts did not.

        A try that is under way takes up to `LOCK_TIMEOUT` longer.
        """
        await self.flush(seconds)
        self._stopping = True
        self._work.set()
        self._hurry.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        if self._writer is not None and not self._pause:  # else it would only wait for the lock again
            with suppress(StoreError):  # then whoever opens it next marks the run interrupted
                await self._writer.end_run(status, self.counts, error)
        await self._drop_writer()
        return self._backlog.alert_count

    def _expect_work(self) -> None:
        if self._backlog:
            self._idle.clear()
            self._work.set()

    async def _serve(self) -> None:
        while True:
            await self._work.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause or self._batch_seconds):
                    await self._hurry.wait()
            if self._stopping:
                return
            self._hurry.clear()
            try:
                writer = await self._open()
                await self._commit(writer, self._backlog.first(self._batch_len))
                await self._look_up_oldest(writer)
            except StoreError as error:
                await self._fail(error)
            else:
                self._go_on()

    def _say_fault(self, task: asyncio.Task[None]) -> None:
        """Not to be silent where a mistake in the program, not the database, ends the writing."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            line = f"{self._path}: written no more, by a fault of the sensor ({error!r}); restart it"
            self._status.failing = line
            self._on_trouble(line)

    async def _open(self) -> StoreWriter:
        """The writer, opened anew where the last one was given up."""
        if self._writer is None:
            writer = await StoreWriter.open(self._path, lock_timeout=self._lock_timeout)
            try:
                if self._run_id is None or not await writer.resume_run(self._run_id):
                    sources, version, digest = self._run
                    self._run_id = await writer.begin_run(
                        sources, version=version, signatures_digest=digest, command="run"
                    )
            except BaseException:
                with suppress(StoreError):
                    await writer.close()
                raise
            self._writer, self._identity = writer, self._find_identity()
        elif self._find_identity() != self._identity:
            # SQLite itself would go on writing to a file that no name leads to.
            raise StoreError(
                f"{self._path}: deleted or replaced while in use; put back a copy, or let it be new"
            )
        return self._writer

    def _find_identity(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    async def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(StoreError):
                await writer.close()

    async def _commit(self, writer: StoreWriter, items: Sequence[Item]) -> None:
        """Write ``items``, the first of those that wait, in one transaction; in more where one is refused."""
        if not items:
            return
        alerts = [item for item in items if isinstance(item, Alert)]
        ledger = [item for item in items if isinstance(item, LedgerRow)]
        notes = [item for item in items if isinstance(item, LogNote)]
        started = time.perf_counter()
        try:
            await writer.write(alerts, self.counts, ledger=ledger, notes=notes)
        except StoreValueError:
            if len(items) == 1:
                self._backlog.give_up(items[0])
                return
            half = len(items) // 2
            await self._commit(writer, items[:half])
            await self._commit(writer, items[half:])
        else:
            self._status.commit_seconds.observe(time.perf_counter() - started)
            self._backlog.remove(items)
            if alerts:
                self._on_commit(alerts)

    async def _look_up_oldest(self, writer: StoreWriter) -> None:
        now = time.monotonic()
        if now >= self._oldest_due or not self._status.oldest_ns:
            self._status.oldest_ns = await writer.oldest_detection()
            self._oldest_due = now + _OLDEST_SECONDS

    async def _fail(self, error: StoreError) -> None:
        """Keep what waits for another try."""
        longest = _FIRST_PAUSE if self._flushing else _LONGEST_PAUSE
        self._pause = min(self._pause * 2 or _FIRST_PAUSE, longest)
        self._status.failures += 1
        self._work.set()
        if not isinstance(error, StoreBlockedError):
            await self._drop_writer()
        line = str(error)
        if line != self._status.failing:
            self._status.failing = line
            self.note("error", "store_failing", reason=line)
            self._on_trouble(line)

    def _go_on(self) -> None:
        """Say that all is well again if it was not, and see whether more waits."""
        self._pause = 0.0
        if self._status.failing:
            self._status.failing = ""
            self.note(
                "warning",
                "store_written_again",
                detections_lost=self._backlog.alerts_lost,
                ledger_rows_lost=self._backlog.ledger_lost,
                log_lines_lost=self._backlog.notes_lost,
            )
            self._on_trouble("")
        if not self._backlog:
            self._work.clear()
            self._idle.set()
        elif self._backlog.alert_count >= self._batch_len or self._flushing:
            self._hurry.set()
