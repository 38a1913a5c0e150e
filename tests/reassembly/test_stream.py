"""The vectorised stages against the references, whatever the split into batches."""

from hypothesis import given
from hypothesis import strategies as st

from sensor.config import ReassemblyLimits
from tests.flow.packets import captured, steps
from tests.reassembly.harness import Reference, Sensor, run
from tests.reference.flow import Packet

captures = steps.map(captured)
sizes = st.lists(st.integers(1, 12), max_size=40)
FEW_OCTETS = 6


def compare(sensor: Sensor, reference: Reference) -> None:
    assert sensor.flows.keys() == reference.flows.keys()
    for number, expected in reference.flows.items():
        seen = sensor.flows[number]
        assert seen.record == expected.record
        assert seen.octets == expected.octets
        assert seen.released == expected.released
        assert sorted(seen.closed) == sorted(expected.closed)
        # A flow that never spoke again may have been swept before the capture ended.
        assert seen.reason == expected.reason or (seen.reason, expected.reason) == ("timeout", "shutdown")
    counters = sensor.counters
    assert counters.flows == len(reference.flows)
    assert counters.flows_reused == reference.tracker.reused
    assert counters.flows_evicted == 0
    assert counters.segments_retransmitted == reference.total("retransmitted")
    assert counters.segments_out_of_order == reference.total("out_of_order")
    assert counters.segments_out_of_window == reference.total("out_of_window")
    assert counters.segments_after_fin == reference.total("after_fin")
    assert counters.comparisons_cut == 0
    assert counters.reassembly_gaps == reference.total("gaps")
    assert counters.reassembly_gap_octets == reference.total("missed")
    assert counters.reassembly_limited == reference.total("limited")


@given(captures)
def test_one_batch_is_as_the_reference(packets: list[Packet]) -> None:
    sensor, reference = run(packets, []), Reference(packets)
    compare(sensor, reference)
    assert counters_of(sensor)["segments_conflicting"] == reference.total("conflicting")


@given(captures, sizes)
def test_any_split_is_as_the_reference(packets: list[Packet], split: list[int]) -> None:
    compare(run(packets, split), Reference(packets))


@given(captures)
def test_one_packet_at_a_time_is_as_the_reference(packets: list[Packet]) -> None:
    compare(run(packets, [1] * len(packets)), Reference(packets))


@given(captures, sizes)
def test_limit_on_held_octets_is_as_the_reference(packets: list[Packet], split: list[int]) -> None:
    sensor = Sensor(reassembly=ReassemblyLimits(stream_octets=FEW_OCTETS))
    compare(run(packets, split, sensor), Reference(packets, stream_octets=FEW_OCTETS))


@given(captures, sizes, st.integers(1, 3))
def test_limit_on_held_segments_does_not_show_the_split(
    packets: list[Packet], split: list[int], limit: int
) -> None:
    limits = ReassemblyLimits(stream_segments=limit)
    whole, parts = (run(packets, cut, Sensor(reassembly=limits)) for cut in ([], split))
    assert without_reasons(whole) == without_reasons(parts)
    assert counters_of(whole, but="segments_conflicting") == counters_of(parts, but="segments_conflicting")


@given(captures, sizes)
def test_flow_ids_and_closes_do_not_show_the_split(packets: list[Packet], split: list[int]) -> None:
    whole, parts = run(packets, []), run(packets, split)
    assert without_reasons(whole) == without_reasons(parts)


@given(captures, sizes)
def test_every_slot_and_every_held_octet_is_given_back(packets: list[Packet], split: list[int]) -> None:
    sensor = run(packets, split)
    assert sensor.table.free_count == sensor.table.capacity
    assert not sensor.table.active.any()
    assert not sensor.table.linked.any()
    assert len(sensor.ended) == len(set(sensor.ended)) == sensor.counters.flows
    assert sensor.streams._slow.held == {}
    assert sensor.streams._slow.held_cost == 0


def without_reasons(sensor: Sensor) -> dict[int, tuple[object, ...]]:
    return {
        number: (seen.record, seen.octets, seen.released, sorted(seen.closed), seen.flow_id)
        for number, seen in sensor.flows.items()
    }


def counters_of(sensor: Sensor, *, but: str = "") -> dict[str, object]:
    return {name: value for name, value in sensor.counters.snapshot().items() if name != but}
