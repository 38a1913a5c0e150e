import subprocess

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.collector import ServiceCollector
from exporter.interface_metrics import SHED_REASONS
from exporter.worker_counters import HTTP_EVENTS, TRANSACTION_COUNTERS, WORKER_COUNTERS
from sensor.decode.events import DecoderEvent
from sensor.status import ServiceStatus
from sensor.worker import page
from sensor.worker.page import COUNTER_NAMES
from tests.exporter.service_status import busy_status, fresh_status


def registry_of(status: ServiceStatus) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(ServiceCollector(lambda: status))
    return registry


def series_of(status: ServiceStatus) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in registry_of(status).collect()
        for sample in family.samples
    }


def value(status: ServiceStatus, name: str, **labels: str) -> float | None:
    return registry_of(status).get_sample_value(name, labels)


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("watchdog_interface_up", {"interface": "eth0"}, 1),
        ("watchdog_interface_up", {"interface": "eth1"}, 0),
        ("watchdog_interface_present", {"interface": "eth1"}, 1),
        ("watchdog_capture_packets_total", {"interface": "eth0"}, 1000),
        ("watchdog_capture_bytes_total", {"interface": "eth0"}, 640_000),
        ("watchdog_capture_dropped_packets_total", {"interface": "eth0", "reason": "ring_full"}, 37),
        ("watchdog_capture_delivered_packets_total", {"interface": "eth0"}, 950),
        ("watchdog_capture_waiting_packets", {"interface": "eth0"}, 10),
        ("watchdog_decode_packets_total", {"interface": "eth0"}, 900),
        (
            "watchdog_decode_rejected_packets_total",
            {"interface": "eth0", "layer": "ipv4", "reason": "trunc_pkt"},
            12,
        ),
        ("watchdog_shed_packets_total", {"interface": "eth0", "reason": "worker_died"}, 10),
        ("watchdog_ledger_error_packets_total", {"interface": "eth1"}, 6),
        ("watchdog_flows_active", {"interface": "eth0"}, 12),
        ("watchdog_flows_created_total", {"interface": "eth0"}, 42),
        ("watchdog_shed_bodies_total", {"interface": "eth0"}, 3),
        ("watchdog_transactions_total", {"interface": "eth0", "protocol": "http"}, 15),
        ("watchdog_http_events_total", {"interface": "eth0", "event": "resyncs"}, 5),
        ("watchdog_worker_up", {"interface": "eth0", "worker": "0"}, 1),
        ("watchdog_worker_up", {"interface": "eth0", "worker": "1"}, 0),
        ("watchdog_worker_restarts_total", {"interface": "eth0", "worker": "0"}, 2),
        ("watchdog_worker_shed_level", {"interface": "eth0", "worker": "0"}, 1),
        ("watchdog_worker_ring_fill_ratio", {"interface": "eth0", "worker": "0"}, 0.25),
        ("watchdog_worker_resident_memory_bytes", {"interface": "eth0", "worker": "0"}, 50 << 20),
        ("watchdog_worker_confined", {"interface": "eth0", "worker": "0", "by": "seccomp"}, 1),
        ("watchdog_worker_confined", {"interface": "eth0", "worker": "0", "by": "landlock"}, 0),
        ("watchdog_detections_total", {"category": "custom", "severity": "low"}, 5),
        ("watchdog_detections_total", {"category": "custom", "severity": "high"}, 0),
        ("watchdog_detection_latency_seconds_count", {}, 6),
        ("watchdog_signatures_loaded", {}, 200),
        ("watchdog_signatures_rejected", {}, 1),
        ("watchdog_signatures_reloads_total", {}, 4),
        ("watchdog_signatures_reload_failures_total", {}, 1),
        ("watchdog_signatures_last_reload_successful", {}, 0),
        ("watchdog_signatures_reload_duration_seconds", {}, 0.75),
        ("watchdog_signatures_loaded_timestamp_seconds", {}, 1_700_000_001),
        ("watchdog_store_bytes", {}, 123_456),
        ("watchdog_store_disk_free_bytes", {}, 9_000_000),
        ("watchdog_store_oldest_record_timestamp_seconds", {}, 1_700_000_000.5),
        ("watchdog_store_failing", {}, 1),
        ("watchdog_store_commit_failures_total", {}, 3),
        ("watchdog_store_waiting_detections", {}, 17),
        ("watchdog_store_lost_detections_total", {}, 2),
        ("watchdog_store_commit_seconds_bucket", {"le": "0.001"}, 1),
        ("watchdog_store_commit_seconds_bucket", {"le": "0.025"}, 1),
        ("watchdog_store_commit_seconds_bucket", {"le": "0.05"}, 3),
        ("watchdog_store_commit_seconds_bucket", {"le": "5.0"}, 3),
        ("watchdog_store_commit_seconds_bucket", {"le": "+Inf"}, 4),
        ("watchdog_store_commit_seconds_count", {}, 4),
        ("watchdog_store_commit_seconds_sum", {}, 60.061),
    ],
)
def test_tells_what_the_snapshot_says(name: str, labels: dict[str, str], expected: float) -> None:
    assert value(busy_status(), name, **labels) == pytest.approx(expected)


def test_both_identities_of_the_ledger_hold_in_what_is_exported() -> None:
    series = series_of(busy_status())

    def total(name: str) -> float:
        return sum(v for (n, labels), v in series.items() if n == name and ("interface", "eth0") in labels)

    delivered = total("watchdog_capture_delivered_packets_total")
    assert total("watchdog_capture_packets_total") == (
        total("watchdog_capture_dropped_packets_total")
        + delivered
        + total("watchdog_capture_waiting_packets")
    )
    assert delivered == (
        total("watchdog_decode_packets_total")
        + total("watchdog_decode_rejected_packets_total")
        + total("watchdog_shed_packets_total")
    )


def test_every_series_stands_from_the_start() -> None:
    fresh = series_of(fresh_status())
    assert fresh.keys() == series_of(busy_status()).keys()
    ones = {name for (name, _), v in fresh.items() if v}
    assert ones == {"watchdog_build_info", "watchdog_signatures_last_reload_successful"}


def test_every_decoder_event_is_a_series() -> None:
    series = series_of(fresh_status())
    labels = [dict(labels) for name, labels in series if name == "watchdog_decode_rejected_packets_total"]
    events = {f"{label['layer']}.{label['reason']}" for label in labels if label["interface"] == "eth1"}
    assert events == {event.label for event in DecoderEvent if event}


def test_reasons_that_nobody_knows_are_one_series() -> None:
    status = fresh_status()
    status.interfaces[0].ledger.rejected.update(
        {"made up": 3, "http://example.org/": 4, "udp.len_invalid": 1}
    )
    name = "watchdog_decode_rejected_packets_total"
    assert value(status, name, interface="eth0", layer="other", reason="other") == 7
    assert value(status, name, interface="eth0", layer="udp", reason="len_invalid") == 1
    assert b"example" not in generate_latest(registry_of(status))


def test_every_counter_of_a_worker_is_exported() -> None:
    in_the_ledger = {
        "delivered",
        "received",
        "received_octets",
        "decoded",
        "source_received",
        "source_dropped",
    }
    counted = {
        name
        for name in COUNTER_NAMES
        if name not in in_the_ledger and not name.startswith(("rejected.", "shed."))
    }
    exported = [
        *(counted.key for counted in WORKER_COUNTERS),
        *(key for _, key in TRANSACTION_COUNTERS),
        *(f"http.{event}" for event in HTTP_EVENTS),
    ]
    assert sorted(exported) == sorted(counted)


def test_every_reason_of_a_worker_is_known() -> None:
    assert set(SHED_REASONS) == set(page.SHED_REASONS)


def test_each_counter_of_workers_is_summed_over_them() -> None:
    status = fresh_status()
    for number, counted in enumerate(WORKER_COUNTERS, 1):
        for worker in status.interfaces[0].workers:
            worker.counters[counted.key] = number
    for number, counted in enumerate(WORKER_COUNTERS, 1):
        assert value(status, f"{counted.metric}_total", interface="eth0") == 2 * number


def test_versions_are_told() -> None:
    families = {family.name: family for family in registry_of(fresh_status()).collect()}
    labels = families["watchdog_build"].samples[0].labels
    assert labels["version"] == "1.2.3"
    assert labels.keys() == {"version", "python", "sqlite", "hyperscan"}
    assert all(labels.values())


def test_labels_come_from_closed_sets() -> None:
    names = {name for _, labels in series_of(busy_status()) for name, _ in labels}
    versions = {"version", "python", "sqlite", "hyperscan"}
    closed = {
        "interface",
        "worker",
        "by",
        "layer",
        "reason",
        "event",
        "protocol",
        "category",
        "severity",
        "le",
    }
    assert names == versions | closed


def test_openmetrics_is_well_formed() -> None:
    text = generate_openmetrics(registry_of(busy_status())).decode()  # type: ignore[no-untyped-call]
    parsed = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    families = {family.name: family for family in parsed}
    assert families["watchdog_capture_packets"].type == "counter"
    assert families["watchdog_store_commit_seconds"].type == "histogram"
    assert families["watchdog_build"].type == "info"


@pytest.mark.prometheus
@pytest.mark.parametrize("status", [fresh_status(), busy_status()], ids=["fresh", "busy"])
def test_promtool_has_no_complaint(status: ServiceStatus) -> None:
    text = generate_latest(registry_of(status))
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")
