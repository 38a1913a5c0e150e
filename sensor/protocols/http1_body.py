"""Bodies of HTTP/1 messages: octets where they are wanted, sizes of chunks (RFC 9112, section 7.1)."""

from dataclasses import dataclass, field

from sensor.protocols.content_coding import decode_content
from sensor.protocols.http1_shared import Http1Shared

_HEX = b"0123456789abcdefABCDEF"
_MAX_SIZE_DIGITS = 15  # below 2**63
_BLANK = b" \t\r\x0b\x0c"


@dataclass(slots=True, eq=False)
class KeptBody:
    """Octets of a body that a signature asks for, as far as the limits allow."""

    shared: Http1Shared
    coding: bytes
    """Content-Encoding."""
    octets: bytearray = field(default_factory=bytearray)
    is_cut: bool = False
    """Octets are missing and no more are taken."""

    def add(self, piece: bytes) -> None:
        """Add octets; those past a limit are left out."""
        if self.is_cut:
            return
        limits = self.shared.limits
        room = min(limits.body_octets - len(self.octets), limits.buffered_octets - self.shared.buffered)
        if len(piece) > room:
            piece = piece[: max(room, 0)]
            self.cut()
        self.octets += piece
        self.shared.buffered += len(piece)

    def cut(self) -> None:
        """Take no more: a limit was reached, or octets were lost."""
        if not self.is_cut:
            self.is_cut = True
            self.shared.counters.bodies_cut += 1

    def drop(self) -> None:
        """Forget the body."""
        self.shared.buffered -= len(self.octets)

    def decode(self) -> tuple[bytes, str]:
        """The body without its content coding, and the name of what was wrong with that; ends keeping."""
        shared, limits, body = self.shared, self.shared.limits, bytes(self.octets)
        shared.buffered -= len(body)
        wrong = ""
        if self.coding:
            # A batch may hold thousands of small bodies, each of which decodes to the limit.
            room = max(limits.buffered_octets - shared.buffered - shared.decoded, len(body))
            limit = min(limits.body_octets, room)
            body, wrong = decode_content(body, self.coding, limit)
            if limit < limits.body_octets and len(body) >= limit:
                self.cut()
        shared.decoded += len(body)
        if wrong == "http.compression_bomb":
            self.shared.counters.compression_bombs += 1
        elif wrong:
            self.shared.counters.decode_failures += 1
        return body, wrong


def parse_chunk_size(line: bytes) -> int:
    """Size in a chunk's first line, extensions ignored; -1 if there is none.

    White space and CR before the digits are passed over, as browsers do.
    """
    digits = line.partition(b";")[0].strip(_BLANK)
    if not digits or len(digits.lstrip(b"0")) > _MAX_SIZE_DIGITS or digits.translate(None, _HEX):
        return -1
    return int(digits, 16)
