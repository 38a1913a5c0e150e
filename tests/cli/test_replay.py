"""``replay``: what goes in, what comes out."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from tests.bench.keywords import write_signatures
from tests.cli.command import CUT, DEMO, DEMO_PACKETS, SMALL, Sensor
from tests.store.rows import rows_of


def test_first_run_keeps_detections_in_a_private_place(sensor: Sensor) -> None:
    done = sensor("replay", DEMO)
    assert (done.status, done.err) == (0, "")
    database = sensor.home / ".local/state/watchdog-sensor/detections.db"
    assert f"{database} (run 1)" in done.out
    assert database.stat().st_mode & 0o777 == 0o600
    for directory in (database.parent, database.parent.parent, database.parent.parent.parent):
        assert directory.stat().st_mode & 0o777 == 0o700
    assert "before" not in done.out


def test_state_home_is_where_the_environment_says(sensor: Sensor, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert sensor("replay", "-q", SMALL, env={"XDG_STATE_HOME": str(state)}).status == 0
    assert (state / "watchdog-sensor/detections.db").is_file()
    assert sensor("replay", "-q", SMALL, env={"XDG_STATE_HOME": "relative"}).status == 0
    assert not (tmp_path / "relative").exists(), "the standard has relative paths ignored"


def test_summary_counts_what_was_read(sensor: Sensor) -> None:
    done = sensor("replay", "--db", "a.db", DEMO)
    ((rows,),) = rows_of(sensor.home / "a.db", "SELECT count(*) FROM detection")
    assert rows > 12
    assert re.search(rf"^Detections  {rows}$", done.out, re.MULTILINE)
    packets = rf"^Packets +{DEMO_PACKETS} received = {DEMO_PACKETS} decoded \+ 0"
    assert re.search(packets, done.out, re.MULTILINE)
    assert len(re.findall(r"^ *\d+  20\d\d-", done.out, re.MULTILINE)) == rows


def test_second_run_says_so(sensor: Sensor) -> None:
    copy = sensor.home / "the same under another name.pcap"
    shutil.copy(SMALL, copy)
    sensor("replay", "-q", "--db", "a.db", SMALL)
    assert "run 1 read the same capture before" in sensor("replay", "--db", "a.db", copy).out
    assert "実行 2 でも" in sensor("replay", "--db", "a.db", "--lang", "ja", SMALL).out
    assert "before" not in sensor("replay", "--db", "a.db", DEMO).out
    assert "same as in run 2" in sensor("runs", "--db", "a.db").out


def test_no_db_keeps_nothing(sensor: Sensor) -> None:
    done = sensor("replay", "--no-db", DEMO, env={"XDG_CACHE_HOME": ""})
    assert done.status == 0
    assert "not kept" in done.out
    # Of what was seen; the signatures that were compiled are kept.
    assert [path.name for path in sensor.home.iterdir()] == [".cache"]
    assert {path.suffix for path in sensor.home.rglob("*") if path.is_file()} == {".plan"}


def test_quiet_says_nothing(sensor: Sensor) -> None:
    done = sensor("replay", "--quiet", "--no-db", DEMO)
    assert (done.status, done.octets, done.err) == (0, b"", "")


def test_eve_on_standard_output_is_nothing_but_events(sensor: Sensor) -> None:
    done = sensor("replay", "--no-db", "--eve", "-", DEMO)
    assert done.status == 0
    assert {event["event_type"] for event in done.events} == {"http", "alert", "flow", "stats"}
    assert "Packets" in done.err, "the summary goes where people look"
    *_, last = done.events
    stats = last["stats"]
    assert last["event_type"] == "stats"
    assert stats["received"] == DEMO_PACKETS == stats["decoded"] + sum(stats["rejected"].values())


def test_eve_file_is_private_and_written_anew(sensor: Sensor) -> None:
    eve = sensor.home / "events.json"
    for _ in range(2):
        assert sensor("replay", "-q", "--no-db", "--eve", "events.json", DEMO).status == 0
    lines = eve.read_bytes().splitlines()
    assert [json.loads(line)["event_type"] for line in lines].count("stats") == 1
    assert eve.stat().st_mode & 0o777 == 0o600


def test_standard_input_gives_what_the_file_gives(sensor: Sensor) -> None:
    eve = ("replay", "-q", "--no-db", "--eve", "-")
    assert sensor(*eve, "-", stdin=DEMO.read_bytes()).octets == sensor(*eve, DEMO).octets


def test_directory_is_searched_for_captures(sensor: Sensor) -> None:
    below = sensor.home / "captures" / "a" / "b"
    below.mkdir(parents=True)
    shutil.copy(SMALL, below / "no name tells")
    shutil.copy(CUT, below.parent / "cut.pcap")
    (below / "notes.pcap").write_text("not a capture")
    done = sensor("replay", "--db", "a.db", "captures")
    assert done.status == 0
    assert "cut.pcap" in done.line
    sources = rows_of(sensor.home / "a.db", "SELECT name FROM source ORDER BY position")
    assert sources == [("captures/a/b/no name tells",), ("captures/a/cut.pcap",)]


def test_several_captures_are_told_apart(sensor: Sensor) -> None:
    done = sensor("replay", "-q", "--no-db", "--eve", "-", SMALL, DEMO)
    *events, stats = done.events
    assert {event["pcap_filename"] for event in events} == {str(SMALL), str(DEMO)}
    assert "pcap_filename" not in stats
    alone = sensor("replay", "-q", "--no-db", "--eve", "-", DEMO).events
    assert not any("pcap_filename" in event for event in alone)
    numbers = [
        sorted(event["pcap_cnt"] for event in each if event.get("pcap_filename", str(DEMO)) == str(DEMO))
        for each in (events, alone[:-1])
    ]
    assert numbers[0] == numbers[1], "each capture's packets count from 1"


def test_detections_of_several_captures_name_their_own(sensor: Sensor) -> None:
    sensor("replay", "-q", "--db", "a.db", SMALL, DEMO)
    sensor("replay", "-q", "--db", "b.db", DEMO)
    both, alone = (
        json.loads(sensor("detections", "export", "--db", database).out) for database in ("a.db", "b.db")
    )
    both = [row for row in both if row["source"] == str(DEMO)]
    assert [row["pcap_cnt"] for row in both] == [row["pcap_cnt"] for row in alone]


def test_file_name_that_is_not_utf8(sensor: Sensor) -> None:
    Path(os.fsdecode(bytes(sensor.home) + b"/caf\xe9.pcap")).write_bytes(CUT.read_bytes())
    done = sensor("replay", "--no-db", "--eve", "-", b"caf\xe9.pcap", SMALL)
    assert done.status == 0
    assert "Traceback" not in done.err
    found = next(event for event in done.events if event["pcap_filename"].startswith("caf"))
    assert bytes.fromhex(found["pcap_filename_hex"]) == b"caf\xe9.pcap"
    assert found["pcap_filename"] == "caf\\xe9.pcap"
    assert sensor("replay", "--db", b"\xff.db", b"caf\xe9.pcap").status == 0
    assert "caf" in sensor("runs", "--db", b"\xff.db").out


def test_window_does_not_show(sensor: Sensor) -> None:
    small, large = (
        sensor("replay", "-q", "--no-db", "--eve", "-", "--window", size, DEMO).events[:-1]
        for size in ("1k", "256M")
    )
    for event in small + large:
        for name in ("excerpt", "excerpt_hex", "excerpt_offset"):
            event.get("alert", {}).pop(name, None)
    assert sorted(map(repr, small)) == sorted(map(repr, large))


@pytest.mark.parametrize("language", ["ja", "en"])
def test_language_follows_the_locale_unless_told(sensor: Sensor, language: str) -> None:
    word = {"ja": "検知", "en": "Detections"}[language]
    locale = {"ja": "ja_JP.UTF-8", "en": "en_US.UTF-8"}[language]
    assert word in sensor("replay", "--no-db", SMALL, env={"LANG": locale}).out
    assert word in sensor("replay", "--no-db", "--lang", language, SMALL).out


def test_many_keywords_are_compiled_once(sensor: Sensor) -> None:
    write_signatures(sensor.home / "many.toml", 400)
    arguments = ("replay", "--no-db", "--signatures", "many.toml", "--eve", "-", SMALL)
    own_cache = {"XDG_CACHE_HOME": ""}
    first = sensor(*arguments, env=own_cache)
    (kept,) = (sensor.home / ".cache/watchdog-sensor/plans").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    written = kept.stat().st_ino
    again = sensor(*arguments, env=own_cache)
    assert (again.status, again.out) == (0, first.out)
    assert kept.stat().st_ino == written, "it was made anew"
