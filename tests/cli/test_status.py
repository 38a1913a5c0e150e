"""``status``: asked over a real Unix socket, of whoever listens there."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from exporter.status_table import render_status, scaled
from sensor.status import (
    Histogram,
    InterfaceStatus,
    LedgerCounts,
    ServiceStatus,
    SignatureStatus,
    StoreStatus,
    WorkerStatus,
)
from tests.cli.command import Sensor, without_override
from tests.cli.test_terminal import ESCAPE, lines_of, on_terminal

pytestmark = pytest.mark.posix

START = 1_700_010_000_000_000_000
"""2023-11-15 10:00 in Tokyo."""


def make_status() -> ServiceStatus:
    status = ServiceStatus(
        "1.2.3",
        pid=4711,
        started_ns=START,
        taken_ns=START + 7_384_000_000_000,
        config_path="/etc/watchdog-sensor/config.toml",
        interfaces=[
            InterfaceStatus(
                "eth0",
                "up",
                packets_per_second=12_345.6,
                octets_per_second=12_345_678.0,
                ledger=LedgerCounts(
                    1_000_000, {"ring_full": 12}, 999_988, 9, 999_900, {"ipv4.trunc_pkt": 80}, {"overload": 8}
                ),
                workers=[
                    WorkerStatus(
                        0,
                        "running",
                        4712,
                        restarts=2,
                        shed_level=3,
                        ring_fill=0.37,
                        memory_octets=61 << 20,
                        flows_active=4_321,
                        confined_by=["user", "no_new_privs", "landlock", "seccomp"],
                    ),
                    WorkerStatus(1, "backing_off"),
                ],
            ),
            InterfaceStatus("wlan0", "missing", device="wlan7"),
        ],
        store=StoreStatus("/var/lib/watchdog-sensor/a.db", 5 << 20, 3 << 30, START),
        signatures=SignatureStatus(1_234, loaded_ns=START),
        detections={"custom": {"low": 3, "high": 0}, "malware": {"critical": 1}},
    )
    status.detection_latency.observe(0.04, 99)
    status.detection_latency.observe(0.2)
    return status


Answer = Callable[[bytes], bytes]


@contextmanager
def serving(path: Path, answer: Answer) -> Iterator[list[bytes]]:
    """Serve ``answer`` of each request line on a Unix socket; gives the requests."""
    requests: list[bytes] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readline())
        writer.write(answer(requests[-1]))
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def serve() -> None:
        async with await asyncio.start_unix_server(handle, path):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(30)
    try:
        yield requests
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def answer_status(_: bytes) -> bytes:
    return msgspec.json.encode(make_status()) + b"\n"


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    with serving(tmp_path / "control.sock", answer_status):
        yield tmp_path / "control.sock"


def test_text_tells_all_that_matters(sensor: Sensor, path: Path) -> None:
    done = sensor("status", "--socket", path)
    assert (done.status, done.err) == (0, "")
    head, since, config, *lines = done.out.splitlines()
    assert head == "watchdog-sensor 1.2.3, process 4711"
    assert since == "since 2023-11-15 10:00:00 +09:00, for 2 h 3 min"
    assert config == "configuration: /etc/watchdog-sensor/config.toml"
    rows = [" ".join(line.split()) for line in lines]
    assert "eth0 up 12,346 98.8 M 1,000,000 12 8 80" in rows
    assert "wlan0 (wlan7) missing 0 0 0 0 0 0" in rows
    assert "eth0/0 running 4712 37% 1/4 of flows 4,321 61.0 MiB 2" in rows
    assert "eth0/1 backing_off - 0% nothing 0 0 B 0" in rows
    for text in (
        "4 stored since the start",
        "custom: low 3",
        "malware: critical 1",
        "from packet to disk 42 ms on average, 99% within 50 ms",
        "/var/lib/watchdog-sensor/a.db: 5.0 MiB; 3.0 GiB free",
        "oldest detection of 2023-11-15 10:00:00 +09:00",
        "1,234 in use since 2023-11-15 10:00:00 +09:00",
        "adds up",
        "workers held by user, no_new_privs, landlock, seccomp",
    ):
        assert text in done.out


def test_japanese(sensor: Sensor, path: Path) -> None:
    out = sensor("status", "--socket", path, "--lang", "ja").out
    for text in (
        "インターフェース",
        "再起動待ち",
        "なし",
        "フロー 1/4",
        "開始から 4 件を保存",
        "台帳",
        "一致",
    ):
        assert text in out
    assert "custom: 低 3" in out


def test_json_is_what_the_service_answered(sensor: Sensor, path: Path) -> None:
    done = sensor("status", "--socket", path, "--format", "json")
    assert (done.status, done.err) == (0, "")
    assert msgspec.json.decode(done.octets, type=ServiceStatus) == make_status()
    assert done.octets.count(b"\n") == 1


def test_request_is_the_one_agreed_on(sensor: Sensor, tmp_path: Path) -> None:
    with serving(tmp_path / "a.sock", answer_status) as requests:
        assert sensor("status", "--socket", "a.sock").status == 0
    assert requests == [b'{"command":"status"}\n']


@pytest.mark.parametrize("language", ["ja", "en"])
def test_fits_the_screen_in_colour(sensor: Sensor, path: Path, language: str) -> None:
    shown = on_terminal(sensor, 80, "status", "--socket", path, "--lang", language)
    assert ESCAPE.search(shown)
    assert max(map(cell_len, lines_of(shown))) <= 80


def test_troubles_are_said() -> None:
    status = make_status()
    status.interfaces[0].ledger_error = 5
    status.store.failing = "a.db: the disk is full"
    status.store.waiting, status.store.lost = 50_000, 17
    status.signatures.last_reload_failed, status.signatures.rejected = True, 2
    status.interfaces[0].workers[0].confined_by = []
    status.detection_latency = Histogram.of((0.01, 0.1))
    status.detection_latency.observe(3.0)
    text = render_status(status)
    for words in (
        "does not add up by 5 packets",
        "cannot be written: a.db: the disk is full",
        "50,000 detections wait in memory",
        "17 detections were lost",
        "the last reload was refused (2 mistakes)",
        "workers that nothing holds: eth0/0\n",
        "3.0 s on average, 99% not within 100 ms",
    ):
        assert words in text
    status.signatures.rejected = 0
    assert "the last reload was refused: watchdog-sensor log" in render_status(status)
    assert "No interface is configured." in render_status(ServiceStatus("1"))


def test_nobody_listens(sensor: Sensor, tmp_path: Path) -> None:
    done = sensor("status", "--socket", "none.sock")
    assert (done.status, done.out) == (1, "")
    assert done.line.startswith("watchdog-sensor: none.sock: no sensor listens there; start one (")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "stale.sock"))
    assert "no sensor listens there" in sensor("status", "--socket", "stale.sock").line
    assert "no sensor listens there" in sensor("status", "--socket", "stale.sock/x").line
    assert "AF_UNIX path too long" in sensor("status", "--socket", "x" * 200).line


def test_default_socket_is_the_user_s(sensor: Sensor, tmp_path: Path) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir()
    with serving(runtime / "control.sock", answer_status):
        done = sensor("status", env={"RUNTIME_DIRECTORY": str(runtime)})
        assert (done.status, done.err) == (0, "")


def test_socket_that_may_not_be_used(sensor: Sensor, tmp_path: Path) -> None:
    with serving(tmp_path / "a.sock", answer_status):
        (tmp_path / "a.sock").chmod(0o000)
        done = sensor("status", "--socket", "a.sock", before=without_override())
    assert done.status == 1
    assert "permission denied; ask as root" in done.line


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b'{"error": "unknown command"}\n', "the sensor answered: unknown command"),
        (b"", "closed without an answer"),
        (b"hello\n", "not the answer of a sensor"),
        (b"\xff\xfe\n", "not the answer of a sensor"),
        (b'{"version": 7}\n', "not the answer of a sensor"),
        (b"[]\n", "not the answer of a sensor"),
    ],
)
def test_answers_that_are_none(sensor: Sensor, tmp_path: Path, answer: bytes, reason: str) -> None:
    with serving(tmp_path / "a.sock", lambda _: answer):
        done = sensor("status", "--socket", "a.sock", "--format", "json")
    assert (done.status, done.octets) == (1, b"")
    assert reason in done.line


def test_answer_of_a_newer_sensor_is_taken(sensor: Sensor, tmp_path: Path) -> None:
    newer = json.loads(answer_status(b"")) | {"of_the_future": [1]}
    newer["interfaces"][0]["mood"] = "good"
    with serving(tmp_path / "a.sock", lambda _: json.dumps(newer).encode() + b"\n"):
        assert sensor("status", "--socket", "a.sock").status == 0
        assert json.loads(sensor("status", "--socket", "a.sock", "--format", "json").out) == newer


def test_watch_asks_again_until_it_is_ended(sensor: Sensor, path: Path) -> None:
    with sensor.start("status", "--socket", path, "--format", "json", "--watch") as watch:
        assert watch.stdout is not None
        for _ in range(2):
            assert json.loads(watch.stdout.readline())["version"] == "1.2.3"
        watch.send_signal(2)
        assert watch.wait(timeout=30) == 0
        assert watch.stderr is not None
        assert watch.stderr.read() == b""


def test_nothing_from_the_service_moves_the_cursor() -> None:
    status = make_status()
    status.interfaces[0].name = status.version = status.store.failing = "\x1b[2J\u202e"
    status.interfaces[0].state = status.interfaces[0].workers[0].state = "\x1b[2J"
    status.interfaces[0].workers[0].confined_by = ["\x1b"]
    status.detections = {"\x1b[2J": {"\x1b": 1}}
    text = render_status(status)
    assert all(line.isprintable() for line in text.splitlines())


@pytest.mark.parametrize(
    ("value", "base", "text"),
    [
        (0, 1000, "0 "),
        (999, 1000, "999 "),
        (1000, 1000, "1.0 k"),
        (123_456, 1000, "123 k"),
        (1 << 60, 1024, "1024 Pi"),
    ],
)
def test_scaled(value: float, base: int, text: str) -> None:
    assert scaled(value, base) == text
