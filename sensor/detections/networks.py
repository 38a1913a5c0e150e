"""Networks as ranges of integers, so that an address is looked up by one bisection."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_network

_WORD = 64
_IPV4 = (1 << 32) - 1
_LAST = {4: _IPV4, 6: (1 << 128) - 1}

_Range = tuple[int, int]
"""First and last address."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Addresses of both versions; ranges ascending, apart from each other."""

    first: dict[int, list[int]]
    """First address of each range, by IP version."""
    last: dict[int, list[int]]

    def __contains__(self, address: tuple[int, int, int]) -> bool:
        """:param address: IP version, and the address's two words (see ``sensor.addresses``)."""
        version, high, low = address
        value = low & _IPV4 if version == 4 else high << _WORD | low
        at = bisect_right(self.first[version], value) - 1
        return at >= 0 and value <= self.last[version][at]


def compile_networks(texts: Sequence[str]) -> Networks:
    """The addresses in any of the networks ``texts`` and in none of those with ``!`` before them.

    Where all have one, every other address is in.
    """
    inside = {version: list[_Range]() for version in _LAST}
    outside = {version: list[_Range]() for version in _LAST}
    for text in texts:
        network = ip_network(text.removeprefix("!"), strict=False)
        into = outside if text.startswith("!") else inside
        into[network.version].append((int(network.network_address), int(network.broadcast_address)))
    if all(text.startswith("!") for text in texts):
        inside = {version: [(0, last)] for version, last in _LAST.items()}
    ranges = {version: _without(_merged(inside[version]), _merged(outside[version])) for version in _LAST}
    return Networks(
        {version: [first for first, _ in each] for version, each in ranges.items()},
        {version: [last for _, last in each] for version, each in ranges.items()},
    )


def _merged(ranges: Iterable[_Range]) -> list[_Range]:
    merged: list[_Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def _without(ranges: list[_Range], holes: list[_Range]) -> list[_Range]:
    left: list[_Range] = []
    for first, last in ranges:
        start = first
        for hole_first, hole_last in holes:
            if hole_last < start or hole_first > last:
                continue
            if start < hole_first:
                left.append((start, hole_first - 1))
            start = hole_last + 1
        if start <= last:
            left.append((start, last))
    return left
