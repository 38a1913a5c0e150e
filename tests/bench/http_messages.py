"""What browsers and servers of the generated capture say: requests and responses as octets.

Made from templates and one pool of page text, so that a hundred thousand of them take about a second.
The same seed gives the same messages.
"""

import random
from typing import Final
from urllib.parse import quote

MSS: Final = 1460
"""Octets of a full segment on Ethernet without TCP options."""
_MOST_SEGMENTS: Final = 20
_CHUNK: Final = 4096
_HEAD: Final = 400
"""Octets left for a response's head and the sizes of its chunks."""
_POOL_OCTETS: Final = 1 << 20

_HOSTS: Final = tuple(
    f"{name}.example.{domain}"
    for name in ("www", "news", "img", "shop", "api", "cdn")
    for domain in ("com", "jp", "net")
)
_AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0 (a desktop, Ubuntu 24.04)",
    "Mozilla/5.0 (Android 14; Mobile; rv:128.0) Gecko/128.0 Firefox/128.0",
)
_ENGLISH: Final = (
    "the", "of", "weather", "train", "ticket", "season", "market", "report", "garden", "city", "price",
    "open", "guide", "river", "photo",
)  # fmt: skip
_JAPANESE: Final = (
    "天気", "予報", "電車", "時刻表", "料理", "旅行", "写真", "今日", "ニュース", "経済", "地図", "案内",
    "東京", "大阪", "検索", "結果",
)  # fmt: skip
_QUOTED: Final = tuple(quote(word) for word in _JAPANESE)
_TYPES: Final = (
    "text/html; charset=utf-8",
    "text/css",
    "application/javascript",
    "application/json",
    "text/plain",
)


class HttpMessages:
    """Makes messages; holds the source of chance and the pool of page text."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._pool = self._page_text()

    def host(self) -> str:
        """The host that a connection's requests name."""
        return self._rng.choice(_HOSTS)

    def agent(self) -> str:
        """The browser that a connection's requests come from."""
        return self._rng.choice(_AGENTS)

    def request(self, host: str, agent: str) -> bytes:
        """One request of about 450 octets; one in twenty is a POST, a third have Japanese in the target."""
        rng = self._rng
        number = rng.getrandbits(32)
        word = rng.choice(_QUOTED if number % 3 == 0 else _ENGLISH)
        target = f"/{rng.choice(_ENGLISH)}/{number % 9973}/{word}?id={number:08x}&q={word}&page={number % 50}"
        head = (
            f"Host: {host}\r\nUser-Agent: {agent}\r\nAccept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
            f"Accept-Language: ja,en-US;q=0.7,en;q=0.3\r\n"
            f"Referer: http://{host}/{word}/{number % 997}.html\r\n"
            f"Cookie: session={number:08x}{number * 7919:016x}\r\nConnection: keep-alive\r\n"
        )
        if number % 20:
            return f"GET {target} HTTP/1.1\r\n{head}\r\n".encode()
        body = f"name={word}&comment={number:x}"
        form = f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
        return f"POST {target} HTTP/1.1\r\n{head}{form}\r\n{body}".encode()

    def response(self) -> bytes:
        """One response of 1 to 20 segments, each number as likely; a quarter are chunked."""
        rng = self._rng
        length = rng.randint(1, _MOST_SEGMENTS) * MSS - rng.randrange(MSS // 2) - _HEAD
        start = rng.randrange(_POOL_OCTETS - length)
        body = self._pool[start : start + length]
        status = "200 OK" if rng.random() < 0.93 else "404 Not Found"
        head = (
            f"HTTP/1.1 {status}\r\nServer: nginx\r\n"
            f"Date: Sat, 31 Jan 2026 00:{start % 60:02}:{length % 60:02} GMT\r\n"
            f"Content-Type: {rng.choice(_TYPES)}\r\nCache-Control: max-age={start % 3600}\r\n"
            "Connection: keep-alive\r\n"
        )
        if start % 4:
            return f"{head}Content-Length: {length}\r\n\r\n".encode() + body
        parts = [f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()]
        for at in range(0, length, _CHUNK):
            chunk = body[at : at + _CHUNK]
            parts += (b"%x\r\n" % len(chunk), chunk, b"\r\n")
        parts.append(b"0\r\n\r\n")
        return b"".join(parts)

    def _page_text(self) -> bytes:
        rng = self._rng
        parts: list[str] = []
        octets = 0
        while octets < _POOL_OCTETS:
            words = " ".join(rng.choices(_ENGLISH, k=9))
            text = f'<p class="{rng.choice(_ENGLISH)}">{words}。{"".join(rng.choices(_JAPANESE, k=6))}</p>\n'
            parts.append(text)
            octets += len(text.encode())
        return "".join(parts).encode()[:_POOL_OCTETS]
