"""What carries a name: a TLS ClientHello (RFC 8446, section 4.1.2), and a DNS query (RFC 1035, section 4)."""

from typing import Final

_MAX_SERVER_NAME: Final = 8_192
"""Octets of a server's name: with what goes around it, a hello that is read."""
_MAX_LABEL: Final = 63
_MAX_NAME: Final = 255
_VERSION: Final = b"\x03\x03"
_CIPHER_SUITES: Final = b"\x13\x01\x13\x02\x13\x03"
_TLS_1_3_ALONE: Final = b"\x00\x2b\x00\x03\x02\x03\x04"


def client_hello(name: bytes) -> bytes | None:
    """A record with a ClientHello for ``name``, or for none if it is empty; None if it is too long."""
    if len(name) > _MAX_SERVER_NAME:
        return None
    extensions = _TLS_1_3_ALONE
    if name:
        extensions = b"\x00\x00" + _vector(_vector(b"\x00" + _vector(name, 2), 2), 2) + extensions
    body = b"".join(
        (_VERSION, bytes(32), _vector(b"", 1), _vector(_CIPHER_SUITES, 2), _vector(b"\x00", 1))
    ) + _vector(extensions, 2)
    return b"\x16\x03\x01" + _vector(b"\x01" + _vector(body, 3), 2)


def dns_query(name: bytes) -> bytes | None:
    """A query for the address of ``name``, the root if it is empty; None if it is no name of DNS."""
    labels = name.split(b".") if name else []
    if not all(0 < len(label) <= _MAX_LABEL for label in labels):
        return None
    wire = b"".join(_vector(label, 1) for label in labels) + b"\x00"
    if len(wire) > _MAX_NAME:
        return None
    header = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
    return header + wire + b"\x00\x01\x00\x01"


def _vector(octets: bytes, size: int) -> bytes:
    """``octets`` behind their length in ``size`` octets."""
    return len(octets).to_bytes(size, "big") + octets
