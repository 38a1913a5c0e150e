"""Networks and ports of a rule's header: groups, negation, variables.

What is not exactly a list of networks with exceptions, or of ranges of ports, is refused.
"""

import ipaddress
import re
from collections.abc import Mapping
from types import MappingProxyType

from signatures.importing.result import RefusedError
from signatures.model import PortRange

_PRIVATE = "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12,fc00::/7,fe80::/10]"
DEFAULT_VARIABLES = MappingProxyType(
    {
        "HOME_NET": _PRIVATE,
        "EXTERNAL_NET": "!$HOME_NET",
        **{
            f"{name}_{kind}": "$HOME_NET"
            for name in ("HTTP", "SMTP", "SQL", "DNS", "TELNET", "SIP", "SSH", "FTP", "DC", "SNMP")
            for kind in ("SERVERS", "SERVER")
        },
        "HTTP_PORTS": "80",
        "SHELLCODE_PORTS": "!80",
        "ORACLE_PORTS": "1521",
        "SSH_PORTS": "22",
        "FTP_PORTS": "21",
        "SIP_PORTS": "[5060,5061]",
        "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]",
        "DNP3_PORTS": "20000",
        "MODBUS_PORTS": "502",
        "VXLAN_PORTS": "4789",
        "GENEVE_PORTS": "6081",
        "TEREDO_PORTS": "3544",
    }
)
"""As suricata.yaml ships them, with the private networks of IPv6 beside those of IPv4."""
_MAX_DEPTH = 16
"""Groups and variables inside each other; more is a circle."""
_TOKEN = re.compile(r"\s*(!|\[|\]|,|\$[A-Za-z0-9_]+|[^\s,!\[\]$]+)")

Leaf = tuple[bool, str]
"""Whether it is an exception, and what stands there."""


class Variables:
    """What variables stand for; remembers which were used."""

    def __init__(self, defined: Mapping[str, str] = MappingProxyType({})) -> None:
        self._values = {**DEFAULT_VARIABLES, **defined}
        self.used: dict[str, str] = {}

    def networks(self, text: str) -> tuple[str, ...]:
        """Networks in CIDR notation, ``!`` before those that are excluded; empty for any.

        :raises RefusedError: if it can't be said in such a list.
        """
        if text == "any":
            return ()
        leaves = self._leaves("(networks)", text)
        wanted = [_network(leaf) for negated, leaf in leaves if not negated]
        excluded = [_network(leaf) for negated, leaf in leaves if negated]
        if "any" in excluded:
            raise RefusedError("(networks)", f"{text[:64]} excludes every address")
        if "any" in wanted:
            wanted = []
        elif not wanted and not excluded:
            raise RefusedError("(networks)", f"{text[:64]} is empty")
        return tuple(dict.fromkeys([*wanted, *(f"!{network}" for network in excluded)]))

    def ports(self, text: str) -> tuple[PortRange, ...]:
        """Ranges of ports, ascending; empty for any.

        :raises RefusedError: if there are none, or the text is not ports.
        """
        if text == "any":
            return ()
        leaves = self._leaves("(ports)", text)
        if not leaves:
            raise RefusedError("(ports)", f"{text[:64]} is empty")
        wanted = [_ports(leaf) for negated, leaf in leaves if not negated] or [PortRange(0, 65535)]
        for hole in [_ports(leaf) for negated, leaf in leaves if negated]:
            wanted = [
                part
                for each in wanted
                for part in (
                    PortRange(each.first, min(each.last, hole.first - 1)),
                    PortRange(max(each.first, hole.last + 1), each.last),
                )
                if part.first <= part.last
            ]
        merged: list[PortRange] = []
        for each in sorted(wanted, key=lambda ports: ports.first):
            if merged and each.first <= merged[-1].last + 1:
                merged[-1] = PortRange(merged[-1].first, max(merged[-1].last, each.last))
            else:
                merged.append(each)
        if not merged:
            raise RefusedError("(ports)", f"{text[:64]} leaves no port")
        return () if merged == [PortRange(0, 65535)] else tuple(merged)

    def _leaves(self, part: str, text: str, negated: bool = False, depth: int = 0) -> list[Leaf]:
        """The text flattened; a negated group must not hold a negation, which would be another thing."""
        if depth > _MAX_DEPTH:
            raise RefusedError(part, f"{text[:64]}: too deep, or a variable that stands for itself")
        found = _TOKEN.findall(text)
        if "".join(found) != re.sub(r"\s", "", text) or found.count("[") != found.count("]"):
            raise RefusedError(part, f"{text[:64]} can't be read")
        leaves: list[Leaf] = []
        signs = [negated]
        negate = False
        for piece in found:
            if piece == "!":
                negate = True
                continue
            if piece == "[":
                signs.append(self._sign(part, text, signs[-1], negate))
            elif piece == "]":
                if len(signs) == 1:
                    raise RefusedError(part, f"{text[:64]} can't be read")
                signs.pop()
            elif piece != ",":
                sign = self._sign(part, text, signs[-1], negate)
                if piece.startswith("$"):
                    leaves += self._leaves(part, self._value(part, piece[1:]), sign, depth + 1)
                else:
                    leaves.append((sign, piece))
            negate = False
        return leaves

    def _sign(self, part: str, text: str, outer: bool, negate: bool) -> bool:
        if outer and negate:
            raise RefusedError(part, f"{text[:64]}: an exception to an exception")
        return outer or negate

    def _value(self, part: str, name: str) -> str:
        if name not in self._values:
            raise RefusedError(part, f"${name} is not defined: --define {name}=…")
        self.used[name] = self._values[name]
        return self._values[name]


def check_defined(defined: Mapping[str, str]) -> None:
    """Make sure that what variables stand for can be used in a header.

    :raises RefusedError: named by the variable that can't.
    """
    variables = Variables(defined)
    for name, value in defined.items():
        try:
            if name.endswith(("PORT", "PORTS")):
                variables.ports(value)
            elif name in DEFAULT_VARIABLES:
                variables.networks(value)
            else:
                _check_either(variables, value)
        except RefusedError as error:
            raise RefusedError(name, error.reason) from error


def _check_either(variables: Variables, value: str) -> None:
    try:
        variables.networks(value)
    except RefusedError as error:
        try:
            variables.ports(value)
        except RefusedError:
            raise RefusedError("", f"neither networks ({error.reason}) nor ports") from error


def _network(text: str) -> str:
    if text == "any":
        return text
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        raise RefusedError("(networks)", f"{text[:64]} is no network in CIDR notation") from error


def _ports(text: str) -> PortRange:
    if text == "any":
        return PortRange(0, 65535)
    match = re.fullmatch(r"([0-9]{1,5})?(:)?([0-9]{1,5})?", text)
    if match and (match[1] or match[3]):
        first = int(match[1] or 0)
        last = int(match[3] or 65535) if match[2] else first
        if first <= last <= 65535 and (match[2] or not match[3]):
            return PortRange(first, last)
    raise RefusedError("(ports)", f"{text[:64]} is no port or first:last")
