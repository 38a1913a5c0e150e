"""One capture worker as its parent sees it: started, fed, listened to, started again when it dies.

What a worker counts lies on its page, which outlives it, and the packets that wait for it in a ring, whose
socket the parent holds open: a worker that is killed costs the batch that it was working on.
"""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from sensor.service.process import SAID_LEN, start, status_text
from sensor.status import WorkerStatus
from sensor.telemetry import ShedLevel
from sensor.worker.messages import (
    Alerts,
    Begin,
    Configure,
    Configured,
    EveLines,
    MessageError,
    Ready,
    Stop,
    Unframer,
    frame,
    to_parent,
)
from sensor.worker.page import CountersPage, counters_of, make_page

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""Seconds between a worker's death and the next start: doubled each time, since what killed it may come
again; at most as long as an operator may wait to see it mended."""
_PROVEN: Final = 60.0
"""Seconds of life after which a death counts as the first one again."""
_HANGS_NS: Final = 60_000_000_000
"""A worker that did not come round its loop for so long is killed: a batch takes milliseconds, and so do new
signatures, which come compiled."""
_START_NS: Final = 60_000_000_000
"""As `_HANGS_NS`, until it first comes round."""
_READ: Final = 1 << 18


class WorkerProcess:
    """One worker, over all its lives."""

    def __init__(
        self,
        index: int,
        begin: Callable[[int], Begin],
        inherited: tuple[int, ...],
        *,
        on_alerts: Callable[["WorkerProcess", Alerts], None],
        on_eve: Callable[[bytes], None],
        on_event: Callable[..., None],
        on_configured: Callable[["WorkerProcess", Configured], None],
    ) -> None:
        """Set up; `run` starts it.

        :param begin: makes the first message, given the page's descriptor.
        :param inherited: descriptors that the process needs beside its page.
        :param on_event: logs ``(level, event, **detail)``.
        """
        self.index = index
        self._begin = begin
        self._inherited = inherited
        self._on_alerts = on_alerts
        self._on_eve = on_eve
        self._on_event = on_event
        self._on_configured = on_configured
        self._page_descriptor = make_page()
        self._page = CountersPage(self._page_descriptor)
        self._configure: Configure | None = None
        self._accepted: Configure | None = None
        """What it, or an earlier life of it, took into use last: to fall back on."""
        self._sent: Configure | None = None
        """As `_configure`, to the process that lives."""
        self._unanswered: dict[int, Configure] = {}
        """By generation, what the process that lives was sent and has not answered."""
        self._process: asyncio.subprocess.Process | None = None
        self._channel: asyncio.StreamWriter | None = None
        self._stopping = False
        self._finished = False
        self.finished = False
        """Whether it said so itself: everything that waited was read."""
        self._hurry = asyncio.Event()
        """Nobody wants to wait for the end of a pause."""
        self._state = "starting"
        self._confined_by: list[str] = []
        self._restarts = 0

    @property
    def alive(self) -> bool:
        """Whether its process runs and listens."""
        return self._state == "running"

    def counters(self) -> dict[str, int]:
        """Every counter and gauge of the page."""
        return self._page.read()

    def status(self) -> WorkerStatus:
        """How it stands."""
        values = self._page.read()
        running = self._process is not None
        return WorkerStatus(
            index=self.index,
            state=self._state,
            pid=self._process.pid if self._process is not None else 0,
            restarts=self._restarts,
            shed_level=min(values["shed_level"], ShedLevel.FLOWS_MOST) if running else 0,
            ring_fill=values["ring_permille"] / 1000,
            memory_octets=values["memory_octets"] if running else 0,
            flows_active=values["flows_active"] if running else 0,
            confined_by=self._confined_by,
            counters=counters_of(values),
        )

    def configure(self, message: Configure) -> None:
        """Have it take signatures into use, and every later life of it."""
        self._configure = message
        if self._state == "running":  # else once it is
            self._send_configure()

    async def run(self) -> None:
        """Keep it alive until it has finished after `stop`."""
        pause = FIRST_PAUSE
        while not self._finished:
            began = time.monotonic()
            await self._live()
            if self._finished:
                break
            if time.monotonic() - began > _PROVEN:
                pause = FIRST_PAUSE
            # While stopping there is no time to lose: what waits in the ring is to be read.
            self._state = "backing_off"
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), FIRST_PAUSE if self._stopping else pause)
            self._hurry.clear()
            pause = min(pause * 2, LONGEST_PAUSE)
            self._restarts += 1
            self._state = "starting"
        self._state = "stopped"

    def stop(self) -> None:
        """No more packets come: let it read what waits and end."""
        self._stopping = True
        self._hurry.set()
        if self._state == "running":
            self._send(Stop())

    def kill(self) -> None:
        """End it at once."""
        self._finished = True
        self._hurry.set()
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def close(self) -> None:
        """Let its page go; nothing may be asked of it any more."""
        self._page.close()
        os.close(self._page_descriptor)

    async def _live(self) -> None:
        """One life."""
        try:
            started = await start("sensor.worker", self._page_descriptor, *self._inherited)
        except OSError as error:
            self._on_event(
                "error", "worker_not_started", worker=self.index, error=error.strerror or str(error)
            )
            return
        self._process = process = started.process
        self._channel = started.writer
        self._unanswered.clear()
        first = self._configure
        guard = asyncio.create_task(self._guard(process))
        try:
            self._send(self._begin(self._page_descriptor))
            self._send_configure()
            await self._listen(started.reader)
        finally:
            guard.cancel()
            self._channel.close()
            # It ends by itself when its channel is closed; one that doesn't is stuck.
            try:
                status = await asyncio.wait_for(process.wait(), 5)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    process.kill()
                status = await process.wait()
            self._process = None
            said = await started.said
        if not self._finished:
            self._on_event("error", "worker_died", worker=self.index, status=status_text(status), said=said)
            if first is not None and self._unanswered.get(first.generation) is first:
                self._refused(first, "the worker that began with them died")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Take its messages until it ends."""
        unframer = Unframer()
        try:
            while octets := await reader.read(_READ):
                for body in unframer.feed(octets):
                    self._take(body)
        except (MessageError, msgspec.MsgspecError) as error:
            # What has parsed hostile packets may itself be hostile now.
            self._on_event("error", "worker_misbehaved", worker=self.index, error=str(error)[:SAID_LEN])
            if self._process is not None:
                with suppress(ProcessLookupError):
                    self._process.kill()
        except ConnectionError:
            pass

    def _take(self, body: bytes) -> None:
        message = to_parent.decode(body)
        if isinstance(message, Alerts):
            self._on_alerts(self, message)
        elif isinstance(message, EveLines):
            if not message.lines.endswith(b"\n"):
                raise MessageError("events that are no whole lines")
            self._on_eve(message.lines)
        elif isinstance(message, Configured):
            self._take_answer(message)
        elif isinstance(message, Ready):
            self._state = "running"
            self._confined_by = message.confined_by
            if self._restarts:
                self._on_event("warning", "worker_restarted", worker=self.index, restarts=self._restarts)
            if self._sent is not self._configure:
                self._send_configure()
            if self._stopping:
                self._send(Stop())
        elif not self._stopping:
            raise MessageError("it has finished, though nobody said stop")
        else:
            self.finished = self._finished = True

    def _take_answer(self, message: Configured) -> None:
        answered = self._unanswered.pop(message.generation, None)
        if answered is None:
            raise MessageError("an answer to signatures that were never sent")
        if message.error:
            self._refused(answered, message.error)
        else:
            self._accepted = answered
            self._on_configured(self, message)

    def _refused(self, message: Configure, error: str) -> None:
        """Signatures could not be taken into use: later lives begin with the last that could."""
        if self._accepted is not None and self._configure is message:
            self._configure = self._accepted
        self._on_configured(self, Configured(message.generation, 0.0, error))

    async def _guard(self, process: asyncio.subprocess.Process) -> None:
        """Kill it if it hangs."""
        began = time.monotonic_ns()
        while True:
            await asyncio.sleep(5)
            alive = max(self._page.alive_ns, began)
            limit = _HANGS_NS if self._page.alive_ns > began else _START_NS
            if time.monotonic_ns() - alive > limit:
                self._on_event("error", "worker_hangs", worker=self.index, seconds=limit // 10**9)
                with suppress(ProcessLookupError):
                    process.kill()
                return

    def _send_configure(self) -> None:
        self._sent = self._configure
        if self._configure is not None:
            self._unanswered[self._configure.generation] = self._configure
            self._send(self._configure)

    def _send(self, message: Begin | Configure | Stop) -> None:
        assert self._channel is not None
        with suppress(ConnectionError):
            self._channel.write(frame(message))
