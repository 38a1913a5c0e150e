"""Addresses as text: dotted IPv4, and IPv6 in the form of RFC 5952."""

from functools import lru_cache
from ipaddress import IPv6Address


def address_text(version: int, high: int, low: int) -> str:
    """The address held in two words (IPv4: in the low 32 bits of ``low``)."""
    if version == 4:
        return f"{_half(low >> 16 & 0xFFFF)}.{_half(low & 0xFFFF)}"
    return _ipv6(high, low)


@lru_cache(maxsize=1 << 16)
def _half(two_octets: int) -> str:
    """Half of an IPv4 address: there are few enough to remember, even where each address is new."""
    return f"{two_octets >> 8}.{two_octets & 255}"


@lru_cache(maxsize=8192)
def _ipv6(high: int, low: int) -> str:
    return str(IPv6Address(high << 64 | low))
