"""The two directions of each flow in the order in which their octets came.

A response belongs to a request before it, never to one after it. So a flow's pieces are read in the order of
their packets, direction by direction in turns; where packets were put in order, a piece comes when the
last one before it in its stream had come.
"""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, Bool
from sensor.reassembly.join import Joined

_ROWS = 1 << 16
"""More than a batch has rows: pieces of earlier ones, held until now, count as come before it."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Stretches of joined octets, sorted by flow, then by arrival; all of shape (n,)."""

    slot: I64
    direction: I64
    gap: I64
    """Octets missing right before it."""
    start: I64
    end: I64
    middle: Bool
    """The flow's beginning was not seen."""


def turns_of(joined: Joined, runs: I64, midstream: Bool) -> Turns:
    """Cut runs where the other direction spoke.

    :param runs: (r,) some of the runs of streams, at least one, ascending.
    :param midstream: (k,) by run: the flow's beginning was not seen.
    """
    ends = joined.run_end[runs]
    first = np.searchsorted(joined.piece_start, joined.run_fresh[runs])
    count = np.searchsorted(joined.piece_start, ends) - first
    stop = np.cumsum(count)
    piece = np.repeat(first - (stop - count), count) + np.arange(stop[-1])
    start = joined.piece_start[piece]
    end = np.append(start[1:], 0)
    end[stop - 1] = ends
    gap = np.zeros_like(start)
    gap[stop - count] = joined.run_gap[runs]
    run = np.repeat(runs, count)
    stream = joined.run_stream[run]

    number = joined.piece_number[piece]
    arrival = np.maximum(number - (number.max() - _ROWS), 0)
    base = np.cumsum(np.append(False, stream[1:] != stream[:-1])) * (_ROWS + 1)
    latest = np.maximum.accumulate(arrival + base) - base
    order = np.lexsort((latest, stream >> 1))
    start, end, gap, stream, run = start[order], end[order], gap[order], stream[order], run[order]

    begins = np.append(True, (stream[1:] != stream[:-1]) | (start[1:] != end[:-1]) | (gap[1:] != 0))
    at = np.flatnonzero(begins)
    last = np.append(at[1:], begins.shape[0]) - 1
    return Turns(stream[at] >> 1, stream[at] & 1, gap[at], start[at], end[last], midstream[run[at]])
