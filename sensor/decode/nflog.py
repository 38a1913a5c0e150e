"""Linux netfilter log messages (https://www.tcpdump.org/linktypes/LINKTYPE_NFLOG.html)."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

_HEADER = np.dtype([("family", "u1"), ("version", "u1"), ("resource_id", ">u2")])
_TLV = np.dtype([("len", "<u2"), ("type", "<u2")])
_PAYLOAD = 9
_MAX_TYPE = 0xFF
MAX_TLVS = 32
"""The kernel knows 21 types and sends each at most once."""

_MAX_PACKET = 65536


def decode_nflog(walk: Walk, rows: Rows) -> None:
    """The packet is the payload attribute; what stands before it is skipped.

    Attributes are in the byte order of the machine that captured: a type that would be above 255
    is taken to be the other order. How long the packet was on the wire is not recorded, so its own
    header tells.
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
        end = np.minimum(part.end, part.offset + length[found])
        packet = Rows(part.row, part.offset + _TLV.itemsize, end, end + _MAX_PACKET)
        walk.push(Header.RAW_IP, packet)
        others = indices(good & (kind != _PAYLOAD))
        rows = rows.take(others).skip((length[others] + 3) & ~3)
    walk.flag(rows.row, DecoderEvent.NFLOG_NO_PAYLOAD)
