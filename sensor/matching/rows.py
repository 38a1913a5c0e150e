"""Runs of joined octets, and what was found in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Final

import hyperscan
import numpy as np

from sensor.arrays import I64
from sensor.matching.layers import Effort, KeywordMatch

EVERY: Final = 64
"""Matches of a clause that are kept in a run where every one is wanted: two clauses are compared by pairs."""
NO_EFFORT: Final = Effort()
_NONE: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Stretches of joined octets that are looked into."""

    start: I64
    """(k,) where each starts."""
    fresh: I64
    """(k,) where the octets start that were not looked into before."""
    end: I64
    offset: I64
    """(k,) of the first octet in its stream."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """As `sensor.matching.scan.Matches`, in no order, with all matches of each clause."""

    clause: I64
    run: I64
    start: I64
    end: I64
    flooded: bool
    worded: tuple[KeywordMatch | None, ...] = ()
    """The keywords; empty where none matched."""
    effort: Effort = NO_EFFORT

    def __len__(self) -> int:
        return len(self.clause)


NO_ROWS: Final = Rows(_NONE, _NONE, _NONE, _NONE, False)


def concatenate(parts: Sequence[Rows]) -> Rows:
    """All of them; the first one's effort, as regexes take none."""
    if len(parts) == 1:
        return parts[0]
    return Rows(
        np.concatenate([part.clause for part in parts]),
        np.concatenate([part.run for part in parts]),
        np.concatenate([part.start for part in parts]),
        np.concatenate([part.end for part in parts]),
        any(part.flooded for part in parts),
        tuple(chain.from_iterable(part.worded or repeat(None, len(part)) for part in parts))
        if any(part.worded for part in parts)
        else (),
        parts[0].effort,
    )


def scan_block(database: hyperscan.Database, octets: Any, handler: Callable[..., None]) -> None:
    """Scan any contiguous buffer; the binding's stub knows of bytes only."""
    database.scan(octets, match_event_handler=handler)
