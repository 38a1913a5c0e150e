"""A worker that parsed hostile packets may be hostile itself: its parent takes nothing from it on trust."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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


def run_until(wanted: str, on_alerts: Callable[[WorkerProcess, Alerts], None]) -> dict[str, Any]:
    """Run a worker until an event of that name was logged; returns the first of each, with details."""
    heard: dict[str, Any] = {}

    async def serve() -> None:
        worker = WorkerProcess(
            0,
            lambda page: Begin(
                "eth0", LivePlace("eth0", "", False, 1 << 20), page, "", 1 << 28, False, False
            ),
            (),
            on_alerts=on_alerts,
            on_eve=lambda _lines: None,
            on_event=lambda _level, event, **detail: heard.setdefault(event, detail),
            on_configured=lambda _worker, _message: None,
        )
        worker.configure(Configure(1, [], []))
        running = asyncio.create_task(worker.run())
        try:
            async with asyncio.timeout(30):
                while wanted not in heard:  # noqa: ASYNC110 - the callback has no loop
                    await asyncio.sleep(0.01)
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
    ],
    ids=["no-message", "too-long", "not-for-a-parent", "finished", "half-a-line", "no-line", "unknown-alert"],
)
def test_what_no_worker_says_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    make_worker(tmp_path, monkeypatch, frame(Ready([])) + frame(Configured(1, 0.1)) + said)
    heard = run_until("worker_died", refuse)
    assert heard["worker_died"]["status"] == "signal 9"
    assert heard["worker_misbehaved"]["error"]


def test_a_program_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    heard = run_until("worker_not_started", refuse)
    assert heard["worker_not_started"]["error"] == "No such file or directory"
