"""The ledger read back: counts add up by step, and every time that was not looked at shows."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from sensor.status import LedgerCounts
from sensor.store.gaps import GapReason
from sensor.store.ledger import LedgerRow
from sensor.store.ledger_queries import LedgerFilter, read_ledger
from sensor.store.ledger_steps import Gap, LedgerItem, Looked, Step, step_of
from sensor.store.records import RunStatus
from tests.store.ledgers import CLEAN, COUNTS, HOUR, MINUTE, add_run, minutes

pytestmark = pytest.mark.posix  # for its time zones

NOON = 1_700_049_600_000_000_000
"""12:00 UTC."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture(autouse=True)
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def read(path: Path, since_ns: int, until_ns: int, *interfaces: str, step: Step = "hour") -> list[LedgerItem]:
    with closing(read_ledger(path, LedgerFilter(since_ns, until_ns, interfaces, step))) as items:
        return list(items)


def gaps(items: list[LedgerItem]) -> list[tuple[str, int, int, str]]:
    """With times in minutes from noon."""
    return [
        (each.interface, (each.started_ns - NOON) // MINUTE, (each.ended_ns - NOON) // MINUTE, each.reason)
        for each in items
        if isinstance(each, Gap)
    ]


def looked(items: list[LedgerItem]) -> list[tuple[str, int, int, int]]:
    """Interface, start, minutes covered and packets received of each step."""
    return [
        (
            each.interface,
            (each.started_ns - NOON) // MINUTE,
            each.covered_ns // MINUTE,
            each.counts.received,
        )
        for each in items
        if isinstance(each, Looked)
    ]


def test_counts_add_up_by_hour(path: Path) -> None:
    rows = minutes("eth0", NOON, 150, COUNTS)
    rows[-1] = replace(rows[-1], waiting=3, error=2, shed_bodies=4, shed_payload_octets=5, bypassed_octets=6)
    add_run(path, rows, "eth0")
    items = read(path, NOON, NOON + 150 * MINUTE)
    assert looked(items) == [("eth0", 0, 60, 600), ("eth0", 60, 60, 600), ("eth0", 120, 30, 300)]
    assert gaps(items) == []
    last = items[-1]
    assert isinstance(last, Looked)
    assert last.ended_ns == NOON + 150 * MINUTE, "as far as was asked for"
    assert last.counts == LedgerCounts(
        300, {"ring_full": 30}, 270, 27_000, 210, {"ipv4.trunc_pkt": 30}, {"overload": 30}
    )
    assert (last.waiting, last.error) == (3, 2)
    assert (last.shed_bodies, last.shed_payload_octets, last.bypassed_octets) == (4, 5, 6)
    assert (last.dropped, last.rejected, last.shed) == (30, 30, 30)


def test_an_identity_that_does_not_hold_is_found_though_it_was_not_logged(path: Path) -> None:
    off = [replace(CLEAN, decoded=decoded) for decoded in (8, 12)]
    rows = [*minutes("eth0", NOON, 1, off[0]), *minutes("eth0", NOON + MINUTE, 1, off[1])]
    add_run(path, rows, "eth0")
    (step,) = read(path, NOON, NOON + 2 * MINUTE)
    assert isinstance(step, Looked)
    assert step.error == 4, "two too few and two too many are four, not none"


def test_rows_belong_to_where_they_start(path: Path) -> None:
    add_run(path, minutes("eth0", NOON - 30_000_000_000, 3), "eth0")
    items = read(path, NOON, NOON + 2 * MINUTE, step="minute")
    assert looked(items) == [("eth0", 0, 1, 10), ("eth0", 1, 1, 10)]
    assert gaps(items) == [], "the row that began before the time covers its first half minute"


def test_steps_are_of_local_time(path: Path) -> None:
    add_run(path, minutes("eth0", NOON, 300), "eth0")
    items = read(path, NOON, NOON + 5 * HOUR, step="day")
    assert looked(items) == [("eth0", 0, 180, 1800), ("eth0", 180, 120, 1200)], "midnight in Tokyo"


@pytest.mark.parametrize(
    ("zone", "moment", "step", "start", "end"),
    [
        ("Asia/Kolkata", "2026-03-01T10:17:05", "hour", "2026-03-01T10:00", "2026-03-01T11:00"),
        ("Asia/Kolkata", "2026-03-01T10:17:05", "minute", "2026-03-01T10:17", "2026-03-01T10:18"),
        ("Europe/Berlin", "2026-03-29T12:00", "day", "2026-03-29T00:00", "2026-03-30T00:00"),
        ("Europe/Berlin", "2026-10-25T12:00", "day", "2026-10-25T00:00", "2026-10-26T00:00"),
    ],
)
def test_step_of(
    monkeypatch: pytest.MonkeyPatch, zone: str, moment: str, step: Step, start: str, end: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()

    def ns(text: str) -> int:
        return int(datetime.fromisoformat(text).astimezone().timestamp()) * 1_000_000_000

    assert step_of(ns(moment) + 5, step) == (ns(start), ns(end))


def test_gaps_and_their_reasons(path: Path) -> None:
    add_run(path, minutes("eth0", NOON, 10), "eth0")
    add_run(path, minutes("eth0", NOON + 20 * MINUTE, 10), "eth0", ended=None)
    rows = [*minutes("eth1", NOON + 40 * MINUTE, 20), *minutes("eth0", NOON + 50 * MINUTE, 10)]
    add_run(path, rows, "eth0", "eth1")
    items = read(path, NOON, NOON + 70 * MINUTE)
    assert gaps(items) == [
        ("eth1", 0, 10, "missing"),
        ("eth0", 10, 20, "off"),
        ("eth1", 10, 20, "off"),
        ("eth1", 20, 30, "missing"),
        ("eth0", 30, 40, "killed"),
        ("eth1", 30, 40, "killed"),
        ("eth0", 40, 50, "missing"),
        ("eth0", 60, 70, "off"),
        ("eth1", 60, 70, "off"),
    ]
    assert looked(items) == [("eth0", 0, 30, 300), ("eth1", 0, 20, 200)]
    assert gaps(read(path, NOON, NOON + 70 * MINUTE, "eth1"))[1] == ("eth1", 10, 20, "off")
    assert {each.interface for each in read(path, NOON, NOON + 70 * MINUTE, "eth1")} == {"eth1"}


def test_a_time_without_any_row_is_a_gap_of_the_last_run_s_interfaces(path: Path) -> None:
    add_run(path, minutes("wlan0", NOON - 10 * HOUR, 10), "wlan0", ended=None)
    add_run(path, minutes("eth0", NOON, 10), "eth0", "eth1")
    items = read(path, NOON + HOUR, NOON + 3 * HOUR)
    assert gaps(items) == [("eth0", 60, 180, "off"), ("eth1", 60, 180, "off")]
    assert gaps(read(path, NOON + HOUR, NOON + 3 * HOUR, "ppp0")) == [("ppp0", 60, 180, "off")]


def test_before_any_run_nobody_looked(path: Path) -> None:
    add_run(path, minutes("eth0", NOON, 10), "eth0")
    assert gaps(read(path, NOON - HOUR, NOON + 10 * MINUTE)) == [("eth0", -60, 0, "off")]
    assert read(path, NOON - HOUR, NOON) == [], "of no interface that was known then"
    since, until = -(1 << 63) + 1, (1 << 63) - 1
    first, *_, last = [each for each in read(path, since, until) if isinstance(each, Gap)]
    assert (first.started_ns, last.reason) == (since, GapReason.OFF)
    assert last.ended_ns <= time.time_ns(), "what is to come is no gap"


def test_a_replay_is_no_live_run(path: Path) -> None:
    add_run(path, minutes("eth0", NOON, 10), "eth0")
    assert gaps(read(path, NOON, NOON + 20 * MINUTE)) == [("eth0", 10, 20, "off")]


def test_runs_at_the_same_time_cover_for_each_other(path: Path) -> None:
    add_run(path, minutes("eth0", NOON, 40), "eth0")
    add_run(path, minutes("eth0", NOON + 20 * MINUTE, 40), "eth0")
    items = read(path, NOON, NOON + HOUR)
    assert gaps(items) == []
    assert looked(items) == [("eth0", 0, 60, 800)], "each counted what it saw"


def test_a_clock_set_back_hides_no_gap(path: Path) -> None:
    rows = [
        *minutes("eth0", NOON, 60),
        *minutes("eth0", NOON + 20 * MINUTE + 1, 10),
        *minutes("eth0", NOON + 50 * MINUTE, 10),
    ]
    rows[-10:] = [
        replace(row, started_ns=row.started_ns + 2, ended_ns=row.ended_ns + 2) for row in rows[-10:]
    ]
    add_run(path, rows, "eth0")
    items = read(path, NOON, NOON + HOUR)
    assert gaps(items) == [("eth0", 30, 50, "missing")]
    assert looked(items) == [("eth0", 0, 39, 800)]


def test_the_open_stretch_of_a_run_that_goes_on_is_no_gap(path: Path) -> None:
    now = time.time_ns()
    add_run(path, [LedgerRow("eth0", now - 2 * MINUTE, now - MINUTE, CLEAN)], "eth0", ended=RunStatus.RUNNING)
    items = read(path, now - 2 * MINUTE, now + HOUR, step="day")
    assert [each.reason for each in items if isinstance(each, Gap)] == [GapReason.UNRECORDED]

    other = path.with_name("b.db")
    rows = [LedgerRow("eth0", now - 60 * 1_000_000_000, now - 9 * 1_000_000_000, CLEAN)]
    add_run(other, rows, "eth0", ended=RunStatus.RUNNING)
    items = read(other, now - MINUTE, now + HOUR, step="day")
    assert [type(each) for each in items if isinstance(each, Gap)] == []


def test_a_moment_of_starting_and_stopping_is_not_a_missing_interface(path: Path) -> None:
    run = add_run(path, minutes("eth0", NOON, 10), "eth0")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "UPDATE run SET started_ns = started_ns - 3000000000, finished_ns = finished_ns + 3000000000"
            " WHERE id = ?",
            (run,),
        )
    found = gaps(read(path, NOON - 10 * MINUTE, NOON + 20 * MINUTE))
    assert found == [("eth0", -10, 0, "off"), ("eth0", 10, 20, "off")]
