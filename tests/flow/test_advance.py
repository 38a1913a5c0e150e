"""Packet time of a quiet line: flows end though no packet comes, and no clock that is set does harm."""

import pytest

from tests.flow.packets import SECOND
from tests.reassembly.harness import Sensor
from tests.reference.flow import UDP, Packet

NOON = 1_700_000_000 * SECOND


def heard(second: float, number: int = 1, port: int = 2000) -> Packet:
    return Packet(NOON + int(second * SECOND), (1, port), (2, 53), proto=UDP, data=b"x", number=number)


def tick(sensor: Sensor, *seconds: float) -> None:
    for second in seconds:
        for _ in sensor.tracker.advance(NOON + int(second * SECOND), 1):
            pass


def test_an_idle_flow_ends_at_its_time_out() -> None:
    sensor = Sensor()
    tick(sensor, 0)
    sensor.feed([heard(0)])
    tick(sensor, *range(61))
    assert sensor.ended == []
    tick(sensor, *range(61, 121))
    assert sensor.ended == [1]


def test_time_that_packets_moved_is_not_counted_twice() -> None:
    sensor = Sensor()
    for second in range(0, 600, 2):
        tick(sensor, second)
        sensor.feed([heard(second + 1, second + 1, 2001)] + [heard(0.5)] * (second == 0))
        assert sensor.tracker.clock_ns <= NOON + (second + 2) * SECOND
    assert sensor.ended == [2]


@pytest.mark.parametrize("leap", [-3600 * 24 * 365, -10, 3600, 3600 * 24 * 365 * 50])
def test_a_clock_that_is_set_ends_no_flow_and_stops_none_from_ending(leap: int) -> None:
    sensor = Sensor()
    sensor.feed([heard(0)])
    tick(sensor, 0, 1, leap + 2)
    assert sensor.ended == []
    tick(sensor, *range(leap + 3, leap + 150))
    assert sensor.ended == [1]


def test_a_packet_dated_far_ahead_stops_no_flow_from_ending() -> None:
    sensor = Sensor()
    tick(sensor, 0)
    sensor.feed([heard(3600, 1, 2001)])
    sensor.feed([heard(1, 2)])
    tick(sensor, *range(1, 150))
    assert sorted(sensor.ended) == [1, 2]


def test_nothing_moves_before_the_first_packet() -> None:
    sensor = Sensor()
    tick(sensor, 0, 30, 60)
    sensor.feed([heard(-100)])
    assert sensor.tracker.clock_ns == NOON - 100 * SECOND
    tick(sensor, 61)
    assert sensor.tracker.clock_ns == NOON - 100 * SECOND


def test_after_the_end_time_begins_anew() -> None:
    sensor = Sensor()
    tick(sensor, 0)
    sensor.feed([heard(0)])
    tick(sensor, 1)
    sensor.finish()
    sensor.feed([heard(-3600, 2)])
    tick(sensor, 2)
    assert sensor.tracker.clock_ns == NOON - 3600 * SECOND
