"""Turns of two directions against a scalar reference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensor.protocols.turns import turns_of
from sensor.reassembly.join import Joiner
from sensor.reassembly.pieces import Pieces, no_pieces

PIECES = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3), st.sampled_from((0, 0, 0, 7))), max_size=24)
"""Stream, octets, octets missing before them; in order of arrival."""


@given(PIECES)
def test_turns_are_those_of_pieces_read_one_by_one(pieces: list[tuple[int, int, int]]) -> None:
    if not pieces:
        return
    numbers = list(range(1, len(pieces) + 1))
    rows = [(*piece, number) for piece, number in zip(pieces, numbers, strict=True)]
    # A stream's pieces lie side by side; the packet of one that was put in order has a number out of order.
    if len(rows) > 2:
        rows[0], rows[2] = (*rows[0][:3], rows[2][3]), (*rows[2][:3], rows[0][3])
    rows.sort(key=lambda row: row[0])
    stream, length, gap, number = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    offset = np.cumsum(length) - length
    zero = np.zeros_like(stream)
    octets = memoryview(bytes(i % 251 for i in range(int(length.sum()))))
    pieces_of = Pieces(stream, offset, length, gap, number, number, zero, zero, zero[:0], zero[:0])
    joined = Joiner(0).join(pieces_of, no_pieces(), octets)
    runs = np.arange(joined.stream_runs)
    turns = turns_of(joined, runs, np.zeros(runs.shape[0], np.bool_))

    latest: dict[int, int] = {}
    expected = []
    columns = (each.tolist() for each in (stream, length, gap, number, offset))
    for its_stream, its_length, its_gap, its_number, start in zip(*columns, strict=True):
        latest[its_stream] = max(latest.get(its_stream, 0), its_number)
        place = its_stream >> 1, latest[its_stream]
        expected += [
            (*place, its_stream & 1, its_gap if at == start else 0, at)
            for at in range(start, start + its_length)
        ]
    expected.sort(key=lambda row: row[:2])
    found = []
    columns = (each.tolist() for each in (turns.slot, turns.direction, turns.gap, turns.start, turns.end))
    for slot, direction, its_gap, start, end in zip(*columns, strict=True):
        found += [(slot, direction, its_gap if at == start else 0, at) for at in range(start, end)]
    assert found == [(slot, *rest) for slot, _, *rest in expected]
    assert len(turns.slot) <= len(pieces)
