"""Generations of signatures: known as long as anybody may still tell of them."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from sensor.configuration import Configuration, load_configuration
from sensor.configuration.model import PARENT_MEMORY
from sensor.errors import SignatureError
from sensor.service import reload
from sensor.service.reload import Generations
from sensor.service.worker_process import WorkerProcess
from sensor.worker.messages import Compile, Configure, Configured, MessageError
from tests.service.talker import SIGNATURES, write_signatures
from tests.signatures.build import signature

pytestmark = pytest.mark.posix

FIRST, SECOND = (cast("WorkerProcess", name) for name in ("first", "second"))
"""Two workers: here only who they are matters."""


def reloaded(generations: Generations, number: int) -> None:
    """A generation is put into use, and sent."""
    generations.take(Configure(number, [signature(f"word {number}")], []))
    generations.expect([FIRST, SECOND])


def test_what_a_worker_stays_with_is_known_for_as_long() -> None:
    generations = Generations()
    reloaded(generations, 1)
    for worker in (FIRST, SECOND):
        generations.configured(worker, Configured(1, 0.1))
    for number in range(2, 7):
        reloaded(generations, number)
        assert not generations.settled.is_set()
        generations.configured(FIRST, Configured(number, 0.1))
        assert generations.configured(SECOND, Configured(number, 0.1, "no room")) == "no room"
        assert generations.settled.is_set()
        assert generations.status.last_reload_failed
    assert generations.status.reload_failures == 5
    assert [each for each in range(8) if knows(generations, each)] == [1, 4, 5, 6]
    reloaded(generations, 7)
    generations.configured(SECOND, Configured(7, 0.1))
    reloaded(generations, 8)
    assert [each for each in range(10) if knows(generations, each)] == [6, 7, 8]


def knows(generations: Generations, number: int) -> bool:
    """Whether an alert of that generation can be told of."""
    try:
        return bool(generations.signature(number, 0))
    except MessageError:
        return False


def test_a_reload_that_two_workers_refuse_has_failed_once() -> None:
    generations = Generations()
    reloaded(generations, 1)
    for worker in (FIRST, SECOND):
        generations.configured(worker, Configured(1, 0.1, "no room"))
    assert generations.status.reload_failures == 1


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    """It knows the talker's word alone."""
    path = tmp_path / "config.toml"
    paths = f'[signatures]\nbuiltin = false\npaths = ["{write_signatures(tmp_path)}"]\n'
    path.write_text(paths, encoding="utf-8")
    return load_configuration(path)


def test_what_has_not_changed_is_not_compiled_again(
    configuration: Configuration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[Any] = []

    async def compile_apart(message: Compile) -> list[bytes]:
        await asyncio.sleep(0)
        compiled.append(message)
        return [b"database %d" % len(compiled)]

    monkeypatch.setattr(reload, "compile_apart", compile_apart)
    generations = Generations()
    told = []
    for rev in (1, 1, 2, 2):
        write_signatures(tmp_path, SIGNATURES.replace("rev = 1", f"rev = {rev}"))
        message = asyncio.run(generations.load(configuration))
        generations.take(message)
        told.append((message.generation, message.signatures[0].rev, message.databases))
    assert told == [
        (1, 1, [b"database 1"]),
        (2, 1, [b"database 1"]),
        (3, 2, [b"database 2"]),
        (4, 2, [b"database 2"]),
    ]


def test_databases_that_leave_no_room_for_flows_are_refused(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight = replace(configuration, limits=replace(configuration.limits, memory=PARENT_MEMORY + 1024))

    async def compile_apart(_message: Compile) -> list[bytes]:
        await asyncio.sleep(0)
        return [bytes(1024)]

    monkeypatch.setattr(reload, "compile_apart", compile_apart)
    generations = Generations()
    with pytest.raises(SignatureError, match=r"use fewer, or raise \[limits\] memory"):
        asyncio.run(generations.load(tight))
    assert generations.status.loaded == 0


@pytest.mark.parametrize("linked", [False, True])
def test_a_file_of_the_subscriber_says_so_whatever_leads_to_it(tmp_path: Path, linked: bool) -> None:
    folder = tmp_path / "words"
    folder.mkdir()
    write_signatures(folder)
    if linked:
        (tmp_path / "link").symlink_to(folder)
    text = f'[signatures]\nbuiltin = false\nsubscriber = "{tmp_path / "link" if linked else folder}"\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SignatureError, match="mistakes in signature files: 1"):
        asyncio.run(Generations().load(load_configuration(tmp_path / "config.toml")))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "words.toml")
    text = f'[signatures]\nbuiltin = false\nsubscriber = "{tmp_path / "words.toml"}"\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SignatureError, match="is no file"):
        asyncio.run(Generations().load(load_configuration(tmp_path / "config.toml")))
