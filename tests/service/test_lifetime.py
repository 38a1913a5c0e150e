"""A fault ends the service, and is told by its place: its text may quote a packet, or a word."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from sensor.service.lifetime import STOP_SECONDS, Lifetime

WORD = "合言葉"


def lifetime() -> tuple[Lifetime, list[tuple[object, ...]]]:
    """One, and what it logs."""
    said: list[tuple[object, ...]] = []
    return Lifetime(lambda *what, **detail: said.append((*what, detail))), said


def broken() -> None:
    raise ValueError(WORD)


async def broken_work() -> None:
    broken()


@pytest.mark.parametrize(
    "begin",
    [
        lambda living: living.start(broken_work()),
        lambda _living: asyncio.get_running_loop().call_soon(broken),
    ],
    ids=["task", "callback"],
)
def test_what_breaks_ends_it_and_tells_nothing_but_where(
    begin: Callable[[Lifetime], object],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def live() -> tuple[str, list[tuple[object, ...]]]:
        living, said = lifetime()
        asyncio.get_running_loop().set_exception_handler(living.on_loop_error)
        begin(living)
        await asyncio.wait_for(living.ended.wait(), 60)
        return living.fault, said

    with caplog.at_level(logging.DEBUG):
        fault, said = asyncio.run(live())
    assert fault.startswith("ValueError at test_lifetime.py:")
    assert said == [("error", "fault", {"what": fault})]
    assert WORD not in caplog.text + "".join(capfd.readouterr())


def test_what_is_cancelled_is_no_fault() -> None:
    async def live() -> tuple[bool, str]:
        living, _ = lifetime()
        living.start(asyncio.sleep(600))
        await asyncio.sleep(0)
        living.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return living.ended.is_set(), living.fault

    assert asyncio.run(live()) == (False, "")


def test_the_deadline_stands_from_the_first_word_of_the_end_on() -> None:
    async def live() -> list[float]:
        living, _ = lifetime()
        before = living.left(600.0)
        living.end()
        first = living.left(600.0)
        living.end()
        return [before, first, living.left(600.0), living.left(1.0), living.left(600.0, spare=600.0)]

    before, first, second, least, none = asyncio.run(live())
    assert before == 600.0
    assert second <= first <= STOP_SECONDS
    assert (least, none) == (1.0, 0.1)
