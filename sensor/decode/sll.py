"""Linux cooked captures, versions 1 and 2.

https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html and LINKTYPE_LINUX_SLL2.html.
"""

import numpy as np

from sensor.arrays import U16, gather
from sensor.decode.ethertype import FIRST_ETHERTYPE, dispatch_ethertype
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

_SLL_LEN = 16
_SLL_PROTOCOL_OFFSET = 14
_SLL2_LEN = 20
_PROTOCOL = np.dtype(">u2")

_PROTOCOL_LLC = 0x0004
"""ETH_P_802_2; the other values below 0x0600 are Linux's own (CAN, WAN, raw 802.3, …)."""


def decode_sll(walk: Walk, rows: Rows) -> None:
    """Version 1: the protocol is its last field."""
    rows = walk.require(rows, _SLL_LEN, DecoderEvent.SLL_PKT_TOO_SMALL)
    protocol = gather(walk.octets, rows.offset + _SLL_PROTOCOL_OFFSET, _PROTOCOL)
    _dispatch(walk, rows.skip(_SLL_LEN), protocol.astype(np.uint16))


def decode_sll2(walk: Walk, rows: Rows) -> None:
    """Version 2: the protocol is its first field."""
    rows = walk.require(rows, _SLL2_LEN, DecoderEvent.SLL2_PKT_TOO_SMALL)
    protocol = gather(walk.octets, rows.offset, _PROTOCOL)
    _dispatch(walk, rows.skip(_SLL2_LEN), protocol.astype(np.uint16))


def _dispatch(walk: Walk, rows: Rows, protocol: U16) -> None:
    llc = protocol == _PROTOCOL_LLC
    typed = protocol >= FIRST_ETHERTYPE
    walk.push(Header.LLC, rows.take(indices(llc)))
    walk.push(Header.OTHER, rows.take(indices(~(llc | typed))))
    dispatch_ethertype(walk, rows.take(indices(typed)), protocol[typed])
