"""Ethernet II and IEEE 802.3 frames (IEEE 802.3 clause 3; LLC and SNAP: IEEE 802.2, RFC 1042)."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.ethertype import dispatch_ethertype
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

HEADER_LEN = 14
TYPE_OFFSET = 12
_TYPE = np.dtype(">u2")

_LLC = np.dtype([("dsap", "u1"), ("ssap", "u1"), ("control", "u1")])
_SNAP = np.dtype([("oui_high", ">u2"), ("oui_low", "u1"), ("protocol", ">u2")])
_SAP_SNAP = 0xAA
_SAP_IP = 0x06
_ITAG_LEN = 4


def decode_ethernet(walk: Walk, rows: Rows) -> None:
    """A frame from its destination address; the frame check sequence, if any, is left over."""
    rows = walk.require(rows, HEADER_LEN, DecoderEvent.ETHERNET_PKT_TOO_SMALL)
    ethertype = gather(walk.octets, rows.offset + TYPE_OFFSET, _TYPE).astype(np.uint16)
    dispatch_ethertype(walk, rows.skip(HEADER_LEN), ethertype)


def decode_itag(walk: Walk, rows: Rows) -> None:
    """IEEE 802.1ah service tag: an identifier, then the customer's frame."""
    rows = walk.require(rows, _ITAG_LEN, DecoderEvent.IEEE8021AH_HEADER_TOO_SMALL)
    walk.push(Header.ETHERNET, rows.skip(_ITAG_LEN))


def decode_llc(walk: Walk, rows: Rows) -> None:
    """IEEE 802.2 LLC; with SNAP an EtherType follows."""
    rows = walk.require(rows, _LLC.itemsize, DecoderEvent.LLC_PKT_TOO_SMALL)
    llc = gather(walk.octets, rows.offset, _LLC)
    snap = (llc["dsap"] == _SAP_SNAP) & (llc["ssap"] == _SAP_SNAP)
    is_ip = (llc["dsap"] == _SAP_IP) & (llc["ssap"] == _SAP_IP)
    rest = rows.skip(_LLC.itemsize)
    walk.push(Header.IPV4, rest.take(indices(is_ip)))
    walk.push(Header.OTHER, rest.take(indices(~(snap | is_ip))))
    _decode_snap(walk, rest.take(indices(snap)))


def _decode_snap(walk: Walk, rows: Rows) -> None:
    rows = walk.require(rows, _SNAP.itemsize, DecoderEvent.LLC_PKT_TOO_SMALL)
    snap = gather(walk.octets, rows.offset, _SNAP)
    # OUI 0 says that an EtherType follows (RFC 1042), 00-00-F8 the same (IEEE 802.1H). Any other
    # OUI has numbers of its own (Cisco's CDP, spanning tree, …).
    is_ethertype = (snap["oui_high"] == 0) & np.isin(snap["oui_low"], (0x00, 0xF8))
    rest = rows.skip(_SNAP.itemsize)
    walk.push(Header.OTHER, rest.take(indices(~is_ethertype)))
    index = indices(is_ethertype)
    ethertype = snap["protocol"][index].astype(np.uint16)
    # A length here would send the row round for ever.
    walk.push(Header.OTHER, rest.take(index[ethertype < 0x0600]))
    typed = ethertype >= 0x0600
    dispatch_ethertype(walk, rest.take(index[typed]), ethertype[typed])
