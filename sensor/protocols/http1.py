"""HTTP/1 and HTTP/0.9 (RFC 9112, RFC 9110, RFC 1945): octets of a flow become transactions.

Sans I/O. The same octets give the same transactions however they are split. Nothing raises: what is
not HTTP is passed over until the next message, and counted.

Theory of operation. A reader for each direction finds messages (``http1_reader``), ``Pairing`` joins a
request and its response. Client octets after CONNECT or Upgrade are read as if the server were to refuse:
nothing is held back, and if it agrees to Upgrade, what was read of them is dropped. A tunnel by CONNECT
may carry HTTP itself, so there the first octets that are not HTTP end it.
"""

from sensor.config import Http1Limits
from sensor.protocols.http1_pairing import OVER, STAYS, Pairing
from sensor.protocols.http1_reader import DONE, FIELDS
from sensor.protocols.http1_request import RequestReader
from sensor.protocols.http1_response import ResponseReader
from sensor.protocols.http1_shared import SKIP_BODY, Http1Counters, Http1Shared
from sensor.protocols.transaction import HttpTransaction

__all__ = ["Http1Counters", "Http1Limits", "Http1Parser", "Http1Shared"]


class Http1Parser:
    """Both directions of one flow."""

    __slots__ = ("_client", "_pairing", "_server")

    def __init__(
        self,
        limits: Http1Limits,
        sink: list[HttpTransaction],
        want_request_body: int = SKIP_BODY,
        want_response_body: int = SKIP_BODY,
        shared: Http1Shared | None = None,
    ) -> None:
        """Start before the first octet of a flow.

        :param sink: finished transactions are appended to it.
        :param want_request_body: ``SKIP_BODY``, ``KEEP_BODY`` or ``SHED_BODY``; so for responses.
        :param shared: memo, counters and new heads of all flows; a parser that stands alone makes its own.
        """
        shared = Http1Shared(limits) if shared is None else shared
        self._pairing = Pairing(shared, sink)
        self._client = RequestReader(shared, self._pairing, want_request_body)
        self._pairing.on_early_answer(self._client.cut_held_head)
        self._server = ResponseReader(shared, self._pairing, want_response_body)

    def want_bodies(self, request: int, response: int) -> None:
        """Say anew what becomes of bodies, from the next one on; ``SHED_BODY`` drops those under way."""
        self._client.want_body(request)
        self._server.want_body(response)

    @property
    def client_done(self) -> bool:
        """Client octets are of no more interest: ``feed`` ignores them."""
        return self._client.state == DONE

    @property
    def server_done(self) -> bool:
        """Server octets are of no more interest: ``feed`` ignores them."""
        return self._server.state == DONE

    def feed(self, to_server: bool, data: bytes, start: int, end: int) -> int:
        """Read the next octets, ``data[start:end]``, of a direction.

        A transaction whose head is complete is appended to the shared ``new_requests`` or
        ``new_responses``. Octets of both directions come in the order in which they were sent: a response is
        taken for that of a request before it.

        :returns: octets of the direction that wait for more: of a head or line that is not complete.
        """
        reader = self._client if to_server else self._server
        reader.feed(data, start, end)
        if self._pairing.switched != STAYS:
            self._stop_if_over()
        if reader.carry is None and reader.state != FIELDS:
            return 0
        return reader.held_octets

    def evict(self, to_server: bool) -> None:
        """Give up what a direction holds of a head or line, as if the rest of it were lost."""
        (self._client if to_server else self._server).evict()
        if self._pairing.switched != STAYS:
            self._stop_if_over()

    def gap(self, to_server: bool, length: int) -> None:
        """Account for ``length`` octets of a direction that the capture missed at this point."""
        if to_server:
            self._client.gap(length)
        else:
            self._server.gap(length)
        if self._pairing.switched != STAYS:
            self._stop_if_over()

    def close(self, to_server: bool) -> None:
        """End a direction: FIN, RST, or the end of the flow."""
        if to_server:
            self._client.close()
        else:
            self._server.close()
        if self._pairing.switched != STAYS:
            self._stop_if_over()
        if self._client.state == DONE and self._server.state == DONE:
            self._pairing.flush()

    def finish(self) -> None:
        """End the flow: what is still waiting is emitted as it is. The parser is of no further use."""
        self._client.close()
        self._server.close()
        self._pairing.flush()
        self._pairing.let_go()

    def _stop_if_over(self) -> None:
        if self._pairing.switched == OVER:
            self.finish()
