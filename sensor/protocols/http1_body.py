"""Message bodies of HTTP/1 (RFC 9112, sections 6 and 7): where one ends, and its octets where wanted.

Theory of operation. One ``Reader`` a direction holds what octets are to come next:

    HEAD ──► LENGTH ───────────────────────► HEAD         Content-Length
      │ ├──► CHUNK_SIZE ─► CHUNK_DATA ─┐                  Transfer-Encoding: chunked
      │ │        ▲ └─ 0 ─► TRAILER ────┼───► HEAD
      │ │        └──── CHUNK_END ◄─────┘
      │ ├──► UNTIL_CLOSE                                  a response without a length
      │ └──► FIELDS ─────────────────────► HEAD           lines after a request line without a version
      ├────► RESYNC ─────────────────────► HEAD           octets were lost, or are not HTTP
      └────► DONE                                         tunnel, other protocol, end of the stream
"""

from dataclasses import dataclass, field

from sensor.protocols.content_coding import decode_content
from sensor.protocols.http1_shared import Http1Shared

HEAD, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, UNTIL_CLOSE, FIELDS, RESYNC, DONE = range(10)

_HEX = b"0123456789abcdefABCDEF"
_MAX_SIZE_DIGITS = 15  # below 2**63
_BLANK = b" \t\r\x0b\x0c"


@dataclass(slots=True, eq=False)
class Reader:
    """Where one direction of a flow stands."""

    state: int = HEAD
    remaining: int = 0
    """Octets to come in LENGTH and CHUNK_DATA; octets of lines so far in TRAILER and FIELDS."""
    carry: bytearray | None = None
    """Octets of an incomplete head or line, waiting for the rest."""
    scanned: int = 0
    """Octets of ``carry`` that are known not to hold the end that is waited for."""
    line_seen: bool = False
    """The carried head's first line is complete and good."""
    torn: bool = False
    """RESYNC: what comes next need not start a line."""
    kept: bytearray | None = None
    """Octets of the current body, where they are wanted."""
    cut: bool = False
    """``kept`` misses octets and takes no more."""
    coding: bytes = b""
    """Content-Encoding of the kept body."""
    lines: list[bytes] = field(default_factory=list)
    """FIELDS: lines so far."""


def keep_body(reader: Reader, shared: Http1Shared, piece: bytes) -> None:
    """Add octets to the kept body as far as the limits allow."""
    if reader.kept is None or reader.cut:
        return
    limits = shared.limits
    room = min(limits.body_octets - len(reader.kept), limits.buffered_octets - shared.buffered)
    if len(piece) > room:
        piece = piece[: max(room, 0)]
        cut_body(reader, shared)
    reader.kept += piece
    shared.buffered += len(piece)


def cut_body(reader: Reader, shared: Http1Shared) -> None:
    """Keep no more of the current body: a limit was reached, or octets of it were lost."""
    if reader.kept is not None and not reader.cut:
        reader.cut = True
        shared.counters.bodies_cut += 1


def release_body(reader: Reader, shared: Http1Shared) -> tuple[bytes, str]:
    """The kept body, decoded, with the name of what was wrong with its coding; ends keeping."""
    if reader.kept is None:
        return b"", ""
    body = bytes(reader.kept)
    shared.buffered -= len(body)
    reader.kept = None
    reader.cut = False
    if not reader.coding:
        return body, ""
    body, wrong = decode_content(body, reader.coding, shared.limits.body_octets)
    if wrong == "http.compression_bomb":
        shared.counters.compression_bombs += 1
    elif wrong:
        shared.counters.decode_failures += 1
    return body, wrong


def parse_chunk_size(line: bytes) -> int:
    """Size in a chunk's first line (RFC 9112, section 7.1), extensions ignored; -1 if there is none.

    White space and CR before the digits are passed over, as browsers do.
    """
    digits = line.partition(b";")[0].strip(_BLANK)
    if not digits or len(digits) > _MAX_SIZE_DIGITS or digits.translate(None, _HEX):
        return -1
    return int(digits, 16)
