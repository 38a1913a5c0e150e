"""The metrics page's server, inside the service's own event loop.

The listening sockets live as long as the server does: a reload puts new certificates and passwords behind
the same sockets, and no connection is refused meanwhile.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from exporter.authentication import Authenticator
from exporter.http_app import MetricsApp, RequestCounts
from exporter.http_connections import Connections
from exporter.listening import listen
from exporter.web_config import read_web_config
from sensor.errors import SensorError

CONNECTIONS: Final = 64
"""Open at once: many scrapers and browsers. Each holds a file descriptor, which capture needs too."""
WATCH_SECONDS: Final = 10.0
"""How often the files are looked at: a renewed certificate is in use that soon."""
SETTLE_SECONDS: Final = 0.3
"""At a reload, for connections that were accepted a moment ago and have not asked yet."""
EXHAUSTED_SECONDS: Final = 1.0
"""Before accepting again where no file descriptor is left: asyncio's own servers wait as long."""

_log = logging.getLogger(__name__)


class MetricsServer:
    """Serves a registry over HTTP or HTTPS until stopped; on Windows only in a ``SelectorEventLoop``."""

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
        self._open: Connections | None = None
        self._change = asyncio.Lock()
        self._watcher: asyncio.Task[None] | None = None
        self._exhausted = False
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
            self._open = self._read()
            self._sockets = listen(self._addresses)
            self._registry.register(self._counts)
            for listening in self._sockets:
                self._accept_from(listening)
            if self._watched:
                self._watcher = asyncio.create_task(self._watch())

    async def reload(self) -> None:
        """Read the files again and use what they say; connections from before are closed.

        :raises ConfigError: if one can't be used; what was in use before stays so.
        """
        async with self._change:
            before, self._open = self._open, self._read()
            if before:
                await asyncio.sleep(SETTLE_SECONDS)
                await before.shutdown()

    async def stop(self) -> None:
        """Close everything; responses under way have a second."""
        async with self._change:  # not in the middle of a reload
            if self._watcher:
                self._watcher.cancel()
            for listening in self._sockets:
                asyncio.get_running_loop().remove_reader(listening)
                listening.close()
            if self._sockets and self._open:
                await self._open.shutdown()
                self._registry.unregister(self._counts)
            self._sockets, self._open, self._watcher = [], None, None

    def _read(self) -> Connections:
        web = read_web_config(*self._files)
        self._watched = _stamps(web.files)
        app = MetricsApp(
            self._registry,
            Authenticator(web.users, web.bearer_token),
            self._counts,
            ready=self._ready,
            headers=web.headers,
        )
        return Connections(app, web, self._counts)

    def _accept(self, listening: socket.socket) -> None:
        """Take one connection, now that one waits."""
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):  # it has gone again
            return
        except OSError as error:
            if not self._exhausted:
                _log.warning("the metrics page can't take connections: %s", error.strerror)
            self._exhausted = True
            loop = asyncio.get_running_loop()
            loop.remove_reader(listening)
            loop.call_later(EXHAUSTED_SECONDS, self._accept_from, listening)
            return
        self._exhausted = False
        connection.setblocking(False)
        assert self._open is not None
        if len(self._open) < CONNECTIONS:
            self._open.add(connection)
        else:
            self._counts.connections_refused += 1
            connection.close()

    def _accept_from(self, listening: socket.socket) -> None:
        # A task around loop.sock_accept would lose a connection that comes as the task is cancelled.
        if listening in self._sockets:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

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
