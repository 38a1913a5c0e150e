"""EtherTypes, and which header each announces (IANA "IEEE 802 Numbers").

Ethernet, VLAN tags, LLC/SNAP, Linux cooked captures and others all end in an EtherType; GRE and
Geneve do as well, with a few more that only they carry (see gre.py).
"""

import numpy as np

from sensor.arrays import U8, U16, Bool
from sensor.decode.events import DecoderEvent
from sensor.decode.walk import Header, Rows, Walk, indices

FIRST_ETHERTYPE = 0x0600
"""Smaller values are lengths of an IEEE 802.3 frame (IEEE 802.3 clause 3.2.6)."""

IPV4 = 0x0800
IPV6 = 0x86DD
TRANSPARENT_ETHERNET = 0x6558
"""A frame, behind GRE and Geneve."""

_HEADERS = {
    IPV4: Header.IPV4,
    IPV6: Header.IPV6,
    0x8100: Header.VLAN,  # 802.1Q
    0x88A8: Header.VLAN,  # 802.1ad
    0x9100: Header.VLAN,  # QinQ before 802.1ad
    0x9200: Header.VLAN,
    0x8864: Header.PPPOE,
    0x8847: Header.MPLS,
    0x8848: Header.MPLS,
    0x8909: Header.METADATA,
    0x8926: Header.VNTAG,
    0x88E7: Header.ITAG,
    0x893F: Header.ETAG,
    0x894F: Header.NSH,
}

_OTHER = (
    *(0x0805, 0x0806, 0x0842, 0x0BAD, 0x8035, 0x809B, 0x80D5, 0x80F3, 0x8137, 0x8138),  # ARP, IPX, …
    *(0x2000, 0x2003, 0x2004, 0x010B, 0x9000, 0x9003),  # Cisco CDP, VTP, DTP, loopback tests
    *(0x6000, 0x6001, 0x6002, 0x6003, 0x6004, 0x6005, 0x6006, 0x6007),  # DEC
    *(0x22EA, 0x22F0, 0x22F3, 0x22F4, 0x8946),  # SRP, AVTP, TRILL, IS-IS
    *(0x8808, 0x8809, 0x8863, 0x886D, 0x886F, 0x8870, 0x8874, 0x887B, 0x888E, 0x8892, 0x8899),
    *(0x88A2, 0x88A4, 0x88AB, 0x88B5, 0x88B6, 0x88B7, 0x88B8, 0x88B9, 0x88BA, 0x88C7, 0x88CA),
    *(0x88CC, 0x88CD, 0x88D9, 0x88DC, 0x88E1, 0x88E3, 0x88E5, 0x88F5, 0x88F6, 0x88F7, 0x88F8, 0x88FB),
    *(0x8902, 0x8906, 0x890D, 0x8912, 0x8914, 0x8915, 0x891D, 0x892F, 0x8940, 0x893A, 0x8947),
)
"""Known protocols that carry no IP, or none in the clear: ARP, LLDP, EAPOL, MACsec, PTP, …"""


def make_table(extra: dict[int, Header]) -> U8:
    """A look-up table (65536,) from EtherType to ``Header``; 0 stands for unknown."""
    table = np.zeros(1 << 16, np.uint8)
    table[list(_OTHER)] = Header.OTHER
    for ethertype, header in (_HEADERS | extra).items():
        table[ethertype] = header
    table.setflags(write=False)
    return table


_TABLE = make_table({})


def is_known(ethertype: U16) -> Bool:
    """Which values are EtherTypes that this decoder knows."""
    known: Bool = _TABLE[ethertype] != Header.NONE
    return known


def dispatch_ethertype(
    walk: Walk, rows: Rows, ethertype: U16, unknown: DecoderEvent = DecoderEvent.ETHERNET_UNKNOWN_ETHERTYPE
) -> None:
    """Put rows, standing behind an EtherType, down under what it announces.

    :param ethertype: (n,) uint16; a value below 0x0600 is the length of an LLC frame.
    :param unknown: the event of rows whose EtherType is unknown.
    """
    headers = _TABLE[ethertype]
    short = ethertype < FIRST_ETHERTYPE
    if short.any():
        index = indices(short)
        walk.push(Header.LLC, rows.take(index).limit(ethertype[index].astype(np.int64)))
        index = indices(~short)
        rows, headers = rows.take(index), headers[index]
    walk.dispatch(rows, headers, unknown)
