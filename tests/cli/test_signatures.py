"""``signatures``, and signature files that cannot be used."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import DEMO, SMALL, Sensor

GOOD = """
[[signature]]
sid = 9000001
rev = 1
name = { ja = "遠隔操作", en = "remote control" }
category = "custom"
severity = "low"
buffers = ["http.uri", "payload"]
keywords = ["遠隔操作", "anydesk"]
"""
BAD = GOOD.replace('severity = "low"', 'severity = "huge"')


def test_check_of_a_good_file(sensor: Sensor) -> None:
    (sensor.home / "my.toml").write_text(GOOD, encoding="utf-8")
    done = sensor("signatures", "check", "my.toml")
    assert (done.status, done.out, done.err) == (0, "1 signature, no mistake\n", "")
    assert sensor("signatures", "check", "my.toml", "--format", "json").out == "[]\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (BAD, 7),
        (GOOD + GOOD, 12),
        (GOOD + "nonsense\n= 1\n", 10),
        (GOOD.replace("keywords", "keyword"), 2),
    ],
    ids=["value", "same sid", "not TOML", "missing key"],
)
def test_mistake_is_told_with_file_line_and_reason(sensor: Sensor, text: str, line: int) -> None:
    (sensor.home / "my.toml").write_text(text, encoding="utf-8")
    done = sensor("signatures", "check", "my.toml")
    assert (done.status, done.octets) == (2, b"")
    assert re.match(rf"my\.toml:{line}: \S", done.err)
    problems = json.loads(sensor("signatures", "check", "--format", "json", "my.toml").out)
    assert (problems[0]["file"], problems[0]["line"]) == ("my.toml", line)
    replayed = sensor("replay", "--db", "a.db", "--signatures", "my.toml", SMALL)
    assert replayed.status == 2
    assert replayed.err.startswith(f"watchdog-sensor: my.toml:{line}: ")
    assert "Traceback" not in replayed.err
    assert not (sensor.home / "a.db").exists()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.exists, "No such file"),
        (lambda path: path.mkdir(), "no *.toml files"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "not UTF-8"),
        (lambda path: path.write_bytes(b""), "holds no [[signature]]"),
        (lambda path: path.symlink_to(path.name), "symbolic links"),
        (lambda path: (path.mkdir(), (path / "a.toml").symlink_to("a.toml")), "symbolic links"),
    ],
    ids=["missing", "empty directory", "not text", "empty file", "loop", "loop in a directory"],
)
def test_file_that_is_none(sensor: Sensor, make: Callable[[Path], object], reason: str) -> None:
    make(sensor.home / "it.toml")
    for command in (("signatures", "check"), ("replay", SMALL, "--no-db", "--signatures")):
        done = sensor(*command, "it.toml")
        assert done.status == 2
        assert "it.toml" in done.line
        assert reason in done.line


def test_own_signatures_stand_beside_the_shipped_ones(sensor: Sensor) -> None:
    (sensor.home / "my.toml").write_text(GOOD, encoding="utf-8")
    shipped = sensor("signatures", "list").out.splitlines()
    both = sensor("signatures", "list", "--signatures", "my.toml").out.splitlines()
    alone = sensor(
        "signatures", "list", "--signatures", "my.toml", "--no-builtin", "--lang", "ja"
    ).out.splitlines()
    assert len(both) == len(shipped) + 1 > 10
    assert [line.split()[0] for line in both[1:]] == sorted(line.split()[0] for line in both[1:])
    assert alone[1].split() == ["9000001", "低", "custom", "http.uri,", "payload", "遠隔操作"]
    sids = {
        event["alert"]["signature_id"]
        for event in sensor(
            "replay", "--no-db", "-q", "--no-builtin", "--signatures", "my.toml", "--eve", "-", DEMO
        ).events
        if event["event_type"] == "alert"
    }
    assert sids == {9000001}


def test_nothing_to_match_is_a_replay_all_the_same(sensor: Sensor) -> None:
    done = sensor("replay", "--no-db", "--no-builtin", "-q", "--eve", "-", DEMO)
    assert done.status == 0
    assert {event["event_type"] for event in done.events} == {"http", "flow", "stats"}


def test_directory_of_signatures(sensor: Sensor) -> None:
    folder = sensor.home / "more"
    folder.mkdir()
    (folder / "a.toml").write_text(GOOD, encoding="utf-8")
    (folder / "b.toml").write_text(GOOD.replace("9000001", "9000002"), encoding="utf-8")
    (folder / "notes.txt").write_text("not TOML")
    done = sensor("signatures", "check", Path("more"))
    assert (done.status, done.out) == (0, "2 signatures, no mistake, 1 warning\n")
    assert "sid 9000001 looks for the same in the same buffer" in done.line


@pytest.mark.posix
def test_names_of_files_do_not_reach_the_terminal_raw(sensor: Sensor) -> None:
    name = "a\x1b[31m\nb.toml"
    (sensor.home / name).write_text(BAD, encoding="utf-8")
    assert sensor("signatures", "check", name).err.startswith("a\\x1b[31m\\x0ab.toml:7: unknown severity")
    assert "\x1b" not in sensor("replay", "--no-db", "--signatures", name, SMALL).err
