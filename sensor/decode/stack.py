"""The protocol stack: takes a batch apart, one layer of all rows at a time.

See walk.py for how. Each kind of header has one handler, in the file of that header.
"""

from collections.abc import Callable
from types import MappingProxyType

import numpy as np

from sensor.arrays import U8
from sensor.capture.batch import NOT_A_PACKET, Batch
from sensor.decode.ah import decode_authentication
from sensor.decode.ayiya import decode_ayiya
from sensor.decode.columns import Layer, Packets
from sensor.decode.ethernet import decode_ethernet, decode_itag, decode_llc
from sensor.decode.events import DecoderEvent
from sensor.decode.geneve import decode_geneve
from sensor.decode.gre import (
    decode_erspan2,
    decode_erspan3,
    decode_gre,
    decode_gre_udp,
    decode_wccp,
)
from sensor.decode.gtp import decode_gtp_u
from sensor.decode.icmp import decode_icmp, decode_icmpv6
from sensor.decode.ieee80211 import decode_ieee80211, decode_radiotap
from sensor.decode.ip_in_ip import decode_ipv4_in_ip, decode_ipv6_in_ip
from sensor.decode.ipv4 import decode_ipv4
from sensor.decode.ipv6 import decode_extension, decode_fragment, decode_ipv6
from sensor.decode.l2tp import decode_l2tp
from sensor.decode.metadata import decode_metadata
from sensor.decode.mpls import decode_mpls, decode_mpls_udp
from sensor.decode.nflog import decode_nflog
from sensor.decode.nsh import decode_nsh, decode_vxlan_gpe
from sensor.decode.ppp import decode_chdlc, decode_ppp, decode_pppoe
from sensor.decode.raw import decode_loopback, decode_raw_ip
from sensor.decode.sll import decode_sll, decode_sll2
from sensor.decode.tcp import decode_tcp
from sensor.decode.teredo import decode_teredo
from sensor.decode.udp import decode_udp
from sensor.decode.vlan import decode_etag, decode_vlan, decode_vntag
from sensor.decode.vxlan import decode_vxlan
from sensor.decode.walk import Header, Rows, Walk, indices

MAX_LAYERS = 32
"""Headers peeled off one packet. Suricata stops at 16 without counting IPv6 extension headers,
shims and address families, each of which is a layer here."""

Handler = Callable[[Walk, Rows], None]


def _decode_other(walk: Walk, rows: Rows) -> None:
    walk.packets.layer[rows.row] = Layer.OTHER


def _decode_ip_payload(walk: Walk, rows: Rows) -> None:
    walk.finish(rows, Layer.IP)


_HANDLERS: MappingProxyType[int, Handler] = MappingProxyType(
    {
        Header.ETHERNET: decode_ethernet,
        Header.LLC: decode_llc,
        Header.VLAN: decode_vlan,
        Header.VNTAG: decode_vntag,
        Header.ITAG: decode_itag,
        Header.ETAG: decode_etag,
        Header.NSH: decode_nsh,
        Header.METADATA: decode_metadata,
        Header.PPPOE: decode_pppoe,
        Header.PPP: decode_ppp,
        Header.CHDLC: decode_chdlc,
        Header.MPLS: decode_mpls,
        Header.SLL: decode_sll,
        Header.SLL2: decode_sll2,
        Header.LOOPBACK: decode_loopback,
        Header.RAW_IP: decode_raw_ip,
        Header.IPV4: decode_ipv4,
        Header.IPV6: decode_ipv6,
        Header.IPV6_EXTENSION: decode_extension,
        Header.IPV6_FRAGMENT: decode_fragment,
        Header.AH: decode_authentication,
        Header.UDP: decode_udp,
        Header.IPV4_IN_IP: decode_ipv4_in_ip,
        Header.IPV6_IN_IP: decode_ipv6_in_ip,
        Header.AYIYA: decode_ayiya,
        Header.GENEVE: decode_geneve,
        Header.GTP_U: decode_gtp_u,
        Header.L2TP: decode_l2tp,
        Header.MPLS_UDP: decode_mpls_udp,
        Header.NFLOG: decode_nflog,
        Header.TEREDO: decode_teredo,
        Header.VXLAN: decode_vxlan,
        Header.VXLAN_GPE: decode_vxlan_gpe,
        Header.GRE: decode_gre,
        Header.GRE_UDP: decode_gre_udp,
        Header.ERSPAN2: decode_erspan2,
        Header.ERSPAN3: decode_erspan3,
        Header.WCCP: decode_wccp,
        Header.RADIOTAP: decode_radiotap,
        Header.IEEE80211: decode_ieee80211,
    }
)

_LAST_HANDLERS: MappingProxyType[int, Handler] = MappingProxyType(
    {
        Header.OTHER: _decode_other,
        Header.IP_PAYLOAD: _decode_ip_payload,
        Header.TCP: decode_tcp,
        Header.ICMP: decode_icmp,
        Header.ICMPV6: decode_icmpv6,
    }
)
"""Headers behind which nothing follows. They wait until all else is done, so that each is handled
once a batch, in whatever encapsulations it came."""

LINK_TYPES = {
    0: Header.LOOPBACK,
    1: Header.ETHERNET,
    9: Header.PPP,
    12: Header.RAW_IP,
    14: Header.RAW_IP,
    50: Header.PPP,
    51: Header.PPPOE,
    101: Header.RAW_IP,
    104: Header.CHDLC,
    105: Header.IEEE80211,
    108: Header.LOOPBACK,
    113: Header.SLL,
    127: Header.RADIOTAP,
    228: Header.IPV4,
    229: Header.IPV6,
    239: Header.NFLOG,
    276: Header.SLL2,
}


def _make_link_table() -> U8:
    table = np.zeros(NOT_A_PACKET + 1, np.uint8)
    for link_type, header in LINK_TYPES.items():
        table[link_type] = header
    table.setflags(write=False)
    return table


_LINK_TABLE = _make_link_table()


def decode_batch(batch: Batch) -> Packets:
    """Decode every row of a batch.

    :returns: columns in the batch's order. A row is decoded (``layer`` is not NONE) or rejected
        (``layer`` NONE, ``event`` says why; its other columns hold what was read before). Decoded
        rows may carry an event as well.
    """
    packets = Packets.empty(len(batch))
    walk = Walk(batch.octets, packets)
    wire_end = batch.offset + np.maximum(batch.wire_len, batch.cap_len)
    rows = walk.start(batch.offset, batch.offset + batch.cap_len, wire_end)
    no_packet = indices(batch.link_type == NOT_A_PACKET)
    walk.flag(no_packet, DecoderEvent.CAPTURE_NOT_A_PACKET)
    walk.dispatch(rows, _LINK_TABLE[batch.link_type], DecoderEvent.GENERIC_UNSUPPORTED_LINK_TYPE)
    for _ in range(MAX_LAYERS):
        pending = walk.take_pending(_HANDLERS)
        if not pending:
            break
        for header, part in pending.items():
            _HANDLERS[header](walk, part)
    for part in walk.take_pending(_HANDLERS).values():
        walk.flag(part.row, DecoderEvent.GENERIC_TOO_MANY_LAYERS)
    for header, part in walk.take_pending(_LAST_HANDLERS).items():
        _LAST_HANDLERS[header](walk, part)
    walk.restore_outer()
    return packets


def count_events(packets: Packets) -> tuple[int, dict[str, int]]:
    """Account for every record of a batch.

    :returns: rows decoded, and rows rejected by reason. Their sum is the number of rows.
    """
    is_decoded = packets.layer != Layer.NONE
    decoded = int(np.count_nonzero(is_decoded))
    rejected: dict[str, int] = {}
    if decoded < len(packets):
        counts = np.bincount(packets.event[~is_decoded])
        for event in np.flatnonzero(counts).tolist():
            label = DecoderEvent(event).label
            rejected[label] = int(counts[event])
    return decoded, rejected
