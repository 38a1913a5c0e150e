"""systemd's side of the service: what it is told, and that an end asked for under traffic loses nothing."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import Talker, silent_talker, talking, write_signatures

pytestmark = [pytest.mark.linux, pytest.mark.netns]

PROMISED = 5.0
"""Seconds that a stop may take."""


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


class Systemd:
    """What listens where the service manager would."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(30)
        self.environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000000"}

    def hear(self, word: str) -> list[str]:
        """What is said up to the first line that begins so."""
        heard: list[str] = []
        while not heard or not heard[-1].startswith(word):
            heard += self._socket.recv(4096).decode().splitlines()
        return heard

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    """A service manager."""
    with contextlib.closing(Systemd(tmp_path / "notify")) as made:
        yield made


def check_end(live: Live, talker: Talker) -> None:
    """Everything that was sent is in the books, and every detection in the database."""
    sums = live.check_ledger()
    assert sums["received"] == sums["decoded"] == talker.sent
    assert live.rows("SELECT count(*) FROM detection") == [(talker.sent,)]
    assert live.rows("SELECT status FROM run") == [("completed",)]


def test_systemd_hears_how_the_service_does(
    watchdog_sensor: Path, tmp_path: Path, line: Line, systemd: Systemd
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with (
        live_sensor(
            watchdog_sensor, line.right, tmp_path, *options, wait=False, environment=systemd.environment
        ) as live,
        silent_talker(line) as talker,
    ):
        systemd.hear("READY=1")
        assert live.workers()[0]["state"] == "running"
        talker.say(10)  # whoever waits for READY is seen whole
        assert any(text.startswith("STATUS=") for text in systemd.hear("WATCHDOG=1"))
        systemd.hear("WATCHDOG=1")
        live.reload()
        assert systemd.hear("MONOTONIC_USEC=")[-2] == "RELOADING=1"
        systemd.hear("READY=1")
        await_(lambda: live.rows("SELECT count(*) FROM detection") == [(10,)], "detections")
        status = [text for text in systemd.hear("STATUS=veth-r up") if text.startswith("STATUS=")]
        assert "packets/s" in status[-1]
        os.kill(live.pid, signal.SIGTERM)
        systemd.hear("STOPPING=1")
        assert live.process.wait(30) == 0
    check_end(live, talker)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]])
def test_an_end_under_traffic_loses_nothing(
    watchdog_sensor: Path, tmp_path: Path, line: Line, workers: str, signals: list[signal.Signals]
) -> None:
    """What was sent before is decoded, within five seconds; further signals do no harm."""
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--workers", workers)
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, talking(line, 5000) as talker:
        live.await_seen(2000)
        talker.stop()  # on the wire, and in no book yet
        began = time.monotonic()
        for number in signals:
            live.process.send_signal(number)
        assert live.process.wait(30) == 0
        assert time.monotonic() - began < PROMISED
    check_end(live, talker)


def test_packets_may_go_on_while_it_ends(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, talking(line, 5000) as talker:
        live.await_seen(2000)
        before = talker.sent
        assert live.stop() == 0
    sums = live.check_ledger()
    assert before <= sums["received"] == sums["decoded"] <= talker.sent
    assert live.rows("SELECT count(*) FROM detection") == [(sums["decoded"],)]


def test_control_c_reaches_the_workers_too_and_they_finish_their_work(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    """A terminal signals its whole foreground group, also while workers are starting."""
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    for wait in (True, False):
        home = tmp_path / str(wait)
        home.mkdir()
        with (
            live_sensor(watchdog_sensor, line.right, home, *options, wait=wait, before=("setsid",)) as live,
            silent_talker(line) as talker,
        ):
            await_(lambda: live.workers() and live.workers()[0]["pid"], "a worker is there")
            talker.say(500)
            os.killpg(live.pid, signal.SIGINT)
            assert live.process.wait(30) == 0
        check_end(live, talker)
        assert "worker_died" not in live.events()


def test_a_stop_while_it_starts(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options, wait=False) as live:
        await_(live.workers, "a worker is there")
        began = time.monotonic()
        assert live.stop() == 0
        assert time.monotonic() - began < PROMISED
    live.check_ledger()


@pytest.mark.curl
def test_requests_and_workers_that_die_leave_nothing_open(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        live.metrics()
        before = live.open_files()
        pages = [f"http://127.0.0.1:{live.metrics_port}/metrics"] * 100
        subprocess.run(line.right.command("curl", "-sSf", *pages), check=True, capture_output=True)
        for _ in range(400):
            live.status()
        for _ in range(3):
            pid = live.workers()[0]["pid"]
            os.kill(pid, signal.SIGKILL)
            await_(lambda: live.workers()[0]["pid"] not in {0, pid}, "a successor")  # noqa: B023
            live.await_running()
        await_(lambda: live.open_files() == before, f"{before} are open again, and nothing else")
        assert live.stop() == 0
    live.check_ledger()
