"""Ports and networks of a signature.

Networks are in CIDR notation (RFC 4632; RFC 4291, section 2.3), and come out in the form that ``ipaddress``
gives them (RFC 5952), so that equal ones are equal texts.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from sensor.toml import type_name
from signatures.limits import MAX_NETWORKS, MAX_PORTS
from signatures.model import PortRange
from signatures.values import Fields

_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")
_NETWORK = re.compile(r"[0-9A-Fa-f.:]{2,45}(?:/[0-9]{1,3})?")
"""Without names of zones, and without masks in full."""
_MAPPED = IPv6Network("::ffff:0:0/96")


def read_ports(fields: Fields, key: str) -> tuple[PortRange, ...]:
    """Ports of ``key``: one, or an array."""
    if key not in fields:
        return ()
    value = fields.value(key)
    entries = fields.entries(key, MAX_PORTS, "ports") if isinstance(value, list) else [value]
    if value == []:
        fields.wrong(key, f"{key} is empty; leave it out for any port")
    ranges = [_port_range(fields, key, entry) for entry in entries]
    return tuple(entry for entry in ranges if entry is not None)


def _port_range(fields: Fields, key: str, value: object) -> PortRange | None:
    if isinstance(value, int) and not isinstance(value, bool):
        first = last = value
    elif isinstance(value, str) and (match := _PORTS.fullmatch(value)):
        first, last = int(match[1]), int(match[2])
    else:
        fields.wrong(key, f'{key} takes ports as 80 or "8000-8100", not {_shown(value)}')
        return None
    if not 0 <= first <= last <= 65535:
        fields.wrong(key, f"{key} must be from 0 to 65535, the lower port first")
        return None
    return PortRange(first, last)


def _shown(value: object) -> str:
    return repr(str(value)[:64]) if isinstance(value, str | bool) else type_name(value)


def read_networks(fields: Fields, key: str, exclusions: bool = True) -> tuple[str, ...]:
    """Networks of ``key``, in canonical text.

    :param exclusions: whether ``!`` before one may exclude it.
    """
    if key not in fields:
        return ()
    if fields.value(key) == []:
        fields.wrong(key, f"{key} is empty; leave it out for any address")
    networks: dict[str, None] = {}
    for text in fields.texts(key, MAX_NETWORKS):
        bare = text.removeprefix("!") if exclusions else text
        if network := _network(fields, key, bare):
            canonical = f"{'!' * (len(bare) < len(text))}{network}"
            if canonical in networks:
                fields.wrong(key, f"{key} holds {canonical} twice")
            networks[canonical] = None
    _report_excluded(fields, key, networks)
    return tuple(networks)


def _network(fields: Fields, key: str, text: str) -> IPv4Network | IPv6Network | None:
    network = None
    if _NETWORK.fullmatch(text):
        with suppress(ValueError):
            network = ip_network(text, strict=False)
    if network is None:
        fields.wrong(key, f'{key} takes networks as "192.0.2.0/24" or "2001:db8::/32", not {text[:64]!r}')
        return None
    address = text.partition("/")[0]
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        fields.wrong(key, f"{text} stands for IPv4 addresses: write them as such")
    elif network.network_address != ip_address(address):
        fields.wrong(key, f"{text} is an address with a prefix length: write {network}, or the address alone")
    else:
        return network
    return None


def _report_excluded(fields: Fields, key: str, networks: Iterable[str]) -> None:
    excluded = [ip_network(text[1:]) for text in networks if text.startswith("!")]
    for text in networks if excluded else ():
        if text.startswith("!"):
            continue
        network = ip_network(text)
        for other in excluded:
            if (
                network.version == other.version
                and network.prefixlen >= other.prefixlen
                and network.network_address in other
            ):
                fields.wrong(key, f"{key}: {text} is wholly excluded by !{other}")
                break
