"""When to shed, and when to stop: from how full the ring is, and how much memory is used.

Theory of operation. The ring is what the kernel fills while the worker works: a fill that stays low means
that the worker keeps up. Above `HIGH`, while it still grows, the level goes up by one each `STEP_NS`: so long
it takes to see what the last step did. Above `URGENT` it goes up with every batch. It goes down by one each
time the fill has been below `LOW` for `CALM_NS`: between the two nothing changes, so that the level does not
swing. Memory above its ceiling sheds flows whatever the ring says.
"""

from typing import Final

from sensor.telemetry import ShedLevel

HIGH: Final = 0.5
"""Half of the ring is left for what comes until shedding takes effect."""
URGENT: Final = 0.8
LOW: Final = 0.25
"""A worker that keeps up, but waits for its core now and then, stays below."""
STEP_NS: Final = 50_000_000
"""A batch or two. At 150 MB/s a ring of 64 MiB grows from `HIGH` to full in four of these."""
CALM_NS: Final = 1_000_000_000
"""Longer than the pauses in a burst, so that shedding ends with the overload and not within it."""


class Overload:
    """Chooses the level of shedding after each batch."""

    def __init__(self, memory_octets: int) -> None:
        """:param memory_octets: resident memory that the worker may use."""
        self._memory_octets = memory_octets
        self._fill = 0.0
        self._stepped_ns = 0
        self._calm_since: int | None = None
        self._by_fill = ShedLevel.NONE
        self.level = ShedLevel.NONE

    def update(self, fill: float, left: float, memory_octets: int, now_ns: int) -> ShedLevel:
        """The level from now on.

        :param fill: share of the ring that waited, with the batch in hand: how near it came to dropping.
        :param left: share that still waits without it: whether the worker keeps up, however small the ring.
        :param memory_octets: resident memory in use.
        :param now_ns: monotonic.
        """
        level, grows, self._fill = self._by_fill, fill > self._fill, fill
        due = grows and now_ns - self._stepped_ns >= STEP_NS
        if fill > URGENT or (fill > HIGH and due):
            level = ShedLevel(min(level + 1, ShedLevel.FLOWS_MOST))
            self._stepped_ns = now_ns
        if left >= LOW:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now_ns
        elif level and now_ns - self._calm_since >= CALM_NS:
            level = ShedLevel(level - 1)
            self._calm_since = now_ns
        self._by_fill = level
        over = memory_octets > self._memory_octets
        self.level = max(level, ShedLevel.FLOWS_HALF) if over else level
        return self.level
