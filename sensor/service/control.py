"""The control socket: how ``watchdog-sensor status`` and ``reload`` speak to the service that runs.

A Unix stream socket, for its owner alone. A request is one line, ``{"command":"status"}``; the answer is one
line of JSON, and the connection ends.
"""

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from sensor.errors import ConfigError
from sensor.status import ReloadAnswer, ServiceStatus

_REQUEST_LEN: Final = 1024
_SECONDS: Final = 5.0
"""For a request to come, and for its answer to be taken. The answer itself takes as long as it takes."""
_CLIENTS: Final = 16
"""At a time; who asks is a person or two, and the metrics have a port of their own."""


class ControlServer:
    """Answers on a Unix socket."""

    def __init__(
        self,
        path: Path,
        status: Callable[[], ServiceStatus],
        reload: Callable[[], Awaitable[ReloadAnswer]],
    ) -> None:
        self._path = path
        self._status = status
        self._reload = reload
        self._server: asyncio.Server | None = None
        self._clients = 0

    async def start(self) -> None:
        """Listen. A socket that a killed service left behind is replaced.

        :raises ConfigError: if another service listens there, or it can't be made.
        """
        try:
            self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._remove_stale()
            mask = os.umask(0o177)
            try:
                self._server = await asyncio.start_unix_server(self._serve, self._path, limit=_REQUEST_LEN)
            finally:
                os.umask(mask)
        except OSError as error:
            raise ConfigError(
                f"control socket {self._path}: {error.strerror or error}; choose another in [control] socket"
            ) from error

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            with suppress(OSError):
                self._path.unlink()

    def _remove_stale(self) -> None:
        if not self._path.is_socket():
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self._path))
            except ConnectionRefusedError:
                self._path.unlink(missing_ok=True)
                return
        raise ConfigError(
            f"control socket {self._path}: a service listens there already; end it, "
            "or name another one in [control] socket"
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients <= _CLIENTS:
                async with asyncio.timeout(_SECONDS):
                    request = await reader.readline()
                writer.write(await self._answer(request) + b"\n")
                async with asyncio.timeout(_SECONDS):
                    await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # Whoever asked is gone, too slow, or said too much.
        finally:
            self._clients -= 1
            writer.close()

    async def _answer(self, request: bytes) -> bytes:
        try:
            command = json.loads(request)["command"]
        except (ValueError, KeyError, TypeError):
            return b'{"error":"a request is one line: {\\"command\\":\\"status\\"}"}'
        if command == "status":
            return msgspec.json.encode(self._status())
        if command == "reload":
            return msgspec.json.encode(await self._reload())
        return b'{"error":"the commands are status and reload"}'
