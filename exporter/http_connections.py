"""HTTP/1.1 connections that can't be held open for nothing: uvicorn's, with bounds of time and number.

uvicorn's ``Server.serve`` takes over signals and wakes ten times a second; neither suits a service that has
its own signals and should sleep on a quiet line. So its protocol and its shutdown are used on connections
that were accepted elsewhere.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from exporter.http_app import MetricsApp, RequestCounts
from exporter.tls import admits
from exporter.web_config import WebConfig

HANDSHAKE_SECONDS: Final = 5.0
"""For TLS, whose usual handshake takes some milliseconds."""
REQUEST_SECONDS: Final = 20
"""From opening a connection, or from a response, to the next response complete. Twice Prometheus's usual
scrape time-out; a connection that neither asks nor reads ends here."""
KEEP_ALIVE_SECONDS: Final = 5
"""uvicorn's and nginx's order: a connection without a request is closed gently after that."""
STOP_SECONDS: Final = 1
"""For responses under way when the server stops; the service itself has five."""
HEAD_OCTETS: Final = 16 << 10
"""Of a request's head that is not complete: h11's default, and half of what nginx takes."""


class BoundedProtocol(H11Protocol):
    """A connection that is ended where it takes too long, or its certificate has no name that may read."""

    def __init__(
        self,
        *args: Any,
        counts: RequestCounts,
        client_names: frozenset[str],
        made: Callable[[], None],
        **kwargs: Any,
    ) -> None:
        """Of ``client_names`` a certificate must have one (empty: any); ``made`` hears of an agreement."""
        super().__init__(*args, **kwargs)
        self._counts = counts
        self._client_names = client_names
        self._made = made
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Take the connection or close it at once."""
        super().connection_made(transport)
        self._made()
        if self._client_names and not admits(transport.get_extra_info("peercert"), self._client_names):
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


class Connections:
    """Those that one web configuration is for."""

    def __init__(self, app: MetricsApp, web: WebConfig, counts: RequestCounts) -> None:
        self._web = web
        self._counts = counts
        self._config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",  # what strangers send wrong is no matter for the log
            access_log=False,
            workers=1,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
            h11_max_incomplete_event_size=HEAD_OCTETS,
        )
        self._config.load()
        self._server = uvicorn.Server(self._config)
        self._server.lifespan = self._config.lifespan_class(self._config)
        self._server.servers = []  # shutdown closes those, and here is none that listens
        self._beginning: set[asyncio.Task[None]] = set()
        """Handshakes."""

    def __len__(self) -> int:
        """How many are open, those in their handshake included."""
        return len(self._beginning) + len(self._server.server_state.connections)

    def add(self, connection: socket.socket) -> None:
        """Serve ``connection`` from now on."""
        task = asyncio.create_task(self._begin(connection))
        self._beginning.add(task)

        def begun(task: asyncio.Task[None]) -> None:
            self._beginning.discard(task)
            if task.cancelled():  # perhaps before it did anything
                connection.close()

        task.add_done_callback(begun)

    async def shutdown(self) -> None:
        """Let responses under way finish for a while, then close what is left."""
        try:
            beginning = list(self._beginning)
            for task in beginning:
                task.cancel()
            await asyncio.gather(*beginning, return_exceptions=True)
            await self._server.shutdown()
        finally:
            for connection in list(self._server.server_state.connections):
                connection.transport.abort()

    async def _begin(self, connection: socket.socket) -> None:
        tls = self._web.context
        task = asyncio.current_task()
        assert task is not None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: BoundedProtocol(
                    self._config,
                    self._server.server_state,
                    {},
                    counts=self._counts,
                    client_names=self._web.client_names,
                    made=lambda: self._beginning.discard(task),
                ),
                connection,
                ssl=tls,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
                ssl_shutdown_timeout=STOP_SECONDS if tls else None,
            )
        except OSError:  # of a handshake: no TLS, no certificate, or no answer
            self._counts.connections_refused += 1
