"""TCP (RFC 9293)."""

import numpy as np

from sensor.arrays import I64, U8, Bool, gather
from sensor.decode.columns import Layer
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Rows, Walk, indices

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

_NOP = 1
_KIND_AND_LEN = np.dtype("<u2")
_END_STEP = 300
_BAD_STEP = 301
"""Steps past the end of any list, longer than any option."""


def _make_steps() -> I64:
    """Octets to the next option (65536,), by kind in the low and length in the high octet."""
    kind, length = np.arange(1 << 16) & 0xFF, np.arange(1 << 16) >> 8
    steps = np.where(length < 2, _BAD_STEP, length)
    steps[kind == _NOP] = 1
    steps[kind == 0] = _END_STEP
    steps.setflags(write=False)
    return steps


_STEPS = _make_steps()


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
        index = indices(good)
        rows, header, header_len = rows.take(index), header[index], header_len[index]
    at = walk.at(rows)
    packets.src_port[at] = header["src_port"].astype(np.uint16)
    packets.dst_port[at] = header["dst_port"].astype(np.uint16)
    packets.tcp_seq[at] = header["seq"].astype(np.uint32)
    packets.tcp_ack[at] = header["ack"].astype(np.uint32)
    packets.tcp_flags[at] = header["flags"]
    packets.tcp_window[at] = header["window"].astype(np.uint16)
    rest = Rows(rows.row, np.minimum(rows.offset + header_len, rows.end), rows.end, rows.wire_end)
    packets.layer[at] = Layer.TCP
    packets.payload_offset[at] = rest.offset
    packets.payload_len[at] = rest.end - rest.offset
    packets.payload_wire_len[at] = rows.wire_end - rows.offset - header_len

    first_option = header["first_option"].astype(np.uint32)
    plain = (header_len == HEADER_LEN) | ((header_len == _TIMESTAMP_LEN) & (first_option == _TIMESTAMP))
    index = indices(~plain)
    end = rows.offset[index] + header_len[index]
    whole = end <= rows.end[index]
    index = index[whole]
    bad = find_bad_options(walk.octets, rows.offset[index] + HEADER_LEN, end[whole])
    if bad.any():
        walk.flag(rows.row[index[bad]], DecoderEvent.TCP_OPT_INVALID_LEN)


def find_bad_options(octets: U8, offset: I64, end: I64) -> Bool:
    """Which option lists hold a length that is below 2 or reaches past their end.

    :param offset: (n,) int64, where each list starts.
    :param end: (n,) int64, where it ends; at most 40 octets on, which bounds the loop.
    :returns: (n,) bool.
    """
    bad = np.zeros(offset.shape[0], np.bool_)
    index = np.arange(offset.shape[0])
    while index.shape[0]:
        step = _STEPS[gather(octets, offset, _KIND_AND_LEN)]
        offset = offset + step
        going = offset < end
        if not going.all():
            # A list ends on its last octet, or by an end of list anywhere.
            bad[index[(offset > end) & (step != _END_STEP)]] = True
            index, offset, end = index[going], offset[going], end[going]
    return bad
