"""HTTP/1 and HTTP/0.9 (RFC 9112, RFC 9110, RFC 1945): octets of a flow become transactions.

Sans I/O. The same octets give the same transactions however they are split. Nothing raises: what is
not HTTP is passed over until the next message, and counted.

Theory of operation. ``Http1Parser`` finds where messages start and end; ``Pairing`` joins a request and
its response. Client octets after CONNECT or Upgrade are read as if the server were to refuse: nothing is
held back, and if it agrees, what was read of them is dropped. The states are drawn in ``http1_body``.
"""

from sensor.protocols.http1_body import (
    CHUNK_DATA,
    CHUNK_END,
    CHUNK_SIZE,
    DONE,
    FIELDS,
    HEAD,
    LENGTH,
    RESYNC,
    TRAILER,
    UNTIL_CLOSE,
    Reader,
    cut_body,
    keep_body,
    parse_chunk_size,
)
from sensor.protocols.http1_lines import (
    MAX_RESYNC_LINE,
    METHODS,
    STATUS_LINE_PREFIX,
    TCHAR,
    find_request_line,
    find_status_line,
    parse_request_line,
    parse_status_line,
)
from sensor.protocols.http1_pairing import STAYS, UPGRADES, Pairing
from sensor.protocols.http1_shared import Http1Limits, Http1Shared
from sensor.protocols.transaction import HttpTransaction

_CR, _LF = 13, 10
_BLANK = b"\r\n \t"
_REQUEST_TOO_LONG = "http.request_head_too_long"
_RESPONSE_TOO_LONG = "http.response_head_too_long"
_MAX_STATUS_PREFIX = 5  # octets that tell a status line ("HTTP/", "ICY ") from anything else


class Http1Parser:
    """Both directions of one flow."""

    __slots__ = ("_client", "_limits", "_pairing", "_server", "_shared", "_tunnelled")

    def __init__(
        self,
        limits: Http1Limits,
        sink: list[HttpTransaction],
        want_request_body: bool = False,
        want_response_body: bool = False,
        shared: Http1Shared | None = None,
    ) -> None:
        """
        :param sink: finished transactions are appended to it.
        :param shared: memo, counters and marks of all flows; a parser that stands alone makes its own.
        """
        self._limits = limits
        self._shared = Http1Shared(limits) if shared is None else shared
        self._client = Reader()
        self._server = Reader()
        self._pairing = Pairing(
            self._shared, self._client, self._server, sink, want_request_body, want_response_body
        )
        self._tunnelled = False  # after CONNECT: HTTP goes on only if the tunnel turns out to carry it

    @property
    def client_done(self) -> bool:
        """Client octets are of no more interest: ``feed`` ignores them."""
        return self._client.state == DONE

    @property
    def server_done(self) -> bool:
        """Server octets are of no more interest: ``feed`` ignores them."""
        return self._server.state == DONE

    def feed(self, to_server: bool, data: bytes, start: int, end: int) -> None:
        """Read the next octets, ``data[start:end]``, of a direction."""
        reader = self._client if to_server else self._server
        if reader.state == DONE:
            return
        shift = 0  # what turns a position into an index of the caller's data
        if reader.carry is not None and start < end:
            shift = start - len(reader.carry)
            joined = self._join(reader, to_server, data[start:end])
            if joined is None:
                return
            data, start, end = joined, 0, len(joined)
        while start < end:
            state = reader.state
            if state == HEAD:
                read = self._read_request if to_server else self._read_response
                start = read(data, start, end, shift)
            elif state in (LENGTH, CHUNK_DATA):
                size = min(reader.remaining, end - start)
                self._take_body(reader, to_server, data, start, size)
                start += size
                reader.remaining -= size
                if not reader.remaining:
                    self._end_part(to_server)
            elif state == UNTIL_CLOSE:
                self._take_body(reader, to_server, data, start, end - start)
                start = end
            elif state == RESYNC:
                start = self._resync(to_server, data, start, end)
            elif state == DONE:
                return
            else:
                start = self._read_line(to_server, data, start, end)

    def gap(self, to_server: bool, length: int) -> None:
        """Account for ``length`` octets of a direction that the capture missed at this point."""
        reader = self._client if to_server else self._server
        state = reader.state
        if length <= 0 or state == DONE:
            return
        if state in (LENGTH, CHUNK_DATA, UNTIL_CLOSE):
            cut_body(reader, self._shared)
            if state == UNTIL_CLOSE:
                self._pairing.count_body(to_server, length)
                return
            inside = min(length, reader.remaining)
            self._pairing.count_body(to_server, inside)
            reader.remaining -= inside
            if not reader.remaining:
                self._end_part(to_server)
            if inside == length:
                return
        self._cut(to_server)
        if not to_server:
            self._pairing.responses_lost()
        self._lose(to_server, torn=True)

    def close(self, to_server: bool) -> None:
        """End a direction: FIN, RST, or the end of the flow."""
        reader = self._client if to_server else self._server
        if reader.state == DONE:
            return
        self._cut(to_server)
        reader.carry = None
        reader.state = DONE
        if self._client.state == DONE and self._server.state == DONE:
            self._pairing.flush()

    def finish(self) -> None:
        """End the flow: what is still waiting is emitted as it is."""
        self.close(True)
        self.close(False)
        self._pairing.flush()

    # Heads

    def _read_request(self, data: bytes, pos: int, end: int, shift: int) -> int:
        """Read a request's head at ``pos``; the position after what was used."""
        while data[pos] in _BLANK:
            pos += 1
            if pos == end:
                return end
        reader = self._client
        stop = min(end, pos + self._limits.head_octets)
        line_end = data.find(b"\n", pos, stop)
        if line_end < 0:
            if data[pos] not in TCHAR:
                return self._lose(True, torn=False, pos=pos)
            if stop == end and end - pos < self._limits.head_octets:
                return _carry(reader, data, pos, end)
            return self._read_endless_line(data, pos, stop, shift)
        line = data[pos : line_end - 1 if data[line_end - 1] == _CR else line_end]
        parsed = parse_request_line(line)
        if parsed is None:
            return self._lose(True, torn=False, pos=pos)
        if not parsed[2]:
            self._pairing.start_request(parsed, None, line_end + shift, len(line))
            reader.state = FIELDS
            reader.remaining = 0
            reader.lines = []
            return line_end + 1
        if parsed[0] == b"PRI" and parsed[2] == b"HTTP/2.0":
            reader.state = DONE
            if not self._pairing.is_waiting:
                self._stop()
            return end
        last = _head_end(data, line_end, stop)
        if last < 0:
            if stop == end and end - pos < self._limits.head_octets:
                return _carry(reader, data, pos, end, line_seen=True)
            section = data[line_end + 1 : stop].rpartition(b"\n")[0]
            fields = self._shared.requests.parse(section)
            self._shared.counters.heads_too_long += 1
            self._pairing.start_request(parsed, fields, stop - 1 + shift, stop - pos, _REQUEST_TOO_LONG)
            self._pairing.end_request()
            return self._lose(True, torn=True, pos=stop)
        fields = self._shared.requests.parse(_section(data, line_end, last))
        after = last + 2 if data[last + 1] == _LF else last + 3
        self._pairing.start_request(parsed, fields, after - 1 + shift, after - pos)
        return after

    def _read_endless_line(self, data: bytes, pos: int, stop: int, shift: int) -> int:
        """A request line longer than a head may be: reported if its method is known, then passed over."""
        method, _, target = data[pos:stop].partition(b" ")
        if method in METHODS:
            self._shared.counters.heads_too_long += 1
            request = (method, target, b"")
            self._pairing.start_request(request, None, stop - 1 + shift, stop - pos, _REQUEST_TOO_LONG)
            self._pairing.end_request()
            pos = stop
        return self._lose(True, torn=True, pos=pos)

    def _read_response(self, data: bytes, pos: int, end: int, shift: int) -> int:
        """Read a response's head at ``pos``; the position after what was used."""
        old = self._pairing.expects_old_response()
        while not old and data[pos] in _BLANK:
            pos += 1
            if pos == end:
                return end
        reader = self._server
        start = data[pos : min(end, pos + _MAX_STATUS_PREFIX)].upper()
        if not b"HTTP/".startswith(start) and not b"ICY ".startswith(start[:4]):
            if not old:
                return self._lose(False, torn=False, pos=pos)
            self._pairing.start_old_response(pos + shift)
            return pos
        stop = min(end, pos + self._limits.head_octets)
        line_end = data.find(b"\n", pos, stop)
        whole = stop < end or end - pos >= self._limits.head_octets
        if line_end < 0:
            return self._lose(False, torn=False, pos=pos) if whole else _carry(reader, data, pos, end)
        parsed = parse_status_line(data[pos:line_end])
        if parsed is None:
            return self._lose(False, torn=False, pos=pos)
        last = _head_end(data, line_end, stop)
        if last >= 0:
            fields = self._shared.responses.parse(_section(data, line_end, last))
            after = last + 2 if data[last + 1] == _LF else last + 3
            switch = self._pairing.start_response(parsed, fields, after - 1 + shift)
            if switch != STAYS:
                self._shared.counters.tunnels += 1
                # A tunnel may carry HTTP again, so a first line that is HTTP's keeps the flow.
                self._tunnelled = True
                if switch == UPGRADES or self._client.state == RESYNC:
                    self._stop()
            return after
        if not whole:
            return _carry(reader, data, pos, end, line_seen=True)
        fields = self._shared.responses.parse(data[line_end + 1 : stop].rpartition(b"\n")[0])
        self._shared.counters.heads_too_long += 1
        self._pairing.start_response(parsed, fields, stop - 1 + shift, _RESPONSE_TOO_LONG)
        self._pairing.end_response()
        return self._lose(False, torn=True, pos=stop)

    # Bodies and lines

    def _take_body(self, reader: Reader, to_server: bool, data: bytes, pos: int, size: int) -> None:
        self._pairing.count_body(to_server, size)
        if reader.kept is not None:
            keep_body(reader, self._shared, data[pos : pos + size])

    def _end_part(self, to_server: bool) -> None:
        """A body by its length, or a chunk's data, is complete."""
        reader = self._client if to_server else self._server
        if reader.state == CHUNK_DATA:
            reader.state = CHUNK_END
        else:
            self._end_message(to_server)

    def _end_message(self, to_server: bool) -> None:
        if to_server:
            self._pairing.end_request()
        else:
            self._pairing.end_response()

    def _read_line(self, to_server: bool, data: bytes, pos: int, end: int) -> int:
        """Read a line of chunked framing, or a field after a request line without a version."""
        reader = self._client if to_server else self._server
        limit = self._limits.line_octets
        line_end = data.find(b"\n", pos, min(end, pos + limit))
        if line_end < 0:
            if end - pos < limit:
                return _carry(reader, data, pos, end)
            self._shared.counters.lines_too_long += 1
            self._cut(to_server)
            return self._lose(to_server, torn=True, pos=pos)
        line = data[pos:line_end]
        after = line_end + 1
        state = reader.state
        if state == FIELDS:
            return self._read_field(line.removesuffix(b"\r"), pos, after)
        is_blank = not line.strip(_BLANK)
        if state == CHUNK_END:
            reader.state = CHUNK_SIZE
            return after if is_blank else pos  # a missing line end after a chunk's data is forgiven
        if state == TRAILER:
            # Servers that forget the last empty line are forgiven, too.
            next_message = parse_request_line(line) if to_server else parse_status_line(line)
            reader.remaining += after - pos
            if is_blank or (next_message is not None and next_message[-1]):
                self._end_message(to_server)
                return after if is_blank else pos
            if reader.remaining > self._limits.head_octets:
                self._end_message(to_server)
                return self._lose(to_server, torn=False, pos=after)
            return after
        size = parse_chunk_size(line)
        if size > 0:
            reader.remaining = size
            reader.state = CHUNK_DATA
        elif size == 0:
            reader.remaining = 0
            reader.state = TRAILER
        elif not is_blank:
            side = "request" if to_server else "response"
            self._pairing.add_anomaly(to_server, f"http.invalid_{side}_chunk_len")
            self._end_message(to_server)
            return self._lose(to_server, torn=False, pos=pos)
        return after

    def _read_field(self, line: bytes, pos: int, after: int) -> int:
        """A line after a request line without a version: a field, the empty line, or the next request."""
        reader = self._client
        name, colon, _ = line.partition(b":")
        reader.remaining += after - pos
        if line and colon and not name.translate(None, TCHAR) and reader.remaining <= self._limits.head_octets:
            reader.lines.append(line)
            return after
        self._end_fields()
        return pos if line else after

    def _end_fields(self) -> None:
        section = b"\r\n".join(self._client.lines)
        self._client.lines = []
        self._pairing.end_fields(self._shared.requests.parse(section))

    # What is not HTTP, or is lost

    def _lose(self, to_server: bool, torn: bool, pos: int = 0) -> int:
        """Look for the next message from ``pos`` on."""
        if self._tunnelled:
            self._stop()
            return pos
        reader = self._client if to_server else self._server
        reader.carry = None
        reader.state = RESYNC
        reader.torn = torn
        self._shared.counters.resyncs += 1
        return pos

    def _resync(self, to_server: bool, data: bytes, pos: int, end: int) -> int:
        """Find the next first line; what may be the beginning of one is carried."""
        reader = self._client if to_server else self._server
        if not to_server:
            found = find_status_line(data, pos, end)
            if found < 0:
                return _carry(reader, data, max(pos, end - STATUS_LINE_PREFIX + 1), end)
            reader.state = HEAD
            return found
        found = find_request_line(data, pos, end, reader.torn)
        if found >= 0:
            reader.state = HEAD
            return found
        line = data.rfind(b"\n", pos, end) + 1
        if line:
            pos = line
            reader.torn = False
        if end - pos > 2 * MAX_RESYNC_LINE:
            pos = end - MAX_RESYNC_LINE
            reader.torn = True
        return _carry(reader, data, pos, end) if pos < end else end

    def _cut(self, to_server: bool) -> None:
        """The message under way ends here, because octets were lost or the direction has ended."""
        reader = self._client if to_server else self._server
        state = reader.state
        carry, reader.carry = reader.carry, None
        if state == HEAD:
            if carry is not None:
                self._cut_head(to_server, bytes(carry))
        elif state == FIELDS:
            if carry is not None:
                self._read_field(bytes(carry).removesuffix(b"\r"), 0, 0)
            if reader.state == FIELDS:
                self._end_fields()
            self._end_message(to_server)
        elif state != RESYNC:
            self._end_message(to_server)

    def _cut_head(self, to_server: bool, head: bytes) -> None:
        """Report what a head said before it was cut, if its first line is whole."""
        line, mark, section = head.partition(b"\n")
        section = section.rpartition(b"\n")[0]
        if to_server:
            request = parse_request_line(line.removesuffix(b"\r"))
            if request is None or not request[2]:
                return
            fields = self._shared.requests.parse(section)
            self._pairing.start_request(request, fields, -1, len(head), "http.request_head_cut")
        else:
            response = parse_status_line(line)
            if response is None or not mark:
                return
            fields = self._shared.responses.parse(section)
            self._pairing.start_response(response, fields, -1, "http.response_head_cut")
        self._shared.counters.heads_cut += 1
        self._end_message(to_server)

    def _stop(self) -> None:
        """Neither direction is HTTP from here on."""
        for to_server, reader in ((True, self._client), (False, self._server)):
            if reader.state not in (HEAD, RESYNC, DONE):
                self._end_message(to_server)
            reader.carry = None
            reader.state = DONE
        self._pairing.flush()

    def _join(self, reader: Reader, to_server: bool, piece: bytes) -> bytes | None:
        """Carried octets with those that follow, or None if it is clear that they are not enough yet."""
        carry = reader.carry
        assert carry is not None
        carry += piece
        state = reader.state
        limit = self._limits.line_octets
        if state == HEAD and reader.line_seen:
            limit = self._limits.head_octets
            before = max(reader.scanned - 2, 0)
            enough = carry.find(b"\n\r\n", before) >= 0 or carry.find(b"\n\n", before) >= 0
        elif state == HEAD:
            limit = self._limits.head_octets
            enough = len(carry) <= _MAX_STATUS_PREFIX or carry.find(b"\n", reader.scanned) >= 0
        elif state == RESYNC and not to_server:
            enough = True
        else:
            if state == RESYNC:
                limit = 2 * MAX_RESYNC_LINE + 1
            enough = carry.find(b"\n", reader.scanned) >= 0
        if not enough and len(carry) < limit:
            reader.scanned = len(carry)
            return None
        reader.carry = None
        return bytes(carry)


def _carry(reader: Reader, data: bytes, pos: int, end: int, line_seen: bool = False) -> int:
    """Hold ``data[pos:end]`` until more octets come."""
    reader.carry = bytearray(data[pos:end])
    reader.scanned = end - pos
    reader.line_seen = line_seen
    return end


def _head_end(data: bytes, line_end: int, stop: int) -> int:
    """Index of the LF before the empty line that ends a head, or -1; line ends may be bare LF."""
    last = data.find(b"\n\r\n", line_end, stop)
    bare = data.find(b"\n\n", line_end, stop if last < 0 else last)
    return last if bare < 0 else bare


def _section(data: bytes, line_end: int, last: int) -> bytes:
    """Field lines between the line ends at ``line_end`` and ``last``, without the last line end."""
    if last == line_end:
        return b""
    return data[line_end + 1 : last - 1 if data[last - 1] == _CR else last]
