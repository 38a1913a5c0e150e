"""MPLS label stacks (RFC 3032), in UDP too (RFC 7510), and Ethernet pseudowires (RFC 4448).

A label stack does not say what it carries. IP is told by the version in its first octet (RFC 4928);
a pseudowire's frame may follow a control word, whose first four bits are 0, or follow at once, and a
destination address may then begin with any octet: what is most plausible is taken.
"""

import numpy as np

from sensor.arrays import I64, U8, Bool, gather
from sensor.decode.columns import Tunnel
from sensor.decode.ethertype import is_known
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

LABEL_LEN = 4
_BOTTOM_OF_STACK = 0x100

_CONTROL_WORD_LEN = 4
_ETHERNET_TYPE_OFFSET = 12
_ETHERNET_LEN = 14

_IPV4_MIN = 20
_IPV6_MIN = 40
_ASSOCIATED_CHANNEL = 1
"""First four bits of a generic associated channel (RFC 5586): operations, no user's packet."""

_IPV4_START = np.dtype([("version_ihl", "u1"), ("tos", "u1"), ("total_len", ">u2")])


def decode_mpls(walk: Walk, rows: Rows) -> None:
    """One label; below the last, whatever the octets look like."""
    rows = walk.require(rows, LABEL_LEN, DecoderEvent.MPLS_HEADER_TOO_SMALL)
    label = gather(walk.octets, rows.offset, np.dtype(">u4"))
    last = label & _BOTTOM_OF_STACK != 0
    rest = rows.skip(LABEL_LEN)
    walk.push(Header.MPLS, rest.take(indices(~last)))
    _decode_payload(walk, rest.take(indices(last)))


def decode_mpls_udp(walk: Walk, rows: Rows) -> None:
    """UDP port 6635; what holds no readable packet stays a UDP datagram."""
    rows = walk.filter(rows, rows.end - rows.offset >= LABEL_LEN + _ETHERNET_LEN)
    walk.push(Header.MPLS, walk.enter(rows, Tunnel.MPLS_UDP))


def _decode_payload(walk: Walk, rows: Rows) -> None:
    rows = walk.require(rows, _ETHERNET_LEN, DecoderEvent.MPLS_PKT_TOO_SMALL)
    octets, offset = walk.octets, rows.offset
    room = rows.wire_end - offset
    start = gather(octets, offset, _IPV4_START)
    version = start["version_ihl"] >> 4
    total_len = start["total_len"].astype(np.int64)
    # Total length 0: segmentation offload, see ipv4.py.
    ipv4 = (version == 4) & (start["version_ihl"] & 15 >= 5) & (room >= _IPV4_MIN)
    ipv4 &= ((total_len >= _IPV4_MIN) & (total_len <= room)) | (total_len == 0)
    ipv6 = (version == 6) & (room >= _IPV6_MIN)
    payload_len = gather(octets, offset + np.where(ipv6, 4, 0), np.dtype(">u2")).astype(np.int64)
    ipv6 &= payload_len + _IPV6_MIN <= room
    bare = _is_ethernet(octets, rows, offset)
    worded = (version == 0) & _is_ethernet(octets, rows, offset + _CONTROL_WORD_LEN)

    headers = np.zeros(len(rows), np.uint8)
    headers[bare | worded] = Header.ETHERNET
    headers[version == _ASSOCIATED_CHANNEL] = Header.OTHER
    headers[ipv4] = Header.IPV4
    headers[ipv6] = Header.IPV6
    # What claims to be IP and is not plausible as a frame either: let IP say what is wrong.
    headers[(headers == Header.NONE) & (version == 4)] = Header.IPV4
    headers[(headers == Header.NONE) & (version == 6)] = Header.IPV6
    skipped = np.where(worded & (headers == Header.ETHERNET), _CONTROL_WORD_LEN, 0)
    walk.dispatch(rows.skip(skipped), headers, DecoderEvent.MPLS_UNKNOWN_PAYLOAD_TYPE)


def _is_ethernet(octets: U8, rows: Rows, offset: I64) -> Bool:
    """Whether a known EtherType stands where a frame starting at ``offset`` has it."""
    fits = offset + _ETHERNET_LEN <= rows.end
    ethertype = gather(octets, np.where(fits, offset, 0) + _ETHERNET_TYPE_OFFSET, np.dtype(">u2"))
    return fits & is_known(ethertype.astype(np.uint16))
