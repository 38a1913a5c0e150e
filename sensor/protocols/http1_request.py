"""The client's direction of an HTTP/1 flow: request heads (RFC 9112, section 3) and HTTP/0.9 (RFC 1945).

A request line without a version is a request at once. Lines that look like header fields after it are
taken as its fields (some servers read them so), anything else is the next message.
"""

from sensor.protocols.http1_fields import Fields
from sensor.protocols.http1_lines import (
    METHODS,
    TCHAR,
    RequestLine,
    authority,
    find_request_line,
    parse_request_line,
)
from sensor.protocols.http1_pairing import OVER, Pairing
from sensor.protocols.http1_reader import (
    BLANK,
    CR,
    DONE,
    FIELDS,
    HEAD,
    LF,
    MessageReader,
    field_section,
    head_end,
)
from sensor.protocols.http1_shared import Http1Shared
from sensor.protocols.transaction import HttpTransaction

_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")
_TOO_LONG = ("http.request_head_too_long",)
_CUT = ("http.request_head_cut",)


class RequestReader(MessageReader):
    """Octets of the client."""

    __slots__ = ("_lines",)
    side = "request"

    def __init__(self, shared: Http1Shared, pairing: Pairing, want_body: bool) -> None:
        super().__init__(shared, pairing, want_body)
        self._lines: list[bytes] = []  # FIELDS: fields so far

    def read_head(self, data: bytes, pos: int, end: int, shift: int) -> int:
        """Read a request's head at ``pos``; the position after what was used."""
        # The usual case first: CRLF everywhere, an origin-form target, no body.
        blank = data.find(b"\r\n\r\n", pos, end)
        line_end = data.find(b"\n", pos, blank + 2)
        if blank >= 0 and data[line_end - 1] == CR:
            parts = data[pos : line_end - 1].split(b" ")
            if (
                len(parts) == 3
                and parts[1][:1] == b"/"
                and parts[2] in _VERSIONS
                and parts[0] in METHODS
                and blank + 4 - pos <= self._shared.limits.head_octets
            ):
                fields = self._shared.requests.parse_plain(data[line_end + 1 : blank])
                if fields is not None and fields.is_plain:
                    method, target, version = parts
                    index = blank + 3 + shift
                    tx = HttpTransaction(
                        self._pairing.next_id(),
                        method,
                        target,
                        version,
                        fields.host,
                        fields.user_agent,
                        fields.referer,
                        fields.content_type,
                    )
                    tx.request_at = index
                    self._shared.marks.append((tx, False, index))
                    self._pairing.add_request(tx, blank + 4 - pos)
                    return blank + 4
        return self._read_any_head(data, pos, end, shift)

    def _read_any_head(self, data: bytes, pos: int, end: int, shift: int) -> int:
        while data[pos] in BLANK:
            pos += 1
            if pos == end:
                return end
        limit = self._shared.limits.head_octets
        stop = min(end, pos + limit)
        line_end = data.find(b"\n", pos, stop)
        if line_end < 0:
            if data[pos] not in TCHAR:  # no method: the line need not be waited for
                return self.lose(pos, torn=False)
            if end - pos < limit:
                return self._hold(data, pos, end)
            return self._read_endless_line(data, pos, stop, shift)
        request = parse_request_line(data[pos : line_end - 1 if data[line_end - 1] == CR else line_end])
        if request is None:
            return self.lose(pos, torn=False)
        method, _, version = request
        if not version:
            tx = self._start(request, line_end + shift, line_end - pos)
            self._pairing.open_request(tx)
            self._tx = tx
            self.state = FIELDS
            self._remaining = 0
            return line_end + 1
        if method == b"PRI" and version == b"HTTP/2.0":
            # HTTP/2's preface (RFC 9113, section 3.4). After an Upgrade, the response is still HTTP/1.
            self.state = DONE
            if not self._pairing.is_waiting:
                self._pairing.switched = OVER
            return end
        last = head_end(data, line_end, stop)
        if last < 0 and end - pos < limit:
            return self._hold(data, pos, end, line_seen=True)
        if last < 0:
            fields = self._shared.requests.parse(data[line_end + 1 : stop].rpartition(b"\n")[0])
            self._shared.counters.heads_too_long += 1
            self._set_fields(self._start(request, stop - 1 + shift, stop - pos, _TOO_LONG), fields)
            return self.lose(stop, torn=True)
        fields = self._shared.requests.parse(field_section(data, line_end, last))
        after = last + 2 if data[last + 1] == LF else last + 3
        tx = self._start(request, after - 1 + shift, after - pos)
        self._set_fields(tx, fields)
        if self._frame(tx, fields):
            self._pairing.open_request(tx)
        return after

    def _read_endless_line(self, data: bytes, pos: int, stop: int, shift: int) -> int:
        """A request line longer than a head may be: reported if its method is known, then passed over."""
        method, _, target = data[pos:stop].partition(b" ")
        if method in METHODS:
            self._shared.counters.heads_too_long += 1
            self._start((method, target, b""), stop - 1 + shift, stop - pos, _TOO_LONG)
            pos = stop
        return self.lose(pos, torn=True)

    def _start(
        self, request: RequestLine, index: int, octets: int, anomalies: tuple[str, ...] = ()
    ) -> HttpTransaction:
        tx = HttpTransaction(self._pairing.next_id(), *request, request_at=index, anomalies=anomalies)
        tx.host = authority(tx.method, tx.target)
        if b" " in tx.target:
            tx.anomalies += ("http.uri_delim_non_compliant",)
        if tx.method == b"CONNECT":
            self._pairing.expect_tunnel()
        self._shared.marks.append((tx, False, index))
        self._pairing.add_request(tx, octets)
        return tx

    def _set_fields(self, tx: HttpTransaction, fields: Fields) -> None:
        tx.host = tx.host or fields.host
        tx.user_agent = fields.user_agent
        tx.referer = fields.referer
        tx.request_content_type = fields.content_type
        tx.anomalies += fields.anomalies
        if not fields.has_host and tx.request_version == b"HTTP/1.1":
            tx.anomalies += ("http.missing_host_header",)
        if fields.upgrade:
            self._pairing.expect_switch(tx)

    def _take_line(self, line: bytes, pos: int, after: int) -> int:
        if self.state != FIELDS:
            return super()._take_line(line, pos, after)
        line = line.removesuffix(b"\r")
        name, colon, _ = line.partition(b":")
        self._remaining += after - pos
        if colon and not name.translate(None, TCHAR) and self._remaining <= self._shared.limits.head_octets:
            self._lines.append(line)
            return after
        self._end_fields(cut=False)
        return pos if line else after

    def _end_fields(self, *, cut: bool) -> None:
        """The fields after a request line without a version have ended."""
        fields = self._shared.requests.parse(b"\r\n".join(self._lines))
        self._lines = []
        tx = self._tx
        if tx is None:
            return
        self._set_fields(tx, fields)
        if cut or not self._frame(tx, fields):
            self._end_message()

    def _end_message(self) -> None:
        if self.state == FIELDS and self._lines:
            self._end_fields(cut=True)
            return
        tx, self._tx = self._tx, None
        self.state = HEAD
        body = self._take_body(tx)
        if tx is not None:
            tx.request_body_len = self._body_len
            tx.request_body = body
            self._body_len = 0
            self._pairing.end_request(tx)

    def lose(self, pos: int, *, torn: bool) -> int:
        """Look for the next request from ``pos`` on."""
        self._pairing.note_noise()
        return super().lose(pos, torn=torn)

    def _find_first_line(self, data: bytes, pos: int, end: int) -> int:
        return find_request_line(data, pos, end, self._torn)

    def _is_first_line(self, line: bytes) -> bool:
        request = parse_request_line(line)
        return request is not None and request[2] != b""

    def _cut_head(self, head: bytes) -> None:
        line, _, section = head.partition(b"\n")
        request = parse_request_line(line.removesuffix(b"\r"))
        if request is not None and request[2]:
            self._shared.counters.heads_cut += 1
            fields = self._shared.requests.parse(section.rpartition(b"\n")[0].removesuffix(b"\r"))
            self._set_fields(self._start(request, -1, len(head), _CUT), fields)
