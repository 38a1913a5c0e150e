"""HTTP/1 by regular expressions, a whole direction at once: slow, and plain to see through.

Knows near-valid messages (RFC 9112 with the leniencies that the parser documents), not lost octets,
tunnels or HTTP/0.9.
"""

import re

Message = dict[str, object]

_REQUEST = re.compile(rb"[\r\n \t]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^\n]*?) (HTTP/1\.[01])\r?\n")
_STATUS = re.compile(rb"[\r\n \t]*(HTTP/1\.[01]) (\d{3})[^\n]*\n")
_FIELD = re.compile(rb"([^:\n]+):([^\n]*(?:\n[ \t][^\n]*)*)\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)[^\n]*\n")
_TRAILER = re.compile(rb"[^\r\n][^\n]*\n")
_EMPTY = re.compile(rb"\r?\n")


def read_requests(data: bytes) -> list[Message]:
    """Every request of a client's octets, oldest first."""
    requests = []
    pos = 0
    while line := _REQUEST.match(data, pos):
        fields, pos = _read_fields(data, line.end())
        body_len, pos = _body(data, pos, fields, until_close=False)
        method, target, version = line.groups()
        requests.append({
            "method": method, "target": target, "request_version": version,
            "host": fields.get(b"host", b""), "user_agent": fields.get(b"user-agent", b""),
            "referer": fields.get(b"referer", b""), "request_content_type": fields.get(b"content-type", b""),
            "request_body_len": body_len,
        })  # fmt: skip
    return requests


def read_responses(data: bytes, methods: list[bytes]) -> list[Message]:
    """Every final response of a server's octets to requests of these methods, oldest first."""
    responses: list[Message] = []
    pos = 0
    while line := _STATUS.match(data, pos):
        fields, pos = _read_fields(data, line.end())
        version, status = line[1], int(line[2])
        if 100 <= status < 200:
            continue
        method = methods[len(responses)] if len(responses) < len(methods) else b""
        body_len = 0
        if method != b"HEAD" and status not in (204, 304):
            body_len, pos = _body(data, pos, fields, until_close=True)
        responses.append({
            "response_version": version, "status": status,
            "response_content_type": fields.get(b"content-type", b""), "response_body_len": body_len,
        })  # fmt: skip
    return responses


def _read_fields(data: bytes, pos: int) -> tuple[dict[bytes, bytes], int]:
    """First value of each field by lower-case name, and where the body begins."""
    fields: dict[bytes, bytes] = {}
    while not (end := _EMPTY.match(data, pos)):
        field = _FIELD.match(data, pos)
        assert field is not None
        value = b" ".join(part.strip() for part in field[2].split(b"\n")).strip()
        fields.setdefault(field[1].strip().lower(), value)
        pos = field.end()
    return fields, end.end()


def _body(data: bytes, pos: int, fields: dict[bytes, bytes], *, until_close: bool) -> tuple[int, int]:
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        total = 0
        while chunk := _CHUNK.match(data, pos):
            size = int(chunk[1], 16)
            pos = chunk.end() + size
            if not size:
                break
            total += size
            pos = _EMPTY.match(data, pos).end()  # type: ignore[union-attr]
        while trailer := _TRAILER.match(data, pos):
            pos = trailer.end()
        return total, _EMPTY.match(data, pos).end()  # type: ignore[union-attr]
    if b"content-length" in fields:
        length = int(fields[b"content-length"])
        return length, pos + length
    return (len(data) - pos, len(data)) if until_close else (0, pos)
