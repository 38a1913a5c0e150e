"""What is written is read back; runs are told apart; nothing that was committed is lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.detections.alert import Alert
from sensor.errors import StoreError
from sensor.matching.reading import Reading
from sensor.store.queries import DetectionFilter, read_detection, read_detections, read_runs
from sensor.store.records import RunCounts, RunStatus, read_wire_text, wire_text
from sensor.store.replay import ReplayStore
from sensor.store.source import Source
from tests.store.alerts import ALERT, SIGNATURE, make_alerts
from tests.store.rows import rows_of

SOURCE = Source("a.pcap", 24, "d1")
EVERYTHING = DetectionFilter(newest_first=False)


def begin(store: ReplayStore, *sources: Source) -> int:
    return store.begin_run(sources or [SOURCE], version="0.1.0", signatures_digest="s")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "sensor.db"


def test_alert_round_trip(database: Path) -> None:
    with ReplayStore(database) as store:
        run = begin(store)
        store.write([ALERT])
        store.end_run(RunStatus.COMPLETED, RunCounts(10, 8, {"ethernet.too_short": 2}))
    found = read_detection(database, 1)
    kept_otherwise = ("signature", "capture", "reading")
    for name in [field.name for field in fields(Alert) if field.name not in kept_otherwise]:
        assert getattr(found, name) == getattr(ALERT, name), name
    assert (found.form, found.folds, found.text) == (None, (), None)
    assert (found.sid, found.rev, found.name_ja, found.name_en) == (9000001, 2, "遠隔操作", "remote control")
    assert (found.run_id, found.source, found.category, found.severity) == (run, "a.pcap", "custom", "low")
    (logged,) = read_runs(database)
    assert (logged.status, logged.received, logged.decoded, logged.detections) == ("completed", 10, 8, 1)
    assert logged.rejected == {"ethernet.too_short": 2}
    assert logged.finished_ns is not None
    assert logged.finished_ns >= logged.started_ns


@pytest.mark.parametrize("folds", [(), ("width", "kana")])
def test_reading_round_trip_without_its_keyword(database: Path, folds: tuple[str, ...]) -> None:
    reading = Reading("秘密の語", "percent shift_jis", folds, "見よ\x00\x1bひみつの語 を", 4, 9)
    with ReplayStore(database) as store:
        begin(store)
        store.write([replace(ALERT, reading=reading)])
        store.end_run(RunStatus.COMPLETED, RunCounts())
    found = read_detection(database, 1)
    assert (found.form, found.folds, found.text) == (reading.form, folds, reading.text)
    assert (found.text_start, found.text_end) == (4, 9)
    assert "秘密の語" not in str(rows_of(database, "SELECT * FROM detection"))


HOSTILE = [
    "\x00\x1b[31m\x07",
    b"/caf\xe9?\xff\xfe".decode("utf-8", "surrogateescape"),
    "'); DROP TABLE detection; --",
    "遠隔操作　\u202e😀",
]


@pytest.mark.parametrize("url", HOSTILE)
def test_hostile_strings_round_trip(database: Path, url: str) -> None:
    signature = replace(SIGNATURE, name={"fr": "télécommande"}, category="分類'\"")
    with ReplayStore(database) as store:
        begin(store, Source(url))
        store.write([replace(ALERT, signature=signature, http_url=url, excerpt=bytes(range(256)), tx_id=-1)])
        store.note("warning", "odd", url=url)
    found = read_detection(database, 1)
    assert (found.http_url, found.excerpt, found.tx_id) == (url, bytes(range(256)), None)
    assert (found.category, found.title("ja")) == ("分類'\"", "télécommande")


def test_impossible_surrogate_is_written_all_the_same(database: Path) -> None:
    with ReplayStore(database) as store:
        begin(store)
        store.write([replace(ALERT, http_url="/\ud800")])
    assert read_detection(database, 1).http_url.startswith("/")


@given(st.binary())
def test_wire_text_is_lossless(octets: bytes) -> None:
    text = octets.decode("utf-8", "surrogateescape")
    stored = wire_text(text)
    assert read_wire_text(stored) == text
    if isinstance(stored, str):
        stored.encode()


def test_file_is_private_whatever_the_umask(database: Path) -> None:
    before = os.umask(0)
    try:
        with ReplayStore(database) as store:
            begin(store)
            modes = {path.name: path.stat().st_mode & 0o777 for path in database.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"sensor.db": 0o600, "sensor.db-wal": 0o600, "sensor.db-shm": 0o600}


def count_committed(database: Path) -> int:
    return sum(1 for _ in read_detections(database, EVERYTHING))


def test_a_batch_is_committed_in_time_though_nobody_calls(database: Path) -> None:
    with ReplayStore(database, batch_len=5, batch_seconds=0.01) as store:
        begin(store)
        for number in range(3):
            store.counts = RunCounts(received=10 + number, decoded=9, rejected={"ipv4.trunc_pkt": 1 + number})
            store.write(make_alerts(1, number))
            for _ in range(3000):
                if count_committed(database) > number:
                    break
                time.sleep(0.01)
        (run,) = read_runs(database)
        assert (run.status, run.detections, run.received, run.rejected) == (
            "running",
            3,
            12,
            {"ipv4.trunc_pkt": 3},
        )


def test_batches_are_committed_by_number(database: Path) -> None:
    with ReplayStore(database, batch_len=5, batch_seconds=1e6) as store:
        begin(store)
        store.write(make_alerts(4))
        store._settle()
        assert count_committed(database) == 0
        store.write(make_alerts(1, 4))
        store._settle()
        assert count_committed(database) == 5
        store.write(make_alerts(3, 5))
        store.flush()
        assert count_committed(database) == 8
    (run,) = read_runs(database)
    assert run.detections == 8
    assert [row.packet_number for row in read_detections(database, EVERYTHING)] == list(range(8))


def test_rerun_of_the_same_capture_is_recognised(database: Path) -> None:
    other, stdin = Source("b.pcap", 24, "d2"), Source("-")
    previous = []
    for sources in (
        [SOURCE],
        [other],
        [stdin],
        [other, replace(SOURCE, name="renamed.pcap")],
        [stdin],
        [SOURCE],
    ):
        with ReplayStore(database) as store:
            begin(store, *sources)
            previous.append(store.previous_run)
            store.end_run(RunStatus.COMPLETED, RunCounts())
    assert previous == [None, None, None, 2, None, 4]
    assert [run.previous_run for run in read_runs(database)] == previous[::-1]
    assert [run.source for run in read_runs(database)][2] == "b.pcap + 1"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), RunStatus.INTERRUPTED),
        (SystemExit(1), RunStatus.INTERRUPTED),
        (ValueError("bad capture \udcff"), RunStatus.FAILED),
    ],
)
def test_exception_ends_the_run_and_keeps_its_alerts(
    database: Path, error: BaseException, status: RunStatus
) -> None:
    def write_and_fail() -> None:
        with ReplayStore(database) as store:
            begin(store)
            store.write(make_alerts(3))
            store.counts = RunCounts(5, 5)
            raise error

    with pytest.raises(type(error)):
        write_and_fail()
    assert not list(database.parent.glob("*-wal")), "the connection was not closed"
    (run,) = read_runs(database)
    assert (run.status, run.detections, run.received) == (status, 3, 5)
    assert run.error == (str(error).replace("\udcff", "\\udcff") or type(error).__name__)
    assert count_committed(database) == 3


WRITER = """
import signal, sys
from pathlib import Path
from sensor.store.replay import ReplayStore
from tests.store.alerts import make_alerts
from sensor.store.source import Source
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))
with ReplayStore(Path(sys.argv[1]), batch_len=10) as store:
    store.begin_run([Source("a.pcap", 24, "d1")], version="0", signatures_digest="s")
    first = 0
    while True:
        store.write(make_alerts(10, first))
        store.flush()
        first += 10
        print(first, flush=True)
"""


@pytest.fixture
def writer(database: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that writes alerts, ten in a transaction, and prints how many are committed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(database)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_kill_loses_nothing_that_was_committed(database: Path, writer: subprocess.Popen[str]) -> None:
    assert writer.stdout is not None
    committed = [int(writer.stdout.readline()) for _ in range(20)][-1]
    writer.send_signal(signal.SIGKILL)
    committed = max([committed, *(int(line) for line in writer.stdout.read().splitlines())])
    writer.wait()

    assert [run.status for run in read_runs(database)] == ["interrupted"], "also before anybody marks it"
    numbers = [row.packet_number for row in read_detections(database, EVERYTHING)]
    assert numbers == list(range(len(numbers)))
    assert committed <= len(numbers) <= committed + 10, "all that was reported, and at most one batch more"

    with ReplayStore(database) as store:
        begin(store)
        store.end_run(RunStatus.COMPLETED, RunCounts())
    assert rows_of(database, "SELECT status FROM run ORDER BY id") == [("interrupted",), ("completed",)]
    assert rows_of(database, "SELECT count(*) FROM log WHERE event = 'run_found_interrupted'") == [(1,)]
    assert rows_of(database, "PRAGMA integrity_check") == [("ok",)]
    rerun, killed = read_runs(database)
    assert (killed.detections, rerun.previous_run) == (len(numbers), killed.id)


def test_two_programs_one_writing_one_listing(database: Path, writer: subprocess.Popen[str]) -> None:
    assert writer.stdout is not None
    seen = []
    for line, _ in zip(writer.stdout, range(20), strict=False):
        seen.append(count_committed(database))
        assert seen[-1] >= int(line)
        assert [run.status for run in read_runs(database)] == ["running"]
    assert seen == sorted(seen)


def test_two_programs_both_writing(database: Path, writer: subprocess.Popen[str]) -> None:
    assert writer.stdout is not None
    writer.stdout.readline()
    with ReplayStore(database, batch_len=10) as store:
        run = begin(store)
        for first in range(0, 100, 10):
            store.write(make_alerts(10, first))
        store.end_run(RunStatus.COMPLETED, RunCounts())
    assert sum(1 for _ in read_detections(database, DetectionFilter(run=run))) == 100
    mine, theirs = read_runs(database)
    assert (mine.status, theirs.status) == ("completed", "running"), "a run that goes on is left alone"
    assert mine.previous_run == theirs.id


def test_programs_that_make_the_same_file_at_once(database: Path) -> None:
    code = "import sys; from pathlib import Path; from sensor.store.replay import ReplayStore\n"
    code += "with ReplayStore(Path(sys.argv[1])) as s: s.begin_run([], version='0', signatures_digest='')"
    programs = [subprocess.Popen([sys.executable, "-c", code, str(database)]) for _ in range(4)]
    assert [program.wait() for program in programs] == [0] * 4
    assert [run.status for run in read_runs(database)] == ["interrupted"] * 4


def test_write_before_begin_run_is_a_fault_of_the_caller(database: Path) -> None:
    with ReplayStore(database) as store:
        store.write([ALERT])
        with pytest.raises(RuntimeError, match="begin_run"):
            store.flush()


def test_store_that_cannot_be_opened_ends_its_thread(tmp_path: Path) -> None:
    with pytest.raises(StoreError), ReplayStore(tmp_path):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_the_run_at_once(
    database: Path, writer: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert writer.stdout is not None
    committed = int(writer.stdout.readline())
    writer.send_signal(number)
    committed = max([committed, *(int(line) for line in writer.stdout.read().splitlines())])
    assert writer.wait(timeout=30) != 0
    assert not list(database.parent.glob("*-wal")), "the connection was not closed"
    (run,) = read_runs(database)
    assert (run.status, run.finished_ns is None) == ("interrupted", False)
    assert run.detections == count_committed(database) >= committed
