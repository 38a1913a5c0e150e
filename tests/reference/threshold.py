"""Thresholds by their documentation: cut what matched into stretches, then see which of each go through."""

from collections.abc import Sequence

from signatures.model import Threshold, ThresholdKind

_SECOND = 1_000_000_000


def let_through(threshold: Threshold, times: Sequence[int]) -> list[bool]:
    """For matches of one tracked address at ``times`` (ns, ascending), whether each becomes an alert."""
    through = []
    start = count = 0
    for at, time in enumerate(times):
        if at == 0 or time > start + threshold.seconds * _SECOND:
            start, count = time, 0
        count += 1
        through.append(
            {
                ThresholdKind.LIMIT: count <= threshold.count,
                ThresholdKind.BOTH: count == threshold.count,
                ThresholdKind.THRESHOLD: count % threshold.count == 0,
            }[threshold.kind]
        )
    return through
