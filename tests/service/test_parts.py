"""What the service says and to whom: systemd, its log, the control socket, the file of events."""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor.errors import ConfigError
from sensor.service.control import ControlServer
from sensor.service.eve_file import EveFile
from sensor.service.journal import Journal
from sensor.service.notify import Notifier
from sensor.service.watch import Watch
from sensor.status import InterfaceStatus, LedgerCounts, ReloadAnswer, ServiceStatus, WorkerStatus

pytestmark = pytest.mark.posix


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """What systemd listens with."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        yield listening


def test_systemd_is_told(systemd: socket.socket) -> None:
    notifier = Notifier()
    assert notifier.watchdog_seconds == 15
    notifier.ready()
    notifier.status("eth0 up")
    notifier.status("eth0 up")
    notifier.alive()
    notifier.reloading()
    notifier.stopping()
    said = [systemd.recv(1000).decode().splitlines() for _ in range(5)]
    assert said[:3] == [["READY=1"], ["STATUS=eth0 up"], ["WATCHDOG=1"]]
    assert said[3][0] == "RELOADING=1"
    assert 0 <= time.monotonic_ns() // 1000 - int(said[3][1].removeprefix("MONOTONIC_USEC=")) < 60_000_000
    assert said[4] == ["STOPPING=1"]
    assert "NOTIFY_SOCKET" not in os.environ  # no worker is to speak for the service


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    notifier = Notifier()
    notifier.ready()
    notifier.alive()
    assert notifier.watchdog_seconds == 0


def test_the_log_is_one_line_an_event(capfd: pytest.CaptureFixture[str]) -> None:
    kept: list[Any] = []

    def keep(level: str, event: str, /, **detail: object) -> None:
        kept.append((level, event, detail))

    journal = Journal("info", "text")
    journal.keep = keep
    journal("debug", "too_fine")
    journal("warning", "worker_died", interface="eth0", said="two\nlines", level="own")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.split(" ", 1)[1] == 'warning worker_died interface=eth0 said="two\\nlines" level=own'
    assert kept == [("warning", "worker_died", {"interface": "eth0", "said": "two\nlines", "level": "own"})]
    Journal("debug", "json")("error", "x", n=1)
    said = json.loads(capfd.readouterr().err)
    assert (said["level"], said["event"], said["n"]) == ("error", "x", 1)


def test_the_journal_gets_priorities(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    Journal("info", "auto")("error", "store_failing", error="the disk is full")
    assert capfd.readouterr().err == '<3>store_failing error="the disk is full"\n'


async def no_reload() -> ReloadAnswer:
    """Where nothing is loaded."""
    return ReloadAnswer(reloaded=False, reason="as a test wants it")


def ask(path: Path, request: bytes) -> dict[str, Any]:
    """One conversation with a control socket."""

    async def talk() -> bytes:
        server = ControlServer(path, lambda: ServiceStatus("1.0", pid=7), no_reload)
        await server.start()
        try:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(request)
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        finally:
            await server.stop()
        return answer

    answer: dict[str, Any] = json.loads(asyncio.run(talk()))
    return answer


def test_the_control_socket_answers_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "run" / "control.sock"
    assert ask(path, b'{"command":"status"}\n')["pid"] == 7
    assert not path.exists()
    assert ask(path, b'{"command":"reload"}\n')["reason"] == "as a test wants it"


@pytest.mark.parametrize("request_", [b"\n", b"status\n", b'{"command":"stop"}\n', b"[1]\n", b'{"a":1}\n'])
def test_other_requests_are_refused(tmp_path: Path, request_: bytes) -> None:
    assert "status" in ask(tmp_path / "control.sock", request_)["error"]


def test_a_socket_left_behind_is_replaced_and_one_in_use_is_not(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def start_two() -> None:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        server = ControlServer(path, lambda: ServiceStatus("1.0"), no_reload)
        await server.start()
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(ConfigError, match="listens there already"):
            await ControlServer(path, lambda: ServiceStatus("1.0"), no_reload).start()
        await server.stop()

    asyncio.run(start_two())


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "control.sock"
    with pytest.raises(ConfigError, match="choose another"):
        asyncio.run(ControlServer(path, lambda: ServiceStatus("1.0"), no_reload).start())


def test_events_are_appended_and_the_file_reopened(tmp_path: Path) -> None:
    path = tmp_path / "eve.json"
    path.write_text("earlier\n")
    eve = EveFile(path, lambda *_, **__: None)
    eve.write(b"a\nb\n")
    path.rename(tmp_path / "eve.json.1")
    eve.write(b"c\n")
    eve.reopen()
    eve.write(b"d\n")
    eve.close()
    assert (tmp_path / "eve.json.1").read_text() == "earlier\na\nb\nc\n"
    assert path.read_text() == "d\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.linux
def test_a_pipe_whose_reader_sleeps_costs_events_and_no_time(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ConfigError):  # nobody reads: that would be waited for
        EveFile(path, lambda *_, **__: None)
    told: list[str] = []
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    eve = EveFile(path, lambda _, event, **__: told.append(event))
    try:
        lines = [b'{"number": %d, "filler": "%s"}\n' % (number, b"x" * 300) for number in range(1000)]
        got = b""
        for start in range(0, 1000, 100):
            eve.write(b"".join(lines[start : start + 100]))
            if start % 300 == 200:
                got += _read_all(reader)
        got += _read_all(reader)
        eve.write(b"".join(lines[:1]))  # and what was left of the line before
        got += _read_all(reader)
    finally:
        eve.close()
        os.close(reader)
    events = [json.loads(line)["number"] for line in got.splitlines()]
    assert events[-1] == 0
    assert events[:-1] == sorted(events[:-1])
    assert eve.lines_lost == 1001 - len(events) > 0
    assert told[:2] == ["eve_failing", "eve_written_again"]


def _read_all(pipe: int) -> bytes:
    got = b""
    with contextlib.suppress(BlockingIOError):
        while part := os.read(pipe, 1 << 16):
            got += part
    return got


def test_a_full_disk_costs_whole_lines_and_is_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "full").symlink_to("/dev/full")
    eve = EveFile(tmp_path / "full", lambda _level, event, **_: told.append(event))
    eve.write(b"a\nb\n")
    eve.write(b"c\n")
    assert (eve.lines_lost, told) == (3, ["eve_failing"])
    eve.close()


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name another file"):
        EveFile(tmp_path, lambda *_, **__: None)


def test_what_grows_is_told_when_it_begins_and_not_each_second() -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    watch = Watch(lambda _level, event, **detail: told.append((event, detail)))

    def look(dropped: int, level: int) -> None:
        ledger = LedgerCounts(received=dropped, dropped={"ring_full": dropped} if dropped else {})
        watch.look([InterfaceStatus("eth0", ledger=ledger, workers=[WorkerStatus(0, shed_level=level)])])

    look(0, 0)
    assert told == []
    look(5, 1)
    look(9, 1)
    look(12, 0)
    assert told == [
        ("packets_dropped", {"interface": "eth0", "packets": 5, "reason": "ring_full"}),
        ("shedding", {"interface": "eth0", "worker": 0, "shed": "bodies"}),
        ("shedding_ended", {"interface": "eth0", "worker": 0, "shed": "none"}),
    ]
