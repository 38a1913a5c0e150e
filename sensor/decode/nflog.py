"""Linux netfilter log messages (https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html)."""

import numpy as np

from sensor.arrays import I64, gather
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

_HEADER = np.dtype([("family", "u1"), ("version", "u1"), ("resource_id", ">u2")])
_TLV = np.dtype([("len", "<u2"), ("type", "<u2")])
_PAYLOAD = 9
_MAX_TYPE = 0xFF
MAX_TLVS = 32
"""The kernel knows 21 types and sends each at most once."""

_IP_LENGTHS = np.dtype([("version", "u1"), ("tos", "u1"), ("ipv4_total", ">u2"), ("ipv6_payload", ">u2")])
_IPV6_HEADER_LEN = 40


def decode_nflog(walk: Walk, rows: Rows) -> None:
    """The packet is the payload attribute; what stands before it is skipped.

    Attributes are in the byte order of the machine that captured: a type that would be above 255
    is taken to be the other order. The attribute may hold only the packet's start, as much as the rule
    asked for; how long it was on the wire is not recorded, so its own header tells.
    """
    rows = walk.require(rows, _HEADER.itemsize, DecoderEvent.NFLOG_PKT_TOO_SMALL)
    rows = rows.skip(_HEADER.itemsize)
    for _ in range(MAX_TLVS):
        if not len(rows):
            return
        rows = walk.require(rows, _TLV.itemsize, DecoderEvent.NFLOG_NO_PAYLOAD)
        tlv = gather(walk.octets, rows.offset, _TLV)
        swapped = tlv["type"] > _MAX_TYPE
        kind = np.where(swapped, tlv["type"].byteswap(), tlv["type"])
        length = np.where(swapped, tlv["len"].byteswap(), tlv["len"]).astype(np.int64)
        good = (length >= _TLV.itemsize) & (length <= rows.wire_end - rows.offset)
        walk.flag(rows.row[~good], DecoderEvent.NFLOG_INVALID_TLV)
        found = indices(good & (kind == _PAYLOAD))
        part = rows.take(found)
        offset, end = part.offset + _TLV.itemsize, part.offset + length[found]
        wire_end = np.maximum(end, offset + _ip_len(walk, offset))
        walk.push(Header.RAW_IP, Rows(part.row, offset, np.minimum(part.end, end), wire_end))
        others = indices(good & (kind != _PAYLOAD))
        rows = rows.take(others).skip((length[others] + 3) & ~3)
    walk.flag(rows.row, DecoderEvent.NFLOG_NO_PAYLOAD)


def _ip_len(walk: Walk, offset: I64) -> I64:
    """Octets of the IP packets at ``offset`` by their headers; too few if those do not say (offload).

    Of one too short to have its lengths they are any octets: it is rejected whatever they say.
    """
    header = gather(walk.octets, offset, _IP_LENGTHS)
    ipv6_len = header["ipv6_payload"].astype(np.int64) + _IPV6_HEADER_LEN
    return np.where(header["version"] >> 4 == 4, header["ipv4_total"].astype(np.int64), ipv6_len)
