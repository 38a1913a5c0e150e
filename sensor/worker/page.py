"""The counters page: a worker's numbers in memory that its parent shares.

The parent reads them whenever it is asked, without a word to the worker, and they outlive a worker that
is killed. Two banks take turns: a commit fills the one that nobody reads and then turns a single word, so
that at any moment, a kill -9 included, the page holds the numbers of a whole batch and never of half a
one. A reader that was overtaken sees that a bank's first and last word differ, and reads again.

Standard library only: the parent does without numpy.
"""

import mmap
import os
import tempfile
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final

from sensor.decode.events import DecoderEvent
from sensor.protocols.http1_shared import Http1Counters
from sensor.telemetry import Counters

OVERLOAD: Final = "overload"
WORKER_DIED: Final = "worker_died"
SHED_REASONS: Final = (OVERLOAD, WORKER_DIED)
"""Why whole packets are left out: the pipeline drops flows; a batch killed its worker."""

REJECTED: Final = "rejected."
SHED: Final = "shed."
HTTP: Final = "http."


def _counter_names() -> tuple[str, ...]:
    names = ["delivered"]
    for item in fields(Counters):
        if item.name == "rejected":
            names += [REJECTED + event.label for event in DecoderEvent if event is not DecoderEvent.NONE]
        elif item.name == "shed":
            names += [SHED + reason for reason in SHED_REASONS]
        else:
            names.append(item.name)
    names += [HTTP + item.name for item in fields(Http1Counters)]
    return (*names, "alerts_lost", "eve_events_lost", "source_received", "source_dropped")


COUNTER_NAMES: Final = _counter_names()
"""What only grows, over restarts too. ``delivered`` counts in the ring, ``received`` in the pipeline;
``alerts_lost`` and ``eve_events_lost`` are what the parent did not take in time; the ``source_`` ones are for
a source that only the worker can ask."""

GAUGE_NAMES: Final = (
    "flows_active",
    "shed_level",
    "ring_permille",
    "memory_octets",
    "finished_block",
    "generation",
    "alerts_waiting",
    "eve_events_waiting",
)
"""What is so now. ``finished_block`` is the last block of the ring that was counted, ``generation`` the
number of the configuration in use; ``alerts_waiting`` and ``eve_events_waiting`` are what the parent has not
taken yet."""

_NAMES: Final = COUNTER_NAMES + GAUGE_NAMES
_COMMITTED, _STARTED, _ALIVE = 0, 1, 2
_BANKS: Final = 8
"""Words before the first bank."""
_BANK_LEN: Final = len(_NAMES) + 2
_LEN: Final = (_BANKS + 2 * _BANK_LEN) * 8
_LARGEST: Final = (1 << 63) - 1
_MOST: Final = 1 << 53
"""What readers of JSON hold exactly: packets of a thousand years."""
_TRIES: Final = 100
"""A commit takes microseconds and comes once a batch."""


class CountersPage:
    """Counters by name. One process commits, any reads."""

    def __init__(self, descriptor: int) -> None:
        """Map the page that ``descriptor`` is of; the descriptor stays the caller's."""
        self._map = mmap.mmap(descriptor, _LEN)
        self._words = memoryview(self._map).cast("q")

    def close(self) -> None:
        """Unmap it."""
        self._words.release()
        self._map.close()

    def read(self) -> dict[str, int]:
        """Every counter and gauge, as they were committed together."""
        for _ in range(_TRIES):
            turn = self._words[_COMMITTED]
            start = _BANKS + (turn & 1) * _BANK_LEN
            bank = self._words[start : start + _BANK_LEN].tolist()
            if bank[0] == bank[-1] == turn == self._words[_COMMITTED]:
                break
        return dict(zip(_NAMES, map(_possible, bank[1:-1]), strict=True))

    def commit(self, values: Mapping[str, int]) -> None:
        """Put the values of all names in place of the last ones."""
        turn = (self._words[_COMMITTED] + 1) & _LARGEST
        start = _BANKS + (turn & 1) * _BANK_LEN
        bank = array("q", [turn, *_in_order(values), turn])
        self._words[start : start + _BANK_LEN] = memoryview(bank)
        self._words[_COMMITTED] = turn

    @property
    def started_block(self) -> int:
        """Last block of the ring that a worker began on."""
        return self._words[_STARTED]

    @started_block.setter
    def started_block(self, sequence: int) -> None:
        self._words[_STARTED] = sequence

    @property
    def alive_ns(self) -> int:
        """When the worker last came round its loop, on the monotonic clock; 0 before the first time."""
        return self._words[_ALIVE]

    @alive_ns.setter
    def alive_ns(self, ns: int) -> None:
        self._words[_ALIVE] = ns


def make_page() -> int:
    """Descriptor of a new page, all zero."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("watchdog-counters")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, _LEN)
    return descriptor


def counters_of(values: Mapping[str, int]) -> dict[str, int]:
    """The counters among what `CountersPage.read` returned."""
    return {name: values[name] for name in COUNTER_NAMES}


def _possible(value: int) -> int:
    """``value``, or the nearest that it can be: pages are written by workers, which may turn hostile."""
    return max(0, min(value, _MOST))


def _in_order(values: Mapping[str, int]) -> Sequence[int]:
    return [values[name] for name in _NAMES]
