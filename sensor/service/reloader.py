"""Reloads: asked for by a signal, over the control socket, or by a changed file. One at a time, whole or not.

What is asked for while one goes on is done by one more after it, which answers everybody who asked.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from sensor.configuration import Configuration
from sensor.errors import SensorError
from sensor.service.compiler import COMPILE_SECONDS
from sensor.service.file_watch import LOOK_SECONDS, FileWatch, stamp_files
from sensor.service.lifetime import Lifetime
from sensor.service.notify import Notifier
from sensor.service.reload import Generations, signature_paths
from sensor.status import ReloadAnswer
from sensor.worker.messages import Configure

READY_SECONDS: Final = 30.0
"""For workers to take signatures into use."""
LOAD_SECONDS: Final = COMPILE_SECONDS + 2 * READY_SECONDS
"""Signatures read and compiled, and taken into use by the workers."""


class Reloader:
    """Loads what is to be used, and has it taken into use."""

    def __init__(
        self,
        lifetime: Lifetime,
        generations: Generations,
        notifier: Notifier,
        journal: Callable[..., None],
        reread: Callable[[], Configuration],
        take: Callable[[Configuration, Configure], Awaitable[list[str]]],
    ) -> None:
        """Set up; nothing is reloaded before `begin`.

        :param journal: logs ``(level, event, **detail)``.
        :param reread: makes the configuration anew; raises SensorError.
        :param take: takes what was loaded into use, and answers with the settings that it left as they were;
            raises SensorError if it took nothing.
        """
        self._lifetime = lifetime
        self._generations = generations
        self._notifier = notifier
        self._journal = journal
        self._reread = reread
        self._take = take
        self._begun = asyncio.Event()
        self._alone = asyncio.Lock()
        self._next: asyncio.Future[ReloadAnswer] | None = None
        """Of the reload that is wanted and has not begun."""
        self._files = FileWatch()

    async def load(self, configuration: Configuration) -> Configure:
        """What ``configuration`` names, read and compiled.

        :raises SensorError: why it can't be.
        """
        self._files.use(await asyncio.to_thread(stamp_files, signature_paths(configuration)))
        return await self._generations.load(configuration)

    def begin(self) -> None:
        """The service has started: what was wanted meanwhile comes now."""
        self._begun.set()

    def want(self) -> "asyncio.Future[ReloadAnswer]":
        """Reload; however often it is wanted while another goes on, one more is enough."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            self._lifetime.start(self._reload(self._next))
        return self._next

    async def ask(self) -> ReloadAnswer:
        """Reload, and say what became of it."""
        # Whoever goes away does not take the answer from others.
        return await asyncio.shield(self.want())

    async def watch(self, configuration: Callable[[], Configuration]) -> None:
        """Reload when files changed, as long as ``configuration`` wants it."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = configuration()
            if not now.signatures.watch:
                continue
            if self._files.look(await asyncio.to_thread(stamp_files, signature_paths(now))):
                self._journal("info", "signature_files_changed")
                await self.ask()

    async def _reload(self, answer: "asyncio.Future[ReloadAnswer]") -> None:
        try:
            await self._begun.wait()
            async with self._alone:
                if not self._lifetime.ended.is_set():
                    self._next = None
                    answer.set_result(await self._reload_now())
        finally:
            if not answer.done():
                answer.set_result(ReloadAnswer(reloaded=False, reason="the sensor is stopping"))

    async def _reload_now(self) -> ReloadAnswer:
        """Take the configuration and signatures as they are now, or keep what was, and say so."""
        began = time.monotonic()
        answer = ReloadAnswer(reloaded=False)
        self._notifier.reloading()
        self._notifier.need(LOAD_SECONDS)
        try:
            configuration = self._reread()
            answer.needs_restart = await self._take(configuration, await self.load(configuration))
        except SensorError as error:
            self._generations.refused()
            answer.reason = str(error)
            self._journal("error", "reload_refused", error=answer.reason)
        else:
            answer.reloaded = not self._generations.status.last_reload_failed
            answer.reason = "" if answer.reloaded else "a worker can't take the signatures; the log says why"
        self._notifier.ready()
        self._generations.describe(answer)
        answer.seconds = time.monotonic() - began
        return answer
