"""What the service knows of itself: one structure for metrics, the control socket and ``status``.

Everything is plain integers and strings, so that a snapshot costs little, crosses a socket as JSON and
tells nothing of what anybody typed or visited.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

import msgspec

LATENCY_BUCKETS: Final = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds from a packet to its stored detection. The last commits after a full disk take long."""
COMMIT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Seconds of a commit: a flash disk's fsync to one that hangs."""


class Histogram(msgspec.Struct):
    """Observations by bucket. ``counts`` has one more than ``buckets``: those above the last."""

    buckets: tuple[float, ...]
    counts: list[int]
    total: float = 0.0
    """Sum of what was observed."""

    @classmethod
    def of(cls, buckets: tuple[float, ...]) -> "Histogram":
        """An empty one. Buckets are upper bounds, inclusive, ascending."""
        return cls(buckets, [0] * (len(buckets) + 1))

    def observe(self, value: float, times: int = 1) -> None:
        """Count ``value`` so many ``times``."""
        self.counts[bisect_left(self.buckets, value)] += times
        self.total += value * times

    @property
    def count(self) -> int:
        """How many were observed."""
        return sum(self.counts)


@dataclass(frozen=True, slots=True)
class LedgerCounts:
    """What became of an interface's packets. Cumulative, or of a stretch of time: they subtract.

    Two identities hold: received = Σ dropped + delivered + waiting, where what waits lies in the kernel's
    ring; and delivered = decoded + Σ rejected + Σ shed.
    """

    received: int = 0
    """By the kernel for this sensor, those included that it dropped."""
    dropped: dict[str, int] = field(default_factory=dict)
    """By the kernel, by reason: ``ring_full``."""
    delivered: int = 0
    """Taken from the ring, counted there and not by the pipeline."""
    octets: int = 0
    """On the wire, of what was delivered."""
    decoded: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    """By decoder event (``DecoderEvent.label``)."""
    shed: dict[str, int] = field(default_factory=dict)
    """By reason: ``overload`` (whole flows), ``worker_died`` (a batch that killed its worker)."""

    @property
    def waiting(self) -> int:
        """Packets received but not yet delivered. Of a stretch of time it may be negative."""
        return self.received - sum(self.dropped.values()) - self.delivered

    @property
    def unaccounted(self) -> int:
        """Delivered packets that nothing tells the fate of; must be 0."""
        return self.delivered - self.decoded - sum(self.rejected.values()) - sum(self.shed.values())

    def __sub__(self, earlier: "LedgerCounts") -> "LedgerCounts":
        """What came since ``earlier``."""
        return self._with(earlier, -1)

    def __add__(self, other: "LedgerCounts") -> "LedgerCounts":
        """Both together."""
        return self._with(other, 1)

    def _with(self, other: "LedgerCounts", sign: int) -> "LedgerCounts":
        def merge(mine: dict[str, int], theirs: dict[str, int]) -> dict[str, int]:
            keys = {**mine, **theirs}
            merged = {key: mine.get(key, 0) + sign * theirs.get(key, 0) for key in keys}
            return {key: value for key, value in merged.items() if value}

        return LedgerCounts(
            self.received + sign * other.received,
            merge(self.dropped, other.dropped),
            self.delivered + sign * other.delivered,
            self.octets + sign * other.octets,
            self.decoded + sign * other.decoded,
            merge(self.rejected, other.rejected),
            merge(self.shed, other.shed),
        )


class WorkerStatus(msgspec.Struct):
    """One capture worker."""

    index: int
    state: str = "starting"
    """``starting``, ``running``, ``backing_off``, ``stopped``."""
    pid: int = 0
    restarts: int = 0
    """Times that it died and was started again."""
    shed_level: int = 0
    """``telemetry.ShedLevel``."""
    ring_fill: float = 0.0
    """Share of the ring that waited at the last look."""
    memory_octets: int = 0
    """Resident."""
    flows_active: int = 0
    confined_by: list[str] = msgspec.field(default_factory=list)
    """What holds it: ``user``, ``no_new_privs``, ``landlock``, ``seccomp``."""
    counters: dict[str, int] = msgspec.field(default_factory=dict)
    """Plain counters by name (``telemetry.Counters``, and ``http.`` + ``Http1Counters``); cumulative over
    restarts."""


class InterfaceStatus(msgspec.Struct):
    """One interface as configured."""

    name: str
    """As configured: the label of every series."""
    state: str = "missing"
    """``up``, ``down``, ``missing``."""
    device: str = ""
    """Its name now, where it was renamed; else empty."""
    backend: str = "af_packet"
    packets_per_second: float = 0.0
    octets_per_second: float = 0.0
    """Both over the last seconds."""
    ledger: LedgerCounts = msgspec.field(default_factory=LedgerCounts)
    """Since the service started."""
    ledger_error: int = 0
    """Packets by which an identity does not hold, summed over all checks; must be 0."""
    workers: list[WorkerStatus] = msgspec.field(default_factory=list)


class StoreStatus(msgspec.Struct):
    """The database."""

    path: str = ""
    octets: int = 0
    """With its -wal file."""
    disk_free_octets: int = 0
    oldest_ns: int = 0
    """Time of the oldest detection kept, 0 where there is none."""
    failing: str = ""
    """Why nothing can be written now, one line; empty where all is well."""
    failures: int = 0
    """Commits that failed."""
    waiting: int = 0
    """Detections in memory, to be committed."""
    lost: int = 0
    """Detections given up because too many waited."""
    commit_seconds: Histogram = msgspec.field(default_factory=lambda: Histogram.of(COMMIT_BUCKETS))


class SignatureStatus(msgspec.Struct):
    """The signatures in use."""

    loaded: int = 0
    rejected: int = 0
    """Mistakes, or failing samples, that kept the last reload from being taken; 0 after one that was taken,
    and where it was something else."""
    digest: str = ""
    loaded_ns: int = 0
    """When these were taken into use."""
    reload_seconds: float = 0.0
    """What the last reload took, compiling included."""
    reloads: int = 0
    reload_failures: int = 0
    last_reload_failed: bool = False


class ReloadAnswer(msgspec.Struct):
    """What became of a reload that was asked for."""

    reloaded: bool
    reason: str = ""
    """Why not; nothing of what a signature looks for."""
    generation: int = 0
    """Of the signatures in use; it grows by one with each reload."""
    signatures: int = 0
    """How many are in use."""
    seconds: float = 0.0
    """What it took, compiling included."""
    files: list[str] = msgspec.field(default_factory=list)
    """Signature files in use, the shipped ones included."""
    needs_restart: list[str] = msgspec.field(default_factory=list)
    """Settings that were changed, and that no reload changes."""


class ServiceStatus(msgspec.Struct):
    """Everything, at one moment."""

    version: str
    pid: int = 0
    started_ns: int = 0
    taken_ns: int = 0
    """When this was put together."""
    config_path: str = ""
    interfaces: list[InterfaceStatus] = msgspec.field(default_factory=list)
    store: StoreStatus = msgspec.field(default_factory=StoreStatus)
    signatures: SignatureStatus = msgspec.field(default_factory=SignatureStatus)
    detections: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """Stored detections by category, then severity; every category in use is there from the start."""
    detection_latency: Histogram = msgspec.field(default_factory=lambda: Histogram.of(LATENCY_BUCKETS))
    """Seconds from packet to committed detection."""
    eve_lines_lost: int = 0
    """EVE events that the file did not take: its disk is full."""
