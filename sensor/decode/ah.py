"""IP Authentication Header (RFC 4302): what it protects follows in the clear."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.events import DecoderEvent
from sensor.decode.protocol import dispatch_ipv4_protocol, dispatch_ipv6_protocol
from sensor.decode.walk import Rows, Walk, indices

HEADER = np.dtype([("next_header", "u1"), ("len", "u1"), ("reserved", "V2"), ("spi", ">u4")])


def decode_authentication(walk: Walk, rows: Rows) -> None:
    """Behind IPv4 as behind IPv6; its length counts in 4 octets, less 2 (§ 2.2)."""
    packets = walk.packets
    rows = walk.require(rows, HEADER.itemsize, DecoderEvent.AH_PKT_TOO_SMALL)
    header = gather(walk.octets, rows.offset, HEADER)
    length = (header["len"].astype(np.int64) + 2) << 2
    good = length <= rows.end - rows.offset
    walk.flag(rows.row[~good], DecoderEvent.AH_PKT_TOO_SMALL)
    index = indices(good)
    rows, protocol = rows.take(index).skip(length[index]), header["next_header"][index]
    packets.ip_proto[rows.row] = protocol
    is_ipv4 = packets.ip_version[rows.row] == 4
    for dispatch, index in (
        (dispatch_ipv4_protocol, indices(is_ipv4)),
        (dispatch_ipv6_protocol, indices(~is_ipv4)),
    ):
        dispatch(walk, rows.take(index), protocol[index])
