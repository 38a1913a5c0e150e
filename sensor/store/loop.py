"""An event loop in a thread of its own, for callers that know no asyncio.

A Ctrl-C is raised in the main thread, at whatever it is just doing: in a loop that runs there it
would tear a transaction, or a generator that is being read. Here it finds the main thread waiting.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import Future
from functools import partial
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

_T = TypeVar("_T")


class LoopThread:
    """Runs coroutines. Use it in ``with``: leaving waits for what is under way, then for ``last``.

    Nothing is cancelled: aiosqlite's own thread would answer a loop that is gone.
    """

    def __init__(self, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        self._last = last
        self._thread = Thread(target=self._serve, name="store")

    def __enter__(self) -> Self:
        try:
            self._thread.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self, work: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Begin ``work`` and go on."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Wait for ``work``; returns and raises what it does."""
        return self.start(work).result()

    def close(self) -> None:
        """End the thread; raises what ``last`` does. If the wait is interrupted, it ends all the same."""
        if self._thread.is_alive():
            done = self.start(self._finish())
            done.add_done_callback(lambda _: self.loop.call_soon_threadsafe(self.loop.stop))
            self._thread.join()
            done.result()

    async def _finish(self) -> None:
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        # What they raise is for whoever waits for them.
        await asyncio.gather(*under_way, return_exceptions=True)
        if self._last is not None:
            await self._last()

    def _serve(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()


def iterate(chunks: AsyncGenerator[list[_T]]) -> Generator[_T, None, None]:
    """Yield what ``chunks`` does, one by one. Raises what it does.

    Whoever may stop early closes it (`contextlib.closing`), lest what ``chunks`` holds stay open for as
    long as a traceback holds the generator.
    """
    with LoopThread(last=partial(_close, chunks)) as thread:
        while (chunk := thread.run(_next(chunks))) is not None:
            yield from chunk


async def _next(chunks: AsyncGenerator[list[_T]]) -> list[_T] | None:
    return await anext(chunks, None)


async def _close(chunks: AsyncGenerator[list[_T]]) -> None:
    await chunks.aclose()
