"""Pieces that nobody looks into leave the way to joining; what follows them has a gap before it.

So later stages need not know of it: a keyword is not pieced together across what was left out, a regex starts
anew behind it, the HTTP reader counts on past it.
"""

from dataclasses import replace

import numpy as np

from sensor.arrays import I64, Bool
from sensor.reassembly.pieces import Pieces


class LeftOut:
    """Octets that were left out at the end of each stream so far."""

    def __init__(self, streams: int) -> None:
        self._owed = np.zeros(streams, np.int64)
        """Octets left out, or missing, since the last piece that was handed on."""
        self._owes = False  # some stream may owe

    def take(self, pieces: Pieces, out: Bool | None) -> Pieces:
        """The pieces that stay, their gaps grown by what was left out before them.

        :param out: (n,) which of ``pieces`` go; None for none of them.
        """
        if out is None or not out.any():
            if not self._owes or not len(pieces) or not self._owed[pieces.stream].any():
                return pieces
            out = np.zeros(len(pieces), np.bool_)
        stream, owed = pieces.stream, self._owed
        begins = np.flatnonzero(np.append(True, stream[1:] != stream[:-1]))
        ends = np.append(begins[1:], stream.shape[0])
        missed = pieces.gap + np.where(out, pieces.length, 0)
        missed[begins] += owed[stream[begins]]
        total = np.cumsum(missed)
        # Counted from the last piece before that stays; from the start of the stream's pieces, if none does.
        index = np.arange(stream.shape[0])
        last = np.maximum.accumulate(np.where(out, -1, index))
        start = np.repeat(begins, ends - begins)
        before = np.maximum(np.append(-1, last[:-1]), start - 1)
        gap = total - np.where(before >= 0, total[before], 0)
        owed[stream[begins]] = np.where(out[ends - 1], gap[ends - 1], 0)
        self._owes = True
        stays = np.flatnonzero(~out)
        return replace(
            pieces,
            gap=gap[stays],
            **{name: getattr(pieces, name)[stays] for name in _COLUMNS},
        )

    def forget(self, slots: I64) -> None:
        """Flows have left the table: their slots are for others."""
        if self._owes:
            self._owed[2 * slots] = 0
            self._owed[2 * slots + 1] = 0


_COLUMNS = ("stream", "offset", "length", "number", "released", "ts_ns", "position")


def split(pieces: Pieces, at: I64, where: I64) -> Pieces:
    """Cut pieces in parts.

    :param at: (k,) which pieces, ascending; one that is cut twice stands there twice.
    :param where: (k,) octets of the piece before each cut, ascending for the same piece.
    """
    if not at.shape[0]:
        return pieces
    counts = np.bincount(at, minlength=len(pieces)) + 1
    ends = np.cumsum(counts)
    part = at + np.arange(at.shape[0]) + 1
    start = np.zeros(int(ends[-1]), np.int64)
    start[part] = where
    stop = np.append(start[1:], 0)
    stop[ends - 1] = pieces.length
    columns = {name: np.repeat(getattr(pieces, name), counts) for name in (*_COLUMNS, "gap")}
    columns["gap"][part] = 0
    columns["length"] = stop - start
    columns["position"] += start
    stored = list(pieces.stored)
    for row in np.flatnonzero(
        (columns["offset"] < 0) & (columns["length"] < np.repeat(pieces.length, counts))
    ):
        stored.append(stored[-1 - columns["offset"][row]][start[row] : stop[row]])
        columns["offset"][row] = -len(stored)
    columns["offset"] += np.where(columns["offset"] < 0, 0, start)
    return replace(pieces, stored=stored, **columns)
