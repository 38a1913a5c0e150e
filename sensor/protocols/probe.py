"""Is a stream HTTP/1? Asked of the first octets of a direction.

SMTP, FTP, IRC and SSH have no version at the end of their first line; SIP and RTSP name another one.
"""

from enum import Enum

from sensor.protocols.http1_lines import MAX_METHOD, METHODS, TCHAR, parse_request_line, parse_status_line

MAX_FIRST_LINE = 65536
"""Octets without a line end after which a direction is no longer waited for; a head's limit."""
MAX_BLANK = 256
"""Line ends and white space that are forgiven before it."""

_LINE_ENDS = b"\r\n \t"
_VERSIONS = (b"HTTP/", b"ICY ")
_METHODS = b" " + b" ".join(sorted(METHODS))


class Verdict(Enum):
    """What a probe says of the octets so far."""

    CERTAIN = "certain"
    UNSURE = "unsure"
    """More octets will tell."""
    NO = "no"


def probe_request(data: bytes, start: int, end: int, *, known: bool = False) -> Verdict:
    """Whether ``data[start:end]``, the first octets that a client sent, begin an HTTP/1 request.

    :param known: of a known method only.
    """
    pos = skip_blank(data, start, end)
    line_end = data.find(b"\n", pos, min(end, pos + MAX_FIRST_LINE))
    if line_end >= 0:
        parsed = parse_request_line(data[pos:line_end])
        # PRI is HTTP/2's connection preface (RFC 9113, section 3.4).
        if parsed is None or parsed[0] == b"PRI" or (known and parsed[0] not in METHODS):
            return Verdict.NO
        return Verdict.CERTAIN
    if end - pos >= MAX_FIRST_LINE:
        return Verdict.NO
    begin = data[pos : min(end, pos + MAX_METHOD + 1)]
    if begin and begin[0] not in TCHAR:
        return Verdict.NO
    method = begin.split(None, 1)[0] if begin else b""
    if known and not (method in METHODS if len(method) < len(begin) else _METHODS.find(b" " + method) >= 0):
        return Verdict.NO
    return Verdict.NO if len(method) > MAX_METHOD or method.translate(None, TCHAR) else Verdict.UNSURE


def probe_response(data: bytes, start: int, end: int) -> Verdict:
    """Whether ``data[start:end]``, the first octets that a server sent, begin an HTTP/1 response."""
    pos = skip_blank(data, start, end)
    head = data[pos : min(end, pos + 5)]
    if not any(version.startswith(head[: len(version)].upper()) for version in _VERSIONS):
        return Verdict.NO
    line_end = data.find(b"\n", pos, min(end, pos + MAX_FIRST_LINE))
    if line_end >= 0:
        return Verdict.NO if parse_status_line(data[pos:line_end]) is None else Verdict.CERTAIN
    if end - pos >= MAX_FIRST_LINE:
        return Verdict.NO
    # The version and three digits are enough to be certain, whatever the reason phrase's length.
    return Verdict.UNSURE if parse_status_line(data[pos:end]) is None else Verdict.CERTAIN


def skip_blank(data: bytes, pos: int, end: int) -> int:
    """Past line ends and white space before a first line (RFC 9112, section 2.2), as many as are forgiven."""
    blank = data[pos : min(end, pos + MAX_BLANK)]
    return pos + len(blank) - len(blank.lstrip(_LINE_ENDS))
