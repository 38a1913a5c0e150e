"""Request lines and status lines of HTTP/1 (RFC 9112, sections 3 and 4; HTTP/0.9 as RFC 1945, section 4.1).

Lenient as servers are: any white space separates, a target may hold spaces, the version may be odd or
missing. What a server would answer must be seen, so doubt is settled in favour of "a request".
"""

TCHAR = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Octets of a token (RFC 9110, section 5.6.2)."""

MAX_METHOD = 32
"""Longer than any registered method (BASELINE-CONTROL, 16) or vendor's; keeps binary noise out."""

MAX_RESYNC_LINE = 8192
"""Request line that resynchronisation looks for: nginx's and Apache's limit."""

METHODS = frozenset(
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH LINK UNLINK QUERY PRI "
    # WebDAV and its extensions (RFC 4918, 3253, 3648, 3744, 5323, 5842, 4437, 4791)
    b"PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK SEARCH LABEL MERGE REPORT UPDATE CHECKIN CHECKOUT "
    b"UNCHECKOUT MKACTIVITY MKWORKSPACE VERSION-CONTROL BASELINE-CONTROL ORDERPATCH ACL BIND UNBIND "
    b"REBIND MKREDIRECTREF UPDATEREDIRECTREF MKCALENDAR "
    # Exchange, UPnP, SMS, RPC over HTTP, caches
    b"BCOPY BMOVE BDELETE BPROPFIND BPROPPATCH POLL NOTIFY SUBSCRIBE UNSUBSCRIBE M-SEARCH CCM_POST "
    b"RPC_CONNECT RPC_IN_DATA RPC_OUT_DATA PURGE SOURCE".split()
)
"""Methods that are believed without a version: the IANA registry and what is seen beside it."""

_FIRST_OF_TARGET = b"/*hH"
_SPACE = b" \t\r\n\x0b\x0c"

RequestLine = tuple[bytes, bytes, bytes]
"""Method, target, version (empty for HTTP/0.9)."""


def parse_request_line(line: bytes) -> RequestLine | None:
    """Split a request line (without its line end); None if it is not one."""
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    if version in (b"HTTP/1.1", b"HTTP/1.0") and method in METHODS and target and b" " not in target:
        return method, target, version
    return _parse_odd_request_line(line)


def _parse_odd_request_line(line: bytes) -> RequestLine | None:
    parts = line.split(None, 1)
    if len(parts) != 2 or line[0] not in TCHAR:
        return None
    method, rest = parts[0], parts[1].rstrip(_SPACE)
    if len(method) > MAX_METHOD or method.translate(None, TCHAR):
        return None
    pieces = rest.rsplit(None, 1)
    if len(pieces) == 2:
        target, version = pieces
        if version[:5].upper() == b"HTTP/":
            return method, target.rstrip(_SPACE), version
        at = rest.rfind(b" HTTP/1.")
        if at > 0 and method in METHODS:  # "GET / HTTP/1.1 junk"
            return method, rest[:at], rest[at + 1 : at + 9]
        return None
    if method in METHODS and method != b"PRI" and (rest[:1] == b"/" or rest[:4].lower() == b"http"):
        return (method, rest, b"") if rest[:5].upper() != b"HTTP/" else None
    return None


def parse_status_line(line: bytes) -> tuple[bytes, int] | None:
    """Version and status of a status line (without its line end); None if it is not one."""
    if line[:5].upper() != b"HTTP/" and line[:4] != b"ICY ":
        return None
    parts = line.split(None, 2)
    if len(parts) < 2:
        return None
    code = parts[1][:3]
    return (parts[0], int(code)) if len(code) == 3 and code.isdigit() else None


def authority(method: bytes, target: bytes) -> bytes:
    """Authority of an absolute-form or authority-form target, else empty (RFC 9112, section 3.2)."""
    if method == b"CONNECT":
        name = target.split(None, 1)[0] if target.strip() else b""
        return b"" if name[:1] in (b"/", b"*") else name
    scheme, mark, rest = target.partition(b"://")
    if not mark or scheme.translate(None, TCHAR):
        return b""
    for stop in (b"/", b"?", b"#"):
        rest = rest.partition(stop)[0]
    return rest.rpartition(b"@")[2]


def find_request_line(data: bytes, pos: int, end: int, torn: bool) -> int:
    """Index of the first octet of the next complete request line with a version HTTP/1.x, or -1.

    It starts after a line end, at ``pos``, or, for a known method, after an octet that no token
    holds: the body before it need not end a line. Cost is linear in ``end - pos``.

    :param torn: ``pos`` need not be the start of a line (octets before it were lost), so that only
        a known method is believed there.
    """
    hit = data.find(b" HTTP/1.", pos, end)
    while hit >= 0:
        stop = hit + 9
        if data[stop : stop + 1] == b"\r":
            stop += 1
        # Only a whole line counts, so each look back is over octets that no other one visits.
        if stop < end and data[stop] == 10 and 48 <= data[hit + 8] <= 57:
            line = max(data.rfind(b"\n", pos, hit) + 1, pos)
            floor = max(line, hit - MAX_RESYNC_LINE)
            if floor == line and not (torn and line == pos):
                parsed = parse_request_line(data[line : hit + 9])
                if parsed is not None and parsed[2]:
                    return line
            before, _, target = data[floor:hit].rpartition(b" ")
            method = before[len(before.rstrip(TCHAR)) :]
            if method in METHODS and target[:1] and target[0] in _FIRST_OF_TARGET:
                return floor + len(before) - len(method)
        hit = data.find(b" HTTP/1.", hit + 8, end)
    return -1


STATUS_LINE_PREFIX = 13
"""Octets that ``find_status_line`` needs: ``HTTP/1.1 200`` and what follows it."""


def find_status_line(data: bytes, pos: int, end: int) -> int:
    """Index of the next ``HTTP/1.x NNN`` in ``data[pos:end]``, wherever in a line, or -1.

    Wherever in a line, because most bodies do not end with a line end.
    """
    hit = data.find(b"HTTP/1.", pos, end)
    while hit >= 0:
        if hit + STATUS_LINE_PREFIX > end:
            return -1
        code = data[hit + 9 : hit + 12]
        if data[hit + 8] == 32 and code.isdigit() and data[hit + 12] in b" \r\n":
            return hit
        hit = data.find(b"HTTP/1.", hit + 7, end)
    return -1
