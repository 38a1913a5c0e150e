"""GTP-U version 1 (3GPP TS 29.281): subscribers' packets between a mobile network's nodes."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Tunnel
from sensor.decode.walk import Header, Rows, Walk, indices

HEADER = np.dtype([("flags", "u1"), ("type", "u1"), ("len", ">u2"), ("teid", ">u4")])
_VERSION_PROTOCOL = 0xF0
_VERSION_1_GTP = 0x30
_EXTENSION = 0x04
_OPTIONAL = 0x07
"""Extension header, sequence number, N-PDU number: any of them brings all four octets."""
_OPTIONAL_LEN = 4
_NEXT_EXTENSION_OFFSET = 11
_G_PDU = 0xFF

MAX_EXTENSIONS = 4
"""The standard defines a handful, of which a G-PDU carries one or two (PDU session container)."""


def decode_gtp_u(walk: Walk, rows: Rows) -> None:
    """The IP packet in a G-PDU; other messages and what is no GTP-U stay UDP datagrams."""
    octets = walk.octets
    rows = walk.filter(rows, rows.end - rows.offset >= HEADER.itemsize + _OPTIONAL_LEN)
    header = gather(octets, rows.offset, HEADER)
    length = header["len"].astype(np.int64) + HEADER.itemsize
    good = (header["flags"] & _VERSION_PROTOCOL == _VERSION_1_GTP) & (header["type"] == _G_PDU)
    good &= length <= rows.wire_end - rows.offset
    index = indices(good)
    flags, rows = header["flags"][index], rows.take(index).limit(length[index])
    # An extension's last octet is the type of the next, as the last optional octet is of the first.
    has_next = (flags & _EXTENSION != 0) & (octets[rows.offset + _NEXT_EXTENSION_OFFSET] != 0)
    rest = rows.skip(np.where(flags & _OPTIONAL != 0, HEADER.itemsize + _OPTIONAL_LEN, HEADER.itemsize))
    offset = rest.offset.copy()
    following = indices(has_next)
    for _ in range(MAX_EXTENSIONS):
        following = following[offset[following] < rest.end[following]]
        extension_len = octets[offset[following]].astype(np.int64) << 2
        following, extension_len = following[extension_len > 0], extension_len[extension_len > 0]
        offset[following] += extension_len
        following = following[offset[following] <= rest.end[following]]
        following = following[octets[offset[following] - 1] != 0]
    rest = Rows(rest.row, offset, rest.end, rest.wire_end)
    rest = walk.filter(rest, offset < rest.end)
    version = octets[rest.offset] >> 4
    walk.push(Header.IPV4, walk.enter(walk.filter(rest, version == 4), Tunnel.GTP_U))
    walk.push(Header.IPV6, walk.enter(walk.filter(rest, version == 6), Tunnel.GTP_U))
