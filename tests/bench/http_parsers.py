"""HTTP/1 parsers side by side: time for a transaction, and what each makes of hostile input.

    python -m tests.bench.http_parsers

Compares the project's parser with httptools (llhttp) and h11, which must be installed.
"""

import importlib
import time
from collections.abc import Callable
from typing import Any

from sensor.protocols.http1 import Http1Limits, Http1Parser, Http1Shared
from sensor.protocols.transaction import HttpTransaction

COUNT = 2000
ROUNDS = 10
HOSTILE = {
    "plain": b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
    "bare LF": b"GET /a HTTP/1.1\nHost: h\n\n",
    "unknown method": b"CCM_POST /a HTTP/1.1\r\nHost: h\r\n\r\n",
    "HTTP/0.9": b"GET /a\r\n",
    "version cut short": b"GET /a HTTP/1.\r\nHost: h\r\n\r\n",
    "space in the target": b"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
    "folded field": b"GET /a HTTP/1.1\r\nHost:\r\n h\r\n\r\n",
    "length and chunked": b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "field without a colon": b"GET /a HTTP/1.1\r\njunk\r\nHost: h\r\n\r\n",
    "space before the colon": b"GET /a HTTP/1.1\r\nHost : h\r\n\r\n",
    "NUL in a value": b"GET /a HTTP/1.1\r\nX: \0\r\nHost: h\r\n\r\n",
    "garbage before": b"tail of a lost body\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n",
}


def messages(*, vary: bool) -> list[tuple[bytes, bytes]]:
    """Requests and responses as a browser and nginx send them; ``vary`` changes what varies in practice."""
    made = []
    for i in range(COUNT):
        n = i if vary else 0
        request = (
            b"GET /wiki/Main_Page?x=%d HTTP/1.1\r\nHost: en.wikipedia.org\r\nUser-Agent: Mozilla/5.0 (X11; "
            b"Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0\r\nAccept: text/html,"
            b"application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
            b"Accept-Language: ja,en-US;q=0.7,en;q=0.3\r\nAccept-Encoding: gzip, deflate\r\nReferer: http://en.wikipedia.org/%d\r\n"
            b"Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n\r\n" % (n, n // 10)
        )
        response = (
            b"HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 11:%02d:%02d GMT\r\nServer: nginx/1.22.1\r\n"
            b"Content-Type: text/html; charset=utf-8\r\nContent-Length: 1000\r\nConnection: keep-alive\r\n"
            b'ETag: "%d"\r\nCache-Control: max-age=3600\r\nAccept-Ranges: bytes\r\n\r\n'
            % (n // 60 % 60, n % 60, n)
        )
        made.append((request, response + bytes(1000)))
    return made


def time_ours(pairs: list[tuple[bytes, bytes]]) -> None:
    """One flow, a memo that starts empty."""
    shared, sink = Http1Shared(), list[HttpTransaction]()
    parser = Http1Parser(shared.limits, sink, shared=shared)
    for request, response in pairs:
        parser.feed(True, request, 0, len(request))
        parser.feed(False, response, 0, len(response))
    assert len(sink) == len(pairs)


class Headers:
    """The least that a sensor needs of llhttp's callbacks."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        """Keep the target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field."""
        self.fields.append((name, value))


def time_httptools(pairs: list[tuple[bytes, bytes]]) -> None:
    """One request and one response parser for the flow."""
    httptools = importlib.import_module("httptools")
    client, server = httptools.HttpRequestParser(Headers()), httptools.HttpResponseParser(Headers())
    for request, response in pairs:
        client.feed_data(request)
        server.feed_data(response)


def time_h11(pairs: list[tuple[bytes, bytes]]) -> None:
    """A tenth of the messages, request side only: already far from the budget."""
    h11 = importlib.import_module("h11")
    for request, _ in pairs[:: len(pairs) // 200]:
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(request)
        connection.next_event()
        connection.next_event()


def ours(data: bytes) -> str:
    """What the project's parser reports of a client's octets."""
    sink: list[HttpTransaction] = []
    parser = Http1Parser(Http1Limits(), sink)
    parser.feed(True, data, 0, len(data))
    parser.finish()
    return ", ".join(f"{tx.method.decode()} {tx.target.decode()} host={tx.host.decode()}" for tx in sink)


def llhttp(data: bytes) -> str:
    """What httptools reports."""
    seen = Headers()
    parser: Any = importlib.import_module("httptools").HttpRequestParser(seen)
    try:
        parser.feed_data(data)
    except Exception as error:  # noqa: BLE001 - whatever it raises is the result
        return f"{type(error).__name__}"
    return f"{seen.url.decode()} {seen.fields}"


def h11(data: bytes) -> str:
    """What h11 reports."""
    connection: Any = importlib.import_module("h11").Connection(importlib.import_module("h11").SERVER)
    connection.receive_data(data)
    try:
        return str(connection.next_event())[:60]
    except Exception as error:  # noqa: BLE001 - whatever it raises is the result
        return f"{type(error).__name__}"


def measure(
    run: Callable[[list[tuple[bytes, bytes]]], None], pairs: list[tuple[bytes, bytes]], n: int
) -> float:
    """Least CPU time of several rounds, µs for each of ``n`` transactions."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        run(pairs)
        best = min(best, time.process_time() - start)
    return best / n * 1e6


def main() -> None:
    """Print both tables."""
    for label, vary in (("same lines", False), ("lines that vary", True)):
        pairs = messages(vary=vary)
        print(f"{label}: this parser {measure(time_ours, pairs, COUNT):.1f} µs a transaction, "
              f"httptools {measure(time_httptools, pairs, COUNT):.1f}, "
              f"h11 {measure(time_h11, pairs, 200):.0f} (request only)")  # fmt: skip
    for name, data in HOSTILE.items():
        print(name)
        for parser in (ours, llhttp, h11):
            print(f"    {parser.__name__:8} {parser(data)}")


if __name__ == "__main__":
    main()
