"""What reassembly holds is bounded, for one stream and for all, whatever is sent."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.config import FlowLimits, ReassemblyLimits
from sensor.reassembly.held import SEGMENT_COST
from tests.flow.packets import captured, steps
from tests.reassembly.harness import Sensor
from tests.reference.flow import ACK, SYN, Packet

FLOWS = FlowLimits(flows=512)


def start(port: int, number: int) -> Packet:
    return Packet(0, (1, port), (2, 80), flags=SYN, seq=0, number=number)


def ahead(port: int, number: int, seq: int, data: bytes) -> Packet:
    """A segment that is not next, unless ``seq`` is 1."""
    return replace(start(port, number), flags=ACK, seq=seq, data=data, wire_len=len(data))


def held_cost(sensor: Sensor) -> int:
    total = sum(held.cost for held in sensor.streams._slow.held.values())
    assert sensor.streams._slow.held_cost == total
    return total


def test_octets_of_one_stream_are_limited() -> None:
    sensor = Sensor(FLOWS, ReassemblyLimits(stream_octets=100))
    sensor.feed([start(1, 1)])
    for i in range(50):
        sensor.feed([ahead(1, 2 + i, 100 + 20 * i, b"0123456789")])
        assert all(held.octets <= 100 for held in sensor.streams._slow.held.values())
    assert sensor.counters.reassembly_limited == sensor.counters.reassembly_gaps == 40
    sensor.finish()
    assert len(sensor.flows[1].octets[0]) == 500
    assert sensor.flows[1].record["history"] == "SDG"


def test_segments_of_one_stream_are_limited() -> None:
    sensor = Sensor(FLOWS, ReassemblyLimits(stream_segments=7))
    sensor.feed([start(1, 1), *(ahead(1, 2 + i, 100 + 2 * i, b"x") for i in range(50))])
    assert [len(held.segments) for held in sensor.streams._slow.held.values()] == [7]
    assert sensor.counters.reassembly_limited == 43


@pytest.mark.parametrize("size", [1, 200])
def test_octets_of_all_streams_are_limited_with_what_each_segment_costs(size: int) -> None:
    limit = 20 * (SEGMENT_COST + size)
    sensor = Sensor(FLOWS, ReassemblyLimits(total_octets=limit))
    sensor.feed([start(port, 1 + port) for port in range(100)])
    for turn in range(3):
        number = 1000 * (turn + 1)
        sensor.feed([ahead(port, number + port, 5000 * (turn + 1), b"x" * size) for port in range(100)])
        assert held_cost(sensor) <= limit
    assert held_cost(sensor) > limit // 2
    assert sensor.counters.reassembly_limited == 300 - 20
    sensor.finish()
    assert held_cost(sensor) == 0


def test_octets_that_the_capture_cut_off_are_held_in_bounds_too() -> None:
    sensor = Sensor(FLOWS, ReassemblyLimits(stream_segments=5))
    sensor.feed([start(1, 1)])
    sensor.feed([replace(ahead(1, 2 + i, 100 + 2 * i, b""), wire_len=1) for i in range(50)])
    assert [len(held.segments) for held in sensor.streams._slow.held.values()] == [5]


limits = st.builds(
    ReassemblyLimits,
    stream_octets=st.integers(1, 10),
    stream_segments=st.integers(1, 3),
    total_octets=st.integers(1, 1500),
)


@given(steps.map(captured), st.lists(st.integers(1, 9), max_size=20), limits)
def test_no_packets_pass_the_limits(
    packets: list[Packet], split: list[int], limited: ReassemblyLimits
) -> None:
    sensor = Sensor(reassembly=limited)
    begin = 0
    for size in (*split, len(packets)):
        batch = packets[begin : begin + size]
        begin += size
        if not batch:
            continue
        sensor.feed(batch)
        assert held_cost(sensor) <= limited.total_octets
        for held in sensor.streams._slow.held.values():
            assert held.octets == sum(len(segment.data) for segment in held.segments) <= limited.stream_octets
            assert 0 < len(held.segments) <= limited.stream_segments
    sensor.finish()
    assert held_cost(sensor) == 0
