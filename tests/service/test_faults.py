"""Processes that die: a worker, again and again, or the service itself. What it knew is known afterwards."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import Talker, silent_talker, talking, write_signatures

pytestmark = [pytest.mark.linux, pytest.mark.netns]


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def detections(live: Live) -> int:
    """How many are stored."""
    return int(live.rows("SELECT count(*) FROM detection")[0][0])


def kill_worker(live: Live, index: int = 0) -> int:
    """Kill one, and wait until its successor reads; returns the successor's pid."""
    before = live.workers()[index]
    os.kill(before["pid"], signal.SIGKILL)

    def reads() -> int:
        worker = live.workers()[index]
        return int(worker["pid"]) if worker["state"] == "running" and worker["pid"] != before["pid"] else 0

    return int(await_(reads, "its successor reads"))


def died_with(live: Live) -> int:
    """Packets of batches that killed their worker."""
    return sum(worker["counters"]["shed.worker_died"] for worker in live.workers())


def check_end(live: Live, talker: Talker) -> dict[str, int]:
    """The service has stopped: every datagram was received, every decoded one is a detection."""
    sums = live.check_ledger()
    assert sums["received"] == talker.sent
    assert sums["dropped"] == sums["rejected"] == 0
    # The results of a batch are sent before it is counted: those of one that is lost may have come.
    assert sums["decoded"] <= detections(live) <= sums["decoded"] + sums["shed"]
    return sums


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_a_worker_that_is_killed_has_a_successor_that_reads_what_came_meanwhile(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, talking(line) as talker:
        for _ in range(3):
            live.await_seen(talker.sent)
            kill_worker(live)
        live.await_seen(talker.sent)
        assert live.workers()[0]["restarts"] == 3
        assert live.metric("watchdog_worker_restarts_total") == 3
        talker.stop()
        live.await_seen(talker.sent)
        lost = died_with(live)
        assert live.stop() == 0
    assert check_end(live, talker)["shed"] == lost
    assert live.events().count("worker_died") == live.events().count("worker_restarted") == 3
    assert live.rows("SELECT count(*) FROM log WHERE event = 'worker_died'") == [(3,)]


def test_the_batch_that_kills_its_worker_is_counted_and_not_tried_again(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    """Stopped in the middle of a batch, a worker is killed as a poisonous packet would kill it."""
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        talker.say(100)
        live.await_seen(100)
        for restarts in range(10):
            kill_in_a_batch(live, talker)
            await_(lambda: live.workers()[0]["restarts"] > restarts, "it is started again")  # noqa: B023
            live.await_running()
            live.await_seen(talker.sent)
            if lost := died_with(live):  # else it was killed between two batches
                break
        assert live.stop() == 0
    assert lost > 0
    assert check_end(live, talker)["shed"] == lost
    assert "packets_lost_with_worker" in live.events()


def kill_in_a_batch(live: Live, talker: Talker) -> None:
    """Let packets come while the worker is stopped; then kill it in the batch that it makes of them."""
    worker = live.workers()[0]["pid"]
    os.kill(worker, signal.SIGSTOP)
    talker.say(5000)
    time.sleep(0.2)  # the kernel hands the last block over
    seen = processor_time(worker)
    os.kill(worker, signal.SIGCONT)
    while processor_time(worker) == seen:  # it works on them
        pass
    os.kill(worker, signal.SIGKILL)


def processor_time(pid: int) -> int:
    """Clock ticks of a process."""
    return sum(
        map(int, Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13])
    )


def test_the_other_worker_goes_on(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--workers", "2")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, talking(line) as talker:
        await_(lambda: all(worker["counters"]["decoded"] for worker in live.workers()), "both have packets")
        first, second = live.workers()
        os.kill(first["pid"], signal.SIGSTOP)
        stored = detections(live)
        await_(lambda: detections(live) > stored + 300, "the other's detections keep coming")
        assert live.workers()[0]["counters"]["decoded"] <= first["counters"]["decoded"] + 500
        os.kill(first["pid"], signal.SIGKILL)
        await_(lambda: live.workers()[0]["restarts"], "it is started again")
        live.await_running()
        assert live.workers()[1]["pid"] == second["pid"]
        talker.stop()
        live.await_seen(talker.sent)
        assert live.stop() == 0
    check_end(live, talker)


def test_a_stop_does_not_wait_for_a_worker_that_is_to_be_started_again_later(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    """Its pause is seconds long by then; what waits in the ring is read nevertheless, within five."""
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        for _ in range(3):
            kill_worker(live)
        os.kill(live.workers()[0]["pid"], signal.SIGKILL)  # its pause is 4 s
        await_(lambda: live.workers()[0]["state"] == "backing_off", "it is dead")
        talker.say(500)
        began = time.monotonic()
        assert live.stop() == 0
        assert time.monotonic() - began < 6
    assert "drain_cut_short" not in live.events()
    assert check_end(live, talker)["decoded"] == detections(live) == 500


def test_a_service_that_is_killed_leaves_no_process_and_loses_nothing_that_it_wrote(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--workers", "2")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, talking(line) as talker:
        await_(lambda: detections(live) > 500, "detections")
        await_(lambda: live.rows("SELECT count(*) FROM ledger")[0][0], "the ledger's first row")
        workers = [worker["pid"] for worker in live.workers()]
        live.kill()
        await_(lambda: not any(map(is_running, workers)), "the workers end by themselves")
        assert live.control.is_socket()
        stored, ledger = detections(live), live.rows("SELECT * FROM ledger")
        talker.stop()
    time.sleep(1.1)  # so long nobody looks
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as again, silent_talker(line) as after:
        after.say(50)
        again.await_seen(50)
        assert again.stop() == 0
    assert again.rows("SELECT status FROM run ORDER BY id") == [("interrupted",), ("completed",)]
    assert detections(again) == stored + 50
    assert set(ledger) <= set(again.rows("SELECT * FROM ledger"))
    (told,) = again.rows("SELECT sum(received), sum(delivered), sum(error) FROM ledger WHERE run_id = 2")
    assert told == (50, 50, 0)
    shown = line.right.run(str(watchdog_sensor), "ledger", "--db", str(again.db), "--format", "json")
    assert '"reason":"killed"' in shown


def test_what_a_busy_parent_had_not_taken_is_counted_when_its_worker_dies(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        worker = live.workers()[0]["pid"]
        os.kill(live.pid, signal.SIGSTOP)
        talker.say(20_000)
        seen = -1
        while seen != (seen := processor_time(worker)):  # until it has worked all off
            time.sleep(0.5)
        os.kill(worker, signal.SIGKILL)
        os.kill(live.pid, signal.SIGCONT)
        await_(lambda: live.workers()[0]["restarts"], "it is started again")
        live.await_running()
        lost = live.metric("watchdog_alerts_lost_total")
        assert lost > 0
        assert live.metric("watchdog_eve_events_lost_total") >= lost  # flows, too
        await_(lambda: "detections_lost" in live.events(), "that is logged")
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] == talker.sent
    assert detections(live) == talker.sent - lost


def test_a_worker_that_does_not_end_is_cut_short_and_what_it_left_is_counted(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        talker.say(100)
        await_(lambda: detections(live) == 100, "detections")
        os.kill(live.workers()[0]["pid"], signal.SIGSTOP)
        talker.say(200)
        began = time.monotonic()
        assert live.stop() == 0
        assert time.monotonic() - began < 6
    assert "drain_cut_short" in live.events()
    sums = live.check_ledger()
    assert (sums["received"], sums["delivered"], sums["dropped"]) == (300, 100, 200)
    assert detections(live) == 100
