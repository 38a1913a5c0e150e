"""What the dashboard shows, row by row."""

from typing import Final

from exporter.dashboards.panels import Panel, Row

S: Final = 'job=~"$job",instance=~"$instance"'
"""What selects sensors."""
N: Final = f'{S},interface=~"$interface"'
"""What selects interfaces."""
R: Final = "$__rate_interval"
DROPPED: Final = f"watchdog_capture_dropped_packets_total{{{N}}}"
RECEIVED: Final = f"watchdog_capture_packets_total{{{N}}}"
REJECTED: Final = f"watchdog_decode_rejected_packets_total{{{N}}}"
BY_INTERFACE: Final = "{{instance}} {{interface}}"
BY_WORKER: Final = "{{instance}} {{interface}} {{worker}}"


def quantiles(metric: str) -> tuple[tuple[str, str], ...]:
    """Median and 99th percentile of a histogram over all selected sensors."""
    rate = f"sum by (le) (rate({metric}_bucket{{{S}}}[{R}]))"
    return tuple(
        (f"histogram_quantile({share}, {rate})", name) for share, name in ((0.5, "p50"), (0.99, "p99"))
    )


def rate(metric: str, legend: str, labels: str = N) -> tuple[str, str]:
    """Query of a counter's increase a second."""
    return f"rate({metric}{{{labels}}}[{R}])", legend


GLANCE: Final = Row(
    "At a glance",
    (
        Panel("Sensors that answer", ((f"sum(up{{{S}}})", ""),), kind="stat", width=3),
        Panel(
            "Interfaces not up",
            ((f"sum(1 - watchdog_interface_up{{{N}}})", ""),),
            kind="stat",
            width=3,
            limits=(("red", 1),),
            help="Down or missing: their traffic is not seen.",
        ),
        Panel(
            "Packets",
            ((f"sum(rate(watchdog_capture_packets_total{{{N}}}[{R}]))", ""),),
            "pps",
            kind="stat",
            width=3,
        ),
        Panel(
            "Dropped",
            (
                (
                    f"sum(rate({DROPPED}[5m])) / (sum(rate({RECEIVED}[5m])) > 0) or vector(0)",
                    "",
                ),
            ),
            "percentunit",
            kind="stat",
            width=3,
            limits=(("orange", 0.000001), ("red", 0.001)),
            help="Share that the kernel dropped in the last five minutes because the ring was full.",
        ),
        Panel(
            "Overload",
            ((f"max(watchdog_worker_shed_level{{{N}}})", ""),),
            kind="stat",
            width=3,
            limits=(("orange", 1), ("red", 3)),
            names=((0, "none"), (1, "bodies"), (2, "encrypted"), (3, "1/4 flows"), (4, "1/2"), (5, "7/8")),
            help="What the most loaded worker leaves out.",
        ),
        Panel(
            "Unaccounted packets",
            ((f"sum(watchdog_ledger_error_packets_total{{{N}}})", ""),),
            kind="stat",
            width=3,
            limits=(("red", 1),),
            help="Must be 0. Anything else is a fault of the sensor.",
        ),
        Panel(
            "Database",
            ((f"max(watchdog_store_failing{{{S}}})", ""),),
            kind="stat",
            width=3,
            limits=(("red", 1),),
            names=((0, "writes"), (1, "FAILS")),
        ),
        Panel(
            "Detections in 24 h",
            ((f"sum(increase(watchdog_detections_total{{{S}}}[24h]))", ""),),
            kind="stat",
            width=3,
        ),
    ),
    height=4,
)
TRAFFIC: Final = Row(
    "Traffic and losses",
    (
        Panel("Packets received", (rate("watchdog_capture_packets_total", BY_INTERFACE),), "pps"),
        Panel("Traffic", (rate("watchdog_capture_bytes_total", BY_INTERFACE),), "Bps"),
        Panel(
            "Dropped and shed packets",
            (
                rate("watchdog_capture_dropped_packets_total", f"{BY_INTERFACE} dropped: {{{{reason}}}}"),
                rate("watchdog_shed_packets_total", f"{BY_INTERFACE} shed: {{{{reason}}}}"),
            ),
            "pps",
            help="Dropped by the kernel before the sensor saw them; shed by the sensor on purpose.",
        ),
        Panel(
            "Ring fill",
            ((f"watchdog_worker_ring_fill_ratio{{{N}}}", BY_WORKER),),
            "percentunit",
            maximum=1,
            limits=(("red", 0.8),),
            help="Share of the kernel's ring that waits. At 100 % packets are dropped.",
        ),
        Panel(
            "Left out because of overload",
            (
                rate("watchdog_shed_payload_bytes_total", f"{BY_INTERFACE} encrypted payload"),
                rate("watchdog_bypassed_payload_bytes_total", f"{BY_INTERFACE} nothing could match"),
            ),
            "Bps",
        ),
        Panel("Overload by worker", ((f"watchdog_worker_shed_level{{{N}}}", BY_WORKER),), maximum=5),
    ),
)
LEDGER: Final = Row(
    "Loss ledger",
    (
        Panel(
            "Where packets went",
            tuple(
                (f"sum(rate({metric}{{{N}}}[{R}]))", name)
                for metric, name in (
                    ("watchdog_decode_packets_total", "decoded"),
                    ("watchdog_decode_rejected_packets_total", "rejected"),
                    ("watchdog_shed_packets_total", "shed"),
                    ("watchdog_capture_dropped_packets_total", "dropped"),
                )
            ),
            "pps",
            stacked=True,
            help="Together they are what the kernel received, but for what waits in the ring.",
        ),
        Panel(
            "Rejected, by reason",
            (
                (
                    f"topk(10, sum by (layer, reason) (rate({REJECTED}[{R}])) > 0)",
                    "{{layer}}.{{reason}}",
                ),
            ),
            "pps",
        ),
        Panel(
            "Unaccounted and waiting packets",
            (
                (f"watchdog_ledger_error_packets_total{{{N}}}", f"{BY_INTERFACE} unaccounted"),
                (f"watchdog_capture_waiting_packets{{{N}}}", f"{BY_INTERFACE} waiting"),
            ),
        ),
    ),
)
DETECTIONS: Final = Row(
    "Detections",
    (
        Panel(
            "By severity",
            ((f"sum by (severity) (increase(watchdog_detections_total{{{S}}}[{R}]))", "{{severity}}"),),
            stacked=True,
        ),
        Panel(
            "By category",
            ((f"sum by (category) (increase(watchdog_detections_total{{{S}}}[{R}]))", "{{category}}"),),
            stacked=True,
        ),
        Panel("From packet to stored detection", quantiles("watchdog_detection_latency_seconds"), "s"),
        Panel(
            "Raised, held back, waiting, lost",
            (
                (f"sum(increase(watchdog_alerts_total{{{N}}}[{R}]))", "raised"),
                (f"sum(increase(watchdog_alerts_thresholded_total{{{N}}}[{R}]))", "held by threshold"),
                (f"sum(increase(watchdog_alerts_suppressed_total{{{N}}}[{R}]))", "suppressed"),
                (f"sum(watchdog_store_waiting_detections{{{S}}})", "waiting"),
                (f"sum(increase(watchdog_store_lost_detections_total{{{S}}}[{R}]))", "lost unstored"),
                (f"sum(increase(watchdog_alerts_lost_total{{{N}}}[{R}]))", "lost on the way"),
            ),
        ),
        Panel("Signatures", ((f"watchdog_signatures_loaded{{{S}}}", "{{instance}}"),)),
        Panel(
            "Age of signatures",
            ((f"time() - watchdog_signatures_loaded_timestamp_seconds{{{S}}}", "{{instance}}"),),
            "s",
            help="Since they were taken into use, by a reload or a start.",
        ),
    ),
)
FLOWS: Final = Row(
    "Flows, reassembly, protocols",
    (
        Panel("Flows", ((f"watchdog_flows_active{{{N}}}", BY_INTERFACE),)),
        Panel(
            "Flows created and evicted",
            (
                rate("watchdog_flows_created_total", f"{BY_INTERFACE} created"),
                rate("watchdog_flows_evicted_total", f"{BY_INTERFACE} evicted"),
                rate("watchdog_flows_reused_total", f"{BY_INTERFACE} ports reused"),
            ),
            "cps",
        ),
        Panel(
            "HTTP transactions",
            (rate("watchdog_transactions_total", f"{BY_INTERFACE} {{{{protocol}}}}"),),
            "reqps",
        ),
        Panel(
            "TCP reassembly",
            tuple(
                (f"sum(rate({metric}{{{N}}}[{R}]))", name)
                for metric, name in (
                    ("watchdog_reassembly_segments_out_of_order_total", "out of order"),
                    ("watchdog_reassembly_segments_retransmitted_total", "retransmitted"),
                    ("watchdog_reassembly_gaps_total", "gaps"),
                    ("watchdog_reassembly_conflicts_total", "conflicts"),
                    ("watchdog_reassembly_limits_total", "limits"),
                )
            ),
            "cps",
        ),
        Panel(
            "IP fragments",
            tuple(
                (f"sum(rate({metric}{{{N}}}[{R}]))", name)
                for metric, name in (
                    ("watchdog_fragments_total", "seen"),
                    ("watchdog_fragments_conflicting_total", "conflicting"),
                    ("watchdog_fragments_expired_total", "expired"),
                    ("watchdog_fragments_dropped_total", "dropped"),
                )
            ),
            "cps",
        ),
        Panel(
            "HTTP reader",
            ((f"sum by (event) (rate(watchdog_http_events_total{{{N}}}[{R}])) > 0", "{{event}}"),),
            "cps",
            help="What was passed over, cut or refused.",
        ),
    ),
)
STORE: Final = Row(
    "Store",
    (
        Panel("Commits", quantiles("watchdog_store_commit_seconds"), "s"),
        Panel(
            "Database and free disk",
            (
                (f"watchdog_store_bytes{{{S}}}", "{{instance}} database"),
                (f"watchdog_store_disk_free_bytes{{{S}}}", "{{instance}} free"),
            ),
            "bytes",
        ),
        Panel(
            "Oldest detection kept",
            ((f"time() - (watchdog_store_oldest_record_timestamp_seconds{{{S}}} > 0)", "{{instance}}"),),
            "s",
        ),
    ),
)
PROCESSES: Final = Row(
    "Processes",
    (
        Panel(
            "Workers that read, and restarts",
            (
                (f"sum by (instance) (watchdog_worker_up{{{N}}})", "{{instance}} reading"),
                (f"sum by (instance) (watchdog_worker_restarts_total{{{N}}})", "{{instance}} restarts"),
            ),
        ),
        Panel(
            "Memory",
            (
                (f"process_resident_memory_bytes{{{S}}}", "{{instance}} parent"),
                (f"watchdog_worker_resident_memory_bytes{{{N}}}", BY_WORKER),
            ),
            "bytes",
        ),
        Panel("CPU of the parent", (rate("process_cpu_seconds_total", "{{instance}}", S),), "percentunit"),
    ),
)

ROWS: Final = (GLANCE, TRAFFIC, LEDGER, DETECTIONS, FLOWS, STORE, PROCESSES)
