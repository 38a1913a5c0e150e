"""L2TP version 2 data messages (RFC 2661): PPP in UDP."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Tunnel
from sensor.decode.walk import Header, Rows, Walk

_FLAGS = np.dtype(">u2")
_CONTROL = 0x8000
_LENGTH = 0x4000
_SEQUENCE = 0x0800
_OFFSET = 0x0200
_VERSION = 0x000F
_RESERVED = 0x34F0

_MIN_LEN = 6
"""Flags, tunnel and session."""


def decode_l2tp(walk: Walk, rows: Rows) -> None:
    """A data message; control messages and what is no L2TP stay UDP datagrams."""
    rows = walk.filter(rows, rows.end - rows.offset >= _MIN_LEN)
    flags = gather(walk.octets, rows.offset, _FLAGS).astype(np.uint16)
    plausible = flags & (_CONTROL | _RESERVED | _VERSION) == 2
    rows, flags = walk.filter(rows, plausible), flags[plausible]
    length = _MIN_LEN + (flags & _LENGTH != 0) * 2 + (flags & _SEQUENCE != 0) * 4
    # The offset size, if any, is the header's last field and tells how much padding follows.
    has_offset = flags & _OFFSET != 0
    fits = rows.offset + length + 2 <= rows.end
    at = np.where(has_offset & fits, rows.offset + length, 0)
    padding = gather(walk.octets, at, np.dtype(">u2")).astype(np.int64) + 2
    rest = rows.skip(length + np.where(has_offset, padding, 0))
    rest = walk.filter(rest, (~has_offset | fits) & (rest.end - rest.offset >= 2))
    walk.push(Header.PPP, walk.enter(rest, Tunnel.L2TP))
