"""TCP (RFC 9293)."""

import numpy as np

from sensor.arrays import I64, U8, Bool, gather
from sensor.decode.columns import Layer
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Rows, Walk

HEADER = np.dtype(
    [
        ("src_port", ">u2"),
        ("dst_port", ">u2"),
        ("seq", ">u4"),
        ("ack", ">u4"),
        ("data_offset", "u1"),
        ("flags", "u1"),
        ("window", ">u2"),
        ("checksum", ">u2"),
        ("urgent", ">u2"),
        ("first_option", ">u4"),  # beyond the header if it has no options
    ]
)
HEADER_LEN = 20

_TIMESTAMP_LEN = 32
_TIMESTAMP = 0x0101080A
"""NOP, NOP, timestamp of 10 octets: how RFC 7323 appendix A lays out the options of nearly every
segment, so that these need no walk."""

_END = 0
_NOP = 1


def decode_tcp(walk: Walk, rows: Rows) -> None:
    """Ports, sequence numbers, control bits; options are checked only for their form.

    A data offset beyond the segment is rejected; options that a short snaplen cut off are not.
    """
    packets = walk.packets
    rows = walk.require(rows, HEADER_LEN, DecoderEvent.TCP_PKT_TOO_SMALL)
    header = gather(walk.octets, rows.offset, HEADER)
    header_len = (header["data_offset"] >> 4).astype(np.int64) << 2
    good = (header_len >= HEADER_LEN) & (header_len <= rows.wire_end - rows.offset)
    if not good.all():
        walk.flag(rows.row[~good], DecoderEvent.TCP_HLEN_TOO_SMALL)
        index = np.flatnonzero(good)
        rows, header, header_len = rows.take(index), header[index], header_len[index]
    row = rows.row
    packets.src_port[row] = header["src_port"]
    packets.dst_port[row] = header["dst_port"]
    packets.tcp_seq[row] = header["seq"]
    packets.tcp_ack[row] = header["ack"]
    packets.tcp_flags[row] = header["flags"]
    packets.tcp_window[row] = header["window"]
    rest = Rows(row, np.minimum(rows.offset + header_len, rows.end), rows.end, rows.wire_end)
    packets.layer[row] = Layer.TCP
    packets.payload_offset[row] = rest.offset
    packets.payload_len[row] = rest.end - rest.offset
    packets.payload_wire_len[row] = rows.wire_end - rows.offset - header_len

    plain = (header_len == HEADER_LEN) | (
        (header_len == _TIMESTAMP_LEN) & (header["first_option"] == _TIMESTAMP)
    )
    index = np.flatnonzero(~plain)
    bad = find_bad_options(walk.octets, rows.offset[index] + HEADER_LEN, rest.offset[index])
    if bad.any():
        walk.flag(row[index[bad]], DecoderEvent.TCP_OPT_INVALID_LEN)


def find_bad_options(octets: U8, offset: I64, end: I64) -> Bool:
    """Which option lists hold a length that is below 2 or reaches past their end.

    :param offset: (n,) int64, where each list starts.
    :param end: (n,) int64, where it ends; at most 40 octets on, which bounds the loop.
    :returns: (n,) bool.
    """
    bad = np.zeros(offset.shape[0], np.bool_)
    index = np.flatnonzero(offset < end)
    at = offset[index]
    while index.shape[0]:
        kind = octets[at]
        stop = end[index]
        length = np.where(kind == _NOP, 1, octets[at + 1].astype(np.int64))
        over = at + length > stop
        # Kind and length need two octets, so a kind on the last octet is cut off as well.
        cut = (kind != _NOP) & ((length < 2) | over | (at + 1 >= stop))
        bad[index[cut & (kind != _END)]] = True
        at = at + length
        going = (kind != _END) & ~cut & (at < stop)
        index, at = index[going], at[going]
    return bad
