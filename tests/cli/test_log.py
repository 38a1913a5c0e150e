"""``log``: what the sensor itself went through."""

import asyncio
import json
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sensor.store.source import Source
from sensor.store.writer import StoreWriter
from tests.cli.command import Sensor


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run with events of every kind, a second apart."""
    path = tmp_path / "a.db"

    async def write() -> None:
        writer = await StoreWriter.open(path)
        await writer.begin_run([Source("eth0")], version="0", signatures_digest="", command="run")
        await writer.note("warning", "interface_down", interface="eth0", waited=None)
        await writer.note("error", "worker_died", worker=0, signal="SIG KILL", cores=[1, 2])
        await writer.note("debug", "of_the_future", text="\x1b[31m \u202e", name="\udcff")
        await writer.close()

    asyncio.run(write())
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE log SET ts_ns = 1700010000000000000 + id * 1000000000")
    return path


def events(sensor: Sensor, *options: str | Path) -> list[dict[str, Any]]:
    done = sensor("log", "--format", "json", *options)
    assert (done.status, done.err) == (0, "")
    return done.events


def names(found: list[dict[str, Any]]) -> list[str]:
    return [row["event"] for row in found]


def test_lines_are_by_time_with_their_details(sensor: Sensor, path: Path) -> None:
    done = sensor("log", "--db", path)
    assert (done.status, done.err) == (0, "")
    started, down, died, future = done.out.splitlines()
    assert started.split() == ["2023-11-15", "10:00:01+09:00", "info", "run_started", "sources=eth0"]
    assert down.split() == ["2023-11-15", "10:00:02+09:00", "warning", "interface_down", "interface=eth0"]
    assert died.split(maxsplit=3)[3].split(maxsplit=1) == [
        "worker_died",
        'worker=0 signal="SIG KILL" cores=1,2',
    ]
    assert future.isprintable()
    assert r"\\x1b[31m" in future


def test_japanese(sensor: Sensor, path: Path) -> None:
    lines = sensor("log", "--db", path, "--lang", "ja").out.splitlines()
    for line, words in zip(
        lines, (("情報", "実行開始"), ("警告", "リンクダウン"), ("エラー", "ワーカー異常終了")), strict=False
    ):
        assert line.split()[2:4] == list(words)
    assert lines[3].split()[2:4] == ["デバッグ", "of_the_future"], "what has no word keeps its name"


def test_json_has_a_line_each(sensor: Sensor, path: Path) -> None:
    found = events(sensor, "--db", path)
    assert found[1] == {
        "id": 2,
        "timestamp": "2023-11-15T01:00:02.000000000Z",
        "run_id": 1,
        "level": "warning",
        "event": "interface_down",
        "detail": {"interface": "eth0", "waited": None},
    }
    assert found[3]["detail"] == {"text": "\x1b[31m \u202e", "name": "\udcff"}


def test_filters(sensor: Sensor, path: Path) -> None:
    assert names(events(sensor, "--db", path, "--level", "warning")) == ["interface_down", "worker_died"]
    assert names(events(sensor, "--db", path, "--limit", "2")) == ["worker_died", "of_the_future"]
    assert names(events(sensor, "--db", path, "--limit", "1", "--level", "warning")) == ["worker_died"]
    since = ("--since", "2023-11-15T10:00:03")
    assert names(events(sensor, "--db", path, *since)) == ["worker_died", "of_the_future"]
    assert events(sensor, "--db", path, "--since", "2024-01-01") == []
    assert sensor("log", "--db", path, "--since", "2024-01-01").out == "Nothing was logged.\n"


@pytest.mark.posix
def test_follow_goes_on_until_it_is_ended(sensor: Sensor, path: Path) -> None:
    with sensor.start("log", "--db", path, "--format", "json", "--follow", "--limit", "1") as follow:
        assert follow.stdout is not None
        assert names([json.loads(follow.stdout.readline())]) == ["of_the_future"]

        async def write(name: str) -> None:
            writer = await StoreWriter.open(path)
            for number in range(3):
                await writer.note("info", name, number=number)
            await writer.close()

        for name in ("first", "second"):
            asyncio.run(write(name))
            found = [json.loads(follow.stdout.readline()) for _ in range(3)]
            assert names(found) == [name] * 3
        time.sleep(0.05)  # let it fall asleep again: an interrupt then is its end
        follow.send_signal(signal.SIGINT)
        assert follow.wait(timeout=30) == 0
        assert follow.stderr is not None
        assert follow.stderr.read() == b""
