"""`ReplayStore`: the writer for the synchronous replay.

The database is written in a thread: the disk works while packets are scanned, and a Ctrl-C, which
Python raises in the main thread, never lands in a transaction. Importing this module costs some
60 ms (asyncio and aiosqlite), so import it only where a database is wanted.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from sensor.detections.alert import Alert
from sensor.errors import StoreError
from sensor.store.database import StoreBlockedError
from sensor.store.loop import LoopThread
from sensor.store.records import RunCounts, RunStatus
from sensor.store.source import Source
from sensor.store.writer import StoreWriter

BATCH_LEN = 2000
"""Alerts in one transaction: the fsync that ends it is then a small part of its cost."""
BATCH_SECONDS = 1.0
"""The longest that an alert waits for others to share its transaction: what a kill may lose."""
MAX_WAITING = 50_000
"""Alerts that wait for a database that is locked or whose disk is full: some 50 MB."""
_LONGEST_PAUSE = 32
"""Between two tries of a batch, as a multiple of what an alert waits: half a minute."""


class ReplayStore:
    """Logs one run. Use it in ``with``: leaving by an exception marks the run interrupted or failed.

    Methods raise `StoreError`. ``write`` hands alerts to the thread and goes on, so an error is raised by
    a later call. A batch that finds the database locked or the disk full is kept and tried again, ever
    less often, until it goes in, `MAX_WAITING` alerts wait, or the run ends.
    """

    def __init__(
        self,
        path: Path,
        *,
        batch_len: int = BATCH_LEN,
        batch_seconds: float = BATCH_SECONDS,
        max_waiting: int = MAX_WAITING,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Log to ``path``.

        :param tell: takes a line for the operator, from either thread: that alerts wait, or go in again.
        """
        self._path = path
        self._batch_len = batch_len
        self._batch_seconds = batch_seconds
        self._max_waiting = max_waiting
        self._tell = tell or _keep_silent
        self.counts = RunCounts()
        """Packets so far, for the caller to keep: logged with each batch, and however the block is left."""
        self._lock = Lock()
        self._pending: list[Alert] = []
        self._commit: Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Of the thread alone."""
        self._pause = batch_seconds
        self._blocked: StoreBlockedError | None = None
        """Why the first of what is pending could not be written."""
        self._told = False
        self._thread: LoopThread
        self._opened: Future[StoreWriter]
        self._writer: StoreWriter

    def __enter__(self) -> Self:
        self._thread = LoopThread(last=self._close_writer).__enter__()
        self._opened = self._thread.start(StoreWriter.open(self._path))
        try:
            self._writer = self._opened.result()
        except BaseException:
            with suppress(StoreError):
                self.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._writer.run_id is not None:
                self._leave(exc)
        except StoreError:
            # The first error is the one to tell; the next open marks the run interrupted.
            if exc is None:
                raise
        finally:
            self.close()

    def close(self) -> None:
        """Close the database. Whoever interrupts the wait, the thread closes it all the same."""
        with self._lock:
            self._pending = []
        self._thread.close()

    @property
    def run_id(self) -> int | None:
        """Id of the run; known after `begin_run`."""
        return self._writer.run_id

    @property
    def previous_run(self) -> int | None:
        """Newest earlier run that read one of the same captures; known after `begin_run`."""
        return self._writer.previous_run

    def begin_run(
        self, sources: Sequence[Source], *, version: str, signatures_digest: str, command: str = "replay"
    ) -> int:
        """Log the start of a run and return its id."""
        return self._thread.run(
            self._writer.begin_run(
                sources, version=version, signatures_digest=signatures_digest, command=command
            )
        )

    def write(self, alerts: Sequence[Alert]) -> None:
        """Log ``alerts``, soon."""
        if self._commit is not None and self._commit.done():
            self._settle()
        if not alerts:
            return
        with self._lock:
            is_first = not self._pending
            self._pending.extend(alerts)
        if is_first:
            # The thread keeps the time: nobody calls while a pipe pauses.
            self._thread.loop.call_soon_threadsafe(self._send_later)
        if self._blocked is not None:
            if len(self._pending) > self._max_waiting:
                self.flush()
        elif len(self._pending) >= self._batch_len:
            self._settle()
            if self._blocked is None:
                self._send()

    def flush(self) -> None:
        """Return when every alert is committed; what cannot be is kept, and raised."""
        under_way = self._commit is not None and not self._commit.done()
        self._settle()
        if self._blocked is None or not under_way:  # else it was tried just now
            self._send(is_last=True)
            self._settle()
        if self._blocked is not None:
            raise self._blocked

    def note(self, level: str, event: str, **detail: object) -> None:
        """Add a line to the sensor's own log."""
        self._settle()
        self._thread.run(self._writer.note(level, event, **detail))

    def end_run(self, status: RunStatus, counts: RunCounts, error: str | None = None) -> None:
        """Commit what is pending, then log how the run ended."""
        self.flush()
        self._thread.run(self._writer.end_run(status, counts, error))

    def _leave(self, exc: BaseException | None) -> None:
        """Log a run that ends early, with what of its alerts goes in."""
        status = RunStatus.FAILED if isinstance(exc, Exception) else RunStatus.INTERRUPTED
        refused = None
        if exc is None or exc is not self._blocked:  # else it was tried just now
            try:
                self.flush()
            except StoreError as error:
                refused = error
        if refused is not None and not isinstance(exc, StoreError):
            self._tell(f"{refused}; detections that are not logged: {len(self._pending):,}")
        reason = None if exc is None else str(exc) or type(exc).__name__
        self._thread.run(self._writer.end_run(status, self.counts, reason))
        if refused is not None:
            raise refused

    async def _close_writer(self) -> None:
        writer = await asyncio.wrap_future(self._opened)
        await writer.close()

    def _send_later(self) -> None:
        """Runs in the thread: send when the oldest pending alert has waited long enough."""
        if self._timer is None:
            self._timer = self._thread.loop.call_later(self._pause, self._send_in_time)

    def _send_in_time(self) -> None:
        self._timer = None
        self._send()

    def _send(self, *, is_last: bool = False) -> None:
        """Have the thread commit what is pending; called from either thread.

        Not while a commit is under way, which sees to the rest, or where the caller has an error to hear of.
        """
        with self._lock:
            is_free = self._commit is None or (self._commit.done() and self._commit.exception() is None)
            if is_free and self._pending:
                self._commit = self._thread.start(self._write_pending(is_last))

    async def _write_pending(self, is_last: bool) -> None:
        """Commit what is pending now, a transaction for each batch; what comes meanwhile waits its time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        left = len(self._pending)
        try:
            while left > 0:
                with self._lock:
                    batch = self._pending[: min(self._batch_len, left)]
                    del self._pending[: len(batch)]
                if not batch:  # closed
                    break
                left -= len(batch)
                await self._write_batch(batch, is_last)
                if self._blocked is not None:
                    break
        finally:
            if self._pending:
                self._send_later()

    async def _write_batch(self, batch: list[Alert], is_last: bool) -> None:
        try:
            await self._writer.write(batch, self.counts)
        except StoreBlockedError as blocked:
            with self._lock:
                self._pending[:0] = batch
            self._blocked = blocked
            self._pause = min(self._pause * 2, self._batch_seconds * _LONGEST_PAUSE)
            if not self._told and not is_last:
                self._told = True
                self._tell(f"{blocked}; until then up to {self._max_waiting:,} detections wait in memory")
            return
        if self._told:
            self._tell(f"{self._path}: written again; no detection was lost")
        self._blocked, self._told, self._pause = None, False, self._batch_seconds

    def _settle(self) -> None:
        """Wait for the commit that is under way; raises its error, once."""
        commit = self._commit
        if commit is not None:
            try:
                commit.result()
            except StoreError:
                self._commit = None
                raise


def _keep_silent(_line: str) -> None:
    pass
