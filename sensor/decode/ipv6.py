"""IPv6 (RFC 8200) with its extension headers, the fragment header (§ 4.5) among them; AH is in ah.py."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Layer
from sensor.decode.events import DecoderEvent
from sensor.decode.protocol import NO_NEXT_HEADER, dispatch_ipv6_protocol
from sensor.decode.walk import Rows, Walk, indices

HEADER = np.dtype(
    [
        ("version_class", "u1"),
        ("class_flow", "V3"),
        ("payload_len", ">u2"),
        ("next_header", "u1"),
        ("hop_limit", "u1"),
        ("src_hi", ">u8"),
        ("src_lo", ">u8"),
        ("dst_hi", ">u8"),
        ("dst_lo", ">u8"),
    ]
)
HEADER_LEN = 40

_EXTENSION = np.dtype([("next_header", "u1"), ("len", "u1")])
_FRAGMENT = np.dtype([("next_header", "u1"), ("reserved", "u1"), ("offset_more", ">u2"), ("id", ">u4")])
_MORE_FRAGMENTS = 0x0001
_FRAGMENT_OFFSET = 0xFFF8


def decode_ipv6(walk: Walk, rows: Rows) -> None:
    """Addresses, length and next header.

    Payload length 0 with a next header is a jumbogram or comes from segmentation offload: the
    packet is then as long as its frame.
    """
    packets = walk.packets
    rows = walk.require(rows, HEADER_LEN, DecoderEvent.IPV6_PKT_TOO_SMALL)
    header = gather(walk.octets, rows.offset, HEADER)
    good = header["version_class"] >> 4 == 6
    rows, header = walk.keep_headers(rows, header, good, DecoderEvent.IPV6_WRONG_IP_VERSION)
    on_wire = rows.wire_end - rows.offset
    ip_len = header["payload_len"].astype(np.int64) + HEADER_LEN
    whole_frame = (ip_len == HEADER_LEN) & (header["next_header"] != NO_NEXT_HEADER)
    ip_len = np.where(whole_frame, on_wire, ip_len)
    good = ip_len <= on_wire
    if not good.all():
        walk.flag(rows.row[~good], DecoderEvent.IPV6_TRUNC_PKT)
        index = indices(good)
        rows, header, ip_len = rows.take(index), header[index], ip_len[index]

    row = rows.row
    packets.ip_version[row] = 6
    packets.ip_proto[row] = header["next_header"]
    packets.src_hi[row] = header["src_hi"].astype(np.uint64)
    packets.src_lo[row] = header["src_lo"].astype(np.uint64)
    packets.dst_hi[row] = header["dst_hi"].astype(np.uint64)
    packets.dst_lo[row] = header["dst_lo"].astype(np.uint64)
    packets.ip_offset[row] = rows.offset
    packets.ip_len[row] = ip_len
    wire_end = rows.offset + ip_len
    rest = Rows(row, rows.offset + HEADER_LEN, np.minimum(rows.end, wire_end), wire_end)
    dispatch_ipv6_protocol(walk, rest, header["next_header"])


def decode_extension(walk: Walk, rows: Rows) -> None:
    """Hop-by-hop options, routing, destination options, mobility, HIP, shim6: units of 8 octets."""
    rows = walk.require(rows, 8, DecoderEvent.IPV6_TRUNC_EXTHDR)
    header = gather(walk.octets, rows.offset, _EXTENSION)
    length = (header["len"].astype(np.int64) + 1) << 3
    good = length <= rows.end - rows.offset
    if not good.all():
        walk.flag(rows.row[~good], DecoderEvent.IPV6_TRUNC_EXTHDR)
        index = indices(good)
        rows, header, length = rows.take(index), header[index], length[index]
    walk.packets.ip_proto[rows.row] = header["next_header"]
    dispatch_ipv6_protocol(walk, rows.skip(length), header["next_header"])


def decode_fragment(walk: Walk, rows: Rows) -> None:
    """A fragment ends here; an atomic one (RFC 6946) is the whole datagram and goes on."""
    packets = walk.packets
    rows = walk.require(rows, _FRAGMENT.itemsize, DecoderEvent.IPV6_TRUNC_EXTHDR)
    header = gather(walk.octets, rows.offset, _FRAGMENT)
    rest = rows.skip(_FRAGMENT.itemsize)
    packets.ip_proto[rows.row] = header["next_header"]
    offset_more = header["offset_more"]
    atomic = offset_more & (_FRAGMENT_OFFSET | _MORE_FRAGMENTS) == 0
    index = indices(~atomic)
    part = rest.take(index)
    walk.finish(part, Layer.FRAGMENT)
    packets.fragment_offset[part.row] = offset_more[index] & _FRAGMENT_OFFSET
    packets.fragment_more[part.row] = offset_more[index] & _MORE_FRAGMENTS
    packets.fragment_id[part.row] = header["id"][index]
    index = indices(atomic)
    dispatch_ipv6_protocol(walk, rest.take(index), header["next_header"][index])
