"""One direction of an HTTP/1 flow: where a message ends and the next begins (RFC 9112, sections 6 to 8).

Theory of operation. What octets are to come next:

    HEAD ──► LENGTH ───────────────────────► HEAD         Content-Length
      │ ├──► CHUNK_SIZE ─► CHUNK_DATA ─┐                  Transfer-Encoding: chunked
      │ │        ▲ └─ 0 ─► TRAILER ────┼───► HEAD
      │ │        └──── CHUNK_END ◄─────┘
      │ ├──► UNTIL_CLOSE                                  a response without a length
      │ ├──► FIELDS ─────────────────────► HEAD           lines after a request line without a version
      │ └──► EXPECT ─► LENGTH, CHUNK_SIZE                 a body that the client asked about (100-continue)
      │         └────────────────────────► HEAD           … and was refused: the next request is here
      ├────► RESYNC ─────────────────────► HEAD           octets were lost, or are not HTTP
      └────► DONE                                         tunnel, other protocol, end of the stream

Octets that can't be judged yet (a head or a line without its end) are carried to the next call, within
a limit for each state; so every decision depends on the octets alone, never on how they are split.
"""

import re
from abc import ABC, abstractmethod

from sensor.protocols.http1_body import KeptBody, parse_chunk_size
from sensor.protocols.http1_fields import Fields
from sensor.protocols.http1_lines import MAX_RESYNC_LINE
from sensor.protocols.http1_pairing import OVER, STAYS, Pairing
from sensor.protocols.http1_shared import KEEP_BODY, SHED_BODY, Http1Shared
from sensor.protocols.transaction import HttpTransaction

(HEAD, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, UNTIL_CLOSE, FIELDS, EXPECT, RESYNC, DONE) = range(
    11
)

CR, LF = 13, 10
_head_end = re.compile(rb"\n\r?\n").search
BLANK = b"\r\n \t"
MAX_MEMO_HEAD = 2048
"""Octets of a head that is remembered: a longer one (cookies, tokens) does not come back verbatim."""
MAX_PLAIN_HEAD = 8192
"""Octets of a head that is tried in one step; where that fails, they are few enough to have been in vain."""
_LINE_TAIL = len(b" HTTP/1.1\r\n")
_SHORT = 16  # octets of a first line that are looked at again with each call until there are more


class MessageReader(ABC):
    """Where one direction stands; what differs between requests and responses is in the subclasses."""

    __slots__ = (
        "_blank",
        "_body_len",
        "_kept",
        "_line_seen",
        "_odd",
        "_pairing",
        "_remaining",
        "_scanned",
        "_shared",
        "_torn",
        "_tx",
        "_want_body",
        "carry",
        "state",
    )

    side: str
    """``request`` or ``response``, as it stands in the anomalies' names."""

    def __init__(self, shared: Http1Shared, pairing: Pairing, want_body: int) -> None:
        self._shared = shared
        self._pairing = pairing
        self._want_body = want_body
        self.state = HEAD
        self._tx: HttpTransaction | None = None  # of the message whose body is being read
        # The next CRLF CRLF in the data of the feed under way, its end if there is none; before the position:
        # unknown. Looked for once for all heads before it, as there may be thousands that end otherwise.
        self._blank = -1
        self._odd = (
            -1
        )  # that which ended a head that is not of the plain form: heads before it are not either
        self._remaining = 0  # octets to come in LENGTH and CHUNK_DATA; seen in TRAILER and FIELDS
        self._body_len = 0
        self._kept: KeptBody | None = None
        self.carry: bytearray | None = None
        """An incomplete head or line."""
        self._scanned = 0  # octets of it that do not hold the end that is waited for
        self._line_seen = False  # the carried head's first line is complete and good
        self._torn = False  # RESYNC: what comes next need not start a line

    @abstractmethod
    def read_heads(self, data: bytes, pos: int, end: int, shift: int) -> int:
        """Read heads from ``pos`` on while the state is HEAD; the position after what was used.

        Messages that are wholly in these octets follow each other here without a return to ``feed``.

        :param shift: turns a position into an index of the data that the caller of ``feed`` knows.
        """

    @abstractmethod
    def _find_first_line(self, data: bytes, pos: int, end: int) -> int:
        """Where the next message starts, or -1."""

    @abstractmethod
    def _is_first_line(self, line: bytes) -> bool:
        """Whether a line begins a message of this direction."""

    @abstractmethod
    def _cut_head(self, head: bytes) -> None:
        """Report what a head said before it was cut, if its first line is whole."""

    @abstractmethod
    def _end_message(self) -> None:
        """The message being read is complete."""

    def feed(self, data: bytes, pos: int, end: int) -> None:
        """Read the octets ``data[pos:end]``."""
        shift = 0
        self._blank = self._odd = -1
        if self.carry is not None and pos < end:
            shift = pos - len(self.carry)
            joined = self._join(self.carry, data[pos:end])
            if joined is None:
                return
            data, pos, end = joined, 0, len(joined)
        while pos < end:
            state = self.state
            if state == HEAD:
                pos = self.read_heads(data, pos, end, shift)
            elif state in (LENGTH, CHUNK_DATA):
                size = min(self._remaining, end - pos)
                self._remaining -= size
                self._body_len += size
                if self._kept is not None:
                    self._kept.add(data[pos : pos + size])
                pos += size
                if not self._remaining:
                    self._end_part()
            elif state == UNTIL_CLOSE:
                self._body_len += end - pos
                if self._kept is not None:
                    self._kept.add(data[pos:end])
                return
            elif state == RESYNC:
                pos = self._resync(data, pos, end)
            elif state == DONE:
                return
            else:
                if state == CHUNK_SIZE:
                    pos = self._read_whole_chunks(data, pos, end)
                if pos < end:
                    pos = self._read_line(data, pos, end)

    def gap(self, length: int) -> None:
        """Account for ``length`` octets that the capture missed at this point."""
        state = self.state
        if length <= 0 or state == DONE:
            return
        if state in (LENGTH, CHUNK_DATA, UNTIL_CLOSE):
            if self._kept is not None:
                self._kept.cut()
            inside = length if state == UNTIL_CLOSE else min(length, self._remaining)
            self._body_len += inside
            if state != UNTIL_CLOSE:
                self._remaining -= inside
                if not self._remaining:
                    self._end_part()
            if inside == length:
                return
        self._cut()
        self.lose(0, torn=True)

    @property
    def held_octets(self) -> int:
        """Octets that wait for the end of a head or line."""
        lines = self._remaining if self.state == FIELDS else 0
        return lines + (len(self.carry) if self.carry is not None else 0)

    def evict(self) -> None:
        """Make an end of the head or line under way, as if octets were lost."""
        self._cut()
        self.lose(0, torn=True)

    def want_body(self, want: int) -> None:
        """Say anew what becomes of bodies, from the next one on; ``SHED_BODY`` drops one under way."""
        self._want_body = want
        if want == SHED_BODY and self._kept is not None:
            self._kept.drop()
            self._kept = None
            self._shared.bodies_shed += 1

    def close(self) -> None:
        """End the direction."""
        if self.state != DONE:
            self._cut()
            self.carry = None
            self.state = DONE

    def lose(self, pos: int, *, torn: bool) -> int:
        """Look for the next message from ``pos`` on; in a tunnel there is none.

        :param torn: the octets before ``pos`` are unknown or skipped, so that it may not start a line.
        """
        self.carry = None
        if self._pairing.switched != STAYS:
            self._pairing.switched = OVER
            self.state = DONE
            return pos
        self._torn = torn
        self.state = RESYNC
        self._shared.counters.resyncs += 1
        return pos

    def _frame(self, tx: HttpTransaction, fields: Fields) -> bool:
        """Expect the body that the fields announce, if its length is in them; False if there is none."""
        if fields.chunked:
            self.state = CHUNK_SIZE
        elif fields.length > 0 and not fields.other_transfer:
            self.state = LENGTH
            self._remaining = fields.length
        else:
            return False
        self._expect_body(tx, fields.content_coding)
        return True

    def _expect_body(self, tx: HttpTransaction, coding: bytes) -> None:
        self._tx = tx
        self._body_len = 0
        if self._want_body == KEEP_BODY:
            self._kept = KeptBody(self._shared, coding)
        elif self._want_body == SHED_BODY:
            self._shared.bodies_shed += 1

    def _take_body(self, tx: HttpTransaction | None) -> bytes:
        """The body that was kept, decoded; ends keeping."""
        if self._kept is None:
            return b""
        body, wrong = self._kept.decode()
        self._kept = None
        if wrong and tx is not None:
            tx.anomalies += (wrong,)
        return body

    def _end_part(self) -> None:
        """A body by its length, or a chunk's data, is complete."""
        if self.state == CHUNK_DATA:
            self.state = CHUNK_END
        else:
            self._end_message()

    def _read_line(self, data: bytes, pos: int, end: int) -> int:
        """Read a line of the chunked framing; the position after what was used."""
        limit = self._shared.limits.line_octets
        line_end = data.find(b"\n", pos, min(end, pos + limit))
        if line_end < 0:
            if end - pos < limit:
                return self._hold(data, pos, end)
            self._shared.counters.lines_too_long += 1
            self._cut()
            return self.lose(pos, torn=True)
        return self._take_line(data[pos:line_end], pos, line_end + 1)

    def _read_whole_chunks(self, data: bytes, pos: int, end: int) -> int:
        """Read chunks that are wholly in these octets, as most are; the position after them."""
        limit = self._shared.limits.line_octets
        while (line_end := data.find(b"\n", pos, min(end, pos + limit))) >= 0:
            if data[pos] in BLANK:  # many blank lines cost no more than their octets
                begin = data[pos : min(end, pos + limit)]
                blank = begin[: len(begin) - len(begin.lstrip(BLANK))]
                if lines := blank.rfind(b"\n") + 1:
                    pos += lines
                    continue
            start = line_end + 1
            after = start + parse_chunk_size(data[pos:line_end])
            if after <= start or after + 2 > end or data[after] != CR or data[after + 1] != LF:
                break
            self._body_len += after - start
            if self._kept is not None:
                self._kept.add(data[start:after])
            pos = after + 2
        return pos

    def _take_line(self, line: bytes, pos: int, after: int) -> int:
        state = self.state
        is_blank = not line.strip(BLANK)
        if state == CHUNK_END:
            self.state = CHUNK_SIZE
            return after if is_blank else pos  # a missing line end after a chunk's data is forgiven
        if state == TRAILER:
            self._remaining += after - pos
            # Servers that forget the last empty line are forgiven, too.
            if is_blank or self._is_first_line(line):
                self._end_message()
                return after if is_blank else pos
            if self._remaining > self._shared.limits.head_octets:
                self._shared.counters.heads_too_long += 1
                self._end_message()
                return self.lose(after, torn=False)
            return after
        size = parse_chunk_size(line)
        if size > 0:
            self._remaining = size
            self.state = CHUNK_DATA
        elif size == 0:
            self._remaining = 0
            self.state = TRAILER
        elif not is_blank:
            if self._tx is not None:
                self._tx.anomalies += (f"http.invalid_{self.side}_chunk_len",)
            self._end_message()
            return self.lose(pos, torn=False)
        return after

    def _resync(self, data: bytes, pos: int, end: int) -> int:
        found = self._find_first_line(data, pos, end)
        if found >= 0:
            self.state = HEAD
            return found
        # What may be the beginning of a first line is carried.
        line = data.rfind(b"\n", pos, end) + 1
        if line:
            pos = line
            self._torn = False
        if end - pos > 2 * MAX_RESYNC_LINE:
            # A line's end that is found in what follows is looked back from by MAX_RESYNC_LINE.
            pos = end - MAX_RESYNC_LINE - _LINE_TAIL
            self._torn = True
        return self._hold(data, pos, end) if pos < end else end

    def _cut(self) -> None:
        """The message under way ends here, because octets were lost or the direction has ended."""
        carry, self.carry = self.carry, None
        if self.state == HEAD:
            if carry is not None:
                self._cut_head(bytes(carry))
        elif self.state != RESYNC:
            self._end_message()

    def _hold(self, data: bytes, pos: int, end: int, *, line_seen: bool = False) -> int:
        """Carry ``data[pos:end]`` until more octets come."""
        self.carry = bytearray(data[pos:end])
        self._scanned = end - pos
        self._line_seen = line_seen
        return end

    def _join(self, carry: bytearray, piece: bytes) -> bytes | None:
        """Carried octets with those that follow; None if it is clear that they are still not enough."""
        carry += piece
        limits = self._shared.limits
        if self.state == HEAD:
            limit = limits.head_octets
            if self._line_seen:
                before = max(self._scanned - 2, 0)
                enough = carry.find(b"\n\r\n", before) >= 0 or carry.find(b"\n\n", before) >= 0
            else:
                enough = len(carry) <= _SHORT or carry.find(b"\n", self._scanned) >= 0
        else:
            limit = 2 * MAX_RESYNC_LINE + 1 if self.state == RESYNC else limits.line_octets
            enough = carry.find(b"\n", self._scanned) >= 0
        if not enough and len(carry) < limit:
            self._scanned = len(carry)
            return None
        self.carry = None
        return bytes(carry)


def head_end(data: bytes, line_end: int, stop: int) -> int:
    """Index of the LF before the empty line that ends a head, or -1; line ends may be bare LF."""
    found = _head_end(data, line_end, stop)
    return found.start() if found else -1


def field_section(data: bytes, line_end: int, last: int) -> bytes:
    """Field lines between the line ends at ``line_end`` and ``last``, without the last line end."""
    if last == line_end:
        return b""
    return data[line_end + 1 : last - 1 if data[last - 1] == CR else last]
