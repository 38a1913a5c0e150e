"""VLAN tags (IEEE 802.1Q, 802.1ad), E-Tag (IEEE 802.1BR) and its forerunner, Cisco's VN-Tag."""

import numpy as np

from sensor.arrays import gather
from sensor.decode.ethertype import dispatch_ethertype
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Rows, Walk

_TAG = np.dtype([("tci", ">u2"), ("ethertype", ">u2")])
_ID_MASK = 0x0FFF

_VNTAG = np.dtype([("tag", ">u4"), ("ethertype", ">u2")])
_ETAG = np.dtype([("tag", "V6"), ("ethertype", ">u2")])


def decode_vlan(walk: Walk, rows: Rows) -> None:
    """One tag, standing behind its EtherType; ids of the first two tags are kept.

    A tag of id 0 carries a priority and names no VLAN, so the next tag takes its place.
    """
    rows = walk.require(rows, _TAG.itemsize, DecoderEvent.VLAN_HEADER_TOO_SMALL)
    tag = gather(walk.octets, rows.offset, _TAG)
    vlan_id = (tag["tci"] & _ID_MASK).astype(np.uint16)
    vlan, vlan_inner = walk.packets.vlan, walk.packets.vlan_inner
    outer, inner = vlan[rows.row], vlan_inner[rows.row]
    vlan_inner[rows.row] = np.where((outer != 0) & (inner == 0), vlan_id, inner)
    vlan[rows.row] = np.where(outer == 0, vlan_id, outer)
    ethertype = tag["ethertype"].astype(np.uint16)
    dispatch_ethertype(walk, rows.skip(_TAG.itemsize), ethertype, DecoderEvent.VLAN_UNKNOWN_TYPE)


def decode_vntag(walk: Walk, rows: Rows) -> None:
    """Four octets of interface numbers, then the EtherType."""
    rows = walk.require(rows, _VNTAG.itemsize, DecoderEvent.VNTAG_HEADER_TOO_SMALL)
    ethertype = gather(walk.octets, rows.offset, _VNTAG)["ethertype"].astype(np.uint16)
    dispatch_ethertype(walk, rows.skip(_VNTAG.itemsize), ethertype)


def decode_etag(walk: Walk, rows: Rows) -> None:
    """Six octets of priority and port numbers, then the EtherType."""
    rows = walk.require(rows, _ETAG.itemsize, DecoderEvent.ETAG_HEADER_TOO_SMALL)
    ethertype = gather(walk.octets, rows.offset, _ETAG)["ethertype"].astype(np.uint16)
    dispatch_ethertype(walk, rows.skip(_ETAG.itemsize), ethertype)
