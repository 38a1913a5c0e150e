"""The loss ledger as it is read: what was looked at in a step of time, and when nothing was."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal

from sensor.status import LedgerCounts
from sensor.store.gaps import GapReason, Interval

Step = Literal["minute", "hour", "day"]
"""Of local time."""

_NS: Final = 1_000_000_000
_STEP_SECONDS: Final = MappingProxyType({"minute": 60, "hour": 3600})


@dataclass(slots=True)
class Looked:
    """What became of an interface's packets in one step of time."""

    interface: str
    started_ns: int
    ended_ns: int
    counts: LedgerCounts = field(default_factory=LedgerCounts)
    waiting: int = 0
    """Packets in the ring at the end of the last stretch."""
    error: int = 0
    """Packets by which an identity does not hold: as logged, or as the counts themselves tell."""
    shed_bodies: int = 0
    shed_payload_octets: int = 0
    bypassed_octets: int = 0
    covered_ns: int = 0
    """Time of the step in which the interface was looked at."""

    @property
    def dropped(self) -> int:
        """Packets that the kernel dropped."""
        return sum(self.counts.dropped.values())

    @property
    def rejected(self) -> int:
        """Packets that could not be decoded."""
        return sum(self.counts.rejected.values())

    @property
    def shed(self) -> int:
        """Packets left out because of overload, or lost with a worker."""
        return sum(self.counts.shed.values())


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which an interface was not looked at."""

    interface: str
    started_ns: int
    ended_ns: int
    reason: GapReason


LedgerItem = Looked | Gap


def step_of(ts_ns: int, step: Step) -> Interval:
    """Start and end of the step of local time that ``ts_ns`` lies in."""
    local = datetime.fromtimestamp(ts_ns // _NS, UTC).astimezone()
    if step == "day":
        day = local.replace(hour=0, minute=0, second=0, tzinfo=None)
        ends = (day, day + timedelta(days=1))  # of 23 or 25 hours where clocks are put forward and back
        start, end = (int(each.astimezone().timestamp()) for each in ends)
    else:
        seconds = _STEP_SECONDS[step]
        start = int(local.timestamp()) - (local.minute * 60 + local.second) % seconds
        end = start + seconds
    return start * _NS, end * _NS
