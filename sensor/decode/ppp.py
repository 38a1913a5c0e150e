"""PPP (RFC 1661), PPP in HDLC-like framing (RFC 1662), PPPoE (RFC 2516) and Cisco HDLC (RFC 1547)."""

import numpy as np

from sensor.arrays import U8, U16, gather
from sensor.decode.ethertype import dispatch_ethertype
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

_PPPOE = np.dtype([("version_type", "u1"), ("code", "u1"), ("session", ">u2"), ("len", ">u2")])

_CHDLC = np.dtype([("address", "u1"), ("control", "u1"), ("ethertype", ">u2")])
_CHDLC_ADDRESSES = (0x0F, 0x8F)
"""Unicast and broadcast (RFC 1547 § 4.3.1)."""

_ALL_STATIONS_UI = (0xFF, 0x03)
"""Address and control of HDLC-like framing; left out where both ends agreed to (RFC 1661 § 6.6)."""

_IPV4 = 0x0021
_IPV6 = 0x0057
_MPLS = (0x0281, 0x0283)
_UNREADABLE = (0x002D, 0x002F, 0x0053, 0x00FB, 0x00FD, 0x0061, 0x0063, 0x0065, 0x0067, 0x0069, 0x003D)
"""Data that is compressed, encrypted or split: Van Jacobson, ECP, CCP, IPHC, multilink."""
_FIRST_CONTROL = 0x4000
"""From here on low-volume, network control and link control protocols (RFC 1661 § 2)."""


def _make_table() -> U8:
    table = np.zeros(1 << 16, np.uint8)
    # Protocols end in an odd octet and their first one is even (RFC 1661 § 2).
    protocols = np.arange(_FIRST_CONTROL, 1 << 16)
    table[protocols[(protocols & 0x0101) == 0x0001]] = Header.OTHER
    table[list(_UNREADABLE)] = Header.OTHER
    table[_IPV4] = Header.IPV4
    table[_IPV6] = Header.IPV6
    table[list(_MPLS)] = Header.MPLS
    table.setflags(write=False)
    return table


_TABLE = _make_table()


def decode_pppoe(walk: Walk, rows: Rows) -> None:
    """The header of the session stage; what lies behind its length is Ethernet's padding."""
    rows = walk.require(rows, _PPPOE.itemsize, DecoderEvent.PPPOE_PKT_TOO_SMALL)
    header = gather(walk.octets, rows.offset, _PPPOE)
    good = (header["version_type"] == 0x11) & (header["code"] == 0)
    rows, header = walk.keep_headers(rows, header, good, DecoderEvent.PPPOE_WRONG_CODE)
    walk.push(Header.PPP, rows.skip(_PPPOE.itemsize).limit(header["len"].astype(np.int64)))


def decode_ppp(walk: Walk, rows: Rows) -> None:
    """With or without address and control, the protocol in two octets or compressed to one."""
    rows = walk.require(rows, 2, DecoderEvent.PPP_PKT_TOO_SMALL)
    first, second = walk.octets[rows.offset], walk.octets[rows.offset + 1]
    cisco = np.isin(first, _CHDLC_ADDRESSES) & (second == 0)
    if cisco.any():  # LINKTYPE_PPP_HDLC stands for either.
        walk.push(Header.CHDLC, rows.take(indices(cisco)))
        rows = rows.take(indices(~cisco))
        first, second = first[~cisco], second[~cisco]
    framed = (first == _ALL_STATIONS_UI[0]) & (second == _ALL_STATIONS_UI[1])
    rows = rows.skip(np.where(framed, 2, 0))
    rows = walk.require(rows, 2, DecoderEvent.PPP_PKT_TOO_SMALL)
    protocol = gather(walk.octets, rows.offset, np.dtype(">u2")).astype(np.uint16)
    compressed = protocol & 0x0100 != 0  # an odd first octet ends the field (RFC 1661 § 6.5)
    protocol = np.where(compressed, protocol >> 8, protocol)
    dispatch_ppp(walk, rows.skip(np.where(compressed, 1, 2)), protocol)


def dispatch_ppp(walk: Walk, rows: Rows, protocol: U16) -> None:
    """Put rows, standing behind a PPP protocol field, down under what it announces."""
    walk.dispatch(rows, _TABLE[protocol], DecoderEvent.PPP_WRONG_TYPE)


def decode_chdlc(walk: Walk, rows: Rows) -> None:
    """Cisco HDLC: address, control, EtherType."""
    rows = walk.require(rows, _CHDLC.itemsize, DecoderEvent.CHDLC_PKT_TOO_SMALL)
    ethertype = gather(walk.octets, rows.offset, _CHDLC)["ethertype"].astype(np.uint16)
    dispatch_ethertype(walk, rows.skip(_CHDLC.itemsize), ethertype)
