"""A database that is locked or full for a while: what was detected waits, and the operator is told."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from sensor.detections.alert import Alert
from sensor.errors import StoreError
from sensor.store.queries import DetectionFilter, read_detections, read_runs
from sensor.store.records import RunCounts, RunStatus
from sensor.store.replay import BATCH_LEN, ReplayStore
from sensor.store.writer import StoreWriter
from tests.store.alerts import ALERT, make_alerts


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path; whoever writes to it waits but shortly for a lock."""
    monkeypatch.setattr("sensor.store.database._LOCK_TIMEOUT", 0.02)
    return tmp_path / "a.db"


@pytest.fixture
def other(database: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection to the database, which exists by then."""
    with ReplayStore(database):
        pass
    connection = sqlite3.connect(database, isolation_level=None)
    yield connection
    connection.close()


def begin(store: ReplayStore) -> None:
    store.begin_run([], version="0", signatures_digest="")


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def repeat(work: Callable[[], None]) -> None:
    """Until it raises."""

    def go_on() -> bool:
        work()
        return False

    wait_until(go_on)


def numbers(path: Path) -> list[int]:
    return [row.packet_number for row in read_detections(path, DetectionFilter(newest_first=False))]


def test_what_a_lock_kept_out_goes_in_when_it_is_gone(database: Path, other: sqlite3.Connection) -> None:
    lines: list[str] = []
    with ReplayStore(database, batch_len=5, batch_seconds=0.01, tell=lines.append) as store:
        begin(store)
        other.execute("BEGIN IMMEDIATE")
        store.write(make_alerts(3))
        wait_until(lambda: bool(lines))
        for first in range(3, 30):
            store.write(make_alerts(1, first))
        assert numbers(database) == []
        other.execute("ROLLBACK")
        # Nobody calls meanwhile: a pipe may pause for days.
        wait_until(lambda: len(numbers(database)) == 30)
        wait_until(lambda: len(lines) == 2)
        store.write(make_alerts(1, 30))
        wait_until(lambda: len(numbers(database)) == 31)
        store.end_run(RunStatus.COMPLETED, RunCounts())
    assert numbers(database) == list(range(31)), "each once, in order"
    began, ended = lines
    assert began.startswith(f"{database}: another program keeps it locked; ")
    assert "50,000 detections wait" in began
    assert ended == f"{database}: written again; no detection was lost"
    assert [run.detections for run in read_runs(database)] == [31]


def test_a_lock_that_stays_is_an_error_at_the_end(database: Path, other: sqlite3.Connection) -> None:
    lines: list[str] = []

    def run() -> None:
        with ReplayStore(database, batch_seconds=0.01, tell=lines.append) as store:
            begin(store)
            other.execute("BEGIN IMMEDIATE")
            store.write(make_alerts(3))
            wait_until(lambda: bool(lines))
            store.end_run(RunStatus.COMPLETED, RunCounts())

    with pytest.raises(StoreError, match="another program keeps it locked"):
        run()
    assert len(lines) == 1, "the error itself is the caller's to tell"
    other.execute("ROLLBACK")
    assert [run.status for run in read_runs(database)] == ["running"], "this process still lives"


def test_so_many_detections_wait_and_no_more(database: Path, other: sqlite3.Connection) -> None:
    with ReplayStore(database, batch_len=5, batch_seconds=0.01, max_waiting=20) as store:
        begin(store)
        other.execute("BEGIN IMMEDIATE")
        alerts = iter(make_alerts(100))
        with pytest.raises(StoreError, match="another program keeps it locked"):
            repeat(lambda: store.write([next(alerts)]))
        waiting = len(store._pending)
        assert 20 < waiting <= 26
        other.execute("ROLLBACK")
        store.end_run(RunStatus.COMPLETED, RunCounts())
    assert numbers(database) == list(range(waiting)), "all that was taken goes in, once it can"


def test_what_is_lost_is_said_where_another_error_ends_the_run(
    database: Path, other: sqlite3.Connection
) -> None:
    lines: list[str] = []

    def run() -> None:
        with ReplayStore(database, tell=lines.append) as store:
            begin(store)
            other.execute("BEGIN IMMEDIATE")
            store.write(make_alerts(3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    (line,) = lines
    assert "another program keeps it locked" in line
    assert line.endswith("detections that are not logged: 3")


def test_full_disk_that_gets_room_again(database: Path) -> None:
    lines: list[str] = []
    with ReplayStore(database, batch_len=100, batch_seconds=0.01, tell=lines.append) as store:
        begin(store)

        async def limit(pages: int) -> None:
            await store._writer._db.execute(f"PRAGMA max_page_count = {pages}")

        store._thread.run(limit(1))  # SQLite takes the present size then: the error is a full disk's
        store.write(make_alerts(1000))
        wait_until(lambda: bool(lines))
        assert "the disk is full" in lines[0]
        store._thread.run(limit(1 << 20))
        wait_until(lambda: len(lines) == 2)
        store.end_run(RunStatus.COMPLETED, RunCounts())
    assert numbers(database) == list(range(1000))


def test_error_that_stays_is_raised_by_the_next_call(database: Path, other: sqlite3.Connection) -> None:
    with ReplayStore(database, batch_seconds=0.01) as store:
        begin(store)
        other.execute("ALTER TABLE detection RENAME TO elsewhere")
        store.write([ALERT])
        with pytest.raises(StoreError, match="no such table"):
            repeat(lambda: store.write([]))
        store.end_run(RunStatus.COMPLETED, RunCounts())


@pytest.mark.parametrize("count", [1, BATCH_LEN, BATCH_LEN + 1, 16 * BATCH_LEN])
def test_no_transaction_is_larger_than_a_batch(
    database: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    sizes: list[int] = []
    write = StoreWriter.write

    async def measure(writer: StoreWriter, alerts: Sequence[Alert], counts: RunCounts) -> None:
        sizes.append(len(alerts))
        await write(writer, alerts, counts)

    monkeypatch.setattr(StoreWriter, "write", measure)
    with ReplayStore(database) as store:
        begin(store)
        store.write(make_alerts(count))
        store.end_run(RunStatus.COMPLETED, RunCounts())
    assert sizes == [BATCH_LEN] * (count // BATCH_LEN) + [count % BATCH_LEN] * bool(count % BATCH_LEN)
    assert len(numbers(database)) == count
