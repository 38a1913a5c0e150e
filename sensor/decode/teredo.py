"""Teredo: IPv6 in UDP through NATs (RFC 4380)."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Tunnel
from sensor.decode.walk import Header, Rows, Walk

_INDICATOR = np.dtype([("type", ">u2"), ("id_len", "u1"), ("auth_len", "u1")])
_ORIGIN = 0x0000
_AUTHENTICATION = 0x0001
_ORIGIN_LEN = 8
_AUTHENTICATION_LEN = 13
"""Without the client identifier and the authentication value (§ 5.1.1)."""

_IPV6_LEN = 40


def decode_teredo(walk: Walk, rows: Rows) -> None:
    """Skip authentication, then origin; what follows must be an IPv6 packet of just that length."""
    indicator = np.dtype(">u2")
    rows = walk.filter(rows, rows.end - rows.offset >= _IPV6_LEN)
    start = gather(walk.octets, rows.offset, _INDICATOR)
    length = _AUTHENTICATION_LEN + start["id_len"].astype(np.int64) + start["auth_len"]
    rows = rows.skip(np.where(start["type"] == _AUTHENTICATION, length, 0))
    rows = walk.filter(rows, rows.end - rows.offset >= _IPV6_LEN)
    origin = gather(walk.octets, rows.offset, indicator) == _ORIGIN
    rows = rows.skip(np.where(origin, _ORIGIN_LEN, 0))
    rows = walk.filter(rows, rows.end - rows.offset >= _IPV6_LEN)
    payload_len = gather(walk.octets, rows.offset + 4, np.dtype(">u2")).astype(np.int64)
    plausible = walk.octets[rows.offset] >> 4 == 6
    plausible &= payload_len + _IPV6_LEN == rows.wire_end - rows.offset
    walk.push(Header.IPV6, walk.enter(walk.filter(rows, plausible), Tunnel.TEREDO))
