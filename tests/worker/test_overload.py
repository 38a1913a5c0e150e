"""The level of shedding follows the ring's fill, in order, and comes down when it is calm."""

from hypothesis import given
from hypothesis import strategies as st

from sensor.telemetry import ShedLevel
from sensor.worker.overload import CALM_NS, STEP_NS, Overload

MEMORY = 100
MOMENT = STEP_NS // 10


def test_a_ring_that_stays_low_sheds_nothing() -> None:
    overload = Overload(MEMORY)
    assert {
        overload.update(fill, fill, 1, at * MOMENT) for at, fill in enumerate([0, 0.1, 0.3, 0.5, 0.4])
    } == {0}


def test_a_ring_that_fills_up_sheds_in_order() -> None:
    overload = Overload(MEMORY)
    fills = [0.51 + 0.04 * step for step in range(7)]
    levels = [overload.update(fill, fill, 1, (1 + at) * STEP_NS) for at, fill in enumerate(fills)]
    assert levels == [1, 2, 3, 4, 5, 5, 5]


def test_a_ring_that_is_high_but_sinks_sheds_no_more_than_it_does() -> None:
    overload = Overload(MEMORY)
    assert overload.update(0.7, 0.7, 1, STEP_NS) == ShedLevel.BODIES
    assert [
        overload.update(0.7 - 0.02 * step, 0.7 - 0.02 * step, 1, (2 + step) * STEP_NS) for step in range(5)
    ] == [1] * 5


def test_a_ring_that_is_nearly_full_does_not_wait() -> None:
    overload = Overload(MEMORY)
    assert [overload.update(0.9, 0.9, 1, STEP_NS + at) for at in range(5)] == [1, 2, 3, 4, 5]


def test_it_recovers_step_by_step() -> None:
    overload = Overload(MEMORY)
    for at in range(5):
        overload.update(0.9, 0.9, 1, at)
    levels = [overload.update(0.0, 0.0, 1, 10 + at * CALM_NS) for at in range(7)]
    assert levels == [5, 4, 3, 2, 1, 0, 0]


def test_a_pause_in_a_burst_changes_nothing() -> None:
    overload = Overload(MEMORY)
    overload.update(0.9, 0.9, 1, 0)
    for at in range(1, 20):
        assert overload.update(0.0 if at % 2 else 0.3, 0.0 if at % 2 else 0.3, 1, at * CALM_NS) == 1


def test_memory_above_the_ceiling_sheds_flows_at_once_and_no_longer() -> None:
    overload = Overload(MEMORY)
    assert overload.update(0.0, 0.0, MEMORY + 1, 0) == ShedLevel.FLOWS_HALF
    assert overload.update(0.0, 0.0, MEMORY, 1) == ShedLevel.NONE


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2 * MEMORY), st.integers(0, 2 * CALM_NS)), max_size=50)
)
def test_levels_change_by_one_but_for_memory(looks: list[tuple[float, int, int]]) -> None:
    overload = Overload(MEMORY)
    now, before = 0, ShedLevel.NONE
    for fill, memory, pause in looks:
        now += pause
        level = overload.update(fill, fill, memory, now)
        if memory <= MEMORY and before < ShedLevel.FLOWS_HALF:
            assert abs(level - before) <= 1
        before = level


def test_a_small_ring_whose_batch_in_hand_is_half_of_it_calms_down() -> None:
    overload = Overload(MEMORY)
    overload.update(0.9, 0.9, 1, 0)
    levels = [overload.update(0.5, 0.0, 1, at * CALM_NS) for at in range(1, 4)]
    assert levels == [1, 0, 0]
