"""The clock is set while the service runs: the books tell of it, and no packet is missing from them.

libfaketime gives the service a wall clock that the test sets. The machine's own would be everybody's, and a
time namespace has monotonic clocks alone. Packets keep the kernel's times: what those do to flows is tested
where time is a parameter (tests/flow, tests/test_pipeline.py).
"""

import time
from collections.abc import Iterator
from itertools import groupby, pairwise
from pathlib import Path

import pytest

from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import silent_talker, write_signatures

pytestmark = [pytest.mark.linux, pytest.mark.netns, pytest.mark.faketime]

HOUR_NS = 3_600_000_000_000


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def set_clock(path: Path, seconds: int) -> None:
    """Make the service's clock so many seconds wrong."""
    path.with_suffix(".new").write_text(f"{seconds:+d}\n", encoding="ascii")
    path.with_suffix(".new").rename(path)


def hours_off(live: Live) -> int:
    """How wrong the service's clock is."""
    return round((int(live.status()["taken_ns"]) - time.time_ns()) / HOUR_NS)


@pytest.mark.parametrize("steps", [(-1, 0), (2, -2)])
def test_a_clock_that_is_set_back_and_forward(
    watchdog_sensor: Path, tmp_path: Path, line: Line, steps: tuple[int, int]
) -> None:
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    clock = tmp_path / "clock"
    set_clock(clock, 0)
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with (
        live_sensor(watchdog_sensor, line.right, tmp_path, *options, environment=environment) as live,
        silent_talker(line) as talker,
    ):
        for step in (0, *steps):
            set_clock(clock, step * 3600)
            await_(lambda: hours_off(live) == step, "the clock is set")  # noqa: B023
            talker.say(100)
            stored = talker.sent
            await_(lambda: live.rows("SELECT count(*) FROM detection") == [(stored,)], "detections")  # noqa: B023
            time.sleep(1.1)  # a tick notices
        assert live.metric("watchdog_detection_latency_seconds_count") == 300
        assert live.metric("watchdog_detection_latency_seconds_sum") >= 0
        assert live.workers()[0]["restarts"] == 0
        assert live.stop() == 0
    sums = live.check_ledger()
    assert sums["received"] == sums["decoded"] == 300
    stretches = live.rows("SELECT started_ns, ended_ns FROM ledger ORDER BY id")
    assert all(0 <= end - start <= 60 * 10**9 for start, end in stretches)
    hours = [round((start - stretches[0][0]) / HOUR_NS) for start, _ in stretches]
    assert [hour for hour, _ in groupby(hours)] == [0, *steps]
    for before, after in pairwise(stretches):
        assert after[0] >= before[1] or before[0] - after[0] > HOUR_NS // 2  # no overlap but by a step back
