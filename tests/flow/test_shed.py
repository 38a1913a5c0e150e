"""Whole flows shed: both directions, the same ones at every level that drops them, as many as it says."""

from hypothesis import given
from hypothesis import strategies as st

from sensor.decode.columns import Layer
from sensor.flow.key import flow_keys, hash_words
from sensor.flow.shed import EIGHTHS, FlowShedder
from sensor.telemetry import ShedLevel
from tests.flow.packets import columns
from tests.reference.flow import TCP, UDP, Packet

LEVELS = sorted(EIGHTHS)


def flows(count: int) -> list[Packet]:
    return [Packet(0, (i, 1000 + i), (9, 80), number=i + 1) for i in range(count)]


def dropped(packets: list[Packet], level: ShedLevel, seed: int = 7) -> set[int]:
    rows, _ = columns(packets)
    count = FlowShedder(seed).shed(rows, level)
    gone = {i for i in range(len(packets)) if rows.layer[i] == Layer.NONE}
    assert len(gone) == count
    return gone


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.sampled_from([TCP, UDP])), max_size=30))
def test_a_flow_goes_or_stays_as_a_whole(ends: list[tuple[int, int, int]]) -> None:
    packets = [
        Packet(0, (a, 1000 + a), (b, 1000 + b), proto=proto, number=i + 1)
        for i, (a, b, proto) in enumerate(ends)
    ]
    gone = dropped(packets, ShedLevel.FLOWS_HALF)
    verdicts: dict[object, set[bool]] = {}
    for i, (a, b, proto) in enumerate(ends):
        verdicts.setdefault((frozenset((a, b)), proto), set()).add(i in gone)
    assert all(len(each) == 1 for each in verdicts.values())


def test_levels_drop_what_they_say_and_what_lower_ones_drop() -> None:
    packets = flows(4000)
    gone = [dropped(packets, level) for level in LEVELS]
    assert gone[0] < gone[1] < gone[2]
    for level, each in zip(LEVELS, gone, strict=True):
        assert abs(len(each) - 500 * EIGHTHS[level]) < 150
    assert dropped(packets, ShedLevel.ENCRYPTED) == set()


def test_which_flows_depends_on_a_secret() -> None:
    packets = flows(100)
    assert dropped(packets, ShedLevel.FLOWS_HALF, 1) != dropped(packets, ShedLevel.FLOWS_HALF, 2)
    rows, _ = columns(packets)
    first = hash_words(flow_keys(rows, rows.layer.nonzero()[0]).words, 1)
    assert dropped(packets, ShedLevel.FLOWS_HALF, 1) == {
        i for i, value in enumerate(first) if int(value) >> 63 == 0
    }


def test_rows_without_a_flow_stay() -> None:
    rows, _ = columns(flows(8))
    rows.layer[:4] = (Layer.NONE, Layer.OTHER, Layer.FRAGMENT, Layer.FRAGMENT)
    FlowShedder(7).shed(rows, ShedLevel.FLOWS_MOST)
    assert rows.layer[:4].tolist() == [Layer.NONE, Layer.OTHER, Layer.FRAGMENT, Layer.FRAGMENT]
