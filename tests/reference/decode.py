"""Scalar reference of the decoder: one packet at a time, plain Python, nothing clever.

Written from the header formats, to be read beside sensor/decode: where the two differ on a packet,
one of them is wrong. Each ``_x`` function reads one header of a packet and answers which comes next.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

MAX_LAYERS = 32
MAX_TUNNELS = 4

NONE, OTHER, FRAGMENT, IP, TCP, UDP, ICMP, ICMPV6 = range(8)
IP_IN_IP, GRE, ERSPAN, GRE_UDP, TEREDO, AYIYA, VXLAN, GTP_U, GENEVE, L2TP, MPLS_UDP = range(1, 12)


@dataclass
class Inner:
    """What describes the innermost packet; addresses are integers."""

    layer: int = NONE
    ip_version: int = 0
    ip_proto: int = 0
    src: int = 0
    dst: int = 0
    src_port: int = 0
    dst_port: int = 0
    tcp_seq: int = 0
    tcp_ack: int = 0
    tcp_window: int = 0
    tcp_flags: int = 0
    icmp_type: int = 0
    icmp_code: int = 0
    payload_offset: int = 0
    payload_len: int = 0
    payload_wire_len: int = 0
    ip_offset: int = 0
    ip_len: int = 0
    fragment_offset: int = 0
    fragment_more: int = 0
    fragment_id: int = 0


@dataclass
class Outer:
    """What stays across tunnels."""

    vlan: int = 0
    vlan_inner: int = 0
    tunnel: int = 0
    tunnel_depth: int = 0
    outer_version: int = 0
    outer_src: int = 0
    outer_dst: int = 0


class _RejectedError(Exception):
    """The event that ends a packet."""


@dataclass
class _At:
    """Where a header starts and how far its packet reaches, captured and on the wire."""

    offset: int
    end: int
    wire_end: int

    def __post_init__(self) -> None:
        self.end = min(self.end, self.wire_end)

    @property
    def room(self) -> int:
        return self.end - self.offset

    @property
    def wire_room(self) -> int:
        return self.wire_end - self.offset

    def skip(self, octets: int) -> "_At":
        return replace(self, offset=self.offset + octets)

    def limit(self, length: int) -> "_At":
        return replace(self, wire_end=min(self.wire_end, self.offset + length))


_Next = tuple[str, _At] | None


@dataclass
class Packet:
    """A packet being decoded."""

    data: bytes
    event: str = "none"
    inner: Inner = field(default_factory=Inner)
    outer: Outer = field(default_factory=Outer)
    saved: list[tuple[Inner, Outer]] = field(default_factory=list)

    def flag(self, event: str) -> None:
        if self.event == "none":
            self.event = event

    def need(self, at: _At, octets: int, event: str) -> None:
        if at.room < octets:
            raise _RejectedError(event)

    def u8(self, offset: int) -> int:
        return self.data[offset]

    def u16(self, offset: int) -> int:
        return int.from_bytes(self.data[offset : offset + 2], "big")

    def u32(self, offset: int) -> int:
        return int.from_bytes(self.data[offset : offset + 4], "big")

    def number(self, offset: int, octets: int) -> int:
        return int.from_bytes(self.data[offset : offset + octets], "big")

    def finish(self, at: _At, layer: int) -> None:
        self.inner.layer = layer
        self.inner.payload_offset = at.offset
        self.inner.payload_len = max(at.room, 0)
        self.inner.payload_wire_len = max(at.wire_room, 0)

    def enter(self, tunnel: int, header: str, at: _At) -> _Next:
        if self.outer.tunnel_depth >= MAX_TUNNELS:
            self.flag("generic.too_many_layers")
            return None
        self.saved.append((self.inner, replace(self.outer)))
        if self.outer.tunnel_depth == 0:
            self.outer.outer_version = self.inner.ip_version
            self.outer.outer_src = self.inner.src
            self.outer.outer_dst = self.inner.dst
        self.outer.tunnel = tunnel
        self.outer.tunnel_depth += 1
        self.inner = Inner()
        return header, at


_KNOWN_ETHERTYPES = {
    0x0800: "ipv4",
    0x86DD: "ipv6",
    0x8100: "vlan",
    0x88A8: "vlan",
    0x9100: "vlan",
    0x9200: "vlan",
    0x8864: "pppoe",
    0x8847: "mpls",
    0x8848: "mpls",
    0x8909: "metadata",
    0x8926: "vntag",
    0x88E7: "itag",
    0x893F: "etag",
    0x894F: "nsh",
}
_NO_IP_INSIDE = bytes.fromhex(
    "0805 0806 0842 0bad 8035 809b 80d5 80f3 8137 8138 2000 2003 2004 010b 9000 9003"
    "6000 6001 6002 6003 6004 6005 6006 6007 22ea 22f0 22f3 22f4 8946"
    "8808 8809 8863 886d 886f 8870 8874 887b 888e 8892 8899 88a2 88a4 88ab 88b5 88b6 88b7 88b8 88b9"
    "88ba 88c7 88ca 88cc 88cd 88d9 88dc 88e1 88e3 88e5 88f5 88f6 88f7 88f8 88fb"
    "8902 8906 890d 8912 8914 8915 891d 892f 8940 893a 8947"
)
_KNOWN_ETHERTYPES |= {value: "other" for (value,) in struct.iter_unpack(">H", _NO_IP_INSIDE)}
_GRE_PROTOCOLS = _KNOWN_ETHERTYPES | {
    0x6558: "ethernet",
    0x880B: "ppp",
    0x88BE: "erspan2",
    0x22EB: "erspan3",
    0x883E: "wccp",
}


def _ethertype(value: int, at: _At, unknown: str = "ethernet.unknown_ethertype") -> _Next:
    if value < 0x600:
        return "llc", at.limit(value)
    if value not in _KNOWN_ETHERTYPES:
        raise _RejectedError(unknown)
    return _KNOWN_ETHERTYPES[value], at


def _ethernet(p: Packet, at: _At) -> _Next:
    p.need(at, 14, "ethernet.pkt_too_small")
    return _ethertype(p.u16(at.offset + 12), at.skip(14))


def _llc(p: Packet, at: _At) -> _Next:
    p.need(at, 3, "llc.pkt_too_small")
    access_points = p.u16(at.offset)
    at = at.skip(3)
    if access_points == 0x0606:
        return "ipv4", at
    if access_points != 0xAAAA:
        return "other", at
    p.need(at, 5, "llc.pkt_too_small")
    oui, ethertype = p.number(at.offset, 3), p.u16(at.offset + 3)
    if oui not in {0x000000, 0x0000F8} or ethertype < 0x600:
        return "other", at
    return _ethertype(ethertype, at.skip(5))


def _vlan(p: Packet, at: _At) -> _Next:
    p.need(at, 4, "vlan.header_too_small")
    vlan_id = p.u16(at.offset) & 0xFFF
    if p.outer.vlan == 0:
        p.outer.vlan = vlan_id
    elif p.outer.vlan_inner == 0:
        p.outer.vlan_inner = vlan_id
    return _ethertype(p.u16(at.offset + 2), at.skip(4), "vlan.unknown_type")


def _vntag(p: Packet, at: _At) -> _Next:
    p.need(at, 6, "vntag.header_too_small")
    return _ethertype(p.u16(at.offset + 4), at.skip(6))


def _etag(p: Packet, at: _At) -> _Next:
    p.need(at, 8, "etag.header_too_small")
    return _ethertype(p.u16(at.offset + 6), at.skip(8))


_NSH_PAYLOADS = {1: "ipv4", 2: "ipv6", 3: "ethernet", 4: "nsh", 5: "mpls"}


def _nsh(p: Packet, at: _At) -> _Next:
    p.need(at, 8, "nsh.header_too_small")
    if p.u8(at.offset) >> 6:
        raise _RejectedError("nsh.unsupported_version")
    words = p.u8(at.offset + 1) & 0x3F
    if words < 2 or words * 4 > at.room:
        raise _RejectedError("nsh.bad_header_length")
    return _NSH_PAYLOADS.get(p.u8(at.offset + 3), "other"), at.skip(words * 4)


def _itag(p: Packet, at: _At) -> _Next:
    p.need(at, 4, "ieee8021ah.header_too_small")
    return "ethernet", at.skip(4)


def _metadata(p: Packet, at: _At) -> _Next:
    p.need(at, 8, "metadata.header_too_small")
    if p.u16(at.offset) != 0x0101:
        raise _RejectedError("metadata.unsupported_option")
    return _ethertype(p.u16(at.offset + 6), at.skip(8))


def _pppoe(p: Packet, at: _At) -> _Next:
    p.need(at, 6, "pppoe.pkt_too_small")
    if p.u16(at.offset) != 0x1100:
        raise _RejectedError("pppoe.wrong_code")
    return "ppp", at.skip(6).limit(p.u16(at.offset + 4))


def _ppp(p: Packet, at: _At) -> _Next:
    p.need(at, 2, "ppp.pkt_too_small")
    if p.u16(at.offset) in {0x0F00, 0x8F00}:
        return "chdlc", at
    if p.u16(at.offset) == 0xFF03:
        at = at.skip(2)
        p.need(at, 2, "ppp.pkt_too_small")
    protocol, length = p.u16(at.offset), 2
    if protocol & 0x0100:
        protocol, length = protocol >> 8, 1
    at = at.skip(length)
    if protocol == 0x0021:
        return "ipv4", at
    if protocol == 0x0057:
        return "ipv6", at
    if protocol in {0x0281, 0x0283}:
        return "mpls", at
    if protocol in {0x2D, 0x2F, 0x3D, 0x53, 0x61, 0x63, 0x65, 0x67, 0x69, 0xFB, 0xFD}:
        return "other", at
    if protocol >= 0x4000 and protocol & 1 and not protocol & 0x0100:
        return "other", at
    raise _RejectedError("ppp.wrong_type")


def _chdlc(p: Packet, at: _At) -> _Next:
    p.need(at, 4, "chdlc.pkt_too_small")
    return _ethertype(p.u16(at.offset + 2), at.skip(4))


def _mpls(p: Packet, at: _At) -> _Next:
    p.need(at, 4, "mpls.header_too_small")
    last = p.u8(at.offset + 2) & 1
    at = at.skip(4)
    if not last:
        return "mpls", at
    p.need(at, 14, "mpls.pkt_too_small")

    def is_frame(at: _At) -> bool:
        return at.room >= 14 and p.u16(at.offset + 12) in _KNOWN_ETHERTYPES

    version = p.u8(at.offset) >> 4
    if version == 4:
        total_len = p.u16(at.offset + 2)
        fits = total_len == 0 or 20 <= total_len <= at.wire_room
        if p.u8(at.offset) & 15 >= 5 and at.wire_room >= 20 and fits:
            return "ipv4", at
    if version == 6 and at.wire_room >= 40 and p.u16(at.offset + 4) + 40 <= at.wire_room:
        return "ipv6", at
    if version == 1:
        return "other", at
    if version == 0 and is_frame(at.skip(4)):
        return "ethernet", at.skip(4)
    if is_frame(at):
        return "ethernet", at
    if version in {4, 6}:
        return f"ipv{version}", at
    raise _RejectedError("mpls.unknown_payload_type")


def _cooked(protocol: int, at: _At) -> _Next:
    if protocol == 4:
        return "llc", at
    if protocol < 0x600:
        return "other", at
    return _ethertype(protocol, at)


def _sll(p: Packet, at: _At) -> _Next:
    p.need(at, 16, "sll.pkt_too_small")
    return _cooked(p.u16(at.offset + 14), at.skip(16))


def _sll2(p: Packet, at: _At) -> _Next:
    p.need(at, 20, "sll2.pkt_too_small")
    return _cooked(p.u16(at.offset), at.skip(20))


def _loopback(p: Packet, at: _At) -> _Next:
    p.need(at, 4, "ltnull.pkt_too_small")
    octets = p.data[at.offset : at.offset + 4]
    # One order makes a small number of it; 0xFFFF is no family in either.
    family = min(int.from_bytes(octets, "little"), int.from_bytes(octets, "big"))
    if family == 2:
        return "ipv4", at.skip(4)
    if family in {10, 23, 24, 28, 30}:
        return "ipv6", at.skip(4)
    raise _RejectedError("ltnull.unsupported_type")


def _raw_ip(p: Packet, at: _At) -> _Next:
    if at.room < 1 or p.u8(at.offset) >> 4 not in {4, 6}:
        raise _RejectedError("ipraw.invalid_ip_version")
    return f"ipv{p.u8(at.offset) >> 4}", at


def _nflog(p: Packet, at: _At) -> _Next:
    p.need(at, 4, "nflog.pkt_too_small")
    at = at.skip(4)
    for _ in range(32):
        p.need(at, 4, "nflog.no_payload")
        length, kind = struct.unpack_from("<HH", p.data, at.offset)
        if kind > 255:
            length, kind = struct.unpack_from(">HH", p.data, at.offset)
        if length < 4 or length > at.wire_room:
            raise _RejectedError("nflog.invalid_tlv")
        if kind == 9:
            end, start = at.offset + length, at.offset + 4
            told = p.u16(start + 2) if p.data[start : start + 1] < b"\x50" else p.u16(start + 4) + 40
            return "raw_ip", _At(start, min(at.end, end), max(end, start + told))
        at = at.skip((length + 3) // 4 * 4)
    raise _RejectedError("nflog.no_payload")


def _radiotap(p: Packet, at: _At) -> _Next:
    p.need(at, 8, "radiotap.pkt_too_small")
    if p.u8(at.offset) != 0:
        raise _RejectedError("radiotap.wrong_version")
    (length,) = struct.unpack_from("<H", p.data, at.offset + 2)
    if length < 8 or length > at.room:
        raise _RejectedError("radiotap.pkt_too_small")
    return "ieee80211", at.skip(length)


def _ieee80211(p: Packet, at: _At) -> _Next:
    p.need(at, 2, "ieee80211.pkt_too_small")
    control, flags = p.u8(at.offset), p.u8(at.offset + 1)
    if control & 3:
        raise _RejectedError("ieee80211.wrong_version")
    if control >> 2 & 3 != 2 or control & 0x40:
        return "other", at
    p.need(at, 24, "ieee80211.pkt_too_small")
    if flags & 0x44 or p.u8(at.offset + 22) & 15:
        return "other", at
    length = 30 if flags & 3 == 3 else 24
    aggregated = False
    if control & 0x80:
        p.need(at, length + (6 if flags & 0x80 else 2) + 4, "ieee80211.pkt_too_small")
        aggregated = bool(p.u8(at.offset + length) & 0x80)
        length += 6 if flags & 0x80 else 2
    p.need(at, length + 4, "ieee80211.pkt_too_small")
    if aggregated:
        length += 14
    elif length % 4 and p.u16(at.offset + length) != 0xAAAA and p.u16(at.offset + length + 2) == 0xAAAA:
        length += 2
    return "llc", at.skip(length)


def _ipv4(p: Packet, at: _At) -> _Next:
    p.need(at, 20, "ipv4.pkt_too_small")
    header = p.data[at.offset : at.offset + 20]
    if header[0] >> 4 != 4:
        raise _RejectedError("ipv4.wrong_ip_version")
    header_len = (header[0] & 15) * 4
    if header_len < 20:
        raise _RejectedError("ipv4.hlen_too_small")
    _, _, total_len, identification, fragment, _, protocol, _, src, dst = struct.unpack(">BBHHHBBHII", header)
    total_len = total_len or at.wire_room
    if total_len < header_len:
        raise _RejectedError("ipv4.iplen_smaller_than_hlen")
    if total_len > at.wire_room or header_len > at.room:
        raise _RejectedError("ipv4.trunc_pkt")
    inner = p.inner
    inner.ip_version, inner.ip_proto, inner.src, inner.dst = 4, protocol, src, dst
    inner.ip_offset, inner.ip_len = at.offset, total_len
    at = at.limit(total_len).skip(header_len)
    if fragment & 0x3FFF:
        p.finish(at, FRAGMENT)
        inner.fragment_offset = (fragment & 0x1FFF) * 8
        inner.fragment_more = fragment >> 13 & 1
        inner.fragment_id = identification
        return None
    return _IPV4_PROTOCOLS.get(protocol, "ip"), at


_IPV4_PROTOCOLS = {
    1: "icmp",
    4: "ip4_in_ip",
    6: "tcp",
    17: "udp",
    41: "ip6_in_ip",
    47: "gre",
    51: "ah",
}


def _ipv6(p: Packet, at: _At) -> _Next:
    p.need(at, 40, "ipv6.pkt_too_small")
    if p.u8(at.offset) >> 4 != 6:
        raise _RejectedError("ipv6.wrong_ip_version")
    payload_len, next_header = p.u16(at.offset + 4), p.u8(at.offset + 6)
    ip_len = payload_len + 40
    if payload_len == 0 and next_header != 59:
        ip_len = at.wire_room
    if ip_len > at.wire_room:
        raise _RejectedError("ipv6.trunc_pkt")
    inner = p.inner
    inner.ip_version = 6
    inner.src, inner.dst = p.number(at.offset + 8, 16), p.number(at.offset + 24, 16)
    inner.ip_offset, inner.ip_len = at.offset, ip_len
    return _next_header(p, next_header, at.limit(ip_len).skip(40))


def _next_header(p: Packet, next_header: int, at: _At) -> _Next:
    p.inner.ip_proto = next_header
    known = {4: "ip4_in_ip", 6: "tcp", 17: "udp", 41: "ip6_in_ip", 44: "ipv6_fragment", 47: "gre"}
    known |= {51: "ah", 58: "icmpv6"} | dict.fromkeys((0, 43, 60, 135, 139, 140), "ipv6_extension")
    return known.get(next_header, "ip"), at


def _ipv6_extension(p: Packet, at: _At) -> _Next:
    p.need(at, 8, "ipv6.trunc_exthdr")
    length = (p.u8(at.offset + 1) + 1) * 8
    p.need(at, length, "ipv6.trunc_exthdr")
    return _next_header(p, p.u8(at.offset), at.skip(length))


def _ah(p: Packet, at: _At) -> _Next:
    p.need(at, 8, "ah.pkt_too_small")
    length = (p.u8(at.offset + 1) + 2) * 4
    p.need(at, length, "ah.pkt_too_small")
    protocol, at = p.u8(at.offset), at.skip(length)
    if p.inner.ip_version == 6:
        return _next_header(p, protocol, at)
    p.inner.ip_proto = protocol
    return _IPV4_PROTOCOLS.get(protocol, "ip"), at


def _ipv6_fragment(p: Packet, at: _At) -> _Next:
    p.need(at, 8, "ipv6.trunc_exthdr")
    next_header, offset_more, identification = struct.unpack_from(">BxHI", p.data, at.offset)
    at = at.skip(8)
    if offset_more & 0xFFF9 == 0:
        return _next_header(p, next_header, at)
    p.inner.ip_proto = next_header
    p.finish(at, FRAGMENT)
    p.inner.fragment_offset = offset_more & 0xFFF8
    p.inner.fragment_more = offset_more & 1
    p.inner.fragment_id = identification
    return None


def _ip(p: Packet, at: _At) -> _Next:
    p.finish(at, IP)
    return None


def _other(p: Packet, _at: _At) -> _Next:
    p.inner.layer = OTHER
    return None


def _icmp(p: Packet, at: _At) -> _Next:
    v6 = p.inner.ip_version == 6
    p.need(at, 8, "icmpv6.pkt_too_small" if v6 else "icmpv4.pkt_too_small")
    kind, code, _, identifier = struct.unpack_from(">BBHH", p.data, at.offset)
    p.inner.icmp_type, p.inner.icmp_code = kind, code
    is_echo = kind in ({128, 129} if v6 else {0, 8})
    p.inner.src_port, p.inner.dst_port = (identifier, identifier) if is_echo else (kind, code)
    p.finish(at.skip(8), ICMPV6 if v6 else ICMP)
    return None


def _tcp(p: Packet, at: _At) -> _Next:
    p.need(at, 20, "tcp.pkt_too_small")
    inner = p.inner
    header_len = (p.u8(at.offset + 12) >> 4) * 4
    if header_len < 20 or header_len > at.wire_room:
        raise _RejectedError("tcp.hlen_too_small")
    (inner.src_port, inner.dst_port, inner.tcp_seq, inner.tcp_ack, inner.tcp_flags, inner.tcp_window) = (
        struct.unpack_from(">HHIIxBH", p.data, at.offset)
    )
    inner.layer = TCP
    inner.payload_offset = min(at.offset + header_len, at.end)
    inner.payload_len = at.end - inner.payload_offset
    inner.payload_wire_len = at.wire_room - header_len
    if at.room >= header_len and not _are_tcp_options_good(p.data[at.offset + 20 : at.offset + header_len]):
        p.flag("tcp.opt_invalid_len")
    return None


def _are_tcp_options_good(options: bytes) -> bool:
    while options:
        if options[0] == 0:
            return True
        if options[0] == 1:
            options = options[1:]
            continue
        if len(options) < 2 or options[1] < 2 or options[1] > len(options):
            return False
        options = options[options[1] :]
    return True


def _udp(p: Packet, at: _At) -> _Next:
    p.need(at, 8, "udp.pkt_too_small")
    src_port, dst_port, length = struct.unpack_from(">HHH", p.data, at.offset)
    length = length or at.wire_room
    if length < 8:
        raise _RejectedError("udp.hlen_too_small")
    if length > at.wire_room:
        raise _RejectedError("udp.len_invalid")
    if length < at.wire_room:
        p.flag("udp.len_invalid")
    p.inner.src_port, p.inner.dst_port = src_port, dst_port
    at = at.limit(length).skip(8)
    p.finish(at, UDP)
    to_port = {4754: "gre_udp", 4789: "vxlan", 6081: "geneve", 8472: "vxlan"}
    to_port |= {4790: "vxlan_gpe", 6635: "mpls_udp"}
    either = {1701: "l2tp", 2152: "gtp_u", 3544: "teredo", 5072: "ayiya"}
    tunnel = (to_port | either).get(dst_port) or either.get(src_port)
    if tunnel is not None:
        return tunnel, at
    is_teredo = _holds_ipv6(p, at) and 0x20010000 in {p.u32(at.offset + 8), p.u32(at.offset + 24)}
    return ("teredo", at) if is_teredo else None


def _holds_ipv6(p: Packet, at: _At) -> bool:
    return at.room >= 40 and p.u8(at.offset) >> 4 == 6 and p.u16(at.offset + 4) + 40 == at.wire_room


def _teredo(p: Packet, at: _At) -> _Next:
    if at.room >= 40 and p.u16(at.offset) == 1:
        at = at.skip(13 + p.u8(at.offset + 2) + p.u8(at.offset + 3))
    if at.room >= 40 and p.u16(at.offset) == 0:
        at = at.skip(8)
    return p.enter(TEREDO, "ipv6", at) if _holds_ipv6(p, at) else None


def _ayiya(p: Packet, at: _At) -> _Next:
    if at.room < 48 or p.u8(at.offset + 2) & 15 != 1 or p.u8(at.offset + 3) != 41:
        return None
    at = at.skip(8 + 2 ** (p.u8(at.offset) >> 4) + (p.u8(at.offset + 1) >> 4) * 4)
    if at.room < 40 or p.u8(at.offset) >> 4 != 6:
        return None
    return p.enter(AYIYA, "ipv6", at)


def _vxlan(p: Packet, at: _At) -> _Next:
    if at.room < 22 or not p.u8(at.offset) & 0x08:
        return None
    ethertype = p.u16(at.offset + 8 + 12)
    if ethertype >= 0x600 and ethertype not in _KNOWN_ETHERTYPES:
        return None
    return p.enter(VXLAN, "ethernet", at.skip(8))


def _vxlan_gpe(p: Packet, at: _At) -> _Next:
    if at.room < 9 or p.u8(at.offset) & 0xFC != 0x0C or p.u16(at.offset + 1):
        return None
    inside = _NSH_PAYLOADS.get(p.u8(at.offset + 3))
    return p.enter(VXLAN, inside, at.skip(8)) if inside else None


def _mpls_udp(p: Packet, at: _At) -> _Next:
    return p.enter(MPLS_UDP, "mpls", at) if at.room >= 18 else None


def _geneve(p: Packet, at: _At) -> _Next:
    if at.room < 8 or p.u8(at.offset) >> 6:
        return None
    protocol = p.u16(at.offset + 2)
    at = at.skip(8 + (p.u8(at.offset) & 0x3F) * 4)
    inside = {0x6558: "ethernet", 0x0800: "ipv4", 0x86DD: "ipv6"}.get(protocol)
    return p.enter(GENEVE, inside, at) if inside and at.room > 0 else None


def _gtp_u(p: Packet, at: _At) -> _Next:
    if at.room < 12 or p.u8(at.offset) >> 4 != 3 or p.u8(at.offset + 1) != 255:
        return None
    length = p.u16(at.offset + 2) + 8
    if length > at.wire_room:
        return None
    flags, start = p.u8(at.offset), at.offset
    at = at.limit(length).skip(12 if flags & 7 else 8)
    following = p.u8(start + 11) if flags & 4 else 0
    for _ in range(4):
        if following == 0 or at.room <= 0 or p.u8(at.offset) == 0:
            break
        at = at.skip(p.u8(at.offset) * 4)
        if at.room < 0:
            break
        following = p.u8(at.offset - 1)
    if at.room <= 0 or p.u8(at.offset) >> 4 not in {4, 6}:
        return None
    return p.enter(GTP_U, f"ipv{p.u8(at.offset) >> 4}", at)


def _l2tp(p: Packet, at: _At) -> _Next:
    if at.room < 6:
        return None
    flags = p.u16(at.offset)
    if flags & 0x8000 or flags & 15 != 2 or flags & 0x34F0:
        return None
    length = 6 + (2 if flags & 0x4000 else 0) + (4 if flags & 0x0800 else 0)
    if flags & 0x0200:
        if at.room < length + 2:
            return None
        length += 2 + p.u16(at.offset + length)
    if at.room - length < 2:
        return None
    return p.enter(L2TP, "ppp", at.skip(length))


def _gre_ip(p: Packet, at: _At) -> _Next:
    p.finish(at, IP)
    return _gre(p, at, GRE)


def _gre_udp(p: Packet, at: _At) -> _Next:
    if at.room < 4 or p.u16(at.offset) & 0x4FFF:
        return None
    return _gre(p, at, GRE_UDP)


def _gre(p: Packet, at: _At, tunnel: int) -> _Next:
    p.need(at, 4, "gre.pkt_too_small")
    flags, protocol = p.u16(at.offset), p.u16(at.offset + 2)
    version = flags & 7
    if version > 1:
        raise _RejectedError("gre.wrong_version")
    checksum_or_routing = bool(flags & 0xC000)
    key, sequence, acknowledgment = bool(flags & 0x2000), bool(flags & 0x1000), bool(flags & 0x80)
    if version == 1:
        if not key:
            raise _RejectedError("gre.version1_no_key")
        if protocol != 0x880B:
            raise _RejectedError("gre.version1_wrong_protocol")
        length = 8 + 4 * sequence + 4 * acknowledgment
        p.need(at, length, "gre.version1_hdr_too_big")
        return p.enter(tunnel, "ppp", at.skip(length)) if sequence else None
    length = 4 + 4 * checksum_or_routing + 4 * key + 4 * sequence
    p.need(at, length, "gre.version0_hdr_too_big")
    at = at.skip(length)
    if flags & 0x4000:
        for _ in range(8):
            p.need(at, 4, "gre.version0_malformed_sre_hdr")
            family, route_len = p.u16(at.offset), p.u8(at.offset + 3)
            at = at.skip(4 + route_len)
            if family == 0 and route_len == 0:
                break
        else:
            raise _RejectedError("gre.version0_malformed_sre_hdr")
    inside = _GRE_PROTOCOLS.get(protocol)
    if protocol == 0x88BE and not sequence:
        return p.enter(ERSPAN, "ethernet", at)
    if inside in {"erspan2", "erspan3"}:
        return p.enter(ERSPAN, inside, at)
    return p.enter(tunnel, inside, at) if inside else None


def _erspan2(p: Packet, at: _At) -> _Next:
    p.need(at, 8, "erspan.header_too_small")
    if p.u8(at.offset) >> 4 != 1:
        raise _RejectedError("erspan.unsupported_version")
    return "ethernet", at.skip(8)


def _erspan3(p: Packet, at: _At) -> _Next:
    p.need(at, 12, "erspan.header_too_small")
    if p.u8(at.offset) >> 4 != 2:
        raise _RejectedError("erspan.unsupported_version")
    return "ethernet", at.skip(20 if p.u8(at.offset + 11) & 1 else 12)


def _wccp(p: Packet, at: _At) -> _Next:
    p.need(at, 4, "gre.pkt_too_small")
    return "ipv4", at if p.u8(at.offset) >> 4 == 4 else at.skip(4)


def _ip_in_ip(header: str) -> Callable[[Packet, _At], _Next]:
    def decode(p: Packet, at: _At) -> _Next:
        p.finish(at, IP)
        return p.enter(IP_IN_IP, header, at)

    return decode


def _too_many(_p: Packet, _at: _At) -> _Next:
    raise _RejectedError("generic.too_many_layers")


_HEADERS: dict[str, Callable[[Packet, _At], _Next]] = {
    "ethernet": _ethernet,
    "llc": _llc,
    "vlan": _vlan,
    "vntag": _vntag,
    "itag": _itag,
    "etag": _etag,
    "nsh": _nsh,
    "metadata": _metadata,
    "pppoe": _pppoe,
    "ppp": _ppp,
    "chdlc": _chdlc,
    "mpls": _mpls,
    "sll": _sll,
    "sll2": _sll2,
    "loopback": _loopback,
    "raw_ip": _raw_ip,
    "nflog": _nflog,
    "radiotap": _radiotap,
    "ieee80211": _ieee80211,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "ipv6_extension": _ipv6_extension,
    "ah": _ah,
    "ipv6_fragment": _ipv6_fragment,
    "udp": _udp,
    "gre": _gre_ip,
    "erspan2": _erspan2,
    "erspan3": _erspan3,
    "wccp": _wccp,
    "teredo": _teredo,
    "ayiya": _ayiya,
    "vxlan": _vxlan,
    "vxlan_gpe": _vxlan_gpe,
    "mpls_udp": _mpls_udp,
    "geneve": _geneve,
    "gtp_u": _gtp_u,
    "l2tp": _l2tp,
    "gre_udp": _gre_udp,
    "ip4_in_ip": _ip_in_ip("ipv4"),
    "ip6_in_ip": _ip_in_ip("ipv6"),
}
_LAST = {"tcp": _tcp, "icmp": _icmp, "icmpv6": _icmp, "ip": _ip, "other": _other}

LINK_TYPES = {
    0: "loopback",
    1: "ethernet",
    9: "ppp",
    12: "raw_ip",
    14: "raw_ip",
    50: "ppp",
    51: "pppoe",
    101: "raw_ip",
    104: "chdlc",
    105: "ieee80211",
    108: "loopback",
    113: "sll",
    127: "radiotap",
    228: "ipv4",
    229: "ipv6",
    239: "nflog",
    276: "sll2",
}


def decode_packet(data: bytes, wire_len: int, link_type: int) -> Packet:
    """Decode one packet of ``wire_len`` octets, of which ``data`` was captured.

    :returns: its fields; offsets count from the start of ``data``.
    """
    p = Packet(data)
    if link_type not in LINK_TYPES:
        p.flag("generic.unsupported_link_type")
        return p
    following: _Next = (LINK_TYPES[link_type], _At(0, len(data), wire_len))
    try:
        for _ in range(MAX_LAYERS):
            if following is None or following[0] in _LAST:
                break
            following = _HEADERS[following[0]](p, following[1])
        if following is not None:
            _LAST.get(following[0], _too_many)(p, following[1])
    except _RejectedError as rejected:
        p.flag(str(rejected))
    while p.saved and p.inner.layer == NONE:
        p.inner, p.outer = p.saved.pop()
    return p
