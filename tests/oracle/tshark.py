"""What tshark reports of a capture, read from its PDML output.

PDML (https://wiki.wireshark.org/PDML) keeps the order of the layers, tells the messages of one packet
apart, and gives each field's octets in hexadecimal.
"""

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path

Ends = tuple[str, int, str, int]
"""Source address and port, destination address and port; ports are 0 where there are none."""

PREFERENCES = ("tcp.reassemble_out_of_order:TRUE", "http.decompress_body:TRUE")
PROTOCOLS = "geninfo frame ip ipv6 tcp udp icmp icmpv6 http"


@dataclass(frozen=True, slots=True)
class HttpMessage:
    """A request or a response; octets as they were sent, empty where a field is missing."""

    ends: Ends
    method: bytes
    uri: bytes
    host: bytes
    user_agent: bytes
    referer: bytes
    status: int
    """0 for a request."""


@dataclass(frozen=True, slots=True)
class Dissected:
    """One packet."""

    number: int
    ends: Ends | None
    """Of the innermost IP packet, None where there is none. An ICMP error's quoted packet is not it."""
    messages: tuple[HttpMessage, ...]


@cache
def dissect(capture: Path) -> tuple[Dissected, ...]:
    """Every packet of ``capture`` as tshark sees it."""
    options = [word for preference in PREFERENCES for word in ("-o", preference)]
    command = ["tshark", "-n", "-r", str(capture), "-T", "pdml", "-J", PROTOCOLS, *options]
    output = subprocess.run(command, check=False, capture_output=True).stdout  # 2 for a damaged capture
    found = []
    with suppress(ET.ParseError):  # it stops writing where the damage is
        for _, element in ET.iterparse(BytesIO(output)):
            if element.tag == "packet":
                found.append(_packet(element))
    return tuple(found)


def _packet(packet: ET.Element) -> Dissected:
    number, addresses, ports = 0, None, (0, 0)
    messages: list[HttpMessage] = []
    below_icmp = False
    for proto in packet.iter("proto"):
        name = proto.get("name", "")
        if name == "geninfo":
            number = int(_show(proto, "num"))
        elif name in {"ip", "ipv6"} and not below_icmp:
            addresses = tuple(str(ip_address(_show(proto, f"{name}.{side}"))) for side in ("src", "dst"))
            ports = (0, 0)
        elif name in {"tcp", "udp"} and not below_icmp:
            ports = (int(_show(proto, f"{name}.srcport")), int(_show(proto, f"{name}.dstport")))
        elif name in {"icmp", "icmpv6"}:
            below_icmp = True
        elif name == "http" and addresses:
            messages += _messages(proto, (addresses[0], ports[0], addresses[1], ports[1]))
    ends = (addresses[0], ports[0], addresses[1], ports[1]) if addresses else None
    return Dissected(number, ends, tuple(messages))


def _messages(proto: ET.Element, ends: Ends) -> Iterator[HttpMessage]:
    method = _octets(proto, "http.request.method")
    status = _show(proto, "http.response.code")
    if method or status:
        yield HttpMessage(
            ends,
            method,
            uri=_octets(proto, "http.request.uri"),
            host=_octets(proto, "http.host"),
            user_agent=_octets(proto, "http.user_agent"),
            referer=_octets(proto, "http.referer"),
            status=int(status or 0),
        )


def _field(proto: ET.Element, name: str) -> ET.Element | None:
    return next((field for field in proto.iter("field") if field.get("name") == name), None)


def _show(proto: ET.Element, name: str) -> str:
    field = _field(proto, name)
    return "" if field is None else field.get("show", "")


def _octets(proto: ET.Element, name: str) -> bytes:
    """A text field's octets. Of a header line PDML gives the whole line, name and end included."""
    field = _field(proto, name)
    if field is None:
        return b""
    octets = bytes.fromhex(field.get("value", ""))
    if name in {"http.host", "http.user_agent", "http.referer"}:
        octets = octets.partition(b":")[2]
    return octets.strip()
