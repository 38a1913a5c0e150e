"""HTTPS to one server: verified, pinned if asked for, through the proxy that the environment names.

A pin is the SHA-256 of a server's public key, written as in RFC 7469, section 2.4: ``sha256/BASE64`` of its
SubjectPublicKeyInfo. The key of the server's own certificate must be pinned, on top of what TLS verifies.
"""

import base64
import binascii
import hashlib
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import unquote
from urllib.request import getproxies, proxy_bypass

import urllib3
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import LocationParseError, ProxySchemeUnknown
from urllib3.util import Timeout, make_headers, parse_url

from sensor.errors import ConfigError, SensorError

_PREFIX: Final = "sha256/"
_CONNECT_SECONDS: Final = 10.0
_READ_SECONDS: Final = 30.0
"""That a server may be silent."""


def parse_pin(text: str) -> bytes:
    """The 32 octets that ``sha256/BASE64`` stands for.

    :raises ValueError: if it stands for none.
    """
    try:
        digest = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if not text.startswith(_PREFIX) or len(digest) != hashlib.sha256().digest_size:
        raise ValueError(
            f"{text[:80]!r} is no pin; write {_PREFIX} and the 44 characters of a SHA-256 in Base64"
        )
    return digest


def pin_of(certificate: bytes) -> bytes:
    """SHA-256 of the public key in a certificate in DER.

    :raises ValueError: if it is none.
    """
    key = x509.load_der_x509_certificate(certificate).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def open_pool(host: str, pins: frozenset[bytes], authorities: Path | None) -> urllib3.PoolManager:
    """What requests to ``host`` are made with.

    :param pins: of keys, one of which the server must have; empty to rely on TLS alone.
    :param authorities: certificates in PEM to trust instead of the system's.
    :raises ConfigError: if these can't be read, or the environment names a proxy that can't be used.
    """
    try:
        context = ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        reason = "holds no certificates in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"--ca {authorities}: {reason}; name a file of CA certificates") from error
    timeout = Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS)
    proxy = _proxy_for(host)
    if proxy is None:
        pool = urllib3.PoolManager(ssl_context=context, timeout=timeout)
    else:
        pool = _proxy_pool(proxy, context, timeout)
    pool.pool_classes_by_scheme = {**pool.pool_classes_by_scheme, "https": _pinned_pool(pins)}
    return pool


def _proxy_for(host: str) -> str | None:
    """The proxy that ``https_proxy``, ``all_proxy`` or the system name for a host, ``no_proxy`` heeded."""
    if proxy_bypass(host):
        return None
    proxies = getproxies()
    return proxies.get("https") or proxies.get("all")


def _proxy_pool(proxy: str, context: ssl.SSLContext, timeout: Timeout) -> urllib3.PoolManager:
    try:
        address = parse_url(proxy if "://" in proxy else f"http://{proxy}")
        headers = make_headers(proxy_basic_auth=unquote(address.auth)) if address.auth else None
        return urllib3.ProxyManager(
            address._replace(auth=None).url, proxy_headers=headers, ssl_context=context, timeout=timeout
        )
    except (LocationParseError, ProxySchemeUnknown, ValueError) as error:
        raise ConfigError(
            "the proxy that the environment names can't be used; set https_proxy=http://HOST:PORT"
        ) from error


def _pinned_pool(pins: frozenset[bytes]) -> type[HTTPSConnectionPool]:
    """A kind of pool whose connections are looked at before a request goes out on them."""

    class PinnedConnection(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            if pins:
                self._check_pin()

        def _check_pin(self) -> None:
            host = self._tunnel_host or self.host
            try:
                # Of a proxy's connection it is the server's: TLS goes through to it.
                digest = pin_of(self.sock.getpeercert(binary_form=True) or b"")  # type: ignore[union-attr]
            except ValueError as error:
                self.close()
                raise SensorError(f"{host}: its certificate can't be read; ask who runs it") from error
            if digest not in pins:
                self.close()
                shown = _PREFIX + base64.b64encode(digest).decode()
                raise SensorError(
                    f"{host}: its key {shown} is not pinned; nothing was fetched: "
                    "someone may be in between, or the server has a new key, then pin it with --pin"
                )

    class PinnedPool(HTTPSConnectionPool):
        ConnectionCls = PinnedConnection

    return PinnedPool
