"""Which plain counter of a worker becomes which metric.

The keys are those of ``WorkerStatus.counters``: what a worker's page holds, which is fields of
``telemetry.Counters``, ``http.`` with those of ``Http1Counters``, and what the worker itself counts. They are
written out here because what defines them imports numpy or stands above this package.
"""

from typing import Final, NamedTuple


class Counted(NamedTuple):
    """A counter of workers, summed over those of an interface."""

    key: str
    metric: str
    """Without ``_total``."""
    help: str


WORKER_COUNTERS: Final = (
    Counted(
        "shed_bodies",
        "watchdog_shed_bodies",
        "HTTP responses whose body was not looked into because of overload.",
    ),
    Counted(
        "shed_payload_octets",
        "watchdog_shed_payload_bytes",
        "Payload of encrypted flows that was not looked into because of overload.",
    ),
    Counted(
        "bypassed_octets",
        "watchdog_bypassed_payload_bytes",
        "Payload that was not looked into because no signature could match in it. Costs no detection.",
    ),
    Counted("fragments", "watchdog_fragments", "IP fragments seen."),
    Counted(
        "datagrams_reassembled", "watchdog_datagrams_reassembled", "IP datagrams made whole from fragments."
    ),
    Counted(
        "fragment_overlaps",
        "watchdog_fragments_overlapping",
        "Fragments that brought octets which another fragment of the datagram had brought.",
    ),
    Counted(
        "fragment_conflicts",
        "watchdog_fragments_conflicting",
        "Overlapping fragments that brought different octets. Rare unless somebody tries to evade detection.",
    ),
    Counted(
        "fragments_expired",
        "watchdog_fragments_expired",
        "Fragments of datagrams that never became whole.",
    ),
    Counted(
        "fragments_dropped",
        "watchdog_fragments_dropped",
        "Fragments refused: cut short, past 65,535 octets or past the end of their datagram.",
    ),
    Counted("flows", "watchdog_flows_created", "Flows that began."),
    Counted(
        "flows_evicted",
        "watchdog_flows_evicted",
        "Flows given up because the flow table was full. Growth means a scan, a flood or too small a table.",
    ),
    Counted(
        "flows_reused",
        "watchdog_flows_reused",
        "Flows that a new connection between the same ports replaced.",
    ),
    Counted(
        "segments_out_of_order",
        "watchdog_reassembly_segments_out_of_order",
        "TCP segments held until those before them came.",
    ),
    Counted(
        "segments_retransmitted",
        "watchdog_reassembly_segments_retransmitted",
        "TCP segments that brought octets again.",
    ),
    Counted(
        "segments_out_of_window",
        "watchdog_reassembly_segments_out_of_window",
        "TCP segments whose sequence number is none of their stream's.",
    ),
    Counted(
        "segments_after_fin",
        "watchdog_reassembly_segments_after_fin",
        "TCP segments with octets behind the end of their stream.",
    ),
    Counted(
        "segments_conflicting",
        "watchdog_reassembly_conflicts",
        "Retransmitted TCP segments with other octets than before. Rare unless somebody tries to evade"
        " detection.",
    ),
    Counted(
        "comparisons_cut",
        "watchdog_reassembly_comparisons_cut",
        "Segments and fragments compared in part only, as too many brought the same octets.",
    ),
    Counted(
        "reassembly_gaps",
        "watchdog_reassembly_gaps",
        "Holes in TCP streams that nothing filled: the sensor missed packets, or the line lost them.",
    ),
    Counted("reassembly_gap_octets", "watchdog_reassembly_gap_bytes", "Payload missing in those holes."),
    Counted(
        "reassembly_limited",
        "watchdog_reassembly_limits",
        "Times that a limit on held segments declared a hole early.",
    ),
    Counted(
        "detections",
        "watchdog_alerts",
        "Alerts that workers raised. Stored ones are watchdog_detections_total.",
    ),
    Counted(
        "alerts_lost",
        "watchdog_alerts_lost",
        "Alerts given up because the parent did not take them in time. They are not stored.",
    ),
    Counted(
        "eve_events_lost",
        "watchdog_eve_events_lost",
        "EVE events given up because the parent did not take them in time: slow disk or slow reader.",
    ),
    Counted(
        "alerts_forgotten",
        "watchdog_alerts_forgotten",
        "Alerts past the number remembered: their signature may fire again in the same stream.",
    ),
    Counted(
        "hellos_too_long",
        "watchdog_tls_client_hellos_too_long",
        "TLS ClientHellos too long to be read: their server name was not looked into.",
    ),
    Counted(
        "names_evicted",
        "watchdog_names_evicted",
        "TLS ClientHellos, and connections with DNS, given up because too many waited for their rest.",
    ),
    Counted(
        "questions_cut",
        "watchdog_dns_queries_cut",
        "DNS queries that asked for too many names: the last ones were not looked into.",
    ),
    Counted(
        "alerts_suppressed",
        "watchdog_alerts_suppressed",
        "Alerts not raised because their signature is silent for the address.",
    ),
    Counted(
        "alerts_thresholded",
        "watchdog_alerts_thresholded",
        "Alerts not raised because of their signature's threshold.",
    ),
    Counted(
        "threshold_evictions",
        "watchdog_threshold_evictions",
        "Counts of thresholds given up because there were too many: they began anew.",
    ),
    Counted(
        "clause_positions_cut",
        "watchdog_clause_matches_cut",
        "Matches of signatures' clauses past the number remembered. Growth: look for too frequent terms.",
    ),
    Counted(
        "clause_states_evicted",
        "watchdog_clause_states_evicted",
        "Signatures of several clauses given up half-way because too many were: they may be missed.",
    ),
    Counted(
        "scans_flooded",
        "watchdog_scans_flooded",
        "Scans done again in parts because keywords matched too often. Growth: look for too short keywords.",
    ),
    Counted(
        "keyword_places_read",
        "watchdog_keyword_places_read",
        "Places decoded to see whether a keyword is there. Growth without detections: too common keywords.",
    ),
    Counted(
        "view_octets",
        "watchdog_view_octets",
        "Octets made by undoing escapes such as percent-encoding, to look for keywords in.",
    ),
    Counted(
        "views_cut",
        "watchdog_views_cut",
        "Stretches of escapes left as they are, as there were too many: keywords in them may be missed.",
    ),
    Counted(
        "regex_streams_evicted",
        "watchdog_regex_streams_evicted",
        "Streams whose regular expressions began anew because too many were open.",
    ),
)

TRANSACTION_COUNTERS: Final = (("http", "http_transactions"),)
"""Protocol, and the counter of its transactions."""

HTTP_EVENTS: Final = (
    "orphan_responses",
    "heads_too_long",
    "heads_cut",
    "lines_too_long",
    "resyncs",
    "tunnels",
    "requests_evicted",
    "bodies_cut",
    "decode_failures",
    "compression_bombs",
    "heads_evicted",
    "flows_evicted",
)
"""Fields of ``Http1Counters``."""
