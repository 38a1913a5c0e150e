"""Decoder events: why a frame was rejected, or what is wrong with one that was decoded all the same.

The names are Suricata's (src/decode-events.c) where Suricata has one, so that its documentation and
its users' dashboards apply.
"""

from enum import IntEnum, auto


class DecoderEvent(IntEnum):
    """One malformation; the value fits ``Packets.event`` (uint8), 0 means none."""

    NONE = 0
    CAPTURE_NOT_A_PACKET = auto()
    GENERIC_UNSUPPORTED_LINK_TYPE = auto()
    GENERIC_TOO_MANY_LAYERS = auto()
    ETHERNET_PKT_TOO_SMALL = auto()
    ETHERNET_UNKNOWN_ETHERTYPE = auto()
    LLC_PKT_TOO_SMALL = auto()
    SLL_PKT_TOO_SMALL = auto()
    SLL2_PKT_TOO_SMALL = auto()
    LTNULL_PKT_TOO_SMALL = auto()
    LTNULL_UNSUPPORTED_TYPE = auto()
    IPRAW_INVALID_IP_VERSION = auto()
    NFLOG_PKT_TOO_SMALL = auto()
    NFLOG_INVALID_TLV = auto()
    NFLOG_NO_PAYLOAD = auto()
    RADIOTAP_PKT_TOO_SMALL = auto()
    RADIOTAP_WRONG_VERSION = auto()
    IEEE80211_PKT_TOO_SMALL = auto()
    IEEE80211_WRONG_VERSION = auto()
    CHDLC_PKT_TOO_SMALL = auto()
    VLAN_HEADER_TOO_SMALL = auto()
    VLAN_UNKNOWN_TYPE = auto()
    VNTAG_HEADER_TOO_SMALL = auto()
    ETAG_HEADER_TOO_SMALL = auto()
    METADATA_HEADER_TOO_SMALL = auto()
    METADATA_UNSUPPORTED_OPTION = auto()
    IEEE8021AH_HEADER_TOO_SMALL = auto()
    NSH_HEADER_TOO_SMALL = auto()
    NSH_UNSUPPORTED_VERSION = auto()
    NSH_BAD_HEADER_LENGTH = auto()
    PPPOE_PKT_TOO_SMALL = auto()
    PPPOE_WRONG_CODE = auto()
    PPP_PKT_TOO_SMALL = auto()
    PPP_WRONG_TYPE = auto()
    MPLS_HEADER_TOO_SMALL = auto()
    MPLS_PKT_TOO_SMALL = auto()
    MPLS_UNKNOWN_PAYLOAD_TYPE = auto()
    IPV4_PKT_TOO_SMALL = auto()
    IPV4_WRONG_IP_VERSION = auto()
    IPV4_HLEN_TOO_SMALL = auto()
    IPV4_IPLEN_SMALLER_THAN_HLEN = auto()
    IPV4_TRUNC_PKT = auto()
    IPV6_PKT_TOO_SMALL = auto()
    IPV6_WRONG_IP_VERSION = auto()
    IPV6_TRUNC_PKT = auto()
    IPV6_TRUNC_EXTHDR = auto()
    AH_PKT_TOO_SMALL = auto()
    TCP_PKT_TOO_SMALL = auto()
    TCP_HLEN_TOO_SMALL = auto()
    TCP_OPT_INVALID_LEN = auto()
    UDP_PKT_TOO_SMALL = auto()
    UDP_HLEN_TOO_SMALL = auto()
    UDP_LEN_INVALID = auto()
    ICMPV4_PKT_TOO_SMALL = auto()
    ICMPV6_PKT_TOO_SMALL = auto()
    GRE_PKT_TOO_SMALL = auto()
    GRE_WRONG_VERSION = auto()
    GRE_VERSION0_MALFORMED_SRE_HDR = auto()
    GRE_VERSION0_HDR_TOO_BIG = auto()
    GRE_VERSION1_WRONG_PROTOCOL = auto()
    GRE_VERSION1_NO_KEY = auto()
    GRE_VERSION1_HDR_TOO_BIG = auto()
    ERSPAN_HEADER_TOO_SMALL = auto()
    ERSPAN_UNSUPPORTED_VERSION = auto()

    @property
    def label(self) -> str:
        """Suricata's dotted name without its ``decoder.`` prefix, as in ``ipv4.trunc_pkt``."""
        return self.name.lower().replace("_", ".", 1)
