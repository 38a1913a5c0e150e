"""HTTP over the line, of which every request is known: real clients, real servers, kernels between them."""

import contextlib
import http.client
import http.server
import itertools
import socketserver
import threading
from collections.abc import Iterator

from tests.netns import Line

PORT = 8080
_REQUESTS = 20
"""On one connection."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class WebTalker:
    """Asks the right side from the left, one request after the other, until it is stopped."""

    def __init__(self, line: Line, target: str) -> None:
        """:param target: what is asked for; each request's number is put behind it."""
        self._line = line
        self._target = target
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._talk)
        self.asked = 0
        """Requests that were answered."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._end.set()
        self._thread.join()

    def _talk(self) -> None:
        with self._line.left.entered():
            for number in itertools.count():
                if not number % _REQUESTS:
                    connection = http.client.HTTPConnection(self._line.right.address, PORT, timeout=60)
                if self._end.wait(0.002):
                    break
                connection.request("GET", f"{self._target}{number}")
                assert connection.getresponse().read() == b""
                self.asked += 1
                if not (number + 1) % _REQUESTS:
                    connection.close()
            connection.close()


@contextlib.contextmanager
def web_talking(line: Line, target: str) -> Iterator[WebTalker]:
    """A talker that talks, and a server that answers."""
    with line.right.entered():
        server = _Server((line.right.address, PORT), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    talker = WebTalker(line, target)
    try:
        talker.start()
        yield talker
    finally:
        talker.stop()
        server.shutdown()
        thread.join()
        server.server_close()
