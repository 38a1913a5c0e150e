"""A table that is full, and hashes that collide: bounded, and nothing lost but the oldest."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from sensor.arrays import U64
from sensor.config import FlowLimits
from sensor.errors import ConfigError
from sensor.flow.index import FlowIndex
from tests.flow.packets import SECOND, Step, captured, steps
from tests.reassembly.harness import Reference, Sensor, run
from tests.reference.flow import ACK, SYN, Packet

SMALL = FlowLimits(flows=32, evict_share=16)


def syn(port: int, number: int, ts_ns: int = 0) -> Packet:
    """The first packet of a flow of its own."""
    return Packet(ts_ns + number, (1, port), (2, 80), flags=SYN, seq=5, number=number)


def flood(count: int, first_number: int = 1) -> list[Packet]:
    return [syn(1000 + number, number) for number in range(first_number, first_number + count)]


def filled() -> Sensor:
    """A sensor whose table is full."""
    sensor = Sensor(SMALL)
    sensor.feed(flood(16))
    sensor.feed(flood(16, first_number=17))
    assert sensor.table.free_count == 0
    return sensor


def test_a_flood_stays_inside_the_table() -> None:
    sensor = Sensor(SMALL)
    packets = flood(500)
    for start in range(0, 500, 16):
        sensor.feed(packets[start : start + 16])
        assert sensor.table.count <= SMALL.flows
        assert sensor.table.active.sum() == sensor.table.count
    sensor.finish()
    assert sensor.counters.flows == 500
    assert sorted(sensor.ended) == [packet.number for packet in packets]
    assert sensor.table.free_count == SMALL.flows
    forced = [seen for seen in sensor.flows.values() if seen.reason == "forced"]
    assert len(forced) == sensor.counters.flows_evicted == 500 - SMALL.flows


def test_the_longest_silent_give_way() -> None:
    sensor = filled()
    touched = [replace(packet, ts_ns=SECOND, number=40) for packet in flood(1)]
    sensor.feed(touched)
    sensor.feed(flood(4, first_number=50))
    forced = {number for number, seen in sensor.flows.items() if seen.reason == "forced"}
    assert forced == {2, 3, 4, 5}


def test_flows_of_the_batch_are_never_evicted_by_it() -> None:
    """A full batch of known and new flows, with a reuse of ports, takes the slots of others only."""
    sensor = filled()
    old = [replace(packet, ts_ns=SECOND, number=100 + i) for i, packet in enumerate(flood(6))]
    reused = [replace(packet, seq=77, number=106 + i) for i, packet in enumerate(old[:4])]
    sensor.feed([*old, *reused, *flood(6, first_number=110)])
    forced = {number for number, seen in sensor.flows.items() if seen.reason == "forced"}
    assert forced == set(range(7, 17))
    assert {number for number, seen in sensor.flows.items() if seen.reason == "tcp_reuse"} == {1, 2, 3, 4}


def test_every_row_of_the_largest_batch_may_cut_a_flow_off() -> None:
    sensor = filled()
    rows = sensor.tracker.max_rows
    assert rows == SMALL.flows // 2
    sensor.feed([replace(packet, seq=9, number=100 + i) for i, packet in enumerate(flood(rows))])
    sensor.finish()
    assert len(sensor.flows) == SMALL.flows + rows
    assert sensor.counters.flows_reused == sensor.counters.flows_evicted == rows
    assert sensor.table.free_count == SMALL.flows


def test_what_an_evicted_flow_held_is_handed_on() -> None:
    sensor = Sensor(SMALL)
    data = Packet(0, (1, 999), (2, 80), flags=ACK, seq=100, data=b"ab", wire_len=2, number=1)
    sensor.feed([data, replace(data, seq=105, data=b"xy", number=2)])
    sensor.feed(flood(16, first_number=10))
    sensor.feed(flood(16, first_number=26))
    assert sensor.flows[1].reason == "forced"
    octets = [octet[:3] for octet in sensor.flows[1].octets[0]]
    assert octets == [(0, 97, 1), (1, 98, 1), (5, 120, 2), (6, 121, 2)]


def test_time_outs_end_flows_of_each_protocol() -> None:
    limits = FlowLimits(flows=8)
    sensor = Sensor(limits)
    first = [Packet(0, (1, 1), (2, 2), proto=proto, number=i) for i, proto in enumerate((6, 17, 1), 1)]
    sensor.feed(first)
    sensor.feed([Packet(61 * SECOND, (3, 3), (4, 4), number=4)])
    assert [sensor.flows[number].reason for number in sensor.ended] == ["timeout", "timeout"]
    sensor.feed([Packet(601 * SECOND, (3, 3), (4, 4), number=5)])
    assert sorted(sensor.ended) == [1, 2, 3]
    assert sensor.table.count == 1


@pytest.mark.parametrize("distinct", [1, 3])
@given(script=steps, split=st.lists(st.integers(1, 12), max_size=40))
def test_collisions_change_nothing(distinct: int, script: list[Step], split: list[int]) -> None:
    def hashes(_: FlowIndex, words: NDArray[np.uint64]) -> U64:
        few: U64 = words.sum(axis=0) % np.uint64(distinct)
        return few

    packets = captured(script)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FlowIndex, "hashes", hashes)
        sensor = run(packets, split)
    reference = Reference(packets)
    assert {n: seen.record for n, seen in sensor.flows.items()} == {
        n: seen.record for n, seen in reference.flows.items()
    }


@pytest.mark.parametrize("flows", [-1, 0, 1])
def test_a_table_without_room_for_a_packet_is_refused(flows: int) -> None:
    with pytest.raises(ConfigError, match="too few"):
        FlowLimits(flows=flows)


def test_the_smallest_table_counts_every_flow() -> None:
    sensor = Sensor(FlowLimits(flows=2))
    for packet in flood(20):
        sensor.feed([packet])
    sensor.finish()
    assert sensor.counters.flows == 20
    assert sorted(sensor.ended) == list(range(1, 21))
