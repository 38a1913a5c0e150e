"""The live service's writer outlives its database: what was added is stored, once, in order, or counted."""

import asyncio
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sensor.detections.alert import Alert
from sensor.errors import StoreError
from sensor.status import LedgerCounts
from sensor.store.backlog import MAX_LEDGER, MAX_NOTES, Backlog
from sensor.store.ledger import LedgerRow
from sensor.store.queries import DetectionFilter, read_detections, read_runs
from sensor.store.recorder import AlertRecorder
from sensor.store.records import LogNote, RunCounts, RunStatus
from sensor.store.source import Source
from tests.store.alerts import ALERT, SIGNATURE, make_alerts
from tests.store.rows import rows_of

STRETCH = LedgerRow("eth0", 1_000, 2_000, LedgerCounts(9, {"ring_full": 1}, 8, 800, 7, {"ipv4.trunc_pkt": 1}))


class Heard:
    """What a recorder told."""

    def __init__(self) -> None:
        self.committed: list[Alert] = []
        self.troubles: list[str] = []

    def commit(self, alerts: Sequence[Alert]) -> None:
        self.committed += alerts

    def recorder(
        self, path: Path, *, batch_len: int = 2000, batch_seconds: float = 0.01, max_waiting: int = 50_000
    ) -> AlertRecorder:
        return AlertRecorder(
            path,
            on_commit=self.commit,
            on_trouble=self.troubles.append,
            batch_len=batch_len,
            batch_seconds=batch_seconds,
            max_waiting=max_waiting,
            lock_timeout=0.02,
        )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def heard() -> Heard:
    return Heard()


async def start(recorder: AlertRecorder) -> None:
    await recorder.start([Source("eth0"), Source("eth1")], version="0", signatures_digest="d")


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():  # noqa: ASYNC110  # what changes may be a file
            await asyncio.sleep(0.01)


def size(path: Path) -> int:
    return path.stat().st_size


def numbers(path: Path) -> list[int]:
    return [row.packet_number for row in read_detections(path, DetectionFilter(newest_first=False))]


def run(path: Path, heard: Heard, work: Callable[[AlertRecorder], Awaitable[None]]) -> int:
    """Do ``work`` with a recorder; returns how many alerts were left when it closed."""

    async def go() -> int:
        recorder = heard.recorder(path)
        await start(recorder)
        try:
            await work(recorder)
        finally:
            left = await recorder.close(RunStatus.COMPLETED)
        return left

    return asyncio.run(go())


@pytest.fixture
def lock(path: Path) -> Iterator[sqlite3.Connection]:
    """Another program's connection, to hold the write lock with."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        yield other


def test_what_is_added_is_stored_soon_though_nobody_waits(path: Path, heard: Heard) -> None:
    async def work(recorder: AlertRecorder) -> None:
        recorder.counts = RunCounts(9, 8, {"ipv4.trunc_pkt": 1})
        recorder.add(make_alerts(3))
        recorder.add_ledger([STRETCH])
        recorder.note("info", "interface_up", interface="eth0")
        await until(lambda: len(heard.committed) == 3)
        assert numbers(path) == [0, 1, 2]
        status = recorder.status()
        assert (status.waiting, status.lost, status.failing, status.failures) == (0, 0, "", 0)
        assert status.commit_seconds.count == 1, "one transaction for all of it"
        assert status.oldest_ns == ALERT.ts_ns
        assert status.octets >= size(path) > 0
        assert status.disk_free_octets > 0

    assert run(path, heard, work) == 0
    assert heard.committed == make_alerts(3)
    assert heard.troubles == []
    (logged,) = read_runs(path)
    assert (logged.command, logged.source, logged.status) == ("run", "eth0 + 1", "completed")
    assert (logged.detections, logged.received, logged.decoded) == (3, 9, 8)
    assert rows_of(path, "SELECT run_id, interface, received, dropped, shed FROM ledger") == [
        (1, "eth0", 9, '{"ring_full": 1}', "{}")
    ]
    assert rows_of(path, "SELECT event FROM log ORDER BY id") == [
        ("run_started",),
        ("interface_up",),
        ("run_ended",),
    ]
    assert rows_of(path, "SELECT detail FROM log WHERE event = 'interface_up'") == [
        ('{"interface": "eth0"}',)
    ]


def test_a_full_batch_does_not_wait(path: Path, heard: Heard) -> None:
    async def work() -> None:
        recorder = heard.recorder(path, batch_len=5, batch_seconds=1e6)
        await start(recorder)
        recorder.add(make_alerts(4))
        await asyncio.sleep(0.05)
        assert heard.committed == []
        recorder.add(make_alerts(9, 4))
        await until(lambda: len(heard.committed) >= 10)
        assert len(heard.committed) == 10, "the rest is less than a batch"
        assert await recorder.flush(10)
        assert len(heard.committed) == 13
        await recorder.close(RunStatus.COMPLETED)

    asyncio.run(work())
    assert numbers(path) == list(range(13))


def test_a_stretch_written_again_takes_the_place_of_the_first(path: Path, heard: Heard) -> None:
    async def work(recorder: AlertRecorder) -> None:
        for received in (1, 2, 3):
            recorder.add_ledger([replace(STRETCH, counts=LedgerCounts(received), ended_ns=1_000 * received)])
            assert await recorder.flush(10)
        recorder.add_ledger([replace(STRETCH, started_ns=3_000), replace(STRETCH, interface="eth1")])

    run(path, heard, work)
    assert rows_of(path, "SELECT interface, started_ns, ended_ns, received FROM ledger ORDER BY id") == [
        ("eth0", 1_000, 3_000, 3),
        ("eth0", 3_000, 2_000, 9),
        ("eth1", 1_000, 2_000, 9),
    ]


def test_a_lock_is_waited_out(path: Path, heard: Heard, lock: sqlite3.Connection) -> None:
    async def work(recorder: AlertRecorder) -> None:
        lock.execute("BEGIN IMMEDIATE")
        recorder.add(make_alerts(3))
        recorder.add_ledger([STRETCH])
        await until(lambda: bool(heard.troubles))
        assert "another program keeps it locked" in recorder.status().failing
        for number in range(3, 30):
            recorder.add(make_alerts(1, number))
        recorder.add_ledger([replace(STRETCH, waiting=5)])
        assert not await recorder.flush(0.3)
        assert recorder.status().waiting == 30
        assert recorder.status().failures > 1
        lock.execute("ROLLBACK")
        await until(lambda: len(heard.committed) == 30)
        await until(lambda: not recorder.status().failing)

    assert run(path, heard, work) == 0
    assert numbers(path) == list(range(30)), "each once, in order"
    assert heard.committed == make_alerts(30)
    began, ended = heard.troubles
    assert began.startswith(f"{path}: another program keeps it locked")
    assert ended == ""
    assert rows_of(path, "SELECT waiting FROM ledger") == [(5,)]
    events = [event for (event,) in rows_of(path, "SELECT event FROM log ORDER BY id")]
    assert events == ["run_started", "store_failing", "store_written_again", "run_ended"]


def test_a_database_locked_at_the_start_is_taken_when_it_is_free(
    path: Path, heard: Heard, lock: sqlite3.Connection
) -> None:
    run(path, heard, _nothing)
    lock.execute("BEGIN IMMEDIATE")

    async def work(recorder: AlertRecorder) -> None:
        assert recorder.run_id is None
        recorder.add(make_alerts(2))
        lock.execute("ROLLBACK")
        await until(lambda: len(heard.committed) == 2)
        assert recorder.run_id == 2

    assert run(path, heard, work) == 0


async def _nothing(_: AlertRecorder) -> None:
    pass


def test_an_unusable_database_is_said_at_once(tmp_path: Path, heard: Heard) -> None:
    async def work() -> None:
        with pytest.raises(StoreError, match="a directory"):
            await start(heard.recorder(tmp_path))

    asyncio.run(work())


@pytest.mark.posix
def test_a_full_disk_is_waited_out(path: Path, heard: Heard) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    async def work(recorder: AlertRecorder) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (96 * 1024, before[1]))
        try:
            recorder.add(make_alerts(3000))
            await until(lambda: bool(heard.troubles))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        await until(lambda: len(heard.committed) == 3000)

    assert run(path, heard, work) == 0
    assert "space" in heard.troubles[0]
    assert heard.troubles[-1] == ""
    assert numbers(path) == list(range(3000))
    assert [run.detections for run in read_runs(path)] == [3000], "one run, though it was opened anew"
    assert rows_of(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_full_database_is_waited_out(path: Path, heard: Heard) -> None:
    async def work(recorder: AlertRecorder) -> None:
        writer = recorder._writer
        assert writer is not None
        await writer._db.execute("PRAGMA max_page_count = 1")  # SQLite takes the present size then
        recorder.add(make_alerts(1000))
        await until(lambda: bool(heard.troubles))
        await writer._db.execute(f"PRAGMA max_page_count = {1 << 20}")
        await until(lambda: len(heard.committed) == 1000)
        assert recorder._writer is writer, "nothing was wrong with the connection"

    assert run(path, heard, work) == 0
    assert "the disk is full" in heard.troubles[0]
    assert numbers(path) == list(range(1000))


@pytest.mark.posix
def test_a_deleted_database_is_made_again(path: Path, heard: Heard) -> None:
    async def work(recorder: AlertRecorder) -> None:
        recorder.add(make_alerts(1))
        await until(lambda: len(heard.committed) == 1)
        await asyncio.to_thread(path.unlink)
        recorder.add(make_alerts(2, 1))
        await until(lambda: len(heard.committed) == 3)
        await until(lambda: not recorder.status().failing)

    assert run(path, heard, work) == 0
    assert "deleted or replaced" in heard.troubles[0]
    assert numbers(path) == [1, 2]
    (logged,) = read_runs(path)
    assert (logged.command, logged.source, logged.status) == ("run", "eth0 + 1", "completed")


@pytest.mark.posix
def test_a_disk_that_goes_away_for_a_while(tmp_path: Path, heard: Heard) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()

    async def work(recorder: AlertRecorder) -> None:
        recorder.add(make_alerts(1))
        await until(lambda: len(heard.committed) == 1)
        disk.rename(tmp_path / "away")
        recorder.add(make_alerts(2, 1))
        await until(lambda: len(heard.troubles) == 2)
        (tmp_path / "away").rename(disk)
        await until(lambda: len(heard.committed) == 3)

    assert run(disk / "a.db", heard, work) == 0
    assert "there is no directory" in heard.troubles[1]
    assert numbers(disk / "a.db") == [0, 1, 2]
    assert [run.id for run in read_runs(disk / "a.db")] == [1], "the run goes on"


def test_what_has_no_room_is_counted(path: Path, heard: Heard, lock: sqlite3.Connection) -> None:
    async def work() -> None:
        recorder = heard.recorder(path, max_waiting=20)
        await start(recorder)
        lock.execute("BEGIN IMMEDIATE")
        recorder.add(make_alerts(15))
        recorder.add(make_alerts(15, 15))
        recorder.add(make_alerts(5, 30))
        assert (recorder.status().waiting, recorder.status().lost) == (20, 15)
        await until(lambda: bool(heard.troubles))
        lock.execute("ROLLBACK")
        await until(lambda: len(heard.troubles) == 2)
        await recorder.close(RunStatus.COMPLETED)

    asyncio.run(work())
    assert numbers(path) == list(range(20)), "the newest were given up"
    (detail,) = rows_of(path, "SELECT detail FROM log WHERE event = 'store_written_again'")
    assert '"detections_lost": 15' in detail[0]


def test_what_no_table_takes_is_given_up_alone(path: Path, heard: Heard) -> None:
    async def work(recorder: AlertRecorder) -> None:
        alerts = make_alerts(100)
        alerts[17] = replace(ALERT, length=1 << 70)
        alerts[42] = replace(ALERT, signature=replace(SIGNATURE, category="\udc80"))
        alerts[99] = replace(ALERT, offset=-(1 << 64))
        recorder.add(alerts)
        recorder.add_ledger([replace(STRETCH, waiting=1 << 64), replace(STRETCH, started_ns=5)])
        assert await recorder.flush(10)
        assert (recorder.status().lost, recorder.status().failures) == (3, 0)

    assert run(path, heard, work) == 0
    assert numbers(path) == [number for number in range(99) if number not in {17, 42}]
    assert rows_of(path, "SELECT started_ns FROM ledger") == [(5,)]


def test_a_stop_does_not_wait_for_a_lock_for_ever(path: Path, heard: Heard, lock: sqlite3.Connection) -> None:
    async def work() -> None:
        recorder = heard.recorder(path)
        await start(recorder)
        lock.execute("BEGIN IMMEDIATE")
        recorder.add(make_alerts(3))
        assert await recorder.close(RunStatus.COMPLETED, seconds=0.2) == 3

    asyncio.run(work())
    lock.execute("ROLLBACK")
    assert numbers(path) == []


def test_backlog_is_bounded() -> None:
    backlog = Backlog(max_alerts=1)
    backlog.add_ledger([replace(STRETCH, started_ns=number) for number in range(MAX_LEDGER + 2)])
    notes = [LogNote(number, "info", "x") for number in range(MAX_NOTES + 3)]
    for note in notes:
        backlog.add_note(note)
    assert (backlog.ledger_lost, backlog.notes_lost) == (2, 3)
    assert backlog.first(1) == [replace(STRETCH, started_ns=2), notes[3]], "the oldest were given up"


def test_what_came_meanwhile_stays() -> None:
    backlog = Backlog(max_alerts=9)
    backlog.add_ledger([STRETCH])
    under_way = backlog.first(9)
    backlog.add_ledger([replace(STRETCH, waiting=7)])
    backlog.remove(under_way)
    assert backlog.first(9) == [replace(STRETCH, waiting=7)]


WRITER = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from sensor.store.recorder import AlertRecorder
from sensor.store.source import Source
from tests.store.alerts import make_alerts
from tests.store.test_recorder import STRETCH

async def main():
    recorder = AlertRecorder(Path(sys.argv[1]), on_commit=lambda alerts: None, on_trouble=print)
    await recorder.start([Source("eth0")], version="0", signatures_digest="d")
    first = 0
    while True:
        recorder.add(make_alerts(10, first))
        recorder.add_ledger([replace(STRETCH, waiting=first)])
        await recorder.flush(10)
        first += 10
        print(first, flush=True)

asyncio.run(main())
"""


def test_kill_loses_nothing_that_was_committed(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        assert len(numbers(path)) >= 200, "read while it writes"
        process.send_signal(signal.SIGKILL)
        committed = max([200, *(int(line) for line in process.stdout.read().splitlines())])
    found = numbers(path)
    assert found == list(range(len(found)))
    assert committed <= len(found) <= committed + 10
    assert rows_of(path, "SELECT waiting FROM ledger") == [(len(found) - 10,)], "of the same transaction"
    assert [run.status for run in read_runs(path)] == ["interrupted"]
    assert rows_of(path, "PRAGMA integrity_check") == [("ok",)]


def test_wal_shrinks_when_a_long_reader_has_gone(
    path: Path, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensor.store.database._WAL_LIMIT", 1 << 20)
    wal = Path(f"{path}-wal")

    async def work(recorder: AlertRecorder) -> None:
        recorder.add(make_alerts(2000))
        assert await recorder.flush(30)
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM detection").fetchone() == (2000,)
            recorder.add(make_alerts(20_000, 2000))
            assert await recorder.flush(60)
            assert size(wal) > 6 << 20
            assert reader.execute("SELECT count(*) FROM detection").fetchone() == (2000,), "its own snapshot"
            reader.execute("COMMIT")
        for first in range(22_000, 22_005):
            recorder.add(make_alerts(1, first))
            assert await recorder.flush(30)
        assert size(wal) <= 1 << 20

    assert run(path, heard, work) == 0


def test_time_of_commits_is_observed(path: Path, heard: Heard) -> None:
    async def work(recorder: AlertRecorder) -> None:
        before = time.monotonic()
        for first in range(3):
            recorder.add(make_alerts(1, first))
            assert await recorder.flush(10)
        seconds = recorder.status().commit_seconds
        assert seconds.count == 3
        assert 0 < seconds.total <= time.monotonic() - before

    run(path, heard, work)


def test_a_fault_of_the_caller_is_not_silent(path: Path, heard: Heard) -> None:
    async def work(recorder: AlertRecorder) -> None:
        def fail(alerts: Sequence[Alert]) -> None:
            raise KeyError(len(alerts))

        recorder._on_commit = fail
        recorder.add(make_alerts(3))
        await until(lambda: bool(heard.troubles))
        assert "a fault of the sensor (KeyError(3))" in recorder.status().failing

    run(path, heard, work)
    assert numbers(path) == [0, 1, 2]
    assert [each.status for each in read_runs(path)] == ["completed"], "closed all the same"
