"""GRE (RFC 2784, RFC 2890; routing of RFC 1701; PPTP's version 1 of RFC 2637; in UDP RFC 8086).

Inside: anything with an EtherType, ERSPAN (draft-foschiano-erspan), WCCP (draft-wilson-wrec-wccp-v2).
"""

import numpy as np

from sensor.arrays import I64, Bool, gather
from sensor.decode.columns import Layer, Tunnel
from sensor.decode.ethertype import TRANSPARENT_ETHERNET, make_table
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

HEADER = np.dtype([("flags", ">u2"), ("protocol", ">u2")])
_CHECKSUM = 0x8000
_ROUTING = 0x4000
_KEY = 0x2000
_SEQUENCE = 0x1000
_ACKNOWLEDGMENT = 0x0080  # version 1
_VERSION = 0x0007

_PPP = 0x880B
_ERSPAN = 0x88BE
_ERSPAN_III = 0x22EB
_TABLE = make_table(
    {
        TRANSPARENT_ETHERNET: Header.ETHERNET,
        _PPP: Header.PPP,
        _ERSPAN: Header.ERSPAN2,
        _ERSPAN_III: Header.ERSPAN3,
        0x883E: Header.WCCP,
    }
)

_ROUTE = np.dtype([("family", ">u2"), ("offset", "u1"), ("len", "u1")])
MAX_ROUTES = 8
"""Source routes skipped; the RFC sets no bound and nobody sends any (RFC 2784 took them out)."""

_ERSPAN2_LEN = 8
_ERSPAN3_LEN = 12
_ERSPAN3_SUBHEADER_LEN = 8
_ERSPAN3_LAST = 11
_WCCP_REDIRECT_LEN = 4


def decode_gre(walk: Walk, rows: Rows) -> None:
    """IP protocol 47."""
    walk.finish(rows, Layer.IP)
    _decode(walk, rows, Tunnel.GRE)


def decode_gre_udp(walk: Walk, rows: Rows) -> None:
    """UDP port 4754; what does not begin like GRE stays a UDP datagram."""
    rows = walk.filter(rows, rows.end - rows.offset >= HEADER.itemsize)
    flags = gather(walk.octets, rows.offset, HEADER)["flags"]
    plausible = flags & ~np.uint16(_CHECKSUM | _KEY | _SEQUENCE) == 0
    _decode(walk, walk.filter(rows, plausible), Tunnel.GRE_UDP)


def _decode(walk: Walk, rows: Rows, tunnel: Tunnel) -> None:
    rows = walk.require(rows, HEADER.itemsize, DecoderEvent.GRE_PKT_TOO_SMALL)
    header = gather(walk.octets, rows.offset, HEADER)
    version = header["flags"] & _VERSION
    rows, header = walk.keep_headers(rows, header, version <= 1, DecoderEvent.GRE_WRONG_VERSION)
    is_pptp = header["flags"] & _VERSION == 1
    good = ~is_pptp | (header["flags"] & _KEY != 0)
    rows, header = walk.keep_headers(rows, header, good, DecoderEvent.GRE_VERSION1_NO_KEY)
    is_pptp = header["flags"] & _VERSION == 1
    good = ~is_pptp | (header["protocol"] == _PPP)
    rows, header = walk.keep_headers(rows, header, good, DecoderEvent.GRE_VERSION1_WRONG_PROTOCOL)

    flags = header["flags"].astype(np.uint16)
    is_pptp = flags & _VERSION == 1
    length = np.full(len(rows), HEADER.itemsize, np.int64)
    length += ((flags & (_CHECKSUM | _ROUTING) != 0) & ~is_pptp) * 4
    length += (flags & _KEY != 0) * 4
    length += (flags & _SEQUENCE != 0) * 4
    length += ((flags & _ACKNOWLEDGMENT != 0) & is_pptp) * 4
    good = length <= rows.end - rows.offset
    walk.flag(rows.row[~good & is_pptp], DecoderEvent.GRE_VERSION1_HDR_TOO_BIG)
    walk.flag(rows.row[~good & ~is_pptp], DecoderEvent.GRE_VERSION0_HDR_TOO_BIG)
    # PPTP without a sequence number is a bare acknowledgment: nothing inside.
    index = indices(good & ~(is_pptp & (flags & _SEQUENCE == 0)))
    flags, protocol = flags[index], header["protocol"][index].astype(np.uint16)
    rest = rows.take(index).skip(length[index])
    routed = (flags & _ROUTING != 0) & (flags & _VERSION == 0)
    if routed.any():
        offset = _skip_routes(walk, rest, routed)
        good = offset >= 0
        rest = Rows(rest.row, offset, rest.end, rest.wire_end)
        rest = walk.keep(rest, good, DecoderEvent.GRE_VERSION0_MALFORMED_SRE_HDR)
        flags, protocol = flags[good], protocol[good]
    headers = _TABLE[protocol]
    # ERSPAN without a sequence number is type I: the mirrored frame at once.
    headers[(protocol == _ERSPAN) & (flags & _SEQUENCE == 0)] = Header.ETHERNET
    mirrored = np.isin(protocol, (_ERSPAN, _ERSPAN_III))
    for mask, kind in ((mirrored, Tunnel.ERSPAN), (~mirrored & (headers != Header.NONE), tunnel)):
        for header_kind in np.unique(headers[mask]).tolist():
            part = rest.take(indices(mask & (headers == header_kind)))
            walk.push(header_kind, walk.enter(part, kind))


def _skip_routes(walk: Walk, rows: Rows, routed: Bool) -> I64:
    """Offsets behind the source routes of the ``routed`` rows (RFC 1701), -1 where they are bad."""
    offset = rows.offset.copy()
    index = indices(routed)
    for _ in range(MAX_ROUTES):
        fits = offset[index] + _ROUTE.itemsize <= rows.end[index]
        offset[index[~fits]] = -1
        index = index[fits]
        route = gather(walk.octets, offset[index], _ROUTE)
        offset[index] += route["len"].astype(np.int64) + _ROUTE.itemsize
        index = index[(route["family"] != 0) | (route["len"] != 0)]  # the empty one is the last
    offset[index] = -1
    return offset


def decode_erspan2(walk: Walk, rows: Rows) -> None:
    """Type II: a header of 8 octets, version 1."""
    rows = walk.require(rows, _ERSPAN2_LEN, DecoderEvent.ERSPAN_HEADER_TOO_SMALL)
    version = walk.octets[rows.offset] >> 4
    rows = walk.keep(rows, version == 1, DecoderEvent.ERSPAN_UNSUPPORTED_VERSION)
    walk.push(Header.ETHERNET, rows.skip(_ERSPAN2_LEN))


def decode_erspan3(walk: Walk, rows: Rows) -> None:
    """Type III: a header of 12 octets, version 2, and a subheader if its last bit says so."""
    rows = walk.require(rows, _ERSPAN3_LEN, DecoderEvent.ERSPAN_HEADER_TOO_SMALL)
    version = walk.octets[rows.offset] >> 4
    rows = walk.keep(rows, version == 2, DecoderEvent.ERSPAN_UNSUPPORTED_VERSION)
    subheader = walk.octets[rows.offset + _ERSPAN3_LAST] & 1 != 0
    rows = rows.skip(np.where(subheader, _ERSPAN3_LEN + _ERSPAN3_SUBHEADER_LEN, _ERSPAN3_LEN))
    walk.push(Header.ETHERNET, rows)


def decode_wccp(walk: Walk, rows: Rows) -> None:
    """WCCP version 2 puts a redirect header before the packet, version 1 does not."""
    rows = walk.require(rows, _WCCP_REDIRECT_LEN, DecoderEvent.GRE_PKT_TOO_SMALL)
    bare = walk.octets[rows.offset] >> 4 == 4
    walk.push(Header.IPV4, rows.skip(np.where(bare, 0, _WCCP_REDIRECT_LEN)))
