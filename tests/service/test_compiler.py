"""Signatures compiled in a process of its own: whatever becomes of it, the service hears one line."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from sensor.errors import SensorError, SignatureError
from sensor.matching.compile import load_plan
from sensor.service import compiler
from sensor.service.compiler import compile_apart
from sensor.worker.messages import MAX_PART, Compile, Configured, frame
from signatures.loader import load_signatures
from signatures.model import Buffer, Signature
from tests.bench.keywords import write_signatures
from tests.signatures.build import signature

pytestmark = pytest.mark.posix

MEMORY = 512 << 20
SOME = Compile([signature("alpha"), signature(regexes=("be.a",))], "", MEMORY)
_COMPILER = """#!{python}
import socket, sys, time
service = socket.socket(fileno=int(sys.argv[-1]))
service.recv(1 << 20)
{does}
"""


@pytest.fixture
def many(tmp_path: Path) -> list[Signature]:
    """So many that compiling them takes seconds, and more than a little memory."""
    write_signatures(tmp_path / "many.toml", 2_000)
    return list(load_signatures([tmp_path / "many.toml"], builtin=False).signatures)


def children() -> list[int]:
    """Processes that this one has started."""
    return [int(pid) for pid in Path("/proc/self/task", str(os.getpid()), "children").read_text().split()]


def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """Have a program that does this started in place of a compiler."""
    program = tmp_path / "compiler"
    program.write_text(_COMPILER.format(python=sys.executable, does=does), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_what_it_compiles_is_found() -> None:
    plan = load_plan(SOME.signatures, asyncio.run(compile_apart(SOME)))
    assert plan.wants(Buffer.PAYLOAD)
    literals = plan.buffers[Buffer.PAYLOAD].literals
    assert literals is not None
    ends: list[int] = []
    literals.database.scan(b"an Alpha", match_event_handler=lambda *match: ends.append(match[2]))
    assert ends == [8]


def test_no_signature_compiles_to_no_database() -> None:
    assert asyncio.run(compile_apart(Compile([], "", MEMORY))) == []


def test_it_may_not_take_more_memory_than_it_is_given(many: list[Signature]) -> None:
    with pytest.raises(SignatureError, match=r"160 MiB of memory are too little; .* \[limits\] memory"):
        asyncio.run(compile_apart(Compile(many, "", 160 << 20)))


@pytest.mark.linux
def test_it_is_killed_from_outside(many: list[Signature]) -> None:
    async def kill() -> None:
        work = asyncio.create_task(compile_apart(Compile(many, "", MEMORY)))
        while not (pids := children()):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        os.kill(pids[0], signal.SIGKILL)
        await work

    with pytest.raises(SensorError, match="ended with signal 9"):
        asyncio.run(kill())


@pytest.mark.linux
def test_nothing_of_it_is_left_when_nobody_wants_it_any_more(many: list[Signature]) -> None:
    async def cancel() -> None:
        work = asyncio.create_task(compile_apart(Compile(many, "", MEMORY)))
        while not children():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    asyncio.run(cancel())
    assert children() == []


@pytest.mark.linux
def test_it_may_not_take_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiler, "COMPILE_SECONDS", 0.5)
    stand_in(tmp_path, monkeypatch, "time.sleep(600)")
    with pytest.raises(SensorError, match="not compiled within"):
        asyncio.run(compile_apart(SOME))
    assert children() == []


@pytest.mark.parametrize(
    ("does", "said"),
    [
        ("pass", "ended with exit status 0$"),
        ("sys.exit('no such luck')", "exit status 1: no such luck"),
        (f"service.sendall({(MAX_PART + 1).to_bytes(4, 'big')!r})\nservice.recv(1)", "claims"),
        (f"service.sendall({frame(Configured(1, 0.1))!r})\nservice.recv(1)", "Configured"),
        (r"service.sendall(b'\0\0\0\3\x93\1\2')" + "\nservice.recv(1)", "Expected `object`"),
    ],
    ids=["silent", "dies", "too-long", "not-its-message", "no-message"],
)
def test_what_no_compiler_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, said: str) -> None:
    stand_in(tmp_path, monkeypatch, does)
    with pytest.raises(SensorError, match=said) as raised:
        asyncio.run(compile_apart(SOME))
    assert raised.value.exit_status == 1, "a service manager tries again"


def test_it_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(SensorError, match="No such file"):
        asyncio.run(compile_apart(SOME))


@pytest.mark.root
@pytest.mark.linux
def test_it_refuses_to_work_with_rights_that_it_can_not_give_up() -> None:
    with pytest.raises(SignatureError, match="no user nobody-at-all"):
        asyncio.run(compile_apart(Compile(SOME.signatures, "nobody-at-all", MEMORY)))
