"""Pieces left out, and cut, hold against plain doubles."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensor.reassembly.leave_out import LeftOut, split
from sensor.reassembly.pieces import Pieces, no_pieces
from tests.reference import leave_out as plain
from tests.reference.leave_out import Piece

BATCH = b"0123456789abcdefghijklmnopqrstuvwxyz"
STORED = [b"ABCDEFG", b"HIJ"]

one = st.tuples(st.integers(0, 3), st.integers(1, 6), st.integers(0, 2), st.booleans(), st.booleans())
batches = st.lists(st.lists(one, max_size=8), max_size=4)


def made(rows: list[tuple[int, int, int, bool, bool]]) -> Pieces:
    """Pieces by stream, length, gap, whether they are kept outside the batch; positions count octets."""
    rows = sorted(rows, key=lambda row: row[0])
    stored = [STORED[0][: row[1]] if row[3] else b"" for row in rows]
    columns = {name: np.zeros(len(rows), np.int64) for name in COLUMNS}
    for at, (stream, length, gap, is_stored, _) in enumerate(rows):
        columns["stream"][at], columns["length"][at], columns["gap"][at] = stream, length, gap
        columns["offset"][at] = -1 - at if is_stored else at
        columns["position"][at] = 100 * at
        columns["number"][at] = columns["released"][at] = columns["ts_ns"][at] = at
    none = np.zeros(0, np.int64)
    return Pieces(**columns, closed=none, closed_at=none, stored=stored)


COLUMNS = ("stream", "offset", "length", "gap", "number", "released", "ts_ns", "position")


def plainly(pieces: Pieces) -> list[Piece]:
    rows = zip(
        *(getattr(pieces, name).tolist() for name in ("stream", "offset", "length", "gap", "position")),
        strict=True,
    )
    return [
        Piece(
            stream,
            position,
            BATCH[offset : offset + length] if offset >= 0 else pieces.stored[-1 - offset],
            gap,
        )
        for stream, offset, length, gap, position in rows
    ]


@given(batches)
def test_what_stays_has_what_went_in_its_gap(rows: list[list[tuple[int, int, int, bool, bool]]]) -> None:
    left, reference = LeftOut(4), plain.LeftOut()
    for batch in rows:
        pieces = made(batch)
        out = [row[4] for row in sorted(batch, key=lambda row: row[0])]
        expected = reference.take(plainly(pieces), out)
        assert plainly(left.take(pieces, np.array(out, np.bool_))) == expected


def test_a_flow_that_ended_owes_nothing() -> None:
    left = LeftOut(4)
    piece = made([(2, 5, 0, False, True)])
    assert not len(left.take(piece, np.array([True])))
    assert left.take(piece, None).gap.tolist() == [5]
    left.take(piece, np.array([True]))
    left.forget(np.array([1]))
    assert left.take(piece, None).gap.tolist() == [0]
    assert left.take(no_pieces(), None).stream.shape == (0,)


@given(st.data(), st.lists(one, max_size=6))
def test_cut_pieces(data: st.DataObject, rows: list[tuple[int, int, int, bool, bool]]) -> None:
    pieces = made(rows)
    cuts = [
        (at, where)
        for at, length in enumerate(pieces.length.tolist())
        for where in sorted(data.draw(st.sets(st.integers(1, length), max_size=2)) - {length})
    ]
    at, where = (np.array([cut[i] for cut in cuts], np.int64) for i in (0, 1))
    assert plainly(split(pieces, at, where)) == plain.split(plainly(pieces), cuts)
