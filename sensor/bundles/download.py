"""Fetches a file over HTTPS into a partial file that a later attempt goes on from.

Range and If-Range are RFC 9110, sections 14.2 and 13.1.5: a server sends the rest only if the file is still
the one that was begun. What is fetched is bounded in octets, in time and in redirects, and is nobody's word
until its signatures are verified.
"""

import os
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urljoin, urlsplit

import msgspec
import urllib3
from urllib3.exceptions import HTTPError, NameResolutionError, ProxyError, SSLError
from urllib3.response import BaseHTTPResponse

from sensor.bundles.connection import open_pool
from sensor.bundles.files import replace_file
from sensor.errors import ConfigError, SensorError
from signatures.bundle.envelope import MAX_BUNDLE

_REDIRECTS: Final = 5
_ATTEMPTS: Final = 4
"""Of going on where a connection broke, in one run, each of which must have brought something."""
_SECONDS: Final = 900.0
"""For all of it: a server that drips keeps nobody for ever; 64 MiB take 0.6 Mbit/s."""
_READ: Final = 64 * 1024
_RANGE: Final = re.compile(r"bytes (\d{1,15})-\d{1,15}/(?:\d{1,15}|\*)\Z")
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Source:
    """Where a bundle is fetched from."""

    url: str
    """Starts with ``https://``."""
    pins: frozenset[bytes] = frozenset()
    """SHA-256 of public keys, one of which each server on the way must have; empty for any."""
    authorities: Path | None = None
    """Certificates in PEM that are trusted instead of the system's."""

    @property
    def shown(self) -> str:
        """The URL for people, without its query, which may hold a token."""
        return _shown(self.url)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file that came whole."""

    octets: bytes
    etag: str
    """What the server calls this version of it; empty if it does not say."""


class _Begun(msgspec.Struct, frozen=True):
    """What a partial file is part of."""

    url: str
    etag: str


class _BrokenError(Exception):
    """A connection that ended too early."""


class Download:
    """One file, fetched into ``part``.

    :param part: the partial file; another beside it, with ``.json`` added, says what it is part of.
    :param clock: seconds that only go on.
    """

    def __init__(self, source: Source, part: Path, clock: Callable[[], float] = time.monotonic) -> None:
        check_url(source.url)
        self._source = source
        self._part = part
        self._begun = part.with_name(part.name + ".json")
        self._clock = clock
        self._end = clock() + _SECONDS

    def fetch(self, known: str = "") -> Fetched | None:
        """The file; None if it is still the one that the server called ``known``.

        :raises ConfigError: if certificates or proxy can't be used.
        :raises SensorError: if it can't be fetched. What came of it stays for the next time.
        """
        host = urlsplit(self._source.url).hostname or ""
        with open_pool(host, self._source.pins, self._source.authorities) as pool:
            for _ in range(_ATTEMPTS):
                before = self._size()
                try:
                    return self._attempt(pool, known)
                except _BrokenError:
                    if self._size() <= before:
                        break
        raise SensorError(
            f"{self._source.shown}: the connection broke after {self._size():,} octets; "
            "run it again, it goes on from there"
        )

    def discard(self) -> None:
        """Remove the partial file."""
        self._part.unlink(missing_ok=True)
        self._begun.unlink(missing_ok=True)

    def _attempt(self, pool: urllib3.PoolManager, known: str) -> Fetched | None:
        headers = {"User-Agent": "watchdog-sensor", "Accept-Encoding": "identity"}
        have, begun = self._size(), self._read_begun()
        if have and begun:
            headers |= {"Range": f"bytes={have}-", "If-Range": begun.etag}
        else:
            have = 0
            if known:
                headers["If-None-Match"] = known
        response = self._request(pool, headers)
        try:
            if response.status == HTTPStatus.NOT_MODIFIED and "If-None-Match" in headers:
                return None
            if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
                self.discard()
                return self._attempt(pool, known)
            return self._receive(response, have)
        finally:
            response.close()

    def _request(self, pool: urllib3.PoolManager, headers: dict[str, str]) -> BaseHTTPResponse:
        """The answer of the server that redirects end at, its body not read yet."""
        url = self._source.url
        for _ in range(_REDIRECTS + 1):
            try:
                response = pool.request(
                    "GET", url, headers=headers, redirect=False, retries=False, preload_content=False
                )
            except HTTPError as error:
                raise SensorError(f"{_shown(url)}: {_why(error)}") from error
            target = response.headers.get("Location")
            if response.status not in _MOVED or not target:
                return response
            response.close()
            url = urljoin(url, target)
            try:
                check_url(url)
            except ConfigError as error:
                raise SensorError(
                    f"{self._source.shown}: sends on to what is not HTTPS; nothing was fetched, ask its owner"
                ) from error
        raise SensorError(f"{self._source.shown}: sends on more than {_REDIRECTS} times; ask who runs it")

    def _receive(self, response: BaseHTTPResponse, have: int) -> Fetched:
        etag = response.headers.get("ETag", "")
        if response.status == HTTPStatus.PARTIAL_CONTENT and have:
            found = _RANGE.match(response.headers.get("Content-Range", ""))
            if not found or int(found[1]) != have:
                self.discard()
                raise self._unusable("answered with another part than was asked for")
        elif response.status == HTTPStatus.OK:
            have = 0
        else:
            raise self._unusable(f"answered {response.status} {response.reason or ''}".rstrip())
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise self._unusable("answered with a compressed file, which was not asked for")
        length = response.length_remaining
        if have + (length or 0) > MAX_BUNDLE:
            raise self._too_large()
        if not have:
            self._begin(etag)
        got = self._write(response, have)
        if length is not None and got < have + length:
            raise _BrokenError
        return Fetched(self._part.read_bytes(), etag)

    def _write(self, response: BaseHTTPResponse, have: int) -> int:
        """Add the body to the partial file; how many octets this now has."""
        descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.truncate(have)
            stream.seek(have)
            while True:
                try:
                    octets = response.read1(_READ, decode_content=False)
                except HTTPError as error:
                    raise _BrokenError from error
                if not octets:
                    return have
                have += len(octets)
                if have > MAX_BUNDLE:
                    raise self._too_large()
                stream.write(octets)
                stream.flush()  # for a run after this one, should it be killed
                if self._clock() > self._end:
                    raise SensorError(
                        f"{self._source.shown}: not done after {_SECONDS:.0f} s; run it again, it goes on"
                    )

    def _begin(self, etag: str) -> None:
        """Note what comes now. Only with a strong ETag can it be gone on with (RFC 9110, section 13.1.5)."""
        self.discard()
        if etag.startswith('"'):
            replace_file(self._begun, msgspec.json.encode(_Begun(self._source.url, etag)))

    def _read_begun(self) -> _Begun | None:
        try:
            begun = msgspec.json.decode(self._begun.read_bytes(), type=_Begun)
        except (OSError, msgspec.MsgspecError, ValueError):
            return None
        return begun if begun.url == self._source.url else None

    def _size(self) -> int:
        try:
            return self._part.stat().st_size
        except FileNotFoundError:
            return 0

    def _unusable(self, what: str) -> SensorError:
        return SensorError(f"{self._source.shown}: {what}; check the URL, or ask who runs the server")

    def _too_large(self) -> SensorError:
        self.discard()
        return self._unusable(f"is larger than {MAX_BUNDLE:,} octets")


def check_url(url: str) -> None:
    """Hold a URL to what is fetched.

    :raises ConfigError: if it is not HTTPS, has no host, or carries a password.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or not url.isascii() or not url.isprintable():
        raise ConfigError(f"{_shown(url)!r} is no URL that bundles are fetched from; write https://HOST/PATH")
    if parts.username is not None:
        raise ConfigError("a URL with a password ends up in logs; leave it out")


def _shown(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]


def _why(error: HTTPError) -> str:
    """What went wrong before a server answered, and what to do."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = cause.verify_message
        return f"its certificate is not trusted: {reason}; name its CA with --ca, or ask who runs it"
    if isinstance(error, SSLError):
        return "no TLS connection; check that the server speaks TLS 1.2 or later at this port"
    if isinstance(error, ProxyError):
        return "the proxy that the environment names gives no way there; check https_proxy"
    if isinstance(error, NameResolutionError):
        return "the host's name is not known; check the URL and the name server"
    return "the server does not answer; check the URL and the network, and try again"
