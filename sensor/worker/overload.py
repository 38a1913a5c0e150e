"""When to shed, and when to stop: from how full the ring is, and how much memory is used.

Theory of operation. The ring is what the kernel fills while the worker works: a fill that stays low means
that the worker keeps up. Above `HIGH` the level goes up by one with every batch, above `URGENT` by two, so
that even a ring that fills within half a second is met in time; batches are small against the ring. It goes
down by one each time the fill has been below `LOW` for `CALM_NS`: between the two nothing changes, so that
the level does not swing. Memory above its ceiling sheds flows whatever the ring says.
"""

from typing import Final

from sensor.telemetry import ShedLevel

HIGH: Final = 0.5
"""Half of the ring is left for what comes until shedding takes effect."""
URGENT: Final = 0.75
LOW: Final = 0.125
CALM_NS: Final = 2_000_000_000
"""Longer than the bursts of a page load or a backup's start, so that shedding ends with the overload."""


class Overload:
    """Chooses the level of shedding after each batch."""

    def __init__(self, memory_octets: int) -> None:
        """:param memory_octets: resident memory that the worker may use."""
        self._memory_octets = memory_octets
        self._calm_since: int | None = None
        self.level = ShedLevel.NONE

    def update(self, fill: float, memory_octets: int, now_ns: int) -> ShedLevel:
        """The level from now on.

        :param fill: share of the ring that waits.
        :param memory_octets: resident memory in use.
        :param now_ns: monotonic.
        """
        level = self.level
        if fill > HIGH:
            level = ShedLevel(min(level + (2 if fill > URGENT else 1), ShedLevel.FLOWS_MOST))
        if fill >= LOW:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now_ns
        elif level and now_ns - self._calm_since >= CALM_NS:
            level = ShedLevel(level - 1)
            self._calm_since = now_ns
        if memory_octets > self._memory_octets:
            level = max(level, ShedLevel.FLOWS_HALF)
        self.level = level
        return level
