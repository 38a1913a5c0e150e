"""Octets in runs, and numbers of stretches that follow one another."""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, U8, Bool


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """Octets in runs, and how far a view reaches."""

    octets: U8
    """(m,)"""
    run_start: I64
    """(k,) ascending, runs not overlapping."""
    run_end: I64
    reach: int
    """Plain octets that are shown on either side of an escape."""


def spread(length: I64) -> tuple[I64, I64]:
    """Start and end of stretches of ``length`` that follow one another."""
    end = np.cumsum(length)
    return end - length, end


def sums(length: I64) -> I64:
    """(n + 1,) sums of the first so many."""
    before = np.zeros(length.shape[0] + 1, np.int64)
    np.cumsum(length, out=before[1:])
    return before


def ramp(first: I64, count: I64) -> I64:
    """``first``, ``first + 1`` and so on, ``count`` of them, for each pair."""
    end = np.cumsum(count)
    return np.arange(int(end[-1]) if end.shape[0] else 0) + np.repeat(first - end + count, count)


def leading(mask: Bool) -> I64:
    """(n,) how many each row begins with that are set; the last one of a row never counts.

    :param mask: (n, w), its last column is overwritten.
    """
    mask[:, -1] = False
    count: I64 = mask.argmin(axis=1)
    return count
