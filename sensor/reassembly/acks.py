"""What the other side acknowledges (RFC 9293, section 3.4): the receiver has what lies before it.

Only an acknowledgement that comes while there is a hole says that the capture lost octets. One that came
before the segment behind the hole may have overtaken what it acknowledges, as happens where a capture
joins two taps or several queues of a network card: what it acknowledges is then about to come.
"""

from bisect import bisect_left
from dataclasses import dataclass, field

from sensor.reassembly.held import SlowStream
from sensor.reassembly.sequence import MODULUS, distance

FAR = 1 << 30
"""A number further off than the largest window that RFC 7323 allows belongs to another connection."""


@dataclass(slots=True)
class Acks:
    """Acknowledgements of one stream in a batch, by arrival."""

    arrival: list[int]
    number: list[int]
    packet: list[int]
    """Packet numbers."""
    base: int
    """Sequence number of the stream's position 0."""
    declared: list[int] = field(default_factory=list)
    """Arrivals of the acknowledgements that made holes gaps."""
    done: int = 0

    def until(self, slow: SlowStream, arrival: int) -> None:
        """Apply, one by one, those that arrived before ``arrival``."""
        stop = bisect_left(self.arrival, arrival, lo=self.done)
        while self.done < stop:
            if not slow.held.segments:  # there is no hole
                self.done = stop
                return
            if self._apply(slow, self.number[self.done], self.packet[self.done]):
                self.declared.append(self.arrival[self.done])
            self.done += 1

    def _apply(self, slow: SlowStream, number: int, packet: int) -> bool:
        """Return whether an acknowledgement made a hole a gap."""
        ahead = distance(number, (self.base + slow.next) % MODULUS)
        if ahead <= 0 or ahead > FAR:
            return False
        gaps = slow.gaps
        slow.acknowledged(slow.next + ahead, packet)
        return slow.gaps > gaps
