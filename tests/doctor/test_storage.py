"""The database's place and state."""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sensor.configuration import default_configuration
from sensor.doctor import storage
from sensor.doctor.finding import Finding, Level, Subject
from sensor.store.database import open_for_writing


def findings(path: Path) -> list[Finding]:
    return list(storage.check_database(Subject(default_configuration(), path)))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a #?% ü.db"

    async def make() -> None:
        await (await open_for_writing(path)).close()

    asyncio.run(make())
    return path


def test_sound_database(database: Path) -> None:
    (finding,) = findings(database)
    assert finding.level == Level.OK
    assert "is sound" in finding.result.en


def test_database_of_an_older_schema_is_no_problem(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA user_version = 1")
    assert [finding.level for finding in findings(database)] == [Level.OK]


@pytest.mark.parametrize("change", ["PRAGMA user_version = 9999", "PRAGMA application_id = 1"])
def test_database_that_is_not_ours(database: Path, change: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(change)
    (finding,) = findings(database)
    assert finding.level == Level.PROBLEM
    assert "another program's" in finding.result.en


def test_damaged_database(database: Path, tmp_path: Path) -> None:
    octets = bytearray(database.read_bytes())
    octets[4096:] = os.urandom(len(octets) - 4096)
    database.write_bytes(octets)
    assert [finding.level for finding in findings(database)] == [Level.PROBLEM]
    (tmp_path / "text.db").write_text("no database, but long enough to be read as one\n" * 100)
    (finding,) = findings(tmp_path / "text.db")
    assert finding.level == Level.PROBLEM
    assert finding.advice is not None


def test_check_of_a_large_database_is_bounded(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(database)) as connection:
        rows = ((1, "info", "x" * 20, "{}"),) * 50_000
        connection.executemany("INSERT INTO log (ts_ns, level, event, detail) VALUES (?, ?, ?, ?)", rows)
        connection.commit()
    assert "is sound" in findings(database)[0].result.en
    monkeypatch.setattr(storage, "_CHECK_SECONDS", 0.0)
    (finding,) = findings(database)
    assert finding.level == Level.OK
    assert "too large to be read whole" in finding.result.en


def test_no_database_yet(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path / "none.db")
    assert finding.level == Level.OK


def disk(path: Path) -> list[Finding]:
    return list(storage.check_disk(Subject(default_configuration(), path)))


def test_disk_is_written_to_and_left_clean(tmp_path: Path) -> None:
    levels = {finding.level for finding in disk(tmp_path / "a.db")}
    assert Level.PROBLEM not in levels
    assert any("a commit to" in finding.result.en for finding in disk(tmp_path / "a.db"))
    assert not list(tmp_path.iterdir())


def test_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    told = [finding.result.en for finding in disk(tmp_path / "b" / "c" / "a.db")]
    assert f"{tmp_path / 'b' / 'c'} is made at the first start" in told
    assert not list(tmp_path.iterdir())


def test_little_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(storage, "_FEW_FREE", free * 2)
    assert Level.WARNING in {finding.level for finding in disk(tmp_path / "a.db")}
    monkeypatch.setattr(storage, "_LEAST_FREE", free * 2)
    assert Level.PROBLEM in {finding.level for finding in disk(tmp_path / "a.db")}


@pytest.mark.linux
def test_memory_is_no_place_for_a_database() -> None:
    (finding, *_) = disk(Path("/dev/shm/watchdog/a.db"))
    assert finding.level == Level.WARNING
    assert "is in memory (tmpfs)" in finding.result.en
