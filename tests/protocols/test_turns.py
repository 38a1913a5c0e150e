"""Turns of two directions against a scalar reference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensor.protocols.turns import CLOSE, turns_of
from sensor.reassembly.join import Joiner
from sensor.reassembly.pieces import Pieces, no_pieces

PACKETS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.lists(st.tuples(st.integers(1, 3), st.sampled_from((0, 0, 0, 7)), st.booleans()), max_size=3),
        st.booleans(),
    ),
    max_size=16,
)
"""Stream; pieces that the packet hands on: octets, octets missing before them, of the other direction (that
it acknowledges); whether the stream's end comes with it."""


@given(PACKETS, st.integers(1, 1 << 40))
def test_turns_are_what_the_packets_hand_on_one_by_one(
    packets: list[tuple[int, list[tuple[int, int, bool]], bool]], first: int
) -> None:
    pieces: dict[int, list[tuple[int, int, int, int]]] = {stream: [] for stream in range(6)}
    expected: list[tuple[int, int, int, int]] = []  # slot, direction, octets missing, the stream's octet
    closed: dict[int, int] = {}
    said = dict.fromkeys(range(6), 0)
    for number, (stream, handed_on, ends) in enumerate(packets, first):
        for of_other in (True, False):
            brings = number if not of_other else first - 1
            its = stream ^ of_other
            for length, gap, other in handed_on:
                if other is of_other and its not in closed:
                    pieces[its].append((length, gap, brings, number))
                    expected += [(its >> 1, its & 1, 0 if n else gap, said[its] + n) for n in range(length)]
                    said[its] += length
                    brings = first - 1  # what waited for it
        if ends and stream not in closed:
            closed[stream] = number
            expected.append((stream >> 1, stream & 1, 0, CLOSE))
    if not expected:
        return
    rows = [(stream, *piece) for stream in pieces for piece in pieces[stream]]
    stream_of, lengths, gaps, numbers, released = (
        np.array(column, np.int64) for column in (zip(*rows, strict=True) if rows else [()] * 5)
    )
    offset = np.cumsum(lengths) - lengths
    zero = np.zeros_like(stream_of)
    octets = memoryview(bytes(int(lengths.sum())))
    closes = np.array(list(closed), np.int64), np.array(list(closed.values()), np.int64)
    held = Pieces(stream_of, offset, lengths, gaps, numbers, released, zero, zero, *closes)
    joined = Joiner(0).join(held, no_pieces(), octets)
    runs = np.arange(joined.stream_runs)
    turns = turns_of(joined, runs, np.zeros(runs.shape[0], np.bool_), *closes)

    begins = {stream: int(offset[stream_of == stream][:1].sum()) for stream in range(6)}
    found = []
    columns = (each.tolist() for each in (turns.slot, turns.direction, turns.gap, turns.start, turns.end))
    for slot, direction, gap_before, start, end in zip(*columns, strict=True):
        base = begins[2 * slot + direction]
        places = [CLOSE] if end == CLOSE else range(start - base, end - base)
        found += [(slot, direction, 0 if n else gap_before, place) for n, place in enumerate(places)]
    assert found == sorted(expected, key=lambda row: row[0])
    assert len(turns.slot) <= len(rows) + len(closed)
