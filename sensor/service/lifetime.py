"""How long the service goes on: until a signal, or a fault of its own, and then with one deadline."""

import asyncio
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

STOP_SECONDS: Final = 4.7
"""From a signal to the end: operators and the unit are promised five."""


class Lifetime:
    """Whether the service is to end, why, and by when; and what goes on beside its loop."""

    def __init__(self, journal: Callable[..., None]) -> None:
        """:param journal: logs ``(level, event, **detail)``."""
        self._journal = journal
        self._tasks: set[asyncio.Task[None]] = set()
        self._deadline = 0.0
        """When the service is to be gone, on the loop's clock, once it is stopping."""
        self.ended = asyncio.Event()
        """It is to stop."""
        self.fault = ""
        """What no part of it was made for: the service ends, and its manager starts it anew."""

    def end(self) -> None:
        """Begin to stop; the deadline stands from the first time on."""
        self._deadline = self._deadline or asyncio.get_running_loop().time() + STOP_SECONDS
        self.ended.set()

    def left(self, most: float, *, spare: float = 0.0) -> float:
        """Seconds that are left of those promised but for what is to ``spare``, at most ``most``."""
        left = self._deadline - asyncio.get_running_loop().time() - spare if self._deadline else most
        return max(min(left, most), 0.1)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` beside everything else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self.watch_over)

    def cancel(self) -> None:
        """End what was started."""
        for task in list(self._tasks):
            task.cancel()

    def watch_over(self, task: "asyncio.Task[None]") -> None:
        """A task has ended. One that broke must not do so unseen, while the rest goes on without it."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.break_off(error)

    def break_off(self, error: BaseException) -> None:
        """End by a fault. Where it is is told, not its text: that may quote a packet, or a keyword."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        self.fault = f"{type(error).__name__}{place}"
        self._journal("error", "fault", what=self.fault)
        self.end()

    def on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A callback broke; an event loop's exception handler. The loop's own would tell the error's text."""
        error = context.get("exception")
        if isinstance(error, Exception):
            self.break_off(error)
        elif error is None:
            loop.default_exception_handler(context)
