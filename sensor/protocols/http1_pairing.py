"""Requests and responses of one flow become transactions (RFC 9112, section 9.3).

Theory of operation. Requests wait in a queue, oldest first; a final response belongs to the oldest. A
transaction leaves the queue for the sink when both its messages are complete. The newest request is
*open* while octets of it are to come; if its response is complete before that, it is *answered*.

Lost octets break the rule. After lost responses, a client that never sent a request before the last one
was answered has had its answers, so its next request ends the wait of those before it. Where that can't
be told (the client pipelines), the oldest request is taken as ever: a response may then stand beside the
wrong request, but no request is lost.
"""

from collections.abc import Callable

from sensor.protocols.http1_shared import Http1Shared
from sensor.protocols.transaction import HttpTransaction

_ANSWERED_OTHERWISE = (b"HEAD", b"CONNECT")
_TX_OCTETS = 512  # a transaction's own memory, beside the octets of the message that it holds


STAYS, TUNNELS, OVER = range(3)
"""What the connection carries: HTTP; a tunnel by CONNECT, which may carry HTTP again; something else."""


def _do_nothing() -> None:
    return


class Pairing:
    """The transactions of one flow that are not finished."""

    __slots__ = (
        "_answered",
        "_cut_held_head",
        "_evicted",
        "_lost",
        "_next_id",
        "_noise",
        "_open",
        "_pending",
        "_pipelines",
        "_queue",
        "_responding",
        "_shared",
        "_sink",
        "_switching",
        "switched",
    )

    def __init__(self, shared: Http1Shared, sink: list[HttpTransaction]) -> None:
        self._shared = shared
        self._sink = sink
        self._queue: list[HttpTransaction] = []  # short; an empty deque takes 600 octets of each flow
        self._open: HttpTransaction | None = None
        self._answered = False
        self._responding: HttpTransaction | None = None
        self._switching: list[int] = []  # tx_id of waiting requests that ask for another protocol
        self._next_id = 0
        self._pending = 0  # octets in the queue, never less than there are
        self._evicted = 0  # requests that left the queue whose responses are still to come
        self._lost = False  # responses may have been lost since the last one
        self._pipelines = False
        self._noise = -1  # tx_id of what came after the first octets, since CONNECT, that are not HTTP
        self._cut_held_head: Callable[[], None] = _do_nothing
        self.switched = STAYS

    def on_early_answer(self, cut_held_head: Callable[[], None]) -> None:
        """Say what makes a request of a head whose end has not come, where the server answers it already."""
        self._cut_held_head = cut_held_head

    def let_go(self) -> None:
        """Forget that: it refers back here, and what refers to itself waits for the garbage collector."""
        self._cut_held_head = _do_nothing

    @property
    def is_waiting(self) -> bool:
        """Whether a request waits for its response."""
        return bool(self._queue)

    @property
    def is_answered(self) -> bool:
        """Whether the open request has its whole response, before all its octets have come."""
        return self._answered

    def next_id(self) -> int:
        """Number of a new transaction."""
        self._next_id += 1
        return self._next_id - 1

    def add_request(self, tx: HttpTransaction, octets: int) -> None:
        """A request's head, of so many octets, is complete."""
        queue = self._queue
        if queue:
            if self._lost and not self._pipelines:
                self.flush()
            else:
                self._pipelines = True
        self._lost = False
        queue.append(tx)
        limits, shared = self._shared.limits, self._shared
        self._pending += octets + _TX_OCTETS
        shared.pending += octets + _TX_OCTETS
        if self._pending > limits.pending_octets or shared.pending > limits.total_pending_octets:
            self._evict()

    def open_request(self, tx: HttpTransaction) -> None:
        """The newest request has more octets to come."""
        self._open = tx

    def end_request(self, tx: HttpTransaction) -> None:
        """The open request is complete."""
        if tx is self._open:
            self._open = None
            self._count(len(tx.request_body))
            if self._answered:
                self._answered = False
                self._queue.pop()
                self._emit(tx)

    def expect_switch(self, tx: HttpTransaction) -> None:
        """A request asks for another protocol (Upgrade)."""
        self._switching.append(tx.tx_id)

    def expect_tunnel(self) -> None:
        """A request asks for a tunnel (CONNECT)."""
        self._noise = -1

    def note_noise(self) -> None:
        """The client sent octets that are not HTTP."""
        if self._noise < 0:
            self._noise = self._next_id

    def expects_old_response(self) -> bool:
        """Whether the oldest request has no version: its response may lack a head (HTTP/0.9)."""
        return bool(self._queue) and not self._answered and not self._queue[0].request_version

    def claim(self, status: int) -> HttpTransaction:
        """The transaction that the next final response belongs to: a new one if no request waits."""
        self._lost = False
        queue = self._queue
        if status == 101:
            # It answers a request with Upgrade: those before that one lost their responses.
            while queue and self._switching and queue[0].tx_id < self._switching[0]:
                self._emit(queue.pop(0))
        if not queue and not self._evicted:
            self._cut_held_head()
        if queue and not self._answered and not self._evicted:
            tx = queue[0]
        else:
            self._evicted = max(self._evicted - 1, 0)
            self._shared.counters.orphan_responses += 1
            tx = HttpTransaction(self.next_id(), anomalies=("http.unable_to_match_response_to_request",))
        self._responding = tx
        return tx

    def answer(self) -> HttpTransaction | None:
        """Finish the oldest request, whose final response is complete; None if it is no plain case.

        The same as ``claim`` and ``end_response``, where the request is complete and what it asks for has
        no bearing on how the response is read.
        """
        queue = self._queue
        if not queue or self._evicted or self._answered:
            return None
        tx = queue[0]
        if tx is self._open or tx.method in _ANSWERED_OTHERWISE:
            return None
        self._lost = False
        queue.pop(0)
        self._emit(tx)
        return tx

    def end_response(self, tx: HttpTransaction) -> None:
        """A response is complete."""
        self._responding = None
        queue = self._queue
        if not queue or queue[0] is not tx:
            self._emit(tx)
        elif tx is self._open:
            self._answered = True
        else:
            queue.pop(0)
            self._emit(tx)

    def switch(self, tx: HttpTransaction) -> None:
        """The server took up another protocol: what was read after the request is of that one."""
        self.switched = OVER
        self._shared.counters.tunnels += 1
        self._open = None
        self.end_response(tx)
        if tx.method:
            self._queue.clear()

    def tunnel(self, tx: HttpTransaction) -> None:
        """The server granted CONNECT. The tunnel carries HTTP until octets come that are not."""
        self.switched = TUNNELS
        self._shared.counters.tunnels += 1
        self.end_response(tx)
        if self._noise > tx.tx_id:
            self.switched = OVER
            while self._queue and self._queue[-1].tx_id >= self._noise:
                self._queue.pop()

    def lose_responses(self) -> None:
        """Octets were lost that may have held responses."""
        self._lost = True
        if self._evicted:
            # How many of the evicted requests had their responses there can't be told: none is waited for.
            self._evicted = 0
            while self._queue and self._queue[0] is not self._open:
                self._emit(self._queue.pop(0))

    def flush(self) -> None:
        """Emit every waiting request as it is."""
        while self._queue:
            self._emit(self._queue.pop(0))
        self._count(-self._pending)
        self._open = None
        self._answered = False

    def _count(self, octets: int) -> None:
        """The queue holds so many octets more."""
        self._pending += octets
        self._shared.pending += octets

    def _emit(self, tx: HttpTransaction) -> None:
        self._sink.append(tx)
        queue = self._queue
        if not queue:
            self._count(-self._pending)
        if self._switching:
            while self._switching and not (queue and queue[0].tx_id <= self._switching[0]):
                self._switching.pop(0)

    def _evict(self) -> None:
        """Count the queue exactly; past a bound, emit the oldest requests without their responses."""
        queue, limits = self._queue, self._shared.limits
        sizes = [
            _TX_OCTETS
            + len(tx.target)
            + len(tx.host)
            + len(tx.user_agent)
            + len(tx.referer)
            + len(tx.request_content_type)
            + len(tx.request_body)
            for tx in queue
        ]
        self._count(sum(sizes) - self._pending)
        if self._shared.pending > limits.total_pending_octets:
            down_to = 0
        elif self._pending > limits.pending_octets:
            down_to = limits.pending_octets // 2  # so that the queue is counted once in many requests
        else:
            return
        first = 1 if self._responding is queue[0] else 0
        while self._pending > down_to and len(queue) > first + 1:
            self._count(-sizes.pop(first))
            tx = queue[first]
            del queue[first]
            self._evicted += 1
            self._shared.counters.requests_evicted += 1
            self._sink.append(tx)
        if self._switching:
            waiting = {tx.tx_id for tx in queue}
            self._switching = [tx_id for tx_id in self._switching if tx_id in waiting]
