"""AYIYA, anything in anything (draft-massar-v6ops-ayiya-02): IPv6 in UDP, as tunnel brokers had it."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.columns import Tunnel
from sensor.decode.protocol import IPV6_IN_IP
from sensor.decode.walk import Header, Rows, Walk

HEADER = np.dtype(
    [
        ("id_len_type", "u1"),
        ("signature_len_hash", "u1"),
        ("auth_opcode", "u1"),
        ("next_header", "u1"),
        ("epoch", ">u4"),
    ]
)
_FORWARD = 1
_IPV6_LEN = 40


def decode_ayiya(walk: Walk, rows: Rows) -> None:
    """A forwarded IPv6 packet behind an identity and a signature of stated lengths."""
    rows = walk.filter(rows, rows.end - rows.offset >= HEADER.itemsize + _IPV6_LEN)
    header = gather(walk.octets, rows.offset, HEADER)
    id_len = np.left_shift(1, (header["id_len_type"] >> 4).astype(np.int64))
    signature_len = (header["signature_len_hash"] >> 4).astype(np.int64) << 2
    rest = rows.skip(HEADER.itemsize + id_len + signature_len)
    plausible = (header["auth_opcode"] & 15 == _FORWARD) & (header["next_header"] == IPV6_IN_IP)
    plausible &= rest.end - rest.offset >= _IPV6_LEN
    rest = walk.filter(rest, plausible)
    rest = walk.filter(rest, walk.octets[rest.offset] >> 4 == 6)
    walk.push(Header.IPV6, walk.enter(rest, Tunnel.AYIYA))
