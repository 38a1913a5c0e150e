"""Network Service Header (RFC 8300), and VXLAN-GPE, which numbers what is inside alike.

VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe) is VXLAN with the type of its payload in the last reserved octet
before the network identifier.
"""

import numpy as np

from sensor.arrays import U8, gather
from sensor.decode.columns import Tunnel
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

HEADER = np.dtype([("start", ">u2"), ("md_type", "u1"), ("next_protocol", "u1"), ("path", ">u4")])
_VERSION = 0xC000
_LENGTH = 0x003F
"""In units of 4 octets; the two fixed words count."""
_MIN_WORDS = 2

_GPE = np.dtype([("flags", "u1"), ("reserved", ">u2"), ("next_protocol", "u1"), ("vni", ">u4")])
_GPE_FLAGS = 0xFC
_GPE_VALID = 0x0C
"""Version 0, with a network identifier and a next protocol."""


def _make_table() -> U8:
    table = np.zeros(256, np.uint8)
    table[1], table[2], table[3] = Header.IPV4, Header.IPV6, Header.ETHERNET
    table[4], table[5] = Header.NSH, Header.MPLS
    table.setflags(write=False)
    return table


_TABLE = _make_table()


def decode_nsh(walk: Walk, rows: Rows) -> None:
    """Skip the header with its metadata; one of an unknown payload is a known frame without IP."""
    rows = walk.require(rows, HEADER.itemsize, DecoderEvent.NSH_HEADER_TOO_SMALL)
    header = gather(walk.octets, rows.offset, HEADER)
    good = header["start"] & _VERSION == 0
    rows, header = walk.keep_headers(rows, header, good, DecoderEvent.NSH_UNSUPPORTED_VERSION)
    words = (header["start"] & _LENGTH).astype(np.int64)
    good = (words >= _MIN_WORDS) & (words << 2 <= rows.end - rows.offset)
    walk.flag(rows.row[~good], DecoderEvent.NSH_BAD_HEADER_LENGTH)
    index = indices(good)
    headers = _TABLE[header["next_protocol"][index]]
    headers[headers == Header.NONE] = Header.OTHER
    walk.dispatch(rows.take(index).skip(words[index] << 2), headers, DecoderEvent.NONE)


def decode_vxlan_gpe(walk: Walk, rows: Rows) -> None:
    """UDP port 4790; what does not begin like VXLAN-GPE stays a UDP datagram."""
    rows = walk.filter(rows, rows.end - rows.offset > _GPE.itemsize)
    header = gather(walk.octets, rows.offset, _GPE)
    headers = _TABLE[header["next_protocol"]]
    plausible = (header["flags"] & _GPE_FLAGS == _GPE_VALID) & (header["reserved"] == 0)
    for kind in np.unique(headers[plausible & (headers != Header.NONE)]).tolist():
        part = rows.take(indices(plausible & (headers == kind))).skip(_GPE.itemsize)
        walk.push(kind, walk.enter(part, Tunnel.VXLAN))
