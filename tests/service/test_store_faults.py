"""Disks and databases that fail under the service: it lives on, says so, and keeps what it can."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import silent_talker, write_signatures

pytestmark = [pytest.mark.linux, pytest.mark.netns]


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", path], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", path], check=True)


def fill(disk: Path) -> Path:
    """Leave no room; returns the file that takes it."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as out, contextlib.suppress(OSError):
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while out.write(bytes(size)):
                    pass
    assert os.statvfs(disk).f_bavail == 0
    return filler


def detections(live: Live) -> int:
    """How many are stored."""
    return int(live.rows("SELECT count(*) FROM detection")[0][0])


def await_failing(live: Live) -> str:
    """Until the status says that the store fails; returns why."""
    why: str = await_(lambda: live.status()["store"]["failing"], "the store is told to fail")
    assert live.metric("watchdog_store_failing") == 1
    assert "store_failing" in live.events()
    return why


def await_well(live: Live, stored: int) -> None:
    """Until so many detections are stored, and all is well."""
    await_(lambda: live.status()["store"]["failing"] == "", "the store writes again")
    await_(lambda: detections(live) == stored, f"{stored} detections are stored")
    assert live.metric("watchdog_store_failing") == 0
    await_(lambda: "store_written_again" in live.events(), "that is logged")


def test_a_full_disk_keeps_detections_waiting(
    watchdog_sensor: Path, tmp_path: Path, line: Line, small: Path
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--db", small / "live.db")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        live.db = small / "live.db"
        talker.say(100)
        await_(lambda: detections(live) == 100, "detections")
        filler = fill(small)
        talker.say(1000)
        assert "full" in await_failing(live)
        live.await_seen(1100)
        assert live.status()["store"]["waiting"] > 0
        assert detections(live) == 100
        filler.unlink()
        await_well(live, 1100)
        assert live.status()["store"]["lost"] == 0
        assert live.stop() == 0
        assert live.check_ledger()["decoded"] == 1100
        assert live.rows("SELECT count(*) FROM log WHERE event = 'store_failing'") >= [(1,)]


def test_a_disk_that_stays_full_does_not_keep_the_service_from_ending(
    watchdog_sensor: Path, tmp_path: Path, line: Line, small: Path
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--db", small / "live.db")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        live.db = small / "live.db"
        talker.say(100)
        await_(lambda: detections(live) == 100, "detections")
        fill(small)
        talker.say(1000)
        await_failing(live)
        live.await_seen(1100)
        assert live.stop() == 0
        assert "detections_not_stored" in live.events()
        assert detections(live) == 100


def test_a_locked_database_is_waited_for(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        with contextlib.closing(sqlite3.connect(live.db, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            talker.say(500)
            live.await_seen(500)
            assert "lock" in await_failing(live)
            assert live.interface()["state"] == "up"
            other.execute("ROLLBACK")
        await_well(live, 500)
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] == 500


def test_a_database_that_is_deleted_is_made_anew(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        talker.say(100)
        await_(lambda: detections(live) == 100, "detections")
        for suffix in ("", "-wal", "-shm"):
            Path(f"{live.db}{suffix}").unlink(missing_ok=True)
        talker.say(300)
        await_(live.db.exists, "it is made anew")
        await_(lambda: "store_written_again" in live.events(), "it is written to")
        await_(lambda: detections(live) == 300, "detections since then are stored")
        assert "store_failing" in live.events()
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] in {300, 400}  # the row that was open tells of all its packets
    assert live.rows("SELECT status FROM run") == [("completed",)]


def test_a_full_disk_of_events_costs_events_and_nothing_else(
    watchdog_sensor: Path, tmp_path: Path, line: Line, small: Path
) -> None:
    eve = small / "eve.json"
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--eve", eve)
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        live.eve = eve
        talker.say(100)
        await_(lambda: eve.exists() and len(live.eve_events()) >= 100, "events")
        filler = fill(small)
        talker.say(500)
        await_(lambda: detections(live) == 600, "all detections are stored")
        await_(lambda: "eve_failing" in live.events(), "that is logged")
        lost = 600 - sum(event["event_type"] == "alert" for event in live.eve_events())  # whole lines only
        assert 0 < lost <= 500
        assert live.metric("watchdog_eve_unwritten_events_total") >= lost
        filler.unlink()
        talker.say(100)
        await_(lambda: "eve_written_again" in live.events(), "and that it is over")
        assert live.stop() == 0
        assert sum(event["event_type"] == "alert" for event in live.eve_events()) == 700 - lost
    assert live.check_ledger()["decoded"] == detections(live) == 700


def test_everything_stuck_at_once_ends_within_what_is_promised(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    """A worker that does not answer and a database that stays locked: their waits have one deadline."""
    with live_sensor(watchdog_sensor, line.right, tmp_path) as live:
        await_(lambda: live.rows("SELECT count(*) FROM ledger")[0][0] >= 0, "the database is there")
        with contextlib.closing(sqlite3.connect(live.db, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            os.kill(live.workers()[0]["pid"], signal.SIGSTOP)
            live.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            assert live.process.wait(60) == 0
            # Five seconds are promised; a machine that does other things meanwhile gets as many again.
            assert time.monotonic() - began < 10
            other.execute("ROLLBACK")
    assert "drain_cut_short" in live.events()
