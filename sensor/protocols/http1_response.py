"""The server's direction of an HTTP/1 flow: response heads (RFC 9112, section 4) and HTTP/0.9 (RFC 1945)."""

from sensor.protocols.http1_fields import Fields
from sensor.protocols.http1_lines import find_status_line, parse_status_line
from sensor.protocols.http1_pairing import OVER
from sensor.protocols.http1_reader import (
    BLANK,
    CR,
    DONE,
    HEAD,
    LF,
    MAX_MEMO_HEAD,
    MAX_PLAIN_HEAD,
    UNTIL_CLOSE,
    MessageReader,
    field_section,
    head_end,
)
from sensor.protocols.http1_shared import ResponseHead

_TOO_LONG = ("http.response_head_too_long",)
_CUT = ("http.response_head_cut",)
_VERSION_OCTETS = 5  # "HTTP/"
_BODILESS = (204, 304)  # RFC 9112, section 6.3
_MAX_STATUS_LINE = 128  # a longer one is not remembered


class ResponseReader(MessageReader):
    """Octets of the server."""

    __slots__ = ()
    side = "response"

    def read_heads(self, data: bytes, pos: int, end: int, shift: int) -> int:
        """Read responses from ``pos`` on while the state is HEAD; the position after what was used."""
        heads, pairing, new = self._shared.response_heads, self._pairing, self._shared.new_responses
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
            pos = blank + 4
            version, status, fields, length = head
            # The usual response is here whole, and answers the oldest request: no state need be kept.
            whole = length >= 0 and pos + length <= end and not self._want_body
            tx = pairing.answer() if whole else None
            if tx is None:
                self._start((version, status), fields, blank + 3 + shift, ())
                continue
            tx.response_version = version
            tx.status = status
            tx.response_content_type = fields.content_type
            tx.response_body_len = length
            tx.response_at = blank + 3 + shift
            new.append(tx)
            pos += length
        return pos

    def _read_plain_head(self, data: bytes, pos: int, blank: int) -> ResponseHead | None:
        """Read a head whose line ends are all CRLF and whose status line was read before; None for others.

        :param blank: where the CRLF before the empty line is.
        """
        line_end = data.find(b"\n", pos, blank + 2)
        status_line = self._shared.status_lines.get(data[pos:line_end])
        if status_line is None or blank + 4 - pos > self._shared.limits.head_octets:
            return None
        fields = self._shared.responses.read_plain(data[line_end + 1 : blank])
        if fields is None:
            return None
        version, status = status_line
        is_simple = status >= 200 and status not in _BODILESS and not fields.anomalies
        by_length = is_simple and not (fields.chunked or fields.other_transfer)
        head = version, status, fields, fields.length if by_length and fields.length >= 0 else -1
        if blank - pos <= MAX_MEMO_HEAD:
            heads = self._shared.response_heads
            if len(heads) >= self._shared.limits.memo_entries:
                heads.clear()
            heads[data[pos:blank]] = head
        return head

    def _read_any_head(self, data: bytes, pos: int, end: int, shift: int) -> int:
        old = self._pairing.expects_old_response()
        while not old and data[pos] in BLANK:
            pos += 1
            if pos == end:
                return end
        limit = self._shared.limits.head_octets
        stop = min(end, pos + limit)
        start = data[pos : min(end, pos + _VERSION_OCTETS)].upper()
        if not _begins_version(start):
            told = pos + next(n for n in range(len(start)) if not _begins_version(start[: n + 1]))
            return self._start_old(pos, told + shift) if old else self._pass_over(pos)
        line_end = data.find(b"\n", pos, stop)
        if line_end < 0 and end - pos < limit:
            return self._hold(data, pos, end)
        line = data[pos:line_end] if line_end >= 0 else b""
        status_line = parse_status_line(line)
        if status_line is None:
            told = (line_end if line_end >= 0 else stop - 1) + shift
            return self._start_old(pos, told) if old else self._pass_over(pos)
        last = head_end(data, line_end, stop)
        if last >= 0:
            fields = self._shared.responses.parse(field_section(data, line_end, last))
            after = last + 2 if data[last + 1] == LF else last + 3
            self._remember(line, status_line)
            self._start(status_line, fields, after - 1 + shift, ())
            return after
        if end - pos < limit:
            return self._hold(data, pos, end, line_seen=True)
        fields = self._shared.responses.parse(data[line_end + 1 : stop].rpartition(b"\n")[0])
        self._shared.counters.heads_too_long += 1
        self._start(status_line, fields, stop - 1 + shift, _TOO_LONG)
        self._end_message()
        return self.lose(stop, torn=True)

    def _pass_over(self, pos: int) -> int:
        # From the next octet on: what resynchronisation finds at this one has just been refused.
        return self.lose(pos + 1, torn=True)

    def _remember(self, line: bytes, status_line: tuple[bytes, int]) -> None:
        memo = self._shared.status_lines
        if len(line) <= _MAX_STATUS_LINE and line[-1] == CR and line[:1] == b"H":
            if len(memo) >= self._shared.limits.memo_entries:
                memo.clear()
            memo[line] = status_line

    def _start_old(self, pos: int, told: int) -> int:
        """A response without a head: everything until the end is its body.

        :param told: index of the octet that told that there is no head.
        """
        tx = self._pairing.claim(0)
        tx.response_at = told
        self._shared.new_responses.append(tx)
        self.state = UNTIL_CLOSE
        self._expect_body(tx, b"")
        return pos

    def _start(
        self, status_line: tuple[bytes, int], fields: Fields, index: int, anomalies: tuple[str, ...]
    ) -> None:
        version, status = status_line
        if 100 <= status < 200 and status != 101:
            return  # interim: the final response is still to come (RFC 9110, section 15.2)
        pairing = self._pairing
        tx = pairing.claim(status)
        tx.response_version = version
        tx.status = status
        tx.response_content_type = fields.content_type
        tx.response_at = index
        if fields.anomalies or anomalies:
            tx.anomalies += fields.anomalies + anomalies
        self._shared.new_responses.append(tx)
        if status == 101 or (tx.method == b"CONNECT" and 200 <= status < 300):
            if status == 101:
                pairing.switch(tx)
            else:
                pairing.tunnel(tx)
            if pairing.switched == OVER:
                self.state = DONE
        elif tx.method == b"HEAD" or status in _BODILESS:
            pairing.end_response(tx)
        elif self._frame(tx, fields):
            return
        elif fields.length == 0 and not fields.other_transfer:
            pairing.end_response(tx)
        else:
            self.state = UNTIL_CLOSE
            self._expect_body(tx, fields.content_coding)

    def gap(self, length: int) -> None:
        """Account for missed octets; responses may have been in them."""
        before = self._shared.counters.resyncs
        super().gap(length)
        if self._shared.counters.resyncs != before:
            self._pairing.lose_responses()

    def _end_message(self) -> None:
        tx, self._tx = self._tx, None
        self.state = HEAD
        body = self._take_body(tx)
        if tx is not None:
            tx.response_body_len = self._body_len
            tx.response_body = body
            self._body_len = 0
            self._pairing.end_response(tx)

    def _find_first_line(self, data: bytes, pos: int, end: int) -> int:
        return find_status_line(data, pos, end)

    def _is_first_line(self, line: bytes) -> bool:
        return parse_status_line(line) is not None

    def _cut_head(self, head: bytes) -> None:
        line, mark, section = head.partition(b"\n")
        status_line = parse_status_line(line)
        if status_line is not None and mark:
            self._shared.counters.heads_cut += 1
            fields = self._shared.responses.parse(section.rpartition(b"\n")[0].removesuffix(b"\r"))
            self._start(status_line, fields, -1, _CUT)
            self._end_message()


def _begins_version(start: bytes) -> bool:
    """Whether the first octets of a head, in upper case, may be those of a status line."""
    return b"HTTP/".startswith(start) or b"ICY ".startswith(start[:4])
