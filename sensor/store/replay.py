"""`ReplayStore`: the writer for the synchronous replay.

One event loop in a thread of its own: the disk works while packets are scanned, and a Ctrl-C, which
Python raises in the main thread, never lands in a transaction. Importing this module costs some
60 ms (asyncio and aiosqlite), so import it only where a database is wanted.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from sensor.detections.alert import Alert
from sensor.errors import StoreError
from sensor.store.records import RunCounts, RunStatus
from sensor.store.source import Source
from sensor.store.writer import StoreWriter

_T = TypeVar("_T")

BATCH_LEN = 2000
"""Alerts in one transaction: the fsync that ends it is then a small part of its cost."""
BATCH_SECONDS = 1.0
"""The longest that an alert waits for others to share its transaction: what a kill may lose."""


class ReplayStore:
    """Logs one run. Use it in ``with``: leaving by an exception marks the run interrupted or failed.

    Methods raise `StoreError`. ``write`` hands a full batch to the thread and goes on, so the error of
    one batch is raised by a later call; at most one batch is being written and one filled.
    """

    def __init__(
        self,
        path: Path,
        *,
        batch_len: int = BATCH_LEN,
        batch_seconds: float = BATCH_SECONDS,
    ) -> None:
        self._path = path
        self._batch_len = batch_len
        self._batch_seconds = batch_seconds
        self.counts = RunCounts()
        """Packets so far, for the caller to keep: logged with each batch, and however the block is left."""
        self._lock = Lock()
        self._pending: list[Alert] = []
        self._commit: Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop
        self._thread: Thread
        self._opened: Future[StoreWriter]
        self._writer: StoreWriter

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._serve, name="store")
        self._thread.start()
        self._opened = asyncio.run_coroutine_threadsafe(StoreWriter.open(self._path), self._loop)
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
                status = RunStatus.FAILED if isinstance(exc, Exception) else RunStatus.INTERRUPTED
                self.end_run(status, self.counts, None if exc is None else str(exc) or type(exc).__name__)
        except StoreError:
            # The first error is the one to tell; the next open marks the run interrupted.
            if exc is None:
                raise
        finally:
            self.close()

    def close(self) -> None:
        """Close the database. Whoever interrupts the wait, the thread closes it all the same."""
        if self._thread.is_alive():
            closed = asyncio.run_coroutine_threadsafe(self._close_writer(), self._loop)
            closed.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._loop.stop))
            self._thread.join()
            if closed.done():
                closed.result()

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
        return self._call(
            self._writer.begin_run(
                sources, version=version, signatures_digest=signatures_digest, command=command
            )
        )

    def write(self, alerts: Sequence[Alert]) -> None:
        """Log ``alerts``, soon."""
        if not alerts:
            return
        with self._lock:
            is_first = not self._pending
            self._pending.extend(alerts)
        if is_first:
            # The thread keeps the time: nobody calls while a pipe pauses.
            self._loop.call_soon_threadsafe(self._send_later)
        if len(self._pending) >= self._batch_len:
            self._settle()
            self._send()

    def flush(self) -> None:
        """Return when every alert is committed."""
        self._settle()
        self._send()
        self._settle()

    def note(self, level: str, event: str, **detail: object) -> None:
        """Add a line to the sensor's own log."""
        self._settle()
        self._call(self._writer.note(level, event, **detail))

    def end_run(self, status: RunStatus, counts: RunCounts, error: str | None = None) -> None:
        """Commit what is pending, then log how the run ended."""
        self.flush()
        self._call(self._writer.end_run(status, counts, error))

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _close_writer(self) -> None:
        writer = await asyncio.wrap_future(self._opened)
        await writer.close()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _send_later(self) -> None:
        self._loop.call_later(self._batch_seconds, self._send_in_time)

    def _send_in_time(self) -> None:
        """Runs in the thread: the oldest pending alert has waited long enough."""
        if self._commit is not None and not self._commit.done():
            self._send_later()
        elif self._commit is None or self._commit.exception() is None:
            self._send()
        # Else the caller has an error to hear of first.

    def _send(self) -> None:
        """Have the thread commit what is pending; called from either thread, while no commit is under way."""
        with self._lock:
            batch, self._pending = self._pending, []
            if batch:
                work = self._writer.write(batch, self.counts)
                self._commit = asyncio.run_coroutine_threadsafe(work, self._loop)

    def _settle(self) -> None:
        """Wait for the batch that is being written; raises its error, once."""
        commit = self._commit
        if commit is not None:
            try:
                commit.result()
            except StoreError:
                self._commit = None
                raise
