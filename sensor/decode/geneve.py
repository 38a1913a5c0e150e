"""Geneve (RFC 8926)."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Tunnel
from sensor.decode.ethertype import IPV4, IPV6, TRANSPARENT_ETHERNET
from sensor.decode.walk import Header, Rows, Walk

HEADER = np.dtype([("version_len", "u1"), ("flags", "u1"), ("protocol", ">u2"), ("vni", ">u4")])
_VERSION = 0xC0
_OPTIONS_LEN = 0x3F
_PROTOCOLS = (
    (TRANSPARENT_ETHERNET, Header.ETHERNET),
    (IPV4, Header.IPV4),
    (IPV6, Header.IPV6),
)


def decode_geneve(walk: Walk, rows: Rows) -> None:
    """A frame or packet behind 8 octets and options in units of 4."""
    rows = walk.filter(rows, rows.end - rows.offset >= HEADER.itemsize)
    header = gather(walk.octets, rows.offset, HEADER)
    options_len = (header["version_len"] & _OPTIONS_LEN).astype(np.int64) << 2
    rest = rows.skip(HEADER.itemsize + options_len)
    plausible = (header["version_len"] & _VERSION == 0) & (rest.offset < rest.end)
    for protocol, kind in _PROTOCOLS:
        part = walk.filter(rest, plausible & (header["protocol"] == protocol))
        walk.push(kind, walk.enter(part, Tunnel.GENEVE))
