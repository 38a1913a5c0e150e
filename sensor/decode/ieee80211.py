"""IEEE 802.11 frames, bare or behind a radiotap header (https://www.radiotap.org).

Only data frames in the clear hold packets that can be read: management, control, encrypted and
fragmented frames are known and left alone.
"""

import numpy as np

from sensor.arrays import gather
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk

_RADIOTAP = np.dtype([("version", "u1"), ("pad", "u1"), ("len", "<u2"), ("present", "<u4")])

_CONTROL_LEN = 2
_HEADER = np.dtype(
    [
        ("control", "u1"),
        ("flags", "u1"),
        ("duration", "<u2"),
        ("addresses", "V18"),
        ("sequence", "<u2"),
    ]
)
_VERSION = 0x03
_TYPE = 0x0C
_DATA = 0x08
_NULL = 0x40  # subtype bit: no data
_QOS = 0x80  # subtype bit

_TO_AND_FROM_DS = 0x03
_MORE_FRAGMENTS = 0x04
_PROTECTED = 0x40
_ORDER = 0x80
_FRAGMENT_NUMBER = 0x000F

_ADDRESS_LEN = 6
_QOS_LEN = 2
_HT_CONTROL_LEN = 4
_AGGREGATED = 0x80  # of QoS control
_SUBFRAME_LEN = 14
_SNAP = 0xAAAA


def decode_radiotap(walk: Walk, rows: Rows) -> None:
    """Skip the header by its length."""
    rows = walk.require(rows, _RADIOTAP.itemsize, DecoderEvent.RADIOTAP_PKT_TOO_SMALL)
    header = gather(walk.octets, rows.offset, _RADIOTAP)
    good = header["version"] == 0
    rows, header = walk.keep_headers(rows, header, good, DecoderEvent.RADIOTAP_WRONG_VERSION)
    length = header["len"].astype(np.int64)
    good = (length >= _RADIOTAP.itemsize) & (length <= rows.end - rows.offset)
    rest = walk.keep(rows.skip(length), good, DecoderEvent.RADIOTAP_PKT_TOO_SMALL)
    walk.push(Header.IEEE80211, rest)


def decode_ieee80211(walk: Walk, rows: Rows) -> None:
    """Data frames go on to LLC; of aggregated ones (A-MSDU) the first subframe does."""
    rows = walk.require(rows, _CONTROL_LEN, DecoderEvent.IEEE80211_PKT_TOO_SMALL)
    control = walk.octets[rows.offset]
    good = control & _VERSION == 0
    rows, control = walk.keep(rows, good, DecoderEvent.IEEE80211_WRONG_VERSION), control[good]
    is_data = control & (_TYPE | _NULL) == _DATA
    walk.push(Header.OTHER, walk.filter(rows, ~is_data))
    rows = walk.filter(rows, is_data)

    rows = walk.require(rows, _HEADER.itemsize, DecoderEvent.IEEE80211_PKT_TOO_SMALL)
    header = gather(walk.octets, rows.offset, _HEADER)
    readable = header["flags"] & (_PROTECTED | _MORE_FRAGMENTS) == 0
    readable &= header["sequence"] & _FRAGMENT_NUMBER == 0
    walk.push(Header.OTHER, walk.filter(rows, ~readable))
    rows, header = walk.filter(rows, readable), header[readable]

    flags = header["flags"]
    qos = header["control"] & _QOS != 0
    length = np.full(len(rows), _HEADER.itemsize, np.int64)
    length += (flags & _TO_AND_FROM_DS == _TO_AND_FROM_DS) * _ADDRESS_LEN
    qos_offset = length
    length = length + qos * np.where(flags & _ORDER != 0, _QOS_LEN + _HT_CONTROL_LEN, _QOS_LEN)
    # Four octets more: what LLC needs anyway, and the look ahead below reads.
    good = rows.end - rows.offset >= length + 4
    qos, qos_offset, length = qos[good], qos_offset[good], length[good]
    rows = walk.keep(rows, good, DecoderEvent.IEEE80211_PKT_TOO_SMALL)
    aggregated = qos & (walk.octets[rows.offset + qos_offset] & _AGGREGATED != 0)
    # Some drivers pad the header to four octets and leave the padding in.
    start = gather(walk.octets, rows.offset + length, np.dtype([("first", ">u2"), ("second", ">u2")]))
    padded = (length & 3 != 0) & (start["first"] != _SNAP) & (start["second"] == _SNAP)
    length += np.where(aggregated, _SUBFRAME_LEN, np.where(padded, 2, 0))
    walk.push(Header.LLC, rows.skip(length))
