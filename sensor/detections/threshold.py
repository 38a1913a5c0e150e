"""How many alerts of a signature go through, as Suricata counts them.

https://docs.suricata.io/en/latest/rules/thresholding.html. Each tracked address (or pair, or signature) has
a stretch of ``seconds``, which begins with a first match and ends when a match comes later than that;
this one begins the next. Of the matches in a stretch, ``limit`` lets the first ``count`` through;
``threshold`` every ``count``-th; ``both`` the ``count``-th alone. The time is the packets'.

Unlike Suricata, a match from more than ``seconds`` before its stretch began begins anew too: captures may be
read in any order, and a clock that was set back must not silence a signature until it has caught up.
"""

from dataclasses import dataclass

from sensor.config import SECOND_NS, DetectionLimits
from sensor.detections.match import Sender
from sensor.telemetry import Counters
from signatures.model import Threshold, ThresholdKind, Track

_Address = tuple[int, int, int]
_Key = tuple[int, tuple[_Address, ...]]
"""sid, and the addresses that are tracked."""


@dataclass(slots=True)
class _Stretch:
    start_ns: int
    count: int


class Thresholds:
    """Counts matches by sid and address. By sid, so that a reload does not begin the count anew."""

    def __init__(self, limits: DetectionLimits, counters: Counters) -> None:
        self._most = limits.thresholds
        self._counters = counters
        self._stretches: dict[_Key, _Stretch] = {}
        """The one that began first, first."""

    def lets_through(self, sid: int, threshold: Threshold, sender: Sender, ts_ns: int) -> bool:
        """Count a match of the signature ``sid``; whether it becomes an alert."""
        key = sid, _tracked(threshold.track, sender)
        stretch = self._stretches.get(key)
        if stretch is None or abs(ts_ns - stretch.start_ns) > threshold.seconds * SECOND_NS:
            self._stretches.pop(key, None)
            if len(self._stretches) >= self._most:
                del self._stretches[next(iter(self._stretches))]
                self._counters.threshold_evictions += 1
            stretch = self._stretches[key] = _Stretch(ts_ns, 0)
        stretch.count += 1
        if threshold.kind is ThresholdKind.LIMIT:
            return stretch.count <= threshold.count
        if threshold.kind is ThresholdKind.BOTH:
            return stretch.count == threshold.count
        if stretch.count < threshold.count:
            return False
        stretch.count = 0
        return True


def _tracked(track: Track, sender: Sender) -> tuple[_Address, ...]:
    if track is Track.BY_RULE:
        return ()
    src, dst = (sender.version, *sender.src), (sender.version, *sender.dst)
    if track is Track.BY_SRC:
        return (src,)
    if track is Track.BY_DST:
        return (dst,)
    return (src, dst) if src < dst else (dst, src)  # both ways between two addresses are one pair
