"""Keeps the loss ledger: for each interface and minute one row, from cumulative accounts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sensor.status import InterfaceStatus, LedgerCounts
from sensor.store.ledger import STRETCH_NS, LedgerRow

_CLOCK_SLACK_NS: Final = 1_000_000_000
"""By how much wall clock and monotonic clock may come apart in one stretch: slewing stays far below."""
SHED_WORK: Final = ("shed_bodies", "shed_payload_octets", "bypassed_octets")
"""Counters of what was looked into in part only."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An interface's account at one moment, cumulative."""

    counts: LedgerCounts
    error: int = 0
    work: tuple[int, int, int] = (0, 0, 0)
    """Values of `SHED_WORK`."""
    looking: bool = True
    """Whether packets that come now are seen; where they aren't, the stretch ends."""


def entry_of(status: InterfaceStatus) -> Entry:
    """An interface's account as its status tells it."""
    bodies, payload, bypassed = (
        sum(worker.counters.get(name, 0) for worker in status.workers) for name in SHED_WORK
    )
    return Entry(
        status.ledger,
        status.ledger_error,
        (bodies, payload, bypassed),
        looking=any(worker.state != "stopped" for worker in status.workers),
    )


@dataclass(slots=True)
class _Stretch:
    started_ns: int
    """Wall clock."""
    started_monotonic: int
    at_start: Entry


class Books:
    """Open stretches by interface."""

    def __init__(self) -> None:
        self._open: dict[str, _Stretch] = {}
        self._told: dict[str, Entry] = {}
        """What the rows so far come to: the next stretch goes on from there, and no packet is left out."""

    def forget(self, name: str) -> None:
        """An interface of that name is captured on no more; the next one counts from zero."""
        self._open.pop(name, None)
        self._told.pop(name, None)

    def is_due(self, wall_ns: int) -> bool:
        """Whether a minute has ended since a stretch began."""
        return any(
            stretch.started_ns // STRETCH_NS != wall_ns // STRETCH_NS for stretch in self._open.values()
        )

    def rows(self, entries: Mapping[str, Entry], wall_ns: int, monotonic_ns: int) -> Iterable[LedgerRow]:
        """Rows of every stretch that is open, up to now.

        :param entries: accounts of all interfaces.

        The next stretch of an interface begins where a full minute ends; or anew where the clock was set, as
        a stretch across that would tell a false time. The time until an interface is captured on again has no
        row: it is a gap.
        """
        for name, entry in entries.items():
            stretch = self._open.get(name)
            if stretch is None:
                if entry.looking:
                    self._begin(name, wall_ns, monotonic_ns)
                continue
            lasted = monotonic_ns - stretch.started_monotonic
            if abs(wall_ns - stretch.started_ns - lasted) > _CLOCK_SLACK_NS:
                # Its end as the clock was when it began; what comes is told by the clock as it is now.
                ended_ns, is_over = stretch.started_ns + min(lasted, STRETCH_NS), True
            else:
                ended_ns = min(wall_ns, stretch.started_ns + STRETCH_NS)
                is_over = wall_ns // STRETCH_NS != stretch.started_ns // STRETCH_NS
            yield _row(name, stretch, entry, ended_ns)
            if is_over or not entry.looking:
                del self._open[name]
                self._told[name] = entry
                if entry.looking:
                    self._begin(name, wall_ns, monotonic_ns)

    def _begin(self, name: str, wall_ns: int, monotonic_ns: int) -> None:
        at_start = self._told.get(name, Entry(LedgerCounts()))
        self._open[name] = _Stretch(wall_ns, monotonic_ns, at_start)


def _row(name: str, stretch: _Stretch, entry: Entry, ended_ns: int) -> LedgerRow:
    before = stretch.at_start
    bodies, payload, bypassed = (now - then for now, then in zip(entry.work, before.work, strict=True))
    return LedgerRow(
        name,
        stretch.started_ns,
        ended_ns,
        entry.counts - before.counts,
        waiting=entry.counts.waiting,
        error=entry.error - before.error,
        shed_bodies=bodies,
        shed_payload_octets=payload,
        bypassed_octets=bypassed,
    )
