"""What the other side acknowledges (RFC 9293, section 3.4): the receiver has what lies before it."""

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from sensor.arrays import I64, U32
from sensor.reassembly.held import SlowStream
from sensor.reassembly.sequence import MODULUS, distance

FAR = 1 << 30
"""A number further off than the largest window that RFC 7323 allows belongs to another connection."""


class LatestAcks:
    """The latest acknowledgement number that each stream carried, from batch to batch."""

    def __init__(self, streams: int) -> None:
        self._number = np.zeros(streams, np.uint32)
        self._has = np.zeros(streams, np.bool_)

    def note(self, stream: I64, number: U32) -> None:
        """Take in the numbers of a batch's segments, each stream's in order of arrival."""
        self._number[stream] = number  # the last write of a stream stands
        self._has[stream] = True

    def forget(self, stream: I64) -> None:
        """Streams are over."""
        self._has[stream] = False

    def of(self, stream: int) -> int | None:
        """The latest number that a stream carried."""
        return int(self._number[stream]) if self._has[stream] else None


@dataclass(slots=True)
class Acks:
    """Acknowledgements of one stream in a batch, by arrival."""

    arrival: list[int]
    number: list[int]
    latest: int | None
    """The number that was the latest before the batch, then the one applied last."""
    base: int
    """Sequence number of the stream's position 0."""
    declared: list[int] = field(default_factory=list)
    """Arrivals of the acknowledgements that made holes gaps."""
    done: int = 0

    def until(self, slow: SlowStream, arrival: int) -> None:
        """Apply, one by one, those that arrived before ``arrival``."""
        stop = bisect_left(self.arrival, arrival, lo=self.done)
        while self.done < stop:
            if not slow.held.segments:  # there is no hole: only the latest counts, later
                self.latest, self.done = self.number[stop - 1], stop
                return
            self.latest = self.number[self.done]
            if self.apply(slow):
                self.declared.append(self.arrival[self.done])
            self.done += 1

    def apply(self, slow: SlowStream) -> bool:
        """Apply the latest; return whether it made a hole a gap."""
        if self.latest is None or not slow.held.segments:
            return False
        ahead = distance(self.latest, (self.base + slow.next) % MODULUS)
        if ahead <= 0 or ahead > FAR:
            return False
        gaps = slow.gaps
        slow.acknowledged(slow.next + ahead)
        return slow.gaps > gaps
