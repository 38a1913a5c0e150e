"""Addresses as text: dotted IPv4, and IPv6 in the form of RFC 5952."""

from functools import lru_cache
from ipaddress import IPv6Address


@lru_cache(maxsize=8192)
def address_text(version: int, high: int, low: int) -> str:
    """The address held in two words (IPv4: in the low 32 bits of ``low``)."""
    if version == 4:
        return f"{low >> 24 & 255}.{low >> 16 & 255}.{low >> 8 & 255}.{low & 255}"
    return str(IPv6Address(high << 64 | low))
