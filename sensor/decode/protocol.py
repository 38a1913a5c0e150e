"""IP protocol numbers, and which header each announces (IANA "Protocol Numbers")."""

import numpy as np

from sensor.arrays import U8
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk

ICMP = 1
TCP = 6
UDP = 17
IPV6_IN_IP = 41
IPV6_FRAGMENT = 44
NO_NEXT_HEADER = 59

_BOTH = {
    4: Header.IPV4_IN_IP,
    TCP: Header.TCP,
    UDP: Header.UDP,
    IPV6_IN_IP: Header.IPV6_IN_IP,
    47: Header.GRE,
    51: Header.AH,
}
_IPV4_ONLY = {ICMP: Header.ICMP}
_IPV6_ONLY = {
    0: Header.IPV6_EXTENSION,  # hop-by-hop options
    43: Header.IPV6_EXTENSION,  # routing
    IPV6_FRAGMENT: Header.IPV6_FRAGMENT,
    58: Header.ICMPV6,
    60: Header.IPV6_EXTENSION,  # destination options
    135: Header.IPV6_EXTENSION,  # mobility
    139: Header.IPV6_EXTENSION,  # host identity
    140: Header.IPV6_EXTENSION,  # shim6
}


def _make_table(headers: dict[int, Header]) -> U8:
    table = np.full(256, Header.IP_PAYLOAD, np.uint8)
    for number, header in headers.items():
        table[number] = header
    table.setflags(write=False)
    return table


_IPV4_TABLE = _make_table(_BOTH | _IPV4_ONLY)
_IPV6_TABLE = _make_table(_BOTH | _IPV6_ONLY)


def dispatch_ipv4_protocol(walk: Walk, rows: Rows, protocol: U8) -> None:
    """Put rows, standing behind an IPv4 header, down under their protocol; none is unknown."""
    walk.dispatch(rows, _IPV4_TABLE[protocol], DecoderEvent.NONE)


def dispatch_ipv6_protocol(walk: Walk, rows: Rows, protocol: U8) -> None:
    """Put rows, standing behind an IPv6 or extension header, down under the next header."""
    walk.dispatch(rows, _IPV6_TABLE[protocol], DecoderEvent.NONE)
