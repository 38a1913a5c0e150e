"""VXLAN (RFC 7348)."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Tunnel
from sensor.decode.ethertype import FIRST_ETHERTYPE, is_known
from sensor.decode.walk import Header, Rows, Walk

HEADER = np.dtype([("flags", "u1"), ("reserved", "V3"), ("vni", "V3"), ("reserved_last", "u1")])
_VALID_VNI = 0x08
"""The other flags are extensions' or "ignored on receipt" (§ 5)."""
_ETHERNET_LEN = 14
_ETHERNET_TYPE_OFFSET = 12


def decode_vxlan(walk: Walk, rows: Rows) -> None:
    """A frame behind 8 octets; its EtherType must be a known one."""
    rows = walk.filter(rows, rows.end - rows.offset >= HEADER.itemsize + _ETHERNET_LEN)
    header = gather(walk.octets, rows.offset, HEADER)
    rest = rows.skip(HEADER.itemsize)
    ethertype = gather(walk.octets, rest.offset + _ETHERNET_TYPE_OFFSET, np.dtype(">u2")).astype(np.uint16)
    plausible = header["flags"] & _VALID_VNI != 0
    plausible &= is_known(ethertype) | (ethertype < FIRST_ETHERTYPE)
    walk.push(Header.ETHERNET, walk.enter(walk.filter(rest, plausible), Tunnel.VXLAN))
