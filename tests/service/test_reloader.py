"""Reloads: one at a time, each answers all who asked before it began, none is left without an answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sensor.configuration import Configuration, default_configuration
from sensor.errors import ConfigError
from sensor.service.lifetime import Lifetime
from sensor.service.notify import Notifier
from sensor.service.reload import Generations
from sensor.service.reloader import Reloader
from sensor.status import ReloadAnswer
from sensor.worker.messages import Configure

pytestmark = pytest.mark.posix

Use = Callable[[Reloader, Lifetime, list[int]], Awaitable[list[ReloadAnswer]]]


def reread() -> Configuration:
    """Nothing to look for, so nothing to compile."""
    return default_configuration().overridden({"signatures.builtin": False, "signatures.subscriber": False})


def run(
    use: Use, *, reread: Callable[[], Configuration] = reread, taking: float = 0.0, begin: bool = True
) -> tuple[list[ReloadAnswer], list[int]]:
    """What ``use`` answers, and the generations that were taken into use."""

    async def live() -> tuple[list[ReloadAnswer], list[int]]:
        lifetime, generations, taken = Lifetime(lambda *_, **__: None), Generations(), list[int]()

        async def take(_configuration: Configuration, message: Configure) -> list[str]:
            await asyncio.sleep(taking)
            generations.take(message)
            taken.append(message.generation)
            return []

        reloader = Reloader(lifetime, generations, Notifier(), lambda *_, **__: None, reread, take)
        if begin:
            reloader.begin()
        return await asyncio.wait_for(use(reloader, lifetime, taken), 60), taken

    return asyncio.run(live())


async def ask_many(reloader: Reloader, _lifetime: Lifetime, taken: list[int]) -> list[ReloadAnswer]:
    """Three before one begins, three while it goes on."""
    first = [asyncio.create_task(reloader.ask()) for _ in range(3)]
    second: list[asyncio.Task[ReloadAnswer]] = []
    while not taken:
        await asyncio.sleep(0.01)
        if not second and not taken:
            second = [asyncio.create_task(reloader.ask()) for _ in range(3)]
    return [await each for each in first + second]


def test_one_more_does_for_all_who_ask_meanwhile() -> None:
    answers, taken = run(ask_many, taking=0.2)
    assert taken == [1, 2]
    assert [answer.generation for answer in answers] == [1, 1, 1, 2, 2, 2]
    assert all(answer.reloaded and not answer.reason for answer in answers)


async def ask_and_go(reloader: Reloader, _lifetime: Lifetime, _taken: list[int]) -> list[ReloadAnswer]:
    gone, stays = asyncio.create_task(reloader.ask()), asyncio.create_task(reloader.ask())
    await asyncio.sleep(0.01)
    gone.cancel()
    return [await stays]


def test_who_goes_away_takes_the_answer_from_nobody() -> None:
    answers, taken = run(ask_and_go, taking=0.05)
    assert ([answer.reloaded for answer in answers], taken) == ([True], [1])


async def ask_at_the_end(reloader: Reloader, lifetime: Lifetime, _taken: list[int]) -> list[ReloadAnswer]:
    before = asyncio.create_task(reloader.ask())
    await asyncio.sleep(0.01)
    lifetime.end()
    lifetime.cancel()
    reloader.begin()
    return [await before, await reloader.ask()]


def test_nobody_waits_for_a_sensor_that_stops() -> None:
    answers, taken = run(ask_at_the_end, begin=False)
    assert taken == []
    assert [answer.reason for answer in answers] == ["the sensor is stopping"] * 2


def refuse() -> Configuration:
    raise ConfigError("config.toml:1: is not TOML")


async def ask(reloader: Reloader, _lifetime: Lifetime, _taken: list[int]) -> list[ReloadAnswer]:
    return [await reloader.ask()]


def test_a_refusal_says_why() -> None:
    (answer,), taken = run(ask, reread=refuse)
    assert (answer.reloaded, answer.reason, taken) == (False, "config.toml:1: is not TOML", [])
