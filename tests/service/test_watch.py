"""What grows is told when it begins, at most once a minute, and in any case before nobody looks again."""

from collections.abc import Callable

import pytest

from sensor.service.watch import Watch
from sensor.status import InterfaceStatus, LedgerCounts, WorkerStatus

Told = list[tuple[str, str, object]]


def status(*, died: int = 0, dropped: int = 0, shed_level: int = 0) -> InterfaceStatus:
    """An interface whose two workers lost so many packets together."""
    counters = [{"shed.worker_died": died - died // 2}, {"shed.worker_died": died // 2}]
    return InterfaceStatus(
        "eth0",
        ledger=LedgerCounts(dropped={"ring_full": dropped}),
        workers=[WorkerStatus(i, shed_level=shed_level, counters=each) for i, each in enumerate(counters)],
    )


@pytest.fixture
def told() -> Told:
    """Level, event and packets of each line."""
    return []


@pytest.fixture
def watch(told: Told) -> Watch:
    """One that tells `told`."""
    return Watch(lambda level, event, **detail: told.append((level, event, detail.get("packets"))))


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass."""
    now = [1000.0]
    monkeypatch.setattr("sensor.service.watch.time.monotonic", lambda: now[0])

    def pass_(seconds: float) -> None:
        now[0] += seconds

    return pass_


def test_what_does_not_grow_is_not_told(watch: Watch, told: Told) -> None:
    watch.look([status()])
    watch.look([status()], last=True)
    assert told == []


def test_a_loss_is_told_at_once_and_then_once_a_minute(
    watch: Watch, told: Told, pass_seconds: Callable[[float], None]
) -> None:
    for died in (3, 5, 9):
        watch.look([status(died=died)])
        pass_seconds(29)
    assert told == [("error", "packets_lost_with_worker", 3)]
    watch.look([status(died=9)])
    assert told[1:] == [("error", "packets_lost_with_worker", 6)]


def test_the_last_look_tells_what_the_minute_held_back(watch: Watch, told: Told) -> None:
    watch.look([status(died=3)])
    watch.look([status(died=4, dropped=7)], last=True)
    assert told == [
        ("error", "packets_lost_with_worker", 3),
        ("warning", "packets_dropped", 7),
        ("error", "packets_lost_with_worker", 1),
    ]


def test_a_loss_that_no_look_fell_on_is_told_by_the_last_one(watch: Watch, told: Told) -> None:
    watch.look([status(died=2)], last=True)
    watch.look([status(died=2)], last=True)
    assert told == [("error", "packets_lost_with_worker", 2)]


def test_shedding_is_told_as_it_begins_and_ends(watch: Watch, told: Told) -> None:
    for level in (0, 2, 2, 0):
        watch.look([status(shed_level=level)])
    assert [event for _, event, _ in told] == ["shedding"] * 2 + ["shedding_ended"] * 2


def test_an_interface_that_comes_back_counts_from_zero(watch: Watch, told: Told) -> None:
    watch.look([status(died=5)], last=True)
    watch.forget("eth0")
    watch.look([status(died=1)])
    assert [packets for _, _, packets in told] == [5, 1]
