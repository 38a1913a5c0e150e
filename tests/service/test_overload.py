"""More than a worker can read: what the ring can't take is counted, then less is looked at, in order."""

import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from sensor.telemetry import ShedLevel
from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import silent_talker, talking, write_signatures

pytestmark = [pytest.mark.linux, pytest.mark.netns]


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def came(line: Line) -> int:
    """Packets that the right side's device has received."""
    with line.right.entered():
        text = Path("/proc/thread-self/net/dev").read_text(encoding="ascii")
    (row,) = [row for row in text.splitlines() if row.strip().startswith(line.right.device)]
    return int(row.partition(":")[2].split()[1])


def test_what_a_full_ring_cannot_take_is_counted(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--ring", "4MiB")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        before = came(line)
        worker = live.workers()[0]["pid"]
        os.kill(worker, signal.SIGSTOP)
        talker.say(40_000)
        os.kill(worker, signal.SIGCONT)
        await_(lambda: waiting(live) == 0 and live.interface()["ledger"]["received"] == 40_000, "all is read")
        dropped = live.interface()["ledger"]["dropped"]["ring_full"]
        assert live.metric("watchdog_capture_dropped_packets_total") == dropped > 0
        await_(lambda: "packets_dropped" in live.events(), "that is logged")
        assert live.stop() == 0
        assert came(line) - before == talker.sent == 40_000
    sums = live.check_ledger()
    assert (sums["received"], sums["dropped"]) == (40_000, dropped)
    assert live.rows("SELECT count(*) FROM detection") == [(sums["decoded"],)]


def waiting(live: Live) -> int:
    """Packets in the ring."""
    ledger = live.interface()["ledger"]
    return int(ledger["received"] - ledger["delivered"] - sum(ledger["dropped"].values()))


def test_overload_sheds_in_order_says_so_and_ends(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    """The worker is stopped most of the time, as if its core were another's."""
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--ring", "4MiB")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        worker = live.workers()[0]["pid"]
        with talking(line, 4000, length=1400) as talker:
            levels = [0]
            until = time.monotonic() + 12  # the talker's last word
            while levels[-1] < ShedLevel.FLOWS_MOST and time.monotonic() < until:
                os.kill(worker, signal.SIGSTOP)
                time.sleep(0.4)
                os.kill(worker, signal.SIGCONT)
                time.sleep(0.15)
                levels.append(live.workers()[0]["shed_level"])
            assert max(levels) >= ShedLevel.FLOWS_QUARTER, levels
            assert live.metric("watchdog_worker_shed_level") > 0
            time.sleep(1)  # packets that come now are shed
        await_(lambda: waiting(live) == 0, "all is read")
        assert live.interface()["ledger"]["shed"]["overload"] > 0
        await_(lambda: live.workers()[0]["shed_level"] == 0, "nothing is shed any more")
        await_(lambda: "shedding_ended" in live.events(), "that is logged")
        with silent_talker(line, 60_000) as after:
            after.say(100)
            sent = talker.sent + after.sent
            await_(
                lambda: live.interface()["ledger"]["received"] == sent and waiting(live) == 0, "all is read"
            )
        assert live.stop() == 0
    sums = live.check_ledger()
    assert sums["received"] == sent
    assert live.rows("SELECT count(*) FROM detection") == [(sums["decoded"],)]
    assert sums["shed"] > 0
    told = [text.rpartition("shed=")[2] for text in live.said.read_text().splitlines() if " shedding" in text]
    steps = [int(ShedLevel[name.upper()]) for name in told]
    top = steps.index(max(steps))
    assert all(now > then for then, now in pairwise(steps[: top + 1])), told
    assert steps[-1] == 0
