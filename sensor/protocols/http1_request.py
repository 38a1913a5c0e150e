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
    EXPECT,
    FIELDS,
    HEAD,
    LF,
    MAX_MEMO_HEAD,
    MAX_PLAIN_HEAD,
    MessageReader,
    field_section,
    head_end,
)
from sensor.protocols.http1_shared import Http1Shared, RequestHead
from sensor.protocols.transaction import HttpTransaction

_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0")
_TOO_LONG = ("http.request_head_too_long",)
_CUT = ("http.request_head_cut",)
_TOLD_CUT = (b"host", b"user-agent", b"referer")


class RequestReader(MessageReader):
    """Octets of the client."""

    __slots__ = ("_framing", "_lines")
    side = "request"

    def __init__(self, shared: Http1Shared, pairing: Pairing, want_body: int) -> None:
        super().__init__(shared, pairing, want_body)
        self._lines: list[bytes] = []  # FIELDS: fields so far
        self._framing = HEAD  # EXPECT: the state that the body is read in, if it comes

    def read_heads(self, data: bytes, pos: int, end: int, shift: int) -> int:
        """Read requests' heads from ``pos`` on while the state is HEAD; the position after what was used."""
        heads, pairing, new = self._shared.request_heads, self._pairing, self._shared.new_requests
        while pos < end and self.state == HEAD:
            blank = self._blank
            if blank < pos:
                blank = data.find(b"\r\n\r\n", pos, end)
                self._blank = blank = blank if blank >= 0 else end
            head = None
            if blank < end and blank != self._odd and blank - pos <= MAX_PLAIN_HEAD:
                head = heads.get(data[pos:blank]) or self._read_plain_head(data, pos, blank)
            if head is None:
                self._odd = blank
                pos = self._read_any_head(data, pos, end, shift)
                continue
            tx = HttpTransaction(pairing.next_id(), *head, blank + 3 + shift)
            new.append(tx)
            pairing.add_request(tx, blank + 4 - pos)
            pos = blank + 4
        return pos

    def _read_plain_head(self, data: bytes, pos: int, blank: int) -> RequestHead | None:
        """Read a head of the usual form: CRLF everywhere, an origin-form target, no body; None for others.

        :param blank: where the CRLF before the empty line is.
        """
        line_end = data.find(b"\n", pos, blank + 2)
        parts = data[pos : line_end - 1].split(b" ")
        if (
            len(parts) != 3
            or parts[1][:1] != b"/"
            or parts[2] not in _VERSIONS
            or parts[0] not in METHODS
            or parts[0] == b"CONNECT"
            or data[line_end - 1] != CR
            or blank + 4 - pos > self._shared.limits.head_octets
        ):
            return None
        fields = self._shared.requests.parse_plain(data[line_end + 1 : blank])
        if fields is None or not fields.is_plain:
            return None
        method, target, version = parts
        head = method, target, version, fields.host, fields.user_agent, fields.referer, fields.content_type
        if blank - pos <= MAX_MEMO_HEAD:
            heads = self._shared.request_heads
            if len(heads) >= self._shared.limits.memo_entries:
                heads.clear()
            heads[data[pos:blank]] = head
        return head

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
            tx = self._start(request, stop - 1 + shift, stop - pos, _TOO_LONG)
            self._set_fields(tx, fields, is_whole=False)
            return self.lose(stop, torn=True)
        fields = self._shared.requests.parse(field_section(data, line_end, last))
        after = last + 2 if data[last + 1] == LF else last + 3
        tx = self._start(request, after - 1 + shift, after - pos)
        self._set_fields(tx, fields)
        if self._frame(tx, fields):
            self._pairing.open_request(tx)
            if fields.expects_continue:
                self._framing, self.state = self.state, EXPECT
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
        self._shared.new_requests.append(tx)
        self._pairing.add_request(tx, octets)
        return tx

    def _set_fields(self, tx: HttpTransaction, fields: Fields, *, is_whole: bool = True) -> None:
        tx.host = tx.host or fields.host
        tx.user_agent = fields.user_agent
        tx.referer = fields.referer
        tx.request_content_type = fields.content_type
        tx.anomalies += fields.anomalies
        if is_whole and not fields.has_host and tx.request_version == b"HTTP/1.1":
            tx.anomalies += ("http.missing_host_header",)
        if fields.upgrade:
            self._pairing.expect_switch(tx)

    def _read_line(self, data: bytes, pos: int, end: int) -> int:
        return self._expect(data, pos, end) if self.state == EXPECT else super()._read_line(data, pos, end)

    def _expect(self, data: bytes, pos: int, end: int) -> int:
        """Judge the first octets after a head that asked whether its body is wanted.

        After a final response the client may leave the body out (RFC 9110, section 10.1.1), as those do that
        are told to authenticate first: what comes then is a request.
        """
        if self._pairing.is_answered:
            limit = self._shared.limits.line_octets
            line_end = data.find(b"\n", pos, min(end, pos + limit))
            if line_end < 0 and end - pos < limit:
                return self._hold(data, pos, end)
            request = parse_request_line(data[pos:line_end].removesuffix(b"\r")) if line_end >= 0 else None
            if request is not None and request[2] and request[0] in METHODS:
                self._end_message()
                return pos
        self.state = self._framing
        return pos

    def _take_as_body(self) -> None:
        """EXPECT ends without a line: what is there of one is of the body."""
        if self.state == EXPECT:
            carry, self.carry = self.carry, None
            self.state = self._framing
            if carry:
                self.feed(bytes(carry), 0, len(carry))

    def gap(self, length: int) -> None:
        """Account for missed octets."""
        self._take_as_body()
        super().gap(length)

    def close(self) -> None:
        """End the direction."""
        self._take_as_body()
        super().close()

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

    def cut_held_head(self) -> None:
        """The server answers a head whose end has not come: it timed out, or the capture cut the packet."""
        if self.state == HEAD and self.carry is not None and self._line_seen:
            self._cut()
            self.lose(0, torn=True)

    def _cut_head(self, head: bytes) -> None:
        line, _, section = head.partition(b"\n")
        request = parse_request_line(line.removesuffix(b"\r"))
        if request is not None and request[2]:
            self._shared.counters.heads_cut += 1
            whole, _, rest = section.rpartition(b"\n")
            # What is there of the last line's value is told as far as it goes, as tshark does.
            name, colon, _ = rest.partition(b":")
            if colon and name.lower() in _TOLD_CUT:
                whole = section
            fields = self._shared.requests.parse(whole.removesuffix(b"\r"))
            self._set_fields(self._start(request, -1, len(head), _CUT), fields, is_whole=False)
