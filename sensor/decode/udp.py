"""UDP (RFC 768)."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Layer
from sensor.decode.events import DecoderEvent
from sensor.decode.udp_tunnels import dispatch_udp_payload
from sensor.decode.walk import Rows, Walk, indices

HEADER = np.dtype([("src_port", ">u2"), ("dst_port", ">u2"), ("len", ">u2"), ("checksum", ">u2")])
HEADER_LEN = 8


def decode_udp(walk: Walk, rows: Rows) -> None:
    """Ports and payload; a payload that may be a tunnel is handed on.

    A length beyond the IP payload is rejected, as a host would drop it; a shorter one leaves
    octets over, which no host reads: decoded, with an event. Length 0 means all that is there
    (RFC 2675).
    """
    packets = walk.packets
    rows = walk.require(rows, HEADER_LEN, DecoderEvent.UDP_PKT_TOO_SMALL)
    header = gather(walk.octets, rows.offset, HEADER)
    on_wire = rows.wire_end - rows.offset
    length = header["len"].astype(np.int64)
    length = np.where(length == 0, on_wire, length)
    exact = length == on_wire
    if not exact.all():
        walk.flag(rows.row[length < HEADER_LEN], DecoderEvent.UDP_HLEN_TOO_SMALL)
        walk.flag(rows.row[~exact], DecoderEvent.UDP_LEN_INVALID)
        index = indices((length >= HEADER_LEN) & (length <= on_wire))
        rows, header, length = rows.take(index), header[index], length[index]
    rest = rows.limit(length).skip(HEADER_LEN)
    at = walk.at(rows)
    src_port = header["src_port"].astype(np.uint16)
    dst_port = header["dst_port"].astype(np.uint16)
    packets.src_port[at] = src_port
    packets.dst_port[at] = dst_port
    walk.finish(rest, Layer.UDP)
    dispatch_udp_payload(walk, rest, src_port, dst_port)
