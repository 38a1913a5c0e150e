"""Addresses as text: dotted IPv4, and IPv6 in the form of RFC 5952."""

from functools import lru_cache
from ipaddress import IPv6Address

_OCTETS = tuple(map(str, range(256)))
_MAPPED = 0xFFFF
"""Before an IPv4 address in ::ffff:0:0/96 (RFC 4291, section 2.5.5.2)."""


def address_text(version: int, high: int, low: int) -> str:
    """The address held in two words (IPv4: in the low 32 bits of ``low``)."""
    if version == 4:
        # A table that stays in the processor's cache: to remember whole addresses takes longer than this
        # where each is new, as in a flood.
        return (
            f"{_OCTETS[low >> 24 & 255]}.{_OCTETS[low >> 16 & 255]}."
            f"{_OCTETS[low >> 8 & 255]}.{_OCTETS[low & 255]}"
        )
    return _ipv6(high, low)


@lru_cache(maxsize=8192)
def _ipv6(high: int, low: int) -> str:
    if not high and low >> 32 == _MAPPED:
        # Section 5. Python writes it so from 3.13 on.
        return f"::ffff:{address_text(4, 0, low & 0xFFFFFFFF)}"
    return str(IPv6Address(high << 64 | low))
