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


NAME_BUFFERS = frozenset({Buffer.HTTP_HOST})
"""Buffers that hold a host's name, with or without a port: those that ``domains`` can be used with."""


class Severity(StrEnum):
    """How much a detection matters, least first."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Direction(StrEnum):
    """Which way the octets went that a signature may match."""

    ANY = "any"
    TO_SERVER = "to_server"
    TO_CLIENT = "to_client"


@dataclass(frozen=True, slots=True)
class PortRange:
    """Inclusive range of ports."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature. It fires when any keyword, regex or domain matches in any of its buffers."""

    sid: int
    rev: int
    name: dict[str, str]
    """Name by language (``ja``, ``en``); at least one."""
    category: str
    severity: Severity
    buffers: tuple[Buffer, ...]
    keywords: tuple[str, ...] = ()
    """Literals; each is looked for in its encoded form."""
    regexes: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    """Each matches itself and every name below it; for buffers that hold a host's name alone."""
    case_sensitive: bool = False
    """Off: ASCII letters match in both cases, everything else octet for octet."""
    src_ports: tuple[PortRange, ...] = ()
    """Ports of the sender of the matching octets; empty for any."""
    dst_ports: tuple[PortRange, ...] = ()
    direction: Direction = Direction.ANY
    depth: int = 0
    """A match counts only if it ends within so many octets of its buffer's start (payload: of the
    stream direction's or the datagram's); 0 for anywhere."""
    references: tuple[str, ...] = ()
    description: dict[str, str] = field(default_factory=dict)
    source: str = ""
    """``file:line`` that it was read from, for people."""

    def title(self, language: str = "en") -> str:
        """The name in ``language``, or in whichever language it has."""
        return self.name.get(language) or next(iter(self.name.values()))


@dataclass(frozen=True, slots=True)
class SetInfo:
    """What a file says of itself in its ``[set]`` table."""

    file: str
    name: str = ""
    version: str = ""
    license: str = ""


@dataclass(frozen=True, slots=True)
class SignatureSet:
    """Every signature that was loaded, sids unique, in the order of the files and of their tables."""

    signatures: tuple[Signature, ...] = ()
    files: tuple[SetInfo, ...] = ()
    """One for each file that was read."""

    def __len__(self) -> int:
        return len(self.signatures)

    def __iter__(self) -> Iterator[Signature]:
        return iter(self.signatures)
