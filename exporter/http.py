"""The metrics page's server: uvicorn inside the service's own event loop.

uvicorn's ``Server.serve`` takes over signals and wakes ten times a second; neither suits a service that has
its own signals and should sleep on a quiet line. So its protocol and its shutdown are used, and what lies
between is here. The listening sockets live as long as the server does: a reload puts new certificates and
passwords behind the same sockets, and no connection is refused meanwhile.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import uvicorn
from prometheus_client import CollectorRegistry

from exporter.authentication import Authenticator
from exporter.http_app import MetricsApp, RequestCounts
from exporter.http_protocol import HEAD_OCTETS, KEEP_ALIVE_SECONDS, BoundedProtocol
from exporter.listening import listen
from exporter.web_config import WebConfig, read_web_config
from sensor.errors import SensorError

WATCH_SECONDS: Final = 10.0
"""How often the files are looked at: a renewed certificate is in use that soon."""
HANDSHAKE_SECONDS: Final = 5.0
"""For TLS: a client that says nothing holds a file descriptor that long."""
STOP_SECONDS: Final = 1
"""For responses under way when the server stops; the service itself has five."""

_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """uvicorn's server on given sockets, without signals and without a tick."""

    def __init__(self, app: MetricsApp, web: WebConfig, counts: RequestCounts) -> None:
        super().__init__(
            uvicorn.Config(
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
        )
        self._web = web
        self._counts = counts

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections on copies of ``sockets``, which stay open when this server ends."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        self.servers = [
            await asyncio.get_running_loop().create_server(
                self._connection,
                sock=listening.dup(),
                ssl=self._web.context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if self._web.context else None,
                ssl_shutdown_timeout=STOP_SECONDS if self._web.context else None,
            )
            for listening in sockets or []
        ]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let responses under way finish for a while, then close what is left."""
        try:
            await super().shutdown(sockets)
        finally:
            for connection in list(self.server_state.connections):
                connection.transport.abort()

    def _connection(self) -> BoundedProtocol:
        return BoundedProtocol(
            self.config,
            self.server_state,
            {},
            counts=self._counts,
            client_names=self._web.client_names,
        )


class MetricsServer:
    """Serves a registry over HTTP or HTTPS until stopped."""

    def __init__(
        self,
        registry: CollectorRegistry,
        addresses: Sequence[str],
        *,
        ready: Callable[[], bool],
        web_config_file: Path | None = None,
        bearer_token_file: Path | None = None,
        watch_seconds: float = WATCH_SECONDS,
    ) -> None:
        """``addresses`` as ``host:port``; ``ready`` tells whether packets are being looked at."""
        self._registry = registry
        self._addresses = tuple(addresses)
        self._ready = ready
        self._files = (web_config_file, bearer_token_file)
        self._watch_seconds = watch_seconds
        self._counts = RequestCounts()
        self._sockets: list[socket.socket] = []
        self._server: _Server | None = None
        self._change = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self._watched: dict[Path, object] = {}

    @property
    def port(self) -> int:
        """The first port that is listened on."""
        return int(self._sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen and answer.

        :raises ConfigError: if an address or a file can't be used.
        :raises SensorError: if an address is taken.
        """
        async with self._change:
            web = self._read()
            self._sockets = listen(self._addresses)
            try:
                await self._serve(web)
            except BaseException:
                self._close()
                raise
            self._registry.register(self._counts)
        if self._watched:
            self._watcher = asyncio.create_task(self._watch())

    async def reload(self) -> None:
        """Read the files again and use what they say; connections from before are closed.

        :raises ConfigError: if one can't be used; what was in use before stays so.
        """
        async with self._change:
            web, before = self._read(), self._server
            await self._serve(web)
            if before:
                await before.shutdown()

    async def stop(self) -> None:
        """Close everything; responses under way have a second."""
        async with self._change:  # not in the middle of a reload
            if self._watcher:
                self._watcher.cancel()
            if self._server:
                await self._server.shutdown()
                self._registry.unregister(self._counts)
            self._server, self._watcher = None, None
            self._close()

    def _close(self) -> None:
        for listening in self._sockets:
            listening.close()
        self._sockets = []

    def _read(self) -> WebConfig:
        web = read_web_config(*self._files)
        self._watched = _stamps(web.files)
        return web

    async def _serve(self, web: WebConfig) -> None:
        app = MetricsApp(
            self._registry,
            Authenticator(web.users, web.bearer_token),
            self._counts,
            ready=self._ready,
            headers=web.headers,
        )
        server = _Server(app, web, self._counts)
        await server.startup(self._sockets)
        self._server = server

    async def _watch(self) -> None:
        """Reload whenever a file has changed; while that fails try again, and log each reason once."""
        failed = ""
        while True:
            await asyncio.sleep(self._watch_seconds)
            if not failed and _stamps(self._watched) == self._watched:
                continue
            try:
                await self.reload()
            except (SensorError, OSError) as error:
                if str(error) != failed:
                    failed = str(error)
                    _log.warning("%s; the metrics page goes on as before", failed)
            else:
                failed = ""
                _log.info("the metrics page uses its changed files")


def _stamps(files: Iterable[Path]) -> dict[Path, object]:
    """What tells that a file was changed or replaced."""
    stamps: dict[Path, object] = {}
    for file in files:
        try:
            found = file.stat()
            stamps[file] = (found.st_ino, found.st_size, found.st_mtime_ns)
        except OSError as error:
            stamps[file] = error.errno
    return stamps
