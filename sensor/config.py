"""Settings of the pipeline. Every limit is named here, with its reason or precedent."""

from dataclasses import dataclass, field
from typing import Final

from sensor.errors import ConfigError

SECOND_NS = 1_000_000_000

FIXED_MEMORY: Final = 76 << 20
"""Octets of a capture process that no setting bounds: interpreter, libraries and databases (48 MiB with the
shipped signatures), and the columns and joined octets of the batch in work."""
LEAST_MEMORY: Final = 96 << 20
"""Octets with which a capture process still works: 6,000 flows."""

_FLOW_COST: Final = 1_152
"""Octets of a flow: 500 in columns; two carried tails with their places; that it is HTTP, and whose."""
_DATAGRAM_COST: Final = 1_024
_HTTP_FLOW_COST: Final = 1_536
_MEMO_COST: Final = 4 * (2 * 2_048 + 512)
"""Four memos, each of the longest heads it takes, with what they say beside them."""
_FIRED_COST: Final = 320
_LEAST_BATCH: Final = 256 << 10
"""Octets of a batch that any worker takes at once. Of short packets in which every signature matches, matches
and alerts take 80 times as many."""
_BATCH_SHARE: Final = 90
_REGEX_STREAM_COST: Final = 5_120
_THRESHOLD_COST: Final = 480


@dataclass(frozen=True, slots=True)
class FlowLimits:
    """Bounds of the flow table."""

    flows: int = 131_072
    """Flows held at once. About 200 octets each; nf_conntrack's default for a machine of 4 GiB is
    the same order (65,536 to 262,144)."""
    tcp_idle_ns: int = 600 * SECOND_NS
    """Suricata's default for an established connection."""
    udp_idle_ns: int = 60 * SECOND_NS
    """Zeek's udp_inactivity_timeout."""
    other_idle_ns: int = 60 * SECOND_NS
    """Zeek's icmp_inactivity_timeout."""
    sweep_ns: int = 30 * SECOND_NS
    """How often, in packet time, idle flows are looked for: half the shortest time-out."""
    evict_share: int = 16
    """A full table gives up at least 1/16 of its flows at once, so that finding the oldest, which
    reads the whole table, is paid for by many new flows."""

    def __post_init__(self) -> None:
        """Refuse a table that has no room for one packet.

        :raises ConfigError: if so.
        """
        if self.flows < 2:
            raise ConfigError(f"{self.flows} flows are too few: one packet may end a flow and start another")


@dataclass(frozen=True, slots=True)
class ReassemblyLimits:
    """Bounds of stream and fragment reassembly."""

    stream_octets: int = 1 << 20
    """Octets held for one direction of one stream while a hole before them may still be filled: as
    much as a usual receive window; past that the hole is declared a gap."""
    stream_segments: int = 4_096
    """Held pieces of one direction: 1 MiB in segments of 256 octets."""
    total_octets: int = 32 << 20
    """Octets held for all streams, those that keeping each segment costs included."""
    datagrams: int = 1_024
    """IP datagrams being put together at once."""
    fragments: int = 8_192
    """Fragments of one datagram: 65,535 octets in pieces of 8, the least RFC 791 allows."""
    fragment_octets: int = 8 << 20
    """Octets of fragments held in all, those that keeping each costs included: 1,500 datagrams of 4 KiB."""
    fragment_ns: int = 30 * SECOND_NS
    """How long a datagram may take: Linux's net.ipv4.ipfrag_time."""


@dataclass(frozen=True, slots=True)
class Http1Limits:
    """Bounds of what one HTTP/1 flow, or all of them together, may hold."""

    head_octets: int = 65536
    """Octets of a head: twice what nginx takes (32 KiB), four times Node.js (16 KiB)."""
    head_lines: int = 1024
    """Lines of a head that are read: libhtp's default."""
    line_octets: int = 8192
    """Octets of a chunk's size line with its extensions, or of a trailer line."""
    body_octets: int = 1 << 20
    """Octets of a body that are kept, as carried and as decoded: Suricata's compression-bomb-limit."""
    pending_octets: int = 1 << 20
    """Octets of requests in one flow that wait for a response: some 2,500 of a browser's."""
    total_pending_octets: int = 64 << 20
    """As ``pending_octets``, of all flows together: a flow that would go past it keeps its newest request."""
    buffered_octets: int = 64 << 20
    """Octets of bodies that all flows together keep, those decoded in the same batch included."""
    held_octets: int = 32 << 20
    """Octets of heads, lines and first octets of flows that wait for their end, of all flows together, those
    that keeping them costs included: of 10,000 flows 3 KiB each. Past that the oldest are given up."""
    flows: int = 32_768
    """HTTP flows that are read at once, 1.3 KiB each: a quarter of all. Past that the oldest is read no
    further."""
    memo_entries: int = 4096
    """Heads, field sections and lines that are remembered, so many of each kind: some 8 MiB."""


@dataclass(frozen=True, slots=True)
class NameLimits:
    """Bounds of what is kept of TLS ClientHellos and DNS queries."""

    held_octets: int = 4 << 20
    """Octets of hellos, and of messages over TCP, that wait for their rest, of all flows together, those that
    keeping them costs included: some 2,000 hellos of 2 KiB. Past that the oldest are given up."""


@dataclass(frozen=True, slots=True)
class DetectionLimits:
    """Bounds of what matching hands on."""

    excerpt_before: int = 40
    excerpt_after: int = 40
    """Octets kept on each side of a match: enough to see a word in its phrase, no more."""
    excerpt_match: int = 1_024
    """Octets kept of the match itself: that of a regex may be as long as a stream."""
    request: int = 2_048
    """Octets kept of a request's host and of its target with each alert: a head of 64 KiB in which hundreds
    of signatures match must not become as many times 64 KiB. What is longer is data, not a name."""
    fired: int = 262_144
    """(flow, signature) pairs remembered so that a signature fires once in a stream."""
    reading: int = 1_024
    """Characters kept of a match as a person reads it, with those around it: as much as the match itself, and
    4 KiB of UTF-8 at most, which is what a message takes."""
    clause_positions: int = 64
    """Matches remembered of a clause for which it matters where: as many as matching tells of in one run. Of
    more the latest are kept, since what belongs together stands near each other. What began further back is
    missed."""
    clause_states: int = 256
    """Signatures of several clauses under way in one flow at once, so that one flow does not push out what is
    known of all others. Past that its oldest is given up: it may be missed, or fire again."""
    clause_octets: int = 16 << 20
    """Octets that such matches take in all, their excerpts included: some 12,000. Past that the oldest
    signatures under way are given up, in whatever flow."""
    thresholds: int = 16_384
    """Addresses, pairs or signatures of which thresholds count at once: 8 MiB. Past that the stretch that
    began first is forgotten, and begins anew with its next match."""
    regex_streams: int = 65_536
    """Stream directions open for payload regexes at once. A state takes some hundred octets to a few
    kilooctets by the regexes; past the bound the one that was quiet longest starts anew."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one pipeline."""

    flow: FlowLimits = field(default_factory=FlowLimits)
    reassembly: ReassemblyLimits = field(default_factory=ReassemblyLimits)
    http: Http1Limits = field(default_factory=Http1Limits)
    names: NameLimits = field(default_factory=NameLimits)
    detection: DetectionLimits = field(default_factory=DetectionLimits)
    batch_octets: int = 64 << 20
    """Octets taken through the stages at once: a larger batch goes in parts. Short requests become
    transactions of some 35 times their size."""
    bypass_encrypted: bool = False
    """Don't look into what the records of TLS say is ciphertext. Off, since five octets make anything look
    like a record: whoever wants to hide text from keywords could (see ``sensor.protocols.encrypted``)."""
    window: int = 4 << 20
    """Octets of a capture file read at once: larger ones fall out of the processor's cache."""

    @classmethod
    def for_memory(cls, octets: int, *, bypass_encrypted: bool = False) -> "Settings":
        """Bounds that keep one process within ``octets`` of resident memory, whatever the line carries.

        What the process takes before the first packet, and for the batch in work, is set aside; the rest is
        shared out among all that is kept of flows, each reckoned at what it costs when it is full. 512 MiB
        give about the defaults, fewer of those that only a flood fills.

        :raises ConfigError: if ``octets`` are too few to work with.
        """
        if octets < LEAST_MEMORY:
            raise ConfigError(
                f"{octets >> 20} MiB are too little for a capture process: {LEAST_MEMORY >> 20} MiB at least"
            )
        usual, rest = cls(), octets - FIXED_MEMORY

        def share(percent: int, cost: int = 1) -> int:
            return rest * percent // 100 // cost

        held, pending, bodies = share(8), share(10), share(11)
        return cls(
            FlowLimits(flows=share(28, _FLOW_COST)),
            ReassemblyLimits(
                stream_octets=min(usual.reassembly.stream_octets, held // 4),
                total_octets=held,
                datagrams=min(usual.reassembly.datagrams, share(2, _DATAGRAM_COST)),
                fragment_octets=share(2),
            ),
            Http1Limits(
                body_octets=min(usual.http.body_octets, bodies // 4),
                pending_octets=min(usual.http.pending_octets, pending // 4),
                total_pending_octets=pending,
                buffered_octets=bodies,
                held_octets=share(7),
                flows=share(8, _HTTP_FLOW_COST),
                memo_entries=min(usual.http.memo_entries, share(8, _MEMO_COST)),
            ),
            NameLimits(held_octets=min(usual.names.held_octets, share(1))),
            DetectionLimits(
                fired=min(usual.detection.fired, share(6, _FIRED_COST)),
                regex_streams=share(6, _REGEX_STREAM_COST),
                clause_octets=min(usual.detection.clause_octets, share(2)),
                thresholds=min(usual.detection.thresholds, share(1, _THRESHOLD_COST)),
            ),
            bypass_encrypted=bypass_encrypted,
            batch_octets=max(_LEAST_BATCH, rest // _BATCH_SHARE),
        )
