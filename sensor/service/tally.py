"""Detections that the store has taken: how many of each kind, and how long each took."""

import time
from collections.abc import Iterable, Sequence

from sensor.detections.alert import Alert
from sensor.status import LATENCY_BUCKETS, Histogram
from signatures.model import Severity


class Tally:
    """Counts since the start."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, int]] = {}
        """By category, then severity."""
        self.latency = Histogram.of(LATENCY_BUCKETS)
        """Seconds from packet to commit."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(sum(by_severity.values()) for by_severity in self.stored.values())

    def count_from_zero(self, categories: Iterable[str]) -> None:
        """Every series exists before anything is counted in it."""
        for category in categories:
            self.stored.setdefault(category, _zeros())

    def on_commit(self, alerts: Sequence[Alert]) -> None:
        """These are in the store."""
        now = time.time_ns()
        for alert in alerts:
            # A category may have come and gone with a reload.
            severities = self.stored.setdefault(alert.signature.category, _zeros())
            severities[alert.signature.severity] += 1
            # A clock that was set back between packet and commit tells nothing.
            self.latency.observe(max(now - alert.ts_ns, 0) / 1e9)


def _zeros() -> dict[str, int]:
    return {str(severity): 0 for severity in Severity}
