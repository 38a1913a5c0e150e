"""A worker that parsed hostile packets may be hostile itself: its parent takes nothing from it on trust."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sensor.service import worker_process
from sensor.service.worker_process import WorkerProcess
from sensor.worker.messages import (
    MAX_MESSAGE,
    Alerts,
    Begin,
    Configure,
    Configured,
    EveLines,
    Finished,
    LivePlace,
    MessageError,
    Ready,
    frame,
)

pytestmark = pytest.mark.posix

_WORKER = """#!{python}
import socket, sys
parent = socket.socket(fileno=int(sys.argv[-1]))
parent.sendall(bytes.fromhex("{said}"))
while parent.recv(4096):
    pass
"""


def make_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    """Have a program that says ``said``, and then waits, started in place of a worker."""
    program = tmp_path / "worker"
    program.write_text(_WORKER.format(python=sys.executable, said=said.hex()), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def make(
    on_event: Callable[[str, dict[str, Any]], object],
    on_alerts: Callable[[WorkerProcess, Alerts], None],
    on_configured: Callable[[Configured], None] = lambda _message: None,
) -> WorkerProcess:
    """A worker of no real interface."""

    def tell(_level: str, event: str, **detail: object) -> None:
        on_event(event, detail)

    return WorkerProcess(
        0,
        lambda page: Begin("eth0", LivePlace("eth0", "", False, 1 << 20), page, "", 1 << 28, False, False),
        (),
        on_alerts=on_alerts,
        on_eve=lambda _lines: None,
        on_event=tell,
        on_configured=lambda _worker, message: on_configured(message),
    )


async def until(what: Callable[[], bool]) -> None:
    """Wait for what a callback tells."""
    while not what():  # noqa: ASYNC110 - the callback has no loop
        await asyncio.sleep(0.01)


def run_until(wanted: str, on_alerts: Callable[[WorkerProcess, Alerts], None]) -> dict[str, Any]:
    """Run a worker until an event of that name was logged; returns the first of each, with details."""
    heard: dict[str, Any] = {}

    async def serve() -> None:
        worker = make(heard.setdefault, on_alerts)
        worker.configure(Configure(1, [], []))
        running = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(30):
                await until(lambda: wanted in heard)
        finally:
            worker.kill()
            await running
            worker.close()

    asyncio.run(serve())
    return heard


def refuse(_worker: WorkerProcess, _message: Alerts) -> None:
    """What the service does where an alert names a signature that was never sent."""
    raise MessageError("an alert of a signature that was never sent")


@pytest.mark.parametrize(
    "said",
    [
        (3).to_bytes(4, "big") + b"\x93\x01\x02",
        (MAX_MESSAGE + 1).to_bytes(4, "big"),
        frame(Configure(1, [], [])),
        frame(Finished()),
        frame(EveLines(b'{"event_type":"al')),
        frame(EveLines(b"")),
        frame(Alerts(7, [])),
        frame(Configured(1, 0.1)),
        frame(Configured(2, 0.1)),
    ],
    ids=[
        "no-message",
        "too-long",
        "not-for-a-parent",
        "finished",
        "half-a-line",
        "no-line",
        "unknown-alert",
        "answer-again",
        "unasked-answer",
    ],
)
def test_what_no_worker_says_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    make_worker(tmp_path, monkeypatch, frame(Ready([])) + frame(Configured(1, 0.1)) + said)
    heard = run_until("worker_died", refuse)
    assert heard["worker_died"]["status"] == "signal 9"
    assert heard["worker_misbehaved"]["error"]


_TAKES_ONE = """#!{python}
import socket, sys
sys.path[:0] = {path!r}
from sensor.worker.messages import Configure, Configured, Ready, Unframer, frame, to_worker
parent, unframer = socket.socket(fileno=int(sys.argv[-1])), Unframer()
while octets := parent.recv(1 << 16):
    for message in map(to_worker.decode, unframer.feed(octets)):
        if isinstance(message, Configure):
            with open({seen!r}, "a") as seen:
                seen.write(f"{{message.generation}} ")
            if message.generation == 2:
                {does}
            else:
                parent.sendall(frame(Configured(message.generation, 0.1)) + frame(Ready([])))
"""


@pytest.mark.parametrize(
    ("does", "lives", "said"),
    [
        ("parent.sendall(frame(Configured(2, 0.1, 'no room')))", "1 2 1 ", "no room"),
        ("sys.exit(3)", "1 2 2 1 ", "the worker that began with them died"),
    ],
    ids=["refused", "deadly"],
)
def test_signatures_that_it_cannot_take_are_not_what_later_lives_begin_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str, lives: str, said: str
) -> None:
    """One that dies of them gets them once more: it may have died of something else."""
    program, seen = tmp_path / "worker", tmp_path / "seen"
    path = [str(Path(__file__).parent.parent.parent)]
    text = _TAKES_ONE.format(python=sys.executable, path=path, seen=str(seen), does=does)
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(worker_process, "FIRST_PAUSE", 0.01)
    answers: list[Configured] = []

    async def serve() -> None:
        worker = make(lambda _event, _detail: None, refuse, answers.append)
        worker.configure(Configure(1, [], []))
        running = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(60):
                await until(lambda: len(answers) == 1)
                worker.configure(Configure(2, [], []))
                await until(lambda: len(answers) == 2)
                if worker.alive:
                    os.kill(worker.status().pid, signal.SIGKILL)
                await until(lambda: len(answers) == 3)
        finally:
            worker.kill()
            await running
            worker.close()

    asyncio.run(serve())
    assert seen.read_text() == lives
    assert [(answer.generation, answer.error) for answer in answers] == [(1, ""), (2, said), (1, "")]


def test_a_program_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    heard = run_until("worker_not_started", refuse)
    assert heard["worker_not_started"]["error"] == "No such file or directory"
