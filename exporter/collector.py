"""Prometheus metrics of the service, made when somebody scrapes and at no other time.

Names follow https://prometheus.io/docs/practices/naming/: prefix, base unit, ``_total`` on counters. Every
label has a closed set of values, so that neither traffic nor keywords can make series, and every series
stands at 0 from the start: ``increase()`` sees the first packet dropped or rejected. Decoder events alone
make 64 series an interface; compressed that is some hundred octets a scrape, which is what the first
increment is worth.
"""

import platform
import sqlite3
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from exporter.interface_metrics import closed_counts, interface_families
from sensor.status import Histogram, ServiceStatus, SignatureStatus, StoreStatus
from signatures.model import Severity


class ServiceCollector(Collector):
    """Makes metric families of what ``snapshot`` tells at the moment of a scrape."""

    def __init__(self, snapshot: Callable[[], ServiceStatus]) -> None:
        self._snapshot = snapshot
        self._components = {
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "hyperscan": _version_of("hyperscan"),
        }

    def describe(self) -> Iterator[Metric]:
        """The families without any series: the registry asks so that names stay unique."""
        return self._families(ServiceStatus(version=""))

    def collect(self) -> Iterator[Metric]:
        """Every family at this moment."""
        return self._families(self._snapshot())

    def _families(self, status: ServiceStatus) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "watchdog_build",
            "Versions of the sensor and of what it stands on.",
            {"version": status.version, **self._components},
        )
        yield from interface_families(status.interfaces)
        yield from _detections(status)
        yield from _signatures(status.signatures)
        yield from _store(status.store)
        yield _counter(
            "watchdog_eve_unwritten_events",
            "EVE events that their file did not take. On growth: make room on its disk.",
            status.eve_lines_lost,
        )


def _detections(status: ServiceStatus) -> Iterator[Metric]:
    detections = CounterMetricFamily(
        "watchdog_detections", "Detections stored.", labels=("category", "severity")
    )
    for category, by_severity in status.detections.items():
        for severity, count in closed_counts(by_severity, tuple(Severity)):
            detections.add_metric((category, severity), count)
    yield detections
    yield _histogram(
        "watchdog_detection_latency_seconds",
        "From a packet's arrival to its detection stored.",
        status.detection_latency,
    )


def _signatures(signatures: SignatureStatus) -> Iterator[Metric]:
    yield _gauge("watchdog_signatures_loaded", "Signatures in use.", signatures.loaded)
    yield _gauge(
        "watchdog_signatures_rejected",
        "Mistakes and failing samples that kept the last reload from being taken. "
        "Not 0: watchdog-sensor signatures check, then signatures test.",
        signatures.rejected,
    )
    yield _counter("watchdog_signatures_reloads", "Reloads taken into use.", signatures.reloads)
    yield _counter("watchdog_signatures_reload_failures", "Reloads refused.", signatures.reload_failures)
    yield _gauge(
        "watchdog_signatures_last_reload_successful",
        "0 if the last reload was refused: the signatures before it are still in use.",
        not signatures.last_reload_failed,
    )
    yield _gauge(
        "watchdog_signatures_reload_duration_seconds",
        "What the last reload took, compiling included.",
        signatures.reload_seconds,
    )
    yield _gauge(
        "watchdog_signatures_loaded_timestamp_seconds",
        "Unix time when the signatures in use were taken into use; 0 for never.",
        signatures.loaded_ns / 1e9,
    )


def _store(store: StoreStatus) -> Iterator[Metric]:
    yield _histogram("watchdog_store_commit_seconds", "Duration of a commit.", store.commit_seconds)
    yield _counter(
        "watchdog_store_commit_failures",
        "Commits that failed and are tried again. On growth: check the disk and the journal.",
        store.failures,
    )
    yield _gauge(
        "watchdog_store_failing",
        "1 while nothing can be written: watchdog-sensor status says why.",
        bool(store.failing),
    )
    yield _gauge("watchdog_store_waiting_detections", "Detections in memory, to be stored.", store.waiting)
    yield _counter(
        "watchdog_store_lost_detections",
        "Detections given up because too many waited while nothing could be written.",
        store.lost,
    )
    yield _gauge("watchdog_store_bytes", "Size of the database with its write-ahead log.", store.octets)
    yield _gauge(
        "watchdog_store_disk_free_bytes", "Free space on the database's disk.", store.disk_free_octets
    )
    yield _gauge(
        "watchdog_store_oldest_record_timestamp_seconds",
        "Unix time of the oldest detection kept; 0 where there is none.",
        store.oldest_ns / 1e9,
    )


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _histogram(name: str, text: str, histogram: Histogram) -> Metric:
    """Buckets as Prometheus has them: each counts those below it as well."""
    count = 0
    buckets = []
    for bound, observed in zip((*map(str, histogram.buckets), "+Inf"), histogram.counts, strict=True):
        count += observed
        buckets.append((bound, count))
    return HistogramMetricFamily(name, text, buckets, histogram.total)


def _version_of(distribution: str) -> str:
    """Version of what is installed, without importing it."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
