"""What waits to be written, bounded: alerts, stretches of the ledger, lines of the log."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from sensor.detections.alert import Alert
from sensor.store.ledger import LedgerRow
from sensor.store.records import LogNote

MAX_LEDGER: Final = 20_000
"""Stretches: two weeks of one interface, some 20 MB."""
MAX_NOTES: Final = 2_000
"""Lines of the log: a failing store itself causes a few."""

MAX_ALERT_OCTETS: Final = 64 << 20
"""Octets of alerts: `MAX_WAITING` of the usual size, fewer of requests with long targets."""
_ALERT_OCTETS: Final = 1_000
"""An alert without its texts."""

Item = Alert | LedgerRow | LogNote


class Backlog:
    """Keeps each kind in its order. Alerts that find no room are given up; of the others, the oldest are."""

    def __init__(self, max_alerts: int) -> None:
        self._max_alerts = max_alerts
        self._alerts: list[Alert] = []
        self._alert_octets = 0
        self._ledger: dict[tuple[str, int], LedgerRow] = {}
        """The newest row of each stretch, in the order in which the stretches began."""
        self._notes: deque[LogNote] = deque()
        self.alerts_lost = 0
        self.ledger_lost = 0
        self.notes_lost = 0

    def __bool__(self) -> bool:
        return bool(self._alerts or self._ledger or self._notes)

    @property
    def alert_count(self) -> int:
        """How many alerts wait."""
        return len(self._alerts)

    def add_alerts(self, alerts: Sequence[Alert]) -> None:
        """Keep those of ``alerts`` for which there is room."""
        for alert in alerts:
            octets = _octets(alert)
            if len(self._alerts) >= self._max_alerts or self._alert_octets + octets > MAX_ALERT_OCTETS:
                self.alerts_lost += 1
                continue
            self._alerts.append(alert)
            self._alert_octets += octets

    def add_ledger(self, rows: Sequence[LedgerRow]) -> None:
        """Keep ``rows``; one with the start of another takes its place."""
        for row in rows:
            self._ledger[row.interface, row.started_ns] = row
        while len(self._ledger) > MAX_LEDGER:
            del self._ledger[next(iter(self._ledger))]
            self.ledger_lost += 1

    def add_note(self, note: LogNote) -> None:
        """Keep ``note``."""
        self._notes.append(note)
        if len(self._notes) > MAX_NOTES:
            self._notes.popleft()
            self.notes_lost += 1

    def first(self, count: int) -> list[Item]:
        """The first ``count`` of each kind."""
        return [
            *self._alerts[:count],
            *islice(self._ledger.values(), count),
            *islice(self._notes, count),
        ]

    def remove(self, items: Sequence[Item]) -> None:
        """Let go of ``items``, which stand first of their kind."""
        done = sum(isinstance(item, Alert) for item in items)
        self._alert_octets -= sum(map(_octets, self._alerts[:done]))
        del self._alerts[:done]
        for item in items:
            if isinstance(item, LedgerRow):
                key = item.interface, item.started_ns
                if self._ledger.get(key) is item:  # else a newer one came meanwhile
                    del self._ledger[key]
            elif isinstance(item, LogNote) and self._notes and self._notes[0] is item:
                self._notes.popleft()

    def give_up(self, item: Item) -> None:
        """Let go of ``item``, the first of its kind, and count it as lost."""
        self.remove([item])
        self.alerts_lost += isinstance(item, Alert)
        self.ledger_lost += isinstance(item, LedgerRow)
        self.notes_lost += isinstance(item, LogNote)


def _octets(alert: Alert) -> int:
    """Memory that an alert takes, about."""
    return _ALERT_OCTETS + len(alert.excerpt) + 2 * len(alert.http_host) + 2 * len(alert.http_url)
