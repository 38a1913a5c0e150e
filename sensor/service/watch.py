"""Notices what an operator should know of, and logs it: as it begins, while it grows, and at the end."""

import time
from collections.abc import Callable, Iterable
from typing import Final

from sensor.status import InterfaceStatus
from sensor.telemetry import ShedLevel

_AGAIN: Final = 60.0
"""Seconds between two lines on the same growing number."""
_GROWING: Final = (
    ("alerts_lost", "error", "detections_lost"),
    ("eve_events_lost", "warning", "events_lost"),
    ("shed.worker_died", "error", "packets_lost_with_worker"),
)
"""Counters of workers that should not grow."""


class Watch:
    """What was last seen of each interface."""

    def __init__(self, journal: Callable[..., None]) -> None:
        """:param journal: logs ``(level, event, **detail)``."""
        self._journal = journal
        self._told: dict[tuple[str, str], tuple[int, float]] = {}
        """Value and time of the last line, by interface and event."""
        self._levels: dict[tuple[str, int], int] = {}

    def look(self, statuses: Iterable[InterfaceStatus], *, last: bool = False) -> None:
        """Compare with the last look.

        :param last: nobody looks again, so that what grew since its last line is told now.
        """
        for status in statuses:
            name = status.name
            for reason, count in status.ledger.dropped.items():
                self._grown(name, f"drops_{reason}", count, last, "warning", "packets_dropped", reason=reason)
            self._grown(name, "ledger", status.ledger_error, last, "error", "ledger_error")
            for counter, level, event in _GROWING:
                count = sum(worker.counters.get(counter, 0) for worker in status.workers)
                self._grown(name, counter, count, last, level, event)
            for worker in status.workers:
                self._shed(name, worker.index, worker.shed_level)

    def forget(self, name: str) -> None:
        """An interface of that name is captured on no more; the next one counts from zero."""
        self._told = {key: told for key, told in self._told.items() if key[0] != name}
        self._levels = {key: level for key, level in self._levels.items() if key[0] != name}

    def _grown(
        self, name: str, key: str, count: int, last: bool, level: str, event: str, **detail: object
    ) -> None:
        before, when = self._told.get((name, key), (0, 0.0))
        now = time.monotonic()
        if count > before and (last or not when or now - when >= _AGAIN):
            self._told[name, key] = count, now
            self._journal(level, event, interface=name, packets=count - before, **detail)

    def _shed(self, name: str, worker: int, level: int) -> None:
        if level != self._levels.get((name, worker), 0):
            self._levels[name, worker] = level
            self._journal(
                "warning" if level else "info",
                "shedding" if level else "shedding_ended",
                interface=name,
                worker=worker,
                shed=ShedLevel(level).name.lower(),
            )
