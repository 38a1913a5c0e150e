"""Requests and responses of one flow become transactions (RFC 9112, section 9.3).

Theory of operation. Requests wait in a queue, oldest first; a final response belongs to the oldest. A
transaction leaves the queue for the sink when both its messages are complete. The newest request is
``open`` while octets of it are to come; if its response is complete before that, it is ``answered``.

Lost octets break the rule. After lost responses, a client that never sent a request before the last one
was answered has had its answers, so its next request ends the wait of those before it. Where that can't
be told (the client pipelines), the oldest request is taken as ever: a response may then stand beside the
wrong request, but no request is lost.
"""

from collections import deque

from sensor.protocols.http1_body import CHUNK_SIZE, HEAD, LENGTH, UNTIL_CLOSE, Reader, release_body
from sensor.protocols.http1_fields import Fields
from sensor.protocols.http1_lines import RequestLine, authority
from sensor.protocols.http1_shared import Http1Shared
from sensor.protocols.transaction import HttpTransaction

STAYS, TUNNELS, UPGRADES = range(3)
"""What a response does to the connection: nothing, CONNECT granted, protocol switched."""

_TX_OCTETS = 512  # a transaction's own memory, beside the octets of the message that it holds
_NO_FIELDS = Fields()
_NO_BODY = (b"", "")


class Pairing:
    """The transactions of one flow that are not finished."""

    __slots__ = (
        "_answered",
        "_client",
        "_evicted",
        "_lost",
        "_next_id",
        "_open",
        "_pending",
        "_pipelines",
        "_queue",
        "_response",
        "_server",
        "_shared",
        "_sink",
        "_switching",
        "_want_request",
        "_want_response",
    )

    def __init__(
        self,
        shared: Http1Shared,
        client: Reader,
        server: Reader,
        sink: list[HttpTransaction],
        want_request: bool,
        want_response: bool,
    ) -> None:
        self._shared = shared
        self._client = client
        self._server = server
        self._sink = sink
        self._want_request = want_request
        self._want_response = want_response
        self._queue: deque[HttpTransaction] = deque()
        self._open: HttpTransaction | None = None
        self._answered = False
        self._response: HttpTransaction | None = None  # whose response is being read
        self._switching: list[int] = []  # tx_id of waiting requests with Upgrade
        self._next_id = 0
        self._pending = 0  # octets in the queue, never less than there are
        self._evicted = 0  # requests that left the queue whose responses are still to come
        self._lost = False  # responses were lost since the last one
        self._pipelines = False

    @property
    def is_waiting(self) -> bool:
        """Whether a request waits for its response."""
        return bool(self._queue)

    # Requests

    def start_request(
        self, line: RequestLine, fields: Fields | None, index: int, octets: int, anomaly: str = ""
    ) -> None:
        """A request's head is complete; what follows it is set in the client's reader.

        :param fields: None for a request without a version, whose fields may follow.
        :param index: of the octet that completed the head, in the data of the feed under way.
        :param octets: length of the head.
        """
        method, target, version = line
        if self._queue:
            if self._lost and not self._pipelines:
                self.flush()
            else:
                self._pipelines = True
        self._lost = False
        tx = HttpTransaction(self._next_id, method, target, version)
        self._next_id += 1
        tx.request_at = index
        self._shared.marks.append((tx, False, index))
        self._queue.append(tx)
        self._pending += octets + _TX_OCTETS
        if self._pending > self._shared.limits.pending_octets:
            self._evict()
        if fields is None:
            self._open = tx
            tx.host = authority(method, target)
        else:
            self._set_fields(tx, fields)
        if anomaly:
            tx.anomalies += (anomaly,)

    def end_fields(self, fields: Fields) -> None:
        """The lines after a request line without a version have ended."""
        tx = self._open
        if tx is not None:
            self._set_fields(tx, fields)
            if self._client.state == HEAD:
                self.end_request()

    def _set_fields(self, tx: HttpTransaction, fields: Fields) -> None:
        client = self._client
        target = tx.target
        tx.user_agent = fields.user_agent
        tx.referer = fields.referer
        tx.request_content_type = fields.content_type
        tx.host = fields.host
        tx.anomalies = fields.anomalies
        if target[:1] != b"/":
            tx.host = authority(tx.method, target) or fields.host
        if b" " in target:
            tx.anomalies += ("http.uri_delim_non_compliant",)
        if not fields.has_host and tx.request_version == b"HTTP/1.1":
            tx.anomalies += ("http.missing_host_header",)
        if fields.upgrade:
            self._switching.append(tx.tx_id)
        if fields.chunked:
            client.state = CHUNK_SIZE
        elif fields.length > 0:
            client.state = LENGTH
            client.remaining = fields.length
        else:
            client.state = HEAD
            return
        self._open = tx
        if self._want_request:
            client.kept = bytearray()
            client.coding = fields.content_coding

    def end_request(self) -> None:
        """The open request is complete."""
        tx = self._open
        self._client.state = HEAD
        body, wrong = release_body(self._client, self._shared) if self._client.kept is not None else _NO_BODY
        if tx is None:
            return
        self._open = None
        if body or wrong:
            tx.request_body = body
            self._pending += len(tx.request_body)
            if wrong:
                tx.anomalies += (wrong,)
        if self._answered:
            self._answered = False
            self._emit(self._queue.pop())

    # Responses

    def expects_old_response(self) -> bool:
        """Whether the oldest request has no version: its response may lack a head (HTTP/0.9)."""
        return bool(self._queue) and not self._answered and not self._queue[0].request_version

    def start_old_response(self, index: int) -> None:
        """A response without a head begins."""
        tx = self._queue[0]
        tx.response_at = index
        self._shared.marks.append((tx, True, index))
        self._read_body(tx, _NO_FIELDS)

    def start_response(
        self, status_line: tuple[bytes, int], fields: Fields, index: int, anomaly: str = ""
    ) -> int:
        """A response's head is complete; what follows it is set in the server's reader.

        :returns: ``STAYS``, ``TUNNELS`` or ``UPGRADES``.
        """
        version, status = status_line
        if status < 200 and status != 101 and status >= 100:
            return STAYS  # interim: the final one is still to come (RFC 9110, section 15.2)
        self._lost = False
        if status == 101:
            self._expect_switch()
        tx = self._claim()
        tx.response_version = version
        tx.status = status
        tx.response_content_type = fields.content_type
        tx.response_at = index
        self._shared.marks.append((tx, True, index))
        if fields.anomalies:
            tx.anomalies += fields.anomalies
        if anomaly:
            tx.anomalies += (anomaly,)
        self._response = tx
        method = tx.method
        if status == 101:
            self._open = None  # what was read after the request is of another protocol
            self.end_response()
            if tx.method:
                self._queue.clear()
            return UPGRADES
        if method == b"CONNECT" and 200 <= status < 300:
            self.end_response()
            return TUNNELS
        if status == 204 or status == 304 or method == b"HEAD":
            self.end_response()
        else:
            self._read_body(tx, fields)
        return STAYS

    def _claim(self) -> HttpTransaction:
        """The transaction that the next response belongs to: a new one if no request waits."""
        if self._queue and not self._answered and not self._evicted:
            return self._queue[0]
        self._evicted = max(self._evicted - 1, 0)
        self._shared.counters.orphan_responses += 1
        tx = HttpTransaction(self._next_id)
        self._next_id += 1
        tx.anomalies = ("http.unable_to_match_response_to_request",)
        return tx

    def _expect_switch(self) -> None:
        """101 answers a request with Upgrade: those before it lost their responses."""
        waiting = [tx_id for tx_id in self._switching if self._queue and tx_id >= self._queue[0].tx_id]
        while waiting and self._queue[0].tx_id < waiting[0]:
            self._emit(self._queue.popleft())

    def _read_body(self, tx: HttpTransaction, fields: Fields) -> None:
        server = self._server
        self._response = tx
        if fields.chunked:
            server.state = CHUNK_SIZE
        elif fields.length < 0 or fields.other_transfer:
            server.state = UNTIL_CLOSE
        elif fields.length == 0:
            self.end_response()
            return
        else:
            server.state = LENGTH
            server.remaining = fields.length
        if self._want_response:
            server.kept = bytearray()
            server.coding = fields.content_coding

    def end_response(self) -> None:
        """The response being read is complete."""
        tx = self._response
        self._server.state = HEAD
        body, wrong = release_body(self._server, self._shared) if self._server.kept is not None else _NO_BODY
        if tx is None:
            return
        self._response = None
        if body or wrong:
            tx.response_body = body
            if wrong:
                tx.anomalies += (wrong,)
        if not self._queue or self._queue[0] is not tx:
            self._emit(tx)
        elif tx is self._open:
            self._answered = True
        else:
            self._emit(self._queue.popleft())

    def responses_lost(self) -> None:
        """Octets were lost that may have held responses."""
        self._lost = True

    # Both

    def count_body(self, to_server: bool, octets: int) -> None:
        """Add octets to the body being read."""
        if to_server:
            if self._open is not None:
                self._open.request_body_len += octets
        elif self._response is not None:
            self._response.response_body_len += octets

    def add_anomaly(self, to_server: bool, name: str) -> None:
        """Name what is wrong with the message being read."""
        tx = self._open if to_server else self._response
        if tx is not None:
            tx.anomalies += (name,)

    def flush(self) -> None:
        """Emit every waiting request as it is."""
        while self._queue:
            self._emit(self._queue.popleft())
        self._open = None
        self._answered = False

    def _emit(self, tx: HttpTransaction) -> None:
        self._sink.append(tx)
        if not self._queue:
            self._pending = 0
            self._switching.clear()

    def _evict(self) -> None:
        """Count the queue exactly, and emit the oldest requests without their responses if it is too long.

        Down to half the bound, so that the count is made once in many requests.
        """
        sizes = [
            _TX_OCTETS + len(tx.target) + len(tx.host) + len(tx.user_agent) + len(tx.referer)
            + len(tx.request_content_type) + len(tx.request_body)
            for tx in self._queue
        ]  # fmt: skip
        self._pending = sum(sizes)
        first = 1 if self._response is self._queue[0] else 0
        while self._pending > self._shared.limits.pending_octets // 2 and len(self._queue) > first + 1:
            self._pending -= sizes.pop(first)
            tx = self._queue[first]
            del self._queue[first]
            self._evicted += 1
            self._shared.counters.requests_evicted += 1
            self._sink.append(tx)
