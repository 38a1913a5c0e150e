"""A real HTTPS server on loopback that can misbehave, and a proxy before it."""

import hashlib
import re
import select
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

FILE = "/acme.bundle"


class Mirror(ThreadingHTTPServer):
    """Serves ``content`` with an ETag, ranges and conditions (RFC 9110)."""

    daemon_threads = True

    def __init__(self, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.content = b""
        self.weak = False
        self.cuts: list[int] = []
        """After how many octets of a body each of the next connections is cut."""
        self.stall: threading.Event | None = None
        """What a body waits for after its first half."""
        self.redirect: str | None = None
        self.status = 0
        """Answered instead, if any."""
        self.extra: dict[str, str] = {}
        """Headers, instead of those that there would be."""
        self.seen: list[tuple[int, str | None]] = []
        """Of each answer: its status, and the range that was asked for."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}{FILE}"

    @property
    def etag(self) -> str:
        return ("W/" if self.weak else "") + f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that break off are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Mirror
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        mirror = self.server
        asked = self.headers.get("Range")
        if mirror.redirect is not None and self.path == FILE:
            self._answer(302, asked, {"Location": mirror.redirect})
        elif mirror.status:
            self._answer(mirror.status, asked, {})
        elif self.headers.get("If-None-Match") == mirror.etag:
            self._answer(304, asked, {"ETag": mirror.etag})
        else:
            self._file(asked)

    def _file(self, asked: str | None) -> None:
        mirror = self.server
        body, headers, status = mirror.content, {"ETag": mirror.etag}, 200
        found = re.fullmatch(r"bytes=(\d+)-", asked or "")
        if found and self.headers.get("If-Range") == mirror.etag and not mirror.weak:
            start = int(found[1])
            if start >= len(body):
                self._answer(416, asked, {"Content-Range": f"bytes */{len(body)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body, status = body[start:], 206
        self._answer(status, asked, headers, body)

    def _answer(self, status: int, asked: str | None, headers: dict[str, str], body: bytes = b"") -> None:
        mirror = self.server
        mirror.seen.append((status, asked))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers | mirror.extra).items():
            self.send_header(name, value)
        self.end_headers()
        if body and mirror.cuts:
            self.wfile.write(body[: mirror.cuts.pop(0)])
            self.wfile.flush()
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif body and mirror.stall:
            half = len(body) // 2
            self.wfile.write(body[:half])
            mirror.stall.wait()
            self.wfile.write(body[half:])
        elif status != 304:
            self.wfile.write(body)


@contextmanager
def serving(certificate: Path) -> Iterator[Mirror]:
    """A mirror that runs."""
    with Mirror(certificate) as mirror:
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield mirror
        finally:
            mirror.shutdown()
            thread.join()


class _Tunnel(socketserver.StreamRequestHandler):
    """HTTP CONNECT (RFC 9110, section 9.3.6)."""

    def handle(self) -> None:
        lines = []
        while (line := self.rfile.readline().strip()) != b"":
            lines.append(line.decode())
        self.server.asked += [lines]  # type: ignore[attr-defined]
        host, port = lines[0].split()[1].split(":")
        with socket.create_connection((host, int(port))) as server:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.connection: server, server: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    octets = end.recv(65536)
                    if not octets:
                        return
                    ends[end].sendall(octets)


@contextmanager
def proxying() -> Iterator[tuple[str, list[list[str]]]]:
    """A proxy that runs: ``host:port``, and the heads of what it was asked."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Tunnel) as proxy:
        proxy.daemon_threads = True
        asked: list[list[str]] = []
        proxy.asked = asked  # type: ignore[attr-defined]
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{proxy.server_address[1]}", asked
        finally:
            proxy.shutdown()
            thread.join()
