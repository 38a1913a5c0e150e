"""Outputs that cannot be written: one line that says what to do, and nothing lost that was committed."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.store.schema import APPLICATION_ID, MIGRATIONS
from tests.cli.command import DEMO, SMALL, Done, Sensor, with_closed, with_file_limit, without_override

RARE = """
[[signature]]
sid = 9000001
rev = 1
name = "a word that the demo does not hold"
category = "custom"
severity = "low"
buffers = ["http.uri"]
keywords = ["floccinaucinihilipilification"]
"""


def refused(done: Done, reason: str, status: int = 1) -> str:
    """The line with which the command gave up."""
    assert done.status == status
    assert reason in done.line
    assert done.line.startswith("watchdog-sensor: ")
    return done.line


@pytest.mark.parametrize("option", ["--db", "--eve"])
def test_directory_for_a_file(sensor: Sensor, option: str) -> None:
    (sensor.home / "folder").mkdir()
    database = [] if option == "--db" else ["--no-db"]
    assert "folder" in refused(sensor("replay", *database, option, "folder", SMALL), "irectory")


@pytest.mark.parametrize("option", ["--db", "--eve"])
def test_file_in_a_missing_directory(sensor: Sensor, option: str) -> None:
    database = [] if option == "--db" else ["--no-db"]
    assert "none/it" in refused(sensor("replay", *database, option, "none/it", SMALL), "irectory")


@pytest.mark.parametrize("option", ["--db", "--eve"])
def test_directory_that_may_not_be_written(sensor: Sensor, option: str) -> None:
    folder = sensor.home / "folder"
    folder.mkdir(mode=0o500)
    database = [] if option == "--db" else ["--no-db"]
    done = sensor("replay", *database, option, "folder/it", SMALL, before=without_override())
    refused(done, "ermission denied")
    assert list(folder.iterdir()) == []


def test_default_directory_that_cannot_be_made(sensor: Sensor) -> None:
    (sensor.home / ".local").write_text("in the way")
    refused(sensor("replay", SMALL), "name a database with --db")


@pytest.mark.parametrize("command", [("replay", "a.pcap"), ("detections", "list"), ("runs",)])
def test_database_of_another_program(sensor: Sensor, command: tuple[str, ...]) -> None:
    (sensor.home / "a.pcap").write_bytes(SMALL.read_bytes())
    with sqlite3.connect(sensor.home / "a.db") as database:
        database.execute("CREATE TABLE bookmark (url TEXT)")
    database.close()
    before = (sensor.home / "a.db").read_bytes()
    refused(sensor(*command, "--db", "a.db"), "a.db: another program's SQLite database")
    assert (sensor.home / "a.db").read_bytes() == before


@pytest.mark.parametrize("command", [("replay", "a.pcap"), ("detections", "list"), ("runs",)])
def test_database_of_a_newer_version(sensor: Sensor, command: tuple[str, ...]) -> None:
    (sensor.home / "a.pcap").write_bytes(SMALL.read_bytes())
    with sqlite3.connect(sensor.home / "a.db") as database:
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    database.close()
    refused(sensor(*command, "--db", "a.db"), "a.db: written by a newer watchdog-sensor")


def test_capture_is_not_taken_for_a_database(sensor: Sensor) -> None:
    (sensor.home / "a.pcap").write_bytes(SMALL.read_bytes())
    refused(sensor("replay", "--db", "a.pcap", "a.pcap"), "not a database")
    assert (sensor.home / "a.pcap").read_bytes() == SMALL.read_bytes()


def test_output_never_overwrites_what_is_read(sensor: Sensor, filled: Path) -> None:
    (sensor.home / "a.pcap").write_bytes(SMALL.read_bytes())
    (sensor.home / "b.pcap").symlink_to("a.pcap")
    (sensor.home / "a.db").write_bytes(filled.read_bytes())
    refused(sensor("replay", "--no-db", "--eve", "b.pcap", "a.pcap"), "would overwrite a.pcap", 2)
    refused(sensor("replay", "--db", "a.db", "--eve", "a.db", "a.pcap"), "would overwrite a.db", 2)
    refused(sensor("replay", "--db", "c.db", "--eve", "./c.db", "a.pcap"), "choose two files", 2)
    assert (sensor.home / "a.pcap").read_bytes() == SMALL.read_bytes()
    assert (sensor.home / "a.db").read_bytes() == filled.read_bytes()


@pytest.mark.parametrize("name", ["a.db", "a.db-wal", "a.db-shm", "link"])
def test_events_and_database_in_one_file(sensor: Sensor, name: str) -> None:
    (sensor.home / "link").symlink_to("a.db")
    refused(sensor("replay", "--db", "a.db", "--eve", name, SMALL), "choose two files", 2)
    assert not (sensor.home / "a.db").exists()


@pytest.mark.parametrize("option", ["--db", "--eve"])
@pytest.mark.parametrize("read", ["more", "more/my.toml"])
def test_output_never_overwrites_a_signature_file(sensor: Sensor, option: str, read: str) -> None:
    (sensor.home / "more").mkdir()
    (sensor.home / "more" / "my.toml").write_text(RARE)
    outputs = ["--eve", "more/my.toml", "--no-db"] if option == "--eve" else ["--db", "more/my.toml"]
    refused(sensor("replay", "--signatures", read, *outputs, SMALL), "would overwrite more/my.toml", 2)
    assert (sensor.home / "more" / "my.toml").read_text() == RARE


@pytest.mark.parametrize("name", ["none/a.json", "file/a.json", "folder", "closed/a.json", "kept.json"])
def test_events_that_cannot_be_written_leave_no_run_behind(sensor: Sensor, name: str) -> None:
    (sensor.home / "file").touch()
    (sensor.home / "folder").mkdir()
    (sensor.home / "closed").mkdir(mode=0o500)
    (sensor.home / "kept.json").touch(mode=0o400)
    done = sensor("replay", "--db", "a.db", "--eve", name, SMALL, before=without_override())
    assert f"EVE output {name} cannot be written: " in refused(done, "choose another file")
    assert not (sensor.home / "a.db").exists()


@pytest.mark.parametrize("command", [("replay", str(SMALL)), ("detections", "list"), ("runs",)])
def test_home_that_may_not_be_entered(sensor: Sensor, command: tuple[str, ...]) -> None:
    home = sensor.home / "home"
    home.mkdir(mode=0)
    done = sensor(*command, env={"HOME": str(home)}, before=without_override())
    assert "ermission denied" in refused(done, "name a database with --db")


def test_locked_database(sensor: Sensor) -> None:
    assert sensor("replay", "-q", "--db", "a.db", SMALL).status == 0
    # The same command, but it waits a tenth of a second instead of ten.
    main = (
        "import sys, sensor.store.database as database; database._LOCK_TIMEOUT = 0.1\n"
        "from sensor.cli import main; sys.exit(main())"
    )
    with sqlite3.connect(sensor.home / "a.db") as other:
        other.execute("BEGIN IMMEDIATE")
        done = subprocess.run(
            [sys.executable, "-c", main, "replay", "--db", "a.db", SMALL],
            capture_output=True,
            env=sensor.environment(),
            cwd=sensor.home,
            check=False,
        )
        refused(Done(done.returncode, done.stdout, done.stderr.decode()), "another program keeps it locked")
        assert "completed" in sensor("runs", "--db", "a.db").out, "reading needs no lock"
    other.close()


def test_disk_that_gets_full_under_the_database(sensor: Sensor) -> None:
    assert sensor("replay", "-q", "--db", "a.db", DEMO).status == 0
    before = json.loads(sensor("detections", "export", "--db", "a.db").out)
    limit = (sensor.home / "a.db").stat().st_size
    done = sensor("replay", "--db", "a.db", DEMO, before=with_file_limit(limit))
    assert "another --db" in refused(done, "a.db: the disk")
    assert json.loads(sensor("detections", "export", "--db", "a.db", "--run", "1").out) == before


def test_disk_that_gets_full_under_the_events(sensor: Sensor) -> None:
    # Small windows, so that events come in many blocks, and no alerts, so that the database is small.
    rare = sensor.home / "rare.toml"
    rare.write_text(RARE)
    options = ("--no-builtin", "--signatures", rare, "--db", "a.db", "--eve", "a.json", "--window", "8k")
    done = sensor("replay", *options, *[DEMO] * 4, before=with_file_limit(150_000))
    refused(done, "EVE output a.json cannot be written")
    lines = (sensor.home / "a.json").read_bytes().split(b"\n")
    assert lines.pop() == b"", "the last line is whole"
    assert len([json.loads(line) for line in lines]) > 10
    run = sensor("runs", "--db", "a.db").out
    assert "failed" in run
    assert "EVE output a.json cannot be written" in run


@pytest.mark.parametrize("args", [("replay", "--no-db", str(SMALL)), ("signatures", "list"), ("--help",)])
def test_standard_output_on_a_full_disk(sensor: Sensor, args: tuple[str, ...]) -> None:
    to_full = ["/bin/sh", "-c", 'exec "$@" > /dev/full', "sh"]
    refused(sensor(*args, before=to_full), "standard output: No space left on device")


def test_events_to_a_full_standard_output(sensor: Sensor) -> None:
    to_full = ["/bin/sh", "-c", 'exec "$@" > /dev/full', "sh"]
    done = sensor("replay", "--no-db", "--eve", "-", SMALL, before=to_full)
    refused(done, "EVE output standard output cannot be written: No space left on device")


@pytest.mark.parametrize("args", [("replay", "--no-db", str(SMALL)), ("detections", "list", "--db", "a.db")])
def test_closed_standard_output(sensor: Sensor, filled: Path, args: tuple[str, ...]) -> None:
    (sensor.home / "a.db").write_bytes(filled.read_bytes())
    refused(sensor(*args, before=with_closed(1)), "standard output: Bad file descriptor")


def test_no_streams_at_all(sensor: Sensor) -> None:
    done = sensor("replay", "-q", "--db", "a.db", DEMO, before=with_closed(0, 1, 2))
    assert (done.status, done.octets, done.err) == (0, b"", "")
    assert len(json.loads(sensor("detections", "export", "--db", "a.db").out)) > 12


@pytest.mark.parametrize(
    "command", ["replay --no-db -q --eve - '{demo}'", "detections export --db '{filled}'"]
)
def test_reader_that_has_seen_enough(sensor: Sensor, filled: Path, command: str) -> None:
    line = f"'{sensor.command}' {command.format(demo=DEMO, filled=filled)} | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", line], capture_output=True, env=sensor.environment(), cwd=sensor.home, check=True
    )
    assert done.stderr == b""
    assert done.stdout.count(b"\n") == 1
