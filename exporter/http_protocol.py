"""HTTP/1.1 connections that can't be held open for nothing: uvicorn's, with bounds of time and number."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.http_app import RequestCounts
from exporter.tls import admits

CONNECTIONS: Final = 64
"""Open at once: many scrapers and browsers. Each holds a file descriptor, which capture needs too."""
REQUEST_SECONDS: Final = 20
"""From opening a connection, or from a response, to the next response complete. Twice Prometheus's usual
scrape time-out; a connection that neither asks nor reads ends here."""
KEEP_ALIVE_SECONDS: Final = 5
"""uvicorn's and nginx's order: a connection without a request is closed gently after that."""
HEAD_OCTETS: Final = 16 << 10
"""Of a request's head: h11's default, and nginx's half."""


class BoundedProtocol(H11Protocol):
    """A connection that is refused where too many are open, and ended where it takes too long."""

    def __init__(
        self, *args: Any, counts: RequestCounts, client_names: frozenset[str] = frozenset(), **kwargs: Any
    ) -> None:
        """``client_names``: of these a client's certificate must have one; empty for any."""
        super().__init__(*args, **kwargs)
        self._counts = counts
        self._client_names = client_names
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Take the connection or close it at once."""
        super().connection_made(transport)
        named = not self._client_names or admits(transport.get_extra_info("peercert"), self._client_names)
        if not named or len(self.connections) > CONNECTIONS:
            self._counts.connections_refused += 1
            transport.abort()
        else:
            self._set_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._deadline:
            self._deadline.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Give the next request its time."""
        self._set_deadline()
        super().on_response_complete()

    def _set_deadline(self) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self.transport.abort)
