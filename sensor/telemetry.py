"""Plain-integer counters of each stage."""

from dataclasses import dataclass, field, fields
from enum import IntEnum


class ShedLevel(IntEnum):
    """What an overloaded pipeline leaves out; each level leaves out what those below it do as well."""

    NONE = 0
    BODIES = 1
    """HTTP response bodies are not decoded and not looked into."""
    ENCRYPTED = 2
    """Payload of long-lived encrypted flows is not looked into."""
    FLOWS_QUARTER = 3
    """A quarter of all flows, by hash, is dropped after decoding; the next levels drop more."""
    FLOWS_HALF = 4
    FLOWS_MOST = 5
    """Seven flows of eight."""


@dataclass(slots=True)
class Counters:
    """What the pipeline counted since it started. Every name says what one unit is."""

    received: int = 0
    """Packet records that captures held."""
    received_octets: int = 0
    decoded: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    """Rejected packet records by decoder event: received = decoded + the sum of these and of ``shed``."""
    shed: dict[str, int] = field(default_factory=dict)
    """Packets left out on purpose, by reason: ``overload`` (whole flows)."""
    shed_bodies: int = 0
    """HTTP responses whose body was not looked into because of overload."""
    shed_payload_octets: int = 0
    """Payload of encrypted flows that was not looked into because of overload."""
    bypassed_octets: int = 0
    """Payload that was not looked into because no signature could match in it."""

    fragments: int = 0
    datagrams_reassembled: int = 0
    fragment_overlaps: int = 0
    """Fragments whose octets another fragment of the datagram had brought already."""
    fragment_conflicts: int = 0
    """Of those, the ones that brought different octets."""
    fragments_expired: int = 0
    """Fragments of datagrams that never became whole."""
    fragments_dropped: int = 0
    """Fragments refused: cut by the capture, past 65,535 octets, or past the datagram's end."""

    flows: int = 0
    flows_evicted: int = 0
    """Flows that ended because the flow table was full."""
    flows_reused: int = 0
    """Flows that a new connection between the same ports replaced."""

    segments_out_of_order: int = 0
    segments_retransmitted: int = 0
    segments_out_of_window: int = 0
    """Segments whose sequence number is further off than any window, or is a SYN's in an open connection:
    none of the stream."""
    segments_after_fin: int = 0
    """Segments with octets behind the end that a FIN told: those were dropped."""
    segments_conflicting: int = 0
    """Retransmissions and overlaps that brought octets different from those already held."""
    comparisons_cut: int = 0
    """Segments and fragments that were compared in part only, as they bring again what too many brought."""
    reassembly_gaps: int = 0
    reassembly_gap_octets: int = 0
    reassembly_limited: int = 0
    """Times that a stream's or the process's limit on held segments declared a gap early."""

    http_transactions: int = 0
    hellos_too_long: int = 0
    """TLS ClientHellos longer than ``tls_client_hello.MAX_HELLO``: their name was not looked into."""
    names_evicted: int = 0
    """TLS ClientHellos, and connections with DNS, given up past ``NameLimits.held_octets``."""
    questions_cut: int = 0
    """DNS queries with more names than ``dns.MAX_NAMES``: the others were not looked into."""
    detections: int = 0
    alerts_forgotten: int = 0
    """Alerts past ``DetectionLimits.fired``: their signature may fire again in the same stream."""
    alerts_suppressed: int = 0
    """Alerts not raised because a signature's suppression names the address."""
    alerts_thresholded: int = 0
    """Alerts not raised because of a signature's threshold."""
    threshold_evictions: int = 0
    """Thresholds' counts given up past ``DetectionLimits.thresholds``: they begin anew."""
    clause_positions_cut: int = 0
    """Matches of clauses forgotten past ``DetectionLimits.clause_positions``."""
    clause_states_evicted: int = 0
    """Signatures under way, given up past ``DetectionLimits.clause_states`` or ``clause_octets``."""
    scans_flooded: int = 0
    """Scans given up because keywords were too frequent, and done again one run or value at a time."""
    keyword_places_read: int = 0
    """Places where octets said that a keyword may stand, and that were decoded to see."""
    view_octets: int = 0
    """Octets made by undoing escapes, to look for keywords in."""
    views_cut: int = 0
    """Stretches of escapes, and whole views, left as they are past the bounds of `sensor.matching.views`."""
    regex_streams_evicted: int = 0
    """Streams whose regexes started anew because too many were open, or signatures were replaced."""

    def reject(self, reason: str, count: int = 1) -> None:
        """Count ``count`` rejected packet records under ``reason``."""
        self.rejected[reason] = self.rejected.get(reason, 0) + count

    def snapshot(self) -> dict[str, int | dict[str, int]]:
        """Every counter by name, copied."""
        values: dict[str, int | dict[str, int]] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            values[item.name] = dict(value) if isinstance(value, dict) else value
        return values
