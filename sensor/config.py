"""Settings of the pipeline. Every limit is named here, with its reason or precedent."""

from dataclasses import dataclass, field

from sensor.errors import ConfigError

SECOND_NS = 1_000_000_000


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
class DetectionLimits:
    """Bounds of what matching hands on."""

    excerpt_before: int = 40
    excerpt_after: int = 40
    """Octets kept on each side of a match: enough to see a word in its phrase, no more."""
    fired: int = 262_144
    """(flow, signature) pairs remembered so that a signature fires once in a stream."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one pipeline."""

    flow: FlowLimits = field(default_factory=FlowLimits)
    reassembly: ReassemblyLimits = field(default_factory=ReassemblyLimits)
    detection: DetectionLimits = field(default_factory=DetectionLimits)
    bypass_encrypted: bool = False
    """Don't look into what the records of TLS say is ciphertext. Off, since five octets make anything look like
    a record: whoever wants to hide plain text from keywords could (see ``sensor.protocols.encrypted``)."""
    window: int = 4 << 20
    """Octets of a capture file read at once: larger ones fall out of the processor's cache."""
