"""Regexes looked for in values, a value at a time: they need its true start and end."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import Bool
from sensor.matching.plan import MatchPlan, Regexes
from sensor.matching.rows import NO_ROWS, Rows, scan_block


def scan_regexes(plan: MatchPlan, regexes: Regexes, values: Sequence[bytes | NDArray[np.uint8]]) -> Rows:
    """Every match, its start told as its end."""
    ids: list[int] = []
    ends: list[int] = []
    at: list[int] = []

    def collect(pattern: int, _start: int, end: int, _flags: int, _context: object) -> None:
        ids.append(pattern)
        ends.append(end)

    for index, value in enumerate(values):
        if not len(value):  # an array's truth is not its length
            continue
        scan_block(regexes.database, value, collect)
        if len(at) < len(ids):
            at += [index] * (len(ids) - len(at))
    if not ids:
        return NO_ROWS
    clause = regexes.clause[np.array(ids, np.int64)]
    end = np.array(ends, np.int64)
    run = np.array(at, np.int64)
    length = np.fromiter(map(len, values), np.int64, len(values))[run]
    # A regex does not tell where its match starts: ``^`` and ``$`` bind it, offsets do not apply.
    depth = plan.bounds.depth[clause]
    keep: Bool = ((depth == 0) | (end <= depth)) & (~plan.bounds.at_end[clause] | (end == length))
    return Rows(clause[keep], run[keep], end[keep], end[keep], False)
