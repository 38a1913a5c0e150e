"""Link types that hold IP with little or nothing before it: raw IP and BSD loopback.

LINKTYPE_RAW, LINKTYPE_IPV4, LINKTYPE_IPV6, LINKTYPE_NULL and LINKTYPE_LOOP of
https://www.tcpdump.org/linktypes.html.
"""

import numpy as np

from sensor.arrays import gather
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk

_FAMILY = np.dtype(">u4")
_AF_INET = 2
_AF_INET6 = (10, 23, 24, 28, 30)
"""Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS."""


def decode_raw_ip(walk: Walk, rows: Rows) -> None:
    """IPv4 or IPv6 by the version in the first octet."""
    rows = walk.require(rows, 1, DecoderEvent.IPRAW_INVALID_IP_VERSION)
    version = walk.octets[rows.offset] >> 4
    headers = np.where(version == 4, Header.IPV4, np.where(version == 6, Header.IPV6, Header.NONE))
    walk.dispatch(rows, headers.astype(np.uint8), DecoderEvent.IPRAW_INVALID_IP_VERSION)


def decode_loopback(walk: Walk, rows: Rows) -> None:
    """Four octets of address family, in the byte order of whoever captured, then the packet."""
    rows = walk.require(rows, 4, DecoderEvent.LTNULL_PKT_TOO_SMALL)
    family = gather(walk.octets, rows.offset, _FAMILY).astype(np.uint32)
    family = np.where(family > 0xFFFF, family.byteswap(), family)
    headers = np.zeros(len(rows), np.uint8)
    headers[family == _AF_INET] = Header.IPV4
    headers[np.isin(family, _AF_INET6)] = Header.IPV6
    walk.dispatch(rows.skip(4), headers, DecoderEvent.LTNULL_UNSUPPORTED_TYPE)
