"""Held segments against a dictionary of octets, and what a segment that overlaps many costs."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.reassembly.held import COMPARED, Held, Segment
from tests.reassembly.harness import run
from tests.reference.flow import ACK, SYN, Packet

SEGMENTS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.integers(0, 12), st.booleans()))


@given(SEGMENTS, st.integers(0, 20), st.integers(0, 8))
def test_first_wins(segments: list[tuple[int, int, int, bool]], conflicts_from: int, pops: int) -> None:
    held, known = Held(), dict[int, int | None]()
    for number, (position, wire_len, cut, other) in enumerate(segments):
        data = bytes(100 * other + position + i for i in range(max(0, wire_len - cut)))
        conflict = held.insert(Segment(position, wire_len, data, number, 0), conflicts_from)
        expected = False
        for i, at in enumerate(range(position, position + wire_len)):
            octet = data[i] if i < len(data) else None
            if at >= conflicts_from and known.setdefault(at, octet) not in (octet, None):
                expected |= octet is not None
        assert conflict == expected
        assert octets_of(held) == known
    for _ in range(min(pops, len(held.segments))):
        segment = held.pop()
        for at in range(segment.position, segment.end):
            del known[at]
        assert octets_of(held) == known
    assert held.cut == 0


def octets_of(held: Held) -> dict[int, int | None]:
    """Every octet held, by position; None for one that was not captured."""
    found: dict[int, int | None] = {}
    stretches: list[tuple[int, int]] = []
    for segment in held.segments:
        assert segment.position >= held.segments[0].position
        if stretches and stretches[-1][1] == segment.position:
            stretches[-1] = stretches[-1][0], segment.end
        else:
            stretches.append((segment.position, segment.end))
        for i, at in enumerate(range(segment.position, segment.end)):
            assert at not in found
            found[at] = segment.data[i] if i < len(segment.data) else None
    assert all(a.position < b.position for a, b in pairwise(held.segments))
    assert list(zip(held.starts, held.ends, strict=True)) == stretches
    assert held.octets == sum(octet is not None for octet in found.values())
    return found


OPEN = Packet(0, (1, 2000), (2, 80), flags=SYN, seq=0, number=1)


def sent(number: int, position: int, data: bytes) -> Packet:
    return replace(OPEN, number=number, flags=ACK, seq=1 + position, data=data, wire_len=len(data))


@pytest.mark.parametrize("position", [0, 10])
@pytest.mark.parametrize("count", [COMPARED, COMPARED + 1])
def test_a_segment_is_compared_with_a_few_others(position: int, count: int) -> None:
    """Where single octets came before it, in order or behind a hole: differences are found in the first."""
    singles = [sent(2 + i, position + i, b"x") for i in range(count)]
    for other_at in (0, COMPARED - 1, COMPARED):
        octets = bytearray(b"x" * count)
        octets[other_at : other_at + 1] = b"y"
        sensor = run([OPEN, *singles, sent(100, position, bytes(octets))], [])
        differs = other_at < COMPARED
        assert sensor.counters.segments_conflicting == differs
        assert sensor.counters.comparisons_cut == (count > COMPARED and not differs)


def test_octets_between_many_held_ones_are_all_taken() -> None:
    comb = [sent(2 + i, 10 + 2 * i, b"x") for i in range(500)]
    cover = sent(1000, 0, b"-" * 1010)
    sensor = run([OPEN, *comb, cover], [])
    octets = bytes(octet[1] for octet in sensor.flows[1].octets[0])
    assert octets == b"-" * 10 + b"x-" * 500
    assert sensor.counters.comparisons_cut == 0  # a difference was found before
    assert sensor.counters.segments_conflicting == 1


@pytest.mark.parametrize(("data", "retransmitted"), [(b"\0", 0), (b"c", 0), (b"b\0", 1)])
def test_a_keep_alives_octet_is_no_retransmission(data: bytes, retransmitted: int) -> None:
    packets = [OPEN, sent(2, 0, b"abc"), sent(3, 3 - len(data), data), sent(4, 3, b"def")]
    for sizes in ([], [1, 1, 1], [2], [3]):
        sensor = run(packets, sizes)
        assert sensor.counters.segments_retransmitted == retransmitted
        assert sensor.counters.segments_conflicting <= retransmitted
        assert bytes(octet[1] for octet in sensor.flows[1].octets[0]) == b"abcdef"
        assert ("T" in str(sensor.flows[1].record["history"])) == retransmitted
