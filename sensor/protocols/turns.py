"""The two directions of each flow in the order in which their octets came.

A response belongs to a request before it, never to one after it. So a flow's pieces are read in the order of
their packets, direction by direction in turns; a piece that waited for others comes when it was handed on.
The end of a stream (FIN) is a turn of its own.
"""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, Bool
from sensor.reassembly.join import Joined

CLOSE = -1
"""``start`` and ``end`` of a turn that ends its direction."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Stretches of joined octets, and ends, sorted by flow, then by arrival; all of shape (n,)."""

    slot: I64
    direction: I64
    gap: I64
    """Octets missing right before it."""
    start: I64
    end: I64
    middle: Bool
    """The flow's beginning was not seen."""


def turns_of(joined: Joined, runs: I64, midstream: Bool, closed: I64, closed_at: I64) -> Turns:
    """Cut runs where the other direction spoke.

    :param runs: (r,) some of the runs of streams, ascending; with ``closed``, at least one in all.
    :param midstream: (k,) by run: the flow's beginning was not seen.
    :param closed: (c,) streams that have come to their end.
    :param closed_at: (c,) packets at which they had.
    """
    ends = joined.run_end[runs]
    first = np.searchsorted(joined.piece_start, joined.run_fresh[runs])
    count = np.searchsorted(joined.piece_start, ends) - first
    stop = np.cumsum(count)
    piece = np.repeat(first - (stop - count), count) + np.arange(count.sum())
    start = joined.piece_start[piece]
    end = np.append(start[1:], 0)[: start.shape[0]]
    end[stop - 1] = ends
    gap = np.zeros_like(start)
    gap[stop - count] = joined.run_gap[runs]
    run = np.repeat(runs, count)
    stream = joined.run_stream[run]
    released = joined.piece_released[piece]
    # A packet hands on what it acknowledges of the other direction, then what it brings itself: octets that
    # follow in its own stream, which waited for it, come with these.
    own = np.append(True, (stream[1:] != stream[:-1]) | (released[1:] != released[:-1]))[: start.shape[0]]
    at = np.flatnonzero(own)
    brought = joined.piece_number[piece[at]] == released[at]
    later = np.repeat(brought, np.diff(np.append(at, start.shape[0])))

    mark = np.full_like(closed, CLOSE)
    stream = np.concatenate([stream, closed])
    start, end = np.concatenate([start, mark]), np.concatenate([end, mark])
    gap = np.concatenate([gap, np.zeros_like(closed)])
    middle = np.concatenate([midstream[run], np.zeros(closed.shape[0], np.bool_)])
    when = 2 * np.concatenate([released, closed_at]) + np.concatenate([later, mark != 0])
    order = np.lexsort((when, stream >> 1))
    start, end, gap, stream, middle = start[order], end[order], gap[order], stream[order], middle[order]

    begins = np.append(True, (stream[1:] != stream[:-1]) | (start[1:] != end[:-1]) | (gap[1:] != 0))
    at = np.flatnonzero(begins[: start.shape[0]])
    last = np.append(at[1:], start.shape[0]) - 1
    return Turns(stream[at] >> 1, stream[at] & 1, gap[at], start[at], end[last], middle[at])
