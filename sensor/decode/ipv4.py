"""IPv4 (RFC 791)."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Layer
from sensor.decode.events import DecoderEvent
from sensor.decode.protocol import dispatch_ipv4_protocol
from sensor.decode.walk import Rows, Walk, indices

HEADER = np.dtype(
    [
        ("version_ihl", "u1"),
        ("tos", "u1"),
        ("total_len", ">u2"),
        ("id", ">u2"),
        ("flags_fragment", ">u2"),
        ("ttl", "u1"),
        ("protocol", "u1"),
        ("checksum", ">u2"),
        ("src", ">u4"),
        ("dst", ">u4"),
    ]
)
HEADER_LEN = 20

_MORE_FRAGMENTS = 0x2000
_FRAGMENT_OFFSET = 0x1FFF


def decode_ipv4(walk: Walk, rows: Rows) -> None:
    """Addresses, lengths and protocol; fragments end here.

    A total length beyond what was on the wire is rejected, as a host would drop it; one beyond
    what was captured (a short snaplen) is not. Total length 0 comes from captures taken before
    segmentation offload: the packet is then as long as its frame.
    """
    packets = walk.packets
    rows = walk.require(rows, HEADER_LEN, DecoderEvent.IPV4_PKT_TOO_SMALL)
    header = gather(walk.octets, rows.offset, HEADER)
    version_ihl = header["version_ihl"]
    # Version 4 and a header of 20 octets or more are one range of this octet.
    if not ((version_ihl >= 0x45) & (version_ihl <= 0x4F)).all():
        good = version_ihl >> 4 == 4
        rows, header = walk.keep_headers(rows, header, good, DecoderEvent.IPV4_WRONG_IP_VERSION)
        good = header["version_ihl"] & 15 >= HEADER_LEN // 4
        rows, header = walk.keep_headers(rows, header, good, DecoderEvent.IPV4_HLEN_TOO_SMALL)
    header_len = (header["version_ihl"] & 15).astype(np.int64) << 2
    total_len = header["total_len"].astype(np.int64)
    on_wire = rows.wire_end - rows.offset
    if not total_len.all():
        total_len = np.where(total_len == 0, on_wire, total_len)
    long_enough = total_len >= header_len
    complete = (total_len <= on_wire) & (header_len <= rows.end - rows.offset)
    if not (long_enough & complete).all():
        walk.flag(rows.row[~long_enough], DecoderEvent.IPV4_IPLEN_SMALLER_THAN_HLEN)
        walk.flag(rows.row[~complete], DecoderEvent.IPV4_TRUNC_PKT)
        index = indices(long_enough & complete)
        rows, header = rows.take(index), header[index]
        header_len, total_len = header_len[index], total_len[index]

    at = walk.at(rows)
    protocol = header["protocol"]
    packets.ip_version[at] = 4
    packets.ip_proto[at] = protocol
    packets.src_lo[at] = header["src"].astype(np.uint64)
    packets.dst_lo[at] = header["dst"].astype(np.uint64)
    packets.ip_offset[at] = rows.offset
    packets.ip_len[at] = total_len

    wire_end = rows.offset + total_len
    rest = Rows(rows.row, rows.offset + header_len, np.minimum(rows.end, wire_end), wire_end)
    flags_fragment = header["flags_fragment"].astype(np.uint16)
    is_fragment = flags_fragment & (_MORE_FRAGMENTS | _FRAGMENT_OFFSET) != 0
    if is_fragment.any():
        index = indices(is_fragment)
        part = rest.take(index)
        walk.finish(part, Layer.FRAGMENT)
        packets.fragment_offset[part.row] = (flags_fragment[index] & _FRAGMENT_OFFSET) << 3
        packets.fragment_more[part.row] = flags_fragment[index] & _MORE_FRAGMENTS != 0
        packets.fragment_id[part.row] = header["id"][index]
        index = indices(~is_fragment)
        rest, protocol = rest.take(index), protocol[index]
    dispatch_ipv4_protocol(walk, rest, protocol)
