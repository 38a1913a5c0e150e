"""``ledger``: what was looked at and what was not, in every format."""

import csv
import io
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from sensor.store.records import RunStatus
from tests.cli.command import Sensor
from tests.cli.test_terminal import lines_of, on_terminal
from tests.store.ledgers import CLEAN, COUNTS, HOUR, add_run, minutes

TEN = 1_700_010_000_000_000_000
"""2023-11-15 10:00 in Tokyo."""
SPAN = ("--since", "2023-11-15T10:00", "--until", "2023-11-15T12:00")


@pytest.fixture
def gappy(tmp_path: Path) -> Path:
    """Two hours of eth0: 50 minutes with losses, 10 off, then a run that read wlan0 too, killed at 11:30."""
    path = tmp_path / "gappy.db"
    add_run(path, minutes("eth0", TEN, 50, COUNTS), "eth0")
    rows = [*minutes("eth0", TEN + HOUR, 30), *minutes("wlan0", TEN + HOUR, 30)]
    add_run(path, rows, "eth0", "wlan0", ended=None)
    return path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.db"
    add_run(path, minutes("eth0", TEN, 120), "eth0")
    return path


def rows_of(sensor: Sensor, path: Path, *options: str) -> list[dict[str, Any]]:
    done = sensor("ledger", "--db", path, "--format", "json", *options)
    assert (done.status, done.err) == (0, "")
    rows: list[dict[str, Any]] = json.loads(done.out)
    return rows


def test_table_tells_what_was_not_looked_at(sensor: Sensor, gappy: Path) -> None:
    done = sensor("ledger", "--db", gappy, *SPAN)
    assert (done.status, done.err) == (0, "")
    header, _, *lines, empty, verdict = done.out.splitlines()
    assert header.split() == [
        *("Time", "Interface", "Received", "Dropped", "Delivered", "Waiting", "Decoded", "Rejected"),
        *("Left", "out", "Covered"),
    ]
    assert [" ".join(line.split()) for line in lines] == [
        "2023-11-15 10:00-11:00 eth0 500 50 450 0 350 50 50 83.33%",
        "2023-11-15 10:00-10:50 wlan0 not looking 50 min: interface missing or unconfigured, or asleep",
        "2023-11-15 10:50-11:00 eth0 not looking 10 min: sensor off",
        "2023-11-15 10:50-11:00 wlan0 not looking 10 min: sensor off",
        "2023-11-15 11:00-12:00 eth0 300 0 300 0 300 0 0 50.00%",
        "2023-11-15 11:00-12:00 wlan0 300 0 300 0 300 0 0 50.00%",
        "2023-11-15 11:30-12:00 eth0 not looking 30 min: sensor killed or crashed",
        "2023-11-15 11:30-12:00 wlan0 not looking 30 min: sensor killed or crashed",
    ]
    assert not empty
    assert verdict == (
        '"No detections" does not mean that there was nothing: '
        "not looking for 2 h 10 min in all (45.83% of the time covered); "
        "100 of 1,100 packets lost (9.09%): 50 dropped by the kernel, 50 left out."
    )


def test_table_in_japanese(sensor: Sensor, gappy: Path) -> None:
    done = sensor("ledger", "--db", gappy, *SPAN, "--lang", "ja", "--interface", "eth0")
    for text in ("受信", "監視率", "10 分 監視なし: センサー停止中", "30 分 監視なし: センサーが異常終了"):
        assert text in done.out
    verdict = done.out.splitlines()[-1]
    assert verdict.startswith("この期間の「検知なし」は、何もなかったことを意味しません: ")
    assert "監視していない時間が合計 40 分（監視できた割合 66.66%）" in verdict
    assert "wlan0" not in done.out


def test_whole_time_may_be_trusted(sensor: Sensor, whole: Path) -> None:
    done = sensor("ledger", "--db", whole, *SPAN, "--strict")
    assert done.status == 0
    assert done.out.splitlines()[-1].startswith('"No detections" may be trusted for this time')
    assert (
        sensor("ledger", "--db", whole, *SPAN, "--lang", "ja")
        .out.splitlines()[-1]
        .startswith("この期間の「検知なし」は信頼できます")
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"counts": replace(CLEAN, dropped={"ring_full": 1}, delivered=9, decoded=9)}, "1 dropped by the"),
        ({"counts": replace(CLEAN, decoded=9, shed={"worker_died": 1})}, "1 left out"),
        ({"counts": replace(CLEAN, decoded=9)}, "does not add up by 1 packets"),
        ({"error": 3}, "does not add up by 3 packets"),
        ({"shed_bodies": 2}, "2 response bodies and 0 octets"),
        ({"shed_payload_octets": 7}, "0 response bodies and 7 octets"),
        ({"ended_ns": TEN + 30 * 1_000_000_000}, "not looking for 30 s"),
    ],
)
def test_strict_finds_each_kind_of_loss(
    sensor: Sensor, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    rows = minutes("eth0", TEN, 120)
    rows[0] = replace(rows[0], **change)
    add_run(tmp_path / "a.db", rows, "eth0")
    done = sensor("ledger", "--db", "a.db", *SPAN, "--strict")
    assert done.status == 1
    assert done.err == ""
    assert words in done.out
    assert sensor("ledger", "--db", "a.db", *SPAN).status == 0


def test_what_is_rejected_or_bypassed_is_no_loss(sensor: Sensor, tmp_path: Path) -> None:
    rows = minutes("eth0", TEN, 120, replace(CLEAN, decoded=9, rejected={"ipv4.trunc_pkt": 1}))
    add_run(tmp_path / "a.db", [replace(row, bypassed_octets=9) for row in rows], "eth0")
    assert sensor("ledger", "--db", "a.db", *SPAN, "--strict").status == 0


def test_json_has_every_column(sensor: Sensor, gappy: Path) -> None:
    first, *_, summary = rows_of(sensor, gappy, *SPAN)
    assert first == {
        "kind": "looked",
        "interface": "eth0",
        "start": "2023-11-15T01:00:00.000000000Z",
        "end": "2023-11-15T02:00:00.000000000Z",
        "seconds": 3600.0,
        "reason": None,
        "covered": 0.833333,
        "received": 500,
        "dropped": 50,
        "delivered": 450,
        "waiting": 0,
        "octets": 45_000,
        "decoded": 350,
        "rejected": 50,
        "shed": 50,
        "dropped_by_reason": {"ring_full": 50},
        "rejected_by_reason": {"ipv4.trunc_pkt": 50},
        "shed_by_reason": {"overload": 50},
        "shed_bodies": 0,
        "shed_payload_octets": 0,
        "bypassed_octets": 0,
        "error": 0,
    }
    assert (summary["kind"], summary["whole"], summary["received"]) == ("summary", False, 1100)
    assert summary["not_looking_seconds"] == 130 * 60
    reasons = [row["reason"] for row in rows_of(sensor, gappy, *SPAN) if row["kind"] == "gap"]
    assert reasons == ["missing", "off", "off", "killed", "killed"]


def test_csv_says_what_json_says(sensor: Sensor, gappy: Path) -> None:
    done = sensor("ledger", "--db", gappy, *SPAN, "--format", "csv")
    found = list(csv.DictReader(io.StringIO(done.out, newline="")))
    *rows, _ = rows_of(sensor, gappy, *SPAN)
    for row, record in zip(rows, found, strict=True):
        for name, value in row.items():
            text = json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else str(value)
            assert record[name] == ("" if value is None else text)
        assert all(not record[name] for name in record.keys() - row.keys())


def test_steps_add_up_to_the_same(sensor: Sensor, gappy: Path) -> None:
    sums = []
    for step in ("minute", "hour", "day"):
        *rows, summary = rows_of(sensor, gappy, *SPAN, "--step", step)
        looked = [row for row in rows if row["kind"] == "looked"]
        assert sum(row["received"] for row in looked) == summary["received"] == 1100
        sums.append((len(looked), summary))
    assert [count for count, _ in sums] == [110, 3, 2]
    assert sums[0][1] == sums[1][1] == sums[2][1]


def test_default_is_the_last_day_by_hour(sensor: Sensor, tmp_path: Path) -> None:
    now = time.time_ns()
    rows = minutes("eth0", now - 30 * HOUR, 30 * 60 - 1)
    add_run(tmp_path / "a.db", rows, "eth0", ended=RunStatus.RUNNING)
    *steps, summary = rows_of(sensor, tmp_path / "a.db")
    looked = [row for row in steps if row["kind"] == "looked"]
    assert len(looked) == 25, "24 hours and what has passed of this one"
    assert {row["covered"] for row in looked[:-2]} == {1.0}
    assert looked[0]["start"].endswith(":00:00.000000000Z")
    assert summary["end"] >= looked[-1]["start"]


def test_narrow_terminal_shows_sums(sensor: Sensor, gappy: Path) -> None:
    lines = lines_of(on_terminal(sensor, 80, "ledger", "--db", gappy, *SPAN))
    assert max(map(cell_len, lines)) <= 80
    assert "2023-11-15 10:00-11:00  eth0  Covered 83.33%" in lines
    assert "  received 500 = dropped 50 + delivered 450 (waiting: 0)" in lines
    assert "  delivered 450 = decoded 350 + rejected 50 + left out 50" in lines
    assert "  not looking 10 min: sensor off" in lines


def test_time_without_any_ledger(sensor: Sensor, whole: Path, filled: Path) -> None:
    done = sensor("ledger", "--db", whole, "--since", "2024-01-01", "--until", "2024-01-02", "--strict")
    assert done.status == 1
    assert "not looking 1 d: sensor off" in done.out
    assert done.out.splitlines()[-1] == ('Nothing was looked at in this time: "no detections" says nothing.')
    done = sensor("ledger", "--db", filled, "--strict")
    assert (done.status, done.out) == (
        1,
        "Nothing is in the ledger: no live run was logged to this database.\n",
    )
    (summary,) = rows_of(sensor, filled)
    assert (summary["covered"], summary["whole"]) == (0.0, False)


@pytest.mark.parametrize(
    ("options", "reason", "status"),
    [
        (("--since", "yesterday"), "'yesterday' is no time", 2),
        (("--since", "2024-01-02", "--until", "2024-01-02"), "--until is not after --since", 2),
        (("--step", "week"), "invalid choice", 2),
        (("--db", "none.db"), "no such database", 1),
    ],
)
def test_wrong_options_are_one_line(
    sensor: Sensor, options: tuple[str, ...], reason: str, status: int
) -> None:
    done = sensor("ledger", *options)
    assert done.status == status
    assert reason in done.line


WRITER = """
import asyncio, sys, time
from pathlib import Path
from sensor.store.source import Source
from sensor.store.writer import StoreWriter
from tests.store.ledgers import MINUTE, minutes

async def main():
    writer = await StoreWriter.open(Path(sys.argv[1]))
    await writer.begin_run([Source("eth0")], version="0", signatures_digest="", command="run")
    start = time.time_ns() - 600 * MINUTE
    for at in range(600):
        await writer.write_ledger(minutes("eth0", start + at * MINUTE, 1))
        print(at, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_reading_while_a_service_writes(sensor: Sensor, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        try:
            assert writer.stdout is not None
            seen = []
            for _ in range(4):
                written = int(writer.stdout.readline())
                seen.append(rows_of(sensor, path)[-1]["received"])
                assert seen[-1] >= 10 * written
            assert seen == sorted(seen)
        finally:
            writer.kill()
    assert rows_of(sensor, path, "--since", "2024-01-01")[-1]["received"] >= seen[-1]
