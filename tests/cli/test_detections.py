"""``detections`` and ``runs``: what was logged, by every filter and in every format."""

import csv
import io
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import SMALL, Sensor


@pytest.fixture(scope="module")
def rows(filled: Path, watchdog_sensor: Path) -> list[dict[str, Any]]:
    """Every detection of the demo, oldest first."""
    done = Sensor(watchdog_sensor, filled.parent)("detections", "export", "--db", filled)
    assert (done.status, done.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def listed(sensor: Sensor, filled: Path, *options: str) -> list[dict[str, Any]]:
    done = sensor("detections", "list", "--db", filled, "--format", "json", *options)
    assert (done.status, done.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def ids(found: list[dict[str, Any]]) -> set[int]:
    return {row["id"] for row in found}


def test_list_is_newest_first(sensor: Sensor, filled: Path, rows: list[dict[str, Any]]) -> None:
    assert listed(sensor, filled) == rows[::-1]
    assert listed(sensor, filled, "--limit", "3") == rows[:-4:-1]


def test_filters_by_column(sensor: Sensor, filled: Path, rows: list[dict[str, Any]]) -> None:
    for column in ("sid", "category", "severity"):
        (common, count), *_, (rare, _) = Counter(row[column] for row in rows).most_common()
        found = listed(sensor, filled, f"--{column}", str(common))
        assert len(found) == count < len(rows)
        assert {row[column] for row in found} == {common}
        both = listed(sensor, filled, f"--{column}", str(common), f"--{column}", str(rare))
        assert {row[column] for row in both} == {common, rare}
    assert listed(sensor, filled, "--category", "none such") == []


def test_filters_by_address(sensor: Sensor, filled: Path, rows: list[dict[str, Any]]) -> None:
    for given, start in (
        ("203.0.113.53", "203.0.113.53"),
        ("203.0.113.0/24", "203.0.113."),
        ("2001:db8::/32", "2001:db8:"),
    ):
        either = {row["id"]: (row["src_ip"], row["dest_ip"]) for row in rows}
        expected = {at for at, pair in either.items() if any(each.startswith(start) for each in pair)}
        assert ids(listed(sensor, filled, "--address", given)) == expected
        assert 0 < len(expected) < len(rows)


def test_filters_by_time(sensor: Sensor, filled: Path, rows: list[dict[str, Any]]) -> None:
    middle = rows[len(rows) // 2]["timestamp"]
    moment = f"{middle[:26]}Z"  # to the microsecond
    after = ids(listed(sensor, filled, "--since", moment))
    before = ids(listed(sensor, filled, "--until", moment))
    assert after | before == ids(rows)
    assert not after & before
    assert after == {row["id"] for row in rows if row["timestamp"][:26] >= moment[:26]}
    hours, rest = int(middle[11:13]), middle[13:26]
    local = f"{middle[:10]}T{hours + 9:02}{rest}" if hours < 15 else None
    if local is not None:
        assert ids(listed(sensor, filled, "--since", local)) == after, "local time, which is Tokyo's here"


def test_times_that_the_database_cannot_hold_are_its_ends(
    sensor: Sensor, filled: Path, rows: list[dict[str, Any]]
) -> None:
    assert ids(listed(sensor, filled, "--since", "0001-02-01", "--until", "9999-12-30")) == ids(rows)
    assert listed(sensor, filled, "--since", "9999-12-30") == []


def test_filters_by_run(sensor: Sensor, filled: Path, rows: list[dict[str, Any]]) -> None:
    assert ids(listed(sensor, filled, "--run", "1")) == ids(rows)
    assert listed(sensor, filled, "--run", "2") == []


def test_all_filters_must_hold(sensor: Sensor, filled: Path, rows: list[dict[str, Any]]) -> None:
    expected = {
        row["id"]
        for row in rows
        if row["severity"] == "high" and "203.0.113.80" in (row["src_ip"], row["dest_ip"])
    }
    assert ids(listed(sensor, filled, "--severity", "high", "--address", "203.0.113.80")) == expected
    assert expected


def test_csv_says_what_json_says(sensor: Sensor, filled: Path, rows: list[dict[str, Any]]) -> None:
    done = sensor("detections", "export", "--db", filled, "--format", "csv")
    assert done.octets.count(b"\r\n") == len(rows) + 1
    found = list(csv.DictReader(io.StringIO(done.out, newline="")))
    for name in ("id", "sid", "src_ip", "http_url", "name_ja", "excerpt_hex"):
        assert [row[name].removeprefix("'") for row in found] == [str(row[name] or "") for row in rows]


def test_programs_get_utf8_whatever_the_locale(sensor: Sensor, filled: Path) -> None:
    for format_ in ("json", "csv"):
        command = ("detections", "export", "--db", filled, "--format", format_)
        assert "遠隔操作" in sensor(*command).out
        assert sensor(*command, env={"PYTHONIOENCODING": "ascii"}).octets == sensor(*command).octets


def test_table_has_a_line_a_detection(sensor: Sensor, filled: Path, rows: list[dict[str, Any]]) -> None:
    done = sensor("detections", "list", "--db", filled, "--lang", "ja")
    header, _, *lines = done.out.splitlines()
    assert header.split()[:3] == ["番号", "日時", "重大度"]
    assert [int(line.split()[0]) for line in lines] == [row["id"] for row in rows[::-1]]
    assert "+09:00" in lines[0]


def test_empty_list_says_so(sensor: Sensor, filled: Path) -> None:
    done = sensor("detections", "list", "--db", filled, "--run", "99")
    assert (done.status, done.out) == (0, "No detections.\n")
    assert sensor("detections", "list", "--db", filled, "--run", "99", "--format", "json").out == "[]\n"


def test_show_explains(sensor: Sensor, filled: Path, rows: list[dict[str, Any]]) -> None:
    row = next(row for row in rows if row["buffer"] == "http.uri" and row["sid"] == 1005001)
    done = sensor("detections", "show", str(row["id"]), "--db", filled, "--lang", "ja")
    assert (done.status, done.err) == (0, "")
    for text in (
        "ことば: 遠隔操作",
        "http.uri",
        row["src_ip"],
        row["http_url"],
        str(row["pcap_cnt"]),
        "demo.pcapng",
    ):
        assert text in done.out


@pytest.mark.parametrize(
    ("args", "reason", "status"),
    [
        (("list", "--since", "yesterday"), "'yesterday' is no time; write 2026-01-31", 2),
        (("list", "--since", "0001-01-01"), "is no time", 2),
        (("list", "--until", "9999-12-31T23:59:59-12:00"), "is no time", 2),
        (("list", "--limit", "0"), "'0' is not a whole number from 1", 2),
        (("list", "--limit", "-1"), "'-1' is not a whole number from 1", 2),
        (("list", "--sid", "x"), "'x' is not a whole number from 1", 2),
        (("list", "--sid", "99999999999999999999"), "is not a whole number", 2),
        (("list", "--severity", "bad"), "invalid choice: 'bad'", 2),
        (("list", "--format", "xml"), "invalid choice: 'xml'", 2),
        (("list", "--address", "example.com"), "example.com: neither an address nor a network", 2),
        (("show", "first"), "'first' is not a whole number from 1", 2),
        (("show", "99999"), "no detection 99999; 'detections list' shows which there are", 1),
        (("show",), "required: ID", 2),
        ((), "required: ACTION", 2),
        (("remove",), "invalid choice: 'remove'", 2),
        (("list", "--lim", "1"), "unrecognized arguments: --lim 1", 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_arguments(sensor: Sensor, filled: Path, args: tuple[str, ...], reason: str, status: int) -> None:
    shutil.copy(filled, sensor.home / "a.db")
    database = ("--db", "a.db") if args and args[0] in ("list", "show") else ()
    done = sensor("detections", *args, *database)
    assert done.status == status
    assert reason in done.line
    assert done.octets == b""


@pytest.mark.parametrize("command", [("detections", "list"), ("detections", "export"), ("runs",)])
def test_before_the_first_run(sensor: Sensor, command: tuple[str, ...]) -> None:
    done = sensor(*command)
    assert done.status == 1
    assert "no such database; replay a capture first" in done.line
    assert done.octets == b""
    assert list(sensor.home.iterdir()) == []


def test_runs_are_listed_newest_first(sensor: Sensor) -> None:
    for _ in range(3):
        sensor("replay", "-q", "--db", "a.db", SMALL)
    done = sensor("runs", "--db", "a.db", "--limit", "2")
    header, *lines = done.out.splitlines()
    assert header.split() == ["Run", "Started", "Status", "Packets", "Detections", "Capture"]
    assert [line.split()[0] for line in lines] == ["3", "2"]
    assert all("completed" in line for line in lines)
    assert "完了" in sensor("runs", "--db", "a.db", "--lang", "ja").out
