"""ICMP (RFC 792) and ICMPv6 (RFC 4443)."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Layer
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Rows, Walk

HEADER = np.dtype([("type", "u1"), ("code", "u1"), ("checksum", ">u2"), ("id", ">u2"), ("seq", ">u2")])

_ECHO = (0, 8)
_ECHO_V6 = (128, 129)


def decode_icmp(walk: Walk, rows: Rows) -> None:
    """ICMP for IPv4."""
    rows = walk.require(rows, HEADER.itemsize, DecoderEvent.ICMPV4_PKT_TOO_SMALL)
    _decode(walk, rows, Layer.ICMP, _ECHO)


def decode_icmpv6(walk: Walk, rows: Rows) -> None:
    """ICMP for IPv6."""
    rows = walk.require(rows, HEADER.itemsize, DecoderEvent.ICMPV6_PKT_TOO_SMALL)
    _decode(walk, rows, Layer.ICMPV6, _ECHO_V6)


def _decode(walk: Walk, rows: Rows, layer: Layer, echo: tuple[int, int]) -> None:
    packets = walk.packets
    header = gather(walk.octets, rows.offset, HEADER)
    row = rows.row
    packets.icmp_type[row] = header["type"]
    packets.icmp_code[row] = header["code"]
    is_echo = (header["type"] == echo[0]) | (header["type"] == echo[1])
    packets.src_port[row] = np.where(is_echo, header["id"], header["type"])
    packets.dst_port[row] = np.where(is_echo, header["id"], header["code"])
    walk.finish(rows.skip(HEADER.itemsize), layer)
