"""What a signature is, apart from how it is compiled and scanned."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum


class Buffer(StrEnum):
    """What a signature looks into; the names are Suricata's sticky buffers where it has them."""

    PAYLOAD = "payload"
    HTTP_METHOD = "http.method"
    HTTP_URI = "http.uri"
    HTTP_HOST = "http.host"
    HTTP_USER_AGENT = "http.user_agent"
    HTTP_REFERER = "http.referer"
    HTTP_REQUEST_BODY = "http.request_body"
    HTTP_RESPONSE_BODY = "http.response_body"
    TLS_SNI = "tls.sni"
    DNS_QUERY = "dns.query"


NAME_BUFFERS = frozenset({Buffer.HTTP_HOST, Buffer.TLS_SNI, Buffer.DNS_QUERY})
"""Buffers that hold a host's name, with or without a port: those that ``domains`` can be used with."""


class Severity(StrEnum):
    """How much a detection matters, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Category(StrEnum):
    """What a signature is about. A closed set: it is a label of metrics."""

    REMOTE_OPERATION = "remote-operation"
    KEYLOGGER = "keylogger"
    STALKERWARE = "stalkerware"
    SCREEN_CAPTURE = "screen-capture"
    POST = "post"
    IMPERSONATION = "impersonation"
    MALWARE = "malware"
    EXFILTRATION = "exfiltration"
    SCAN = "scan"
    POLICY = "policy"
    CUSTOM = "custom"


class Owner(StrEnum):
    """Whose a signature is."""

    BUILTIN = "builtin"
    OPERATOR = "operator"
    SUBSCRIBER = "subscriber"


class Direction(StrEnum):
    """Which way the octets went that a signature may match."""

    ANY = "any"
    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"


class Fold(StrEnum):
    """Ways of writing that count as the same word."""

    WIDTH = "width"
    """Unicode's NFKC: full-width and half-width, circled, squared and other compatibility forms."""
    CASE = "case"
    """Upper and lower case, of every script that has them."""
    KANA = "kana"
    """Hiragana and katakana."""
    KANJI = "kanji"
    """Old and new forms of a kanji."""
    LONG_VOWEL = "long-vowel"
    """A long-vowel mark at the end of a katakana word may be missing."""
    SMALL_KANA = "small-kana"
    """Small and large kana."""


DEFAULT_FOLDS = (Fold.WIDTH, Fold.CASE)


class Role(StrEnum):
    """What a clause does for its signature."""

    ALL = "all"
    """It must match."""
    ANY = "any"
    """It, or another of this role, must match."""
    NONE = "none"
    """It must not match."""


class Scope(StrEnum):
    """What the clauses of a signature must match together in."""

    TRANSACTION = "transaction"
    FLOW = "flow"


class Track(StrEnum):
    """By which address a threshold counts, or a suppression goes."""

    BY_SRC = "by_src"
    BY_DST = "by_dst"
    BY_BOTH = "by_both"
    BY_RULE = "by_rule"


class ThresholdKind(StrEnum):
    """What a threshold lets through; the names and their meanings are Suricata's."""

    LIMIT = "limit"
    """The first ``count`` alerts of each stretch of ``seconds``."""
    THRESHOLD = "threshold"
    """Every ``count``-th within ``seconds``."""
    BOTH = "both"
    """One in each stretch of ``seconds``, when ``count`` have come."""


@dataclass(frozen=True, slots=True)
class PortRange:
    """Inclusive range of ports."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Threshold:
    """How many alerts of a signature go through."""

    kind: ThresholdKind
    track: Track
    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Suppression:
    """Addresses for which a signature is silent."""

    track: Track
    """`Track.BY_SRC`, `Track.BY_DST`, or `Track.BY_BOTH` for either."""
    networks: tuple[str, ...]
    """In CIDR notation."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a signature counts."""

    weekdays: tuple[int, ...] = ()
    """0 for Monday to 6; empty for every day. Hours past midnight belong to the day they began on."""
    hours: tuple[tuple[int, int], ...] = ()
    """(from, to) in minutes of the day, ``to`` exclusive; ``to`` at or before ``from`` goes past midnight.
    Empty for all day."""
    utc_offset: int = 540
    """Minutes that local time is ahead of UTC: Japan's, which has no summer time."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Octets that a signature says it matches, or does not."""

    buffer: Buffer
    octets: bytes
    matches: bool


@dataclass(frozen=True, slots=True)
class Clause:
    """Something to look for: it matches where any of its texts does, in any of its buffers."""

    buffers: tuple[Buffer, ...]
    role: Role = Role.ALL
    keywords: tuple[str, ...] = ()
    """Words: each matches in every form that it takes on a line, and as ``folds`` say."""
    contents: tuple[bytes, ...] = ()
    """Octets: each matches as it is, ASCII letters in both cases unless ``case_sensitive``."""
    regexes: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    """Each matches itself and every name below it; for buffers that hold a host's name alone."""
    folds: tuple[Fold, ...] = DEFAULT_FOLDS
    """Of ``keywords``."""
    case_sensitive: bool = False
    """Off: ASCII letters of contents and regexes match in both cases, everything else octet for octet."""
    offset: int = 0
    """A match counts only if it starts so many octets from its buffer's start, or later."""
    depth: int = 0
    """A match counts only if it ends within so many octets of its buffer's start (payload: of the
    stream direction's or the datagram's); 0 for anywhere."""
    at_start: bool = False
    """A match counts only at its buffer's very start."""
    at_end: bool = False
    """A match counts only at its buffer's very end; not for payload."""
    distance: int | None = None
    """Octets that must lie at least between the end of the clause before, and the start of this one's match;
    in the same buffer. May be negative. None: wherever."""
    within: int | None = None
    """Octets from the end of the clause before in which this one's match must end."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature.

    It fires when all clauses of `Role.ALL` match, one of `Role.ANY` if there are such, and none of
    `Role.NONE`, in one transaction or flow; and its conditions hold.
    """

    sid: int
    rev: int
    name: dict[str, str]
    """Name by language (``ja``, ``en``); at least one."""
    category: str
    """One of `Category`."""
    severity: Severity
    clauses: tuple[Clause, ...]
    scope: Scope = Scope.FLOW
    """Of signatures with several clauses. A single clause counts in each transaction, or flow direction."""
    ordered: bool = False
    """Whether clauses of `Role.ALL` must match one after the other, as they are listed."""
    src_ports: tuple[PortRange, ...] = ()
    """Ports of the sender of the matching octets; empty for any."""
    dst_ports: tuple[PortRange, ...] = ()
    src_networks: tuple[str, ...] = ()
    """Networks of the sender, in CIDR notation; ``!`` before one excludes it. Empty for any."""
    dst_networks: tuple[str, ...] = ()
    direction: Direction = Direction.ANY
    protocols: tuple[str, ...] = ()
    """``tcp``, ``udp``; empty for any."""
    schedule: Schedule | None = None
    threshold: Threshold | None = None
    suppressions: tuple[Suppression, ...] = ()
    sets: tuple[str, ...] = ()
    """Flags that it sets on its flow when it fires (Suricata's flowbits)."""
    needs: tuple[str, ...] = ()
    """Flags that must be set on the flow."""
    needs_not: tuple[str, ...] = ()
    """Flags that must not be."""
    silent: bool = False
    """Whether it fires for its flags alone, without an alert."""
    samples: tuple[Sample, ...] = ()
    """What it says of itself; for ``signatures test``."""
    owner: Owner = Owner.OPERATOR
    subscriber_may_disable: bool = False
    references: tuple[str, ...] = ()
    description: dict[str, str] = field(default_factory=dict)
    source: str = ""
    """``file:line`` that it was read from, for people."""

    def title(self, language: str = "en") -> str:
        """The name in ``language``, or in whichever language it has."""
        return self.name.get(language) or next(iter(self.name.values()))

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """Every buffer that a clause looks into, once each."""
        return tuple(dict.fromkeys(buffer for clause in self.clauses for buffer in clause.buffers))


@dataclass(frozen=True, slots=True)
class SetInfo:
    """What a file says of itself in its ``[set]`` table."""

    file: str
    name: str = ""
    version: str = ""
    license: str = ""
    owner: Owner = Owner.OPERATOR


@dataclass(frozen=True, slots=True)
class SignatureSet:
    """Every signature that was loaded, sids unique, in the order of the files and of their tables."""

    signatures: tuple[Signature, ...] = ()
    files: tuple[SetInfo, ...] = ()
    """One for each file that was read."""
    disabled: tuple[Signature, ...] = ()
    """What an override switched off."""

    def __len__(self) -> int:
        return len(self.signatures)

    def __iter__(self) -> Iterator[Signature]:
        return iter(self.signatures)
