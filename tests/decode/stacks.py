"""Hypothesis strategies for protocol stacks: valid ones built header by header, then damaged.

Each ``_x`` function puts its header before a payload; lengths are right until ``damaged`` has had
its way with them.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from hypothesis import strategies as st

from tests.reference.decode import LINK_TYPES


@dataclass(frozen=True)
class Captured:
    """One packet record."""

    link_type: int
    data: bytes
    wire_len: int


_EUI = bytes.fromhex("0200000000010200000000 02".replace(" ", ""))
_TCP_OPTIONS = (
    b"",
    bytes.fromhex("0101080a0000000100000002"),  # timestamp
    bytes.fromhex("020405b40402080a000000010000000001030307"),  # a Linux SYN
    bytes.fromhex("0101050a0000000100000002"),  # SACK
    bytes.fromhex("02000000"),  # length 0
    bytes.fromhex("01010208"),  # length past the end
    bytes.fromhex("00ff0000"),  # end of list
    bytes.fromhex("01010103"),  # a kind without a length
)
_PORTS = (53, 80, 443, 40000, 1701, 2152, 3544, 4754, 4789, 4790, 5072, 6081, 6635, 8472)


def _tcp(rng: Random, payload: bytes) -> bytes:
    options = rng.choice(_TCP_OPTIONS)
    offset = (20 + len(options)) // 4 << 4
    ports = rng.choice(_PORTS), rng.choice(_PORTS)
    return struct.pack(">HHIIBBHHH", *ports, 0x80000001, 7, offset, 0x18, 512, 0, 0) + options + payload


def _udp(ports: tuple[int, int], payload: bytes, *, exact: bool = True) -> bytes:
    length = 8 + len(payload) if exact else 0
    return struct.pack(">HHHH", *ports, length, 0) + payload


def _ipv4(protocol: int, payload: bytes, options: bytes = b"", fragment: int = 0, total: int = -1) -> bytes:
    length = 20 + len(options) + len(payload) if total < 0 else total
    version_ihl = 0x45 + len(options) // 4
    header = struct.pack(
        ">BBHHHBBHII", version_ihl, 0, length, 99, fragment, 64, protocol, 0, 0x0A000001, 0xC0000202
    )
    return header + options + payload


def _ipv6(protocol: int, payload: bytes, src: int = 0x2001_0DB8 << 96 | 1) -> bytes:
    header = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
    return header + src.to_bytes(16, "big") + (0x2001 << 112 | 2).to_bytes(16, "big") + payload


def _extensions(rng: Random, protocol: int, payload: bytes) -> tuple[int, bytes]:
    """Put up to three extension headers before the payload."""
    for kind in rng.choices((0, 43, 44, 51, 60, 135), k=rng.randint(0, 3)):
        if kind == 44:
            more = rng.choice((0, 0, 0, 1, 8, 1001))
            payload = struct.pack(">BBHI", protocol, 0, more, 0xDEADBEEF) + payload
        elif kind == 51:
            payload = struct.pack(">BBHII", protocol, 1, 0, 5, 6) + payload
        else:
            payload = struct.pack(">BB6x", protocol, 0) + payload
        protocol = kind
    return protocol, payload


def _gre(rng: Random, protocol: int, payload: bytes) -> bytes:
    if protocol == 0x880B and rng.random() < 0.5:
        acknowledged = rng.random() < 0.5
        flags = 0x3001 | (0x80 if acknowledged else 0)
        return struct.pack(">HHHHI", flags, protocol, len(payload), 1, 2) + bytes(4 * acknowledged) + payload
    flags = rng.choice((0, 0x2000, 0x1000, 0xB000, 0x8000, 0x4000))
    optional = 4 * (bool(flags & 0xC000) + bool(flags & 0x2000) + bool(flags & 0x1000))
    routes = bytes.fromhex("0800000400000000 00000000".replace(" ", "")) if flags & 0x4000 else b""
    if protocol == 0x88BE and flags & 0x1000:
        payload = bytes.fromhex("1000000100000000") + payload
    return struct.pack(">HH", flags, protocol) + bytes(optional) + routes + payload


def _inside(rng: Random, depth: int) -> tuple[int, bytes]:
    """An EtherType and what it announces, for tunnels that tell by EtherType."""
    if rng.random() < 0.5:
        return 0x6558, frame(rng, depth)
    packet = ip_packet(rng, depth)
    return (0x0800 if packet[0] >> 4 == 4 else 0x86DD), packet


def _numbered(rng: Random, depth: int, between: bytes) -> bytes:
    """The number of a payload in NSH's and VXLAN-GPE's registry, what follows it, and the payload."""
    number = rng.choice((1, 3, 4, 5, 9))
    if number == 4:
        return b"\x04" + between + _nsh(rng, depth)
    if number == 3:
        return b"\x03" + between + frame(rng, depth)
    packet = ip_packet(rng, depth)
    if number == 5:
        return b"\x05" + between + bytes.fromhex("0001013f") + packet
    return bytes([number if number == 9 else 1 if packet[0] >> 4 == 4 else 2]) + between + packet


def _nsh(rng: Random, depth: int) -> bytes:
    """A Network Service Header, now and then one that is wrong, and what it announces."""
    start, metadata = rng.choice(((0x0FC2, 0), (0x0FC6, 16), (0x4FC2, 0), (0x0FC1, 0), (0x0FFF, 0)))
    return struct.pack(">HB", start, 1) + _numbered(rng, max(depth - 1, 0), bytes(4 + metadata))


def _udp_tunnel(rng: Random, depth: int) -> bytes:
    kind = rng.choice(("vxlan", "geneve", "gtp", "teredo", "ayiya", "gre", "l2tp", "mpls", "gpe"))
    if kind == "vxlan":
        port = rng.choice((4789, 8472))
        return _udp((50000, port), bytes.fromhex("0800000000002a00") + frame(rng, depth))
    if kind == "geneve":
        protocol, packet = _inside(rng, depth)
        options = rng.choice((b"", bytes(8)))
        header = struct.pack(">BBHI", len(options) // 4, 0, protocol, 42 << 8)
        return _udp((50000, 6081), header + options + packet)
    if kind == "gtp":
        packet = ip_packet(rng, depth)
        flags, optional = rng.choice(
            (
                (0x30, b""),
                (0x32, bytes.fromhex("00010000")),
                (0x34, bytes.fromhex("00000085 01000985 02100400 000000c0 01aa0000".replace(" ", ""))),
            )
        )
        header = struct.pack(">BBHI", flags, 255, len(optional) + len(packet), 7)
        return _udp(rng.choice(((2152, 2152), (2152, 30000))), header + optional + packet)
    if kind == "teredo":
        before = rng.choice((b"", bytes.fromhex("0000f227f5fffffe"), bytes.fromhex("00010000" + "00" * 9)))
        ports = rng.choice(((3797, 3544), (3544, 3797), (3797, 32900)))
        protocol, payload = ip_payload(rng, depth, 6)
        packet = _ipv6(protocol, payload, 0x2001_0000 << 96 | 9)
        version = rng.choice((packet[:1], packet[:1], b"\x50"))
        return _udp(ports, before + version + packet[1:] + rng.choice((b"", b"", b"\x00")))
    if kind == "ayiya":
        protocol, payload = ip_payload(rng, depth, 6)
        header = struct.pack(">BBBBI", 0x41, 0x52, 0x11, 41, 0) + bytes(16 + 20)
        return _udp((5072, 5072), header + _ipv6(protocol, payload))
    if kind == "mpls":
        return _udp((50000, 6635), bytes.fromhex("000100400001013f") + ip_packet(rng, depth))
    if kind == "gpe":
        flags = rng.choice((0x0C, 0x0C, 0x0D, 0x08))
        return _udp((50000, 4790), bytes([flags, 0, 0]) + _numbered(rng, depth, b"\x00\x2a\x00\x00"))
    if kind == "gre":
        return _udp((50000, 4754), _gre(rng, *_inside(rng, depth)))
    header = rng.choice(
        (
            bytes.fromhex("000200010002"),
            bytes.fromhex("4002001000010002"),
            bytes.fromhex("4a02001000010002000000010002ffff"),
        )
    )
    return _udp((1701, 1701), header + ppp(rng, depth))


def ip_payload(rng: Random, depth: int, version: int) -> tuple[int, bytes]:
    """An IP protocol and what it announces; with ``depth``, perhaps a tunnel."""
    kinds = ["tcp", "tcp", "udp", "udp0", "icmp", "esp"]
    if depth > 0:
        kinds += ["udp tunnel", "udp tunnel", "ip in ip", "gre", "gre ppp", "erspan", "wccp", "ah"]
    kind = rng.choice(kinds)
    payload = rng.randbytes(rng.randrange(48))
    if kind == "tcp":
        return 6, _tcp(rng, payload)
    if kind in {"udp", "udp0"}:
        ports = rng.choice(_PORTS), rng.choice(_PORTS)
        return 17, _udp(ports, payload, exact=kind == "udp")
    if kind == "icmp":
        echo = 8 if version == 4 else 128
        return (1 if version == 4 else 58), struct.pack(">BBHHH", echo, 0, 0, 77, 1) + payload
    if kind == "udp tunnel":
        return 17, _udp_tunnel(rng, depth - 1)
    if kind == "ip in ip":
        packet = ip_packet(rng, depth - 1)
        return (4 if packet[0] >> 4 == 4 else 41), packet
    if kind == "ah":
        protocol, inner = ip_payload(rng, depth - 1, version)
        return 51, struct.pack(">BBHII", protocol, rng.choice((1, 1, 4)), 0, 5, 6) + inner
    if kind == "gre":
        return 47, _gre(rng, *_inside(rng, depth - 1))
    if kind == "gre ppp":
        return 47, _gre(rng, 0x880B, ppp(rng, depth - 1))
    if kind == "erspan":
        protocol = rng.choice((0x88BE, 0x22EB))
        before = bytes.fromhex("20000001000000000000a000") if protocol == 0x22EB else b""
        return 47, _gre(rng, protocol, before + frame(rng, depth - 1))
    if kind == "wccp":
        protocol, inner = ip_payload(rng, depth - 1, 4)
        before = rng.choice((b"", bytes(4)))
        return 47, _gre(rng, 0x883E, before + _ipv4(protocol, inner))
    return rng.choice((50, 59, 132, 255)), payload


def ip_packet(rng: Random, depth: int) -> bytes:
    """An IPv4 or IPv6 packet."""
    if rng.random() < 0.5:
        protocol, payload = ip_payload(rng, depth, 4)
        options = rng.choice((b"", b"", b"\x01\x01\x01\x00", bytes(40)))
        fragment = rng.choice((0, 0, 0, 0x4000, 0x2000, 0x2005, 0x1FFF))
        total = rng.choice((-1, -1, -1, -1, 0))
        return _ipv4(protocol, payload, options, fragment, total)
    if rng.random() < 0.1:
        return _ipv6(rng.choice((6, 17, 59)), b"") + bytes(rng.choice((0, 30)))
    return _ipv6(*_extensions(rng, *ip_payload(rng, depth, 6)))


def ppp(rng: Random, depth: int) -> bytes:
    """A PPP frame with any of the forms of its first octets."""
    packet = ip_packet(rng, depth)
    low = 0x21 if packet[0] >> 4 == 4 else 0x57
    start = rng.choice((b"\xff\x03\x00", b"\x00", b"", b"\xff\x03", b"\xc0", b"\x02", b"\x0f\x00\x08"))
    return start + bytes([low]) + packet


def _shimmed(rng: Random, depth: int) -> bytes:
    """An EtherType and what it announces, behind any number of shims."""
    packet = ip_packet(rng, depth)
    result = (b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd") + packet
    kinds = ["vlan", "qinq", "vntag", "etag", "metadata", "itag", "nsh", "pppoe", "mpls", "pseudowire"]
    kinds += ["llc", "arp"]
    for kind in rng.choices(kinds, k=rng.randint(0, 3)):
        if kind in {"vlan", "qinq"}:
            tci = rng.choice((0, 5, 0x6007))
            result = struct.pack(">HH", 0x8100 if kind == "vlan" else 0x88A8, tci) + result
        elif kind == "vntag":
            result = bytes.fromhex("892600010002") + result
        elif kind == "etag":
            result = bytes.fromhex("893f000000010000") + result
        elif kind == "nsh":
            result = b"\x89\x4f" + _nsh(rng, depth)
        elif kind == "metadata":
            result = bytes.fromhex("8909010100010007") + result
        elif kind == "itag":
            result = bytes.fromhex("88e700000001") + _EUI + result
        elif kind == "pppoe":
            result = struct.pack(">HBBHHH", 0x8864, 0x11, 0, 1, 2 + len(packet), 0x0021) + packet
        elif kind == "mpls":
            result = bytes.fromhex("8847000100400001013f") + packet
        elif kind == "pseudowire":
            word = rng.choice((b"", bytes(4), b"\x10\x00\x00\x21"))
            result = bytes.fromhex("88470001013f") + word + _EUI + result
        elif kind == "llc":
            result = struct.pack(">H", 6 + len(result)) + bytes.fromhex("aaaa03000000") + result
        else:
            result = bytes.fromhex("08060001080006040001") + bytes(20)
    return result


def frame(rng: Random, depth: int) -> bytes:
    """An Ethernet frame, perhaps padded."""
    return _EUI + _shimmed(rng, depth) + rng.choice((b"", b"", bytes(18)))


def _ieee80211(rng: Random, depth: int) -> bytes:
    control = rng.choice((0x08, 0x88, 0x48, 0x80, 0xD4, 0x09))
    flags = rng.choice((0x01, 0x02, 0x03, 0x41, 0x81, 0x05))
    header = bytes([control, flags]) + bytes(20) + rng.choice((b"\x10\x00", b"\x11\x00"))
    header += bytes(6) if flags & 3 == 3 else b""
    if control == 0x88:
        header += rng.choice((b"\x00\x00", b"\x80\x00")) + (bytes(4) if flags & 0x80 else b"")
        header += bytes(14) if header[-2:] == b"\x80\x00" else b""
        header += rng.choice((b"", bytes(2)))
    return header + bytes.fromhex("aaaa03000000") + _shimmed(rng, depth)


def _nflog(rng: Random, depth: int) -> bytes:
    order = rng.choice("<>")
    packet = ip_packet(rng, depth)
    if rng.random() < 0.2:  # as before segmentation offload
        at = 2 if packet[0] >> 4 == 4 else 4
        packet = packet[:at] + bytes(2) + packet[at + 2 :]
    copied = packet[: rng.choice((len(packet), rng.randint(0, len(packet))))]
    tlvs = b"".join(
        struct.pack(order + "HH", 4 + size, kind) + bytes((size + 3) // 4 * 4)
        for kind, size in rng.choices(((1, 4), (10, 5), (5, 4)), k=rng.randint(0, 4))
    )
    return (
        bytes.fromhex("02000000")
        + tlvs
        + struct.pack(order + "HH", 4 + len(copied), 9)
        + copied
        + bytes(rng.choice((0, 8)))
    )


def _linked(rng: Random, link_type: int, depth: int) -> bytes:
    """A frame of a link type."""
    match LINK_TYPES[link_type]:
        case "ethernet":
            return frame(rng, depth)
        case "ppp":
            return ppp(rng, depth)
        case "pppoe":
            packet = ip_packet(rng, depth)
            return struct.pack(">BBHHH", 0x11, 0, 1, 2 + len(packet), 0x0021) + packet
        case "chdlc":
            return b"\x0f\x00" + _shimmed(rng, depth)
        case "sll":
            return bytes(14) + _shimmed(rng, depth)
        case "sll2":
            shimmed = _shimmed(rng, depth)
            return shimmed[:2] + bytes(18) + shimmed[2:]
        case "loopback":
            family = rng.choice((2, 10, 24, 28, 30, 7))
            return struct.pack(rng.choice("<>") + "I", family) + ip_packet(rng, depth)
        case "nflog":
            return _nflog(rng, depth)
        case "ieee80211":
            return _ieee80211(rng, depth)
        case "radiotap":
            before = rng.choice((b"\x00\x00\x08\x00" + bytes(4), b"\x00\x00\x0d\x00" + bytes(9)))
            return before + _ieee80211(rng, depth)
        case _:
            return ip_packet(rng, depth)


def _damaged(rng: Random, data: bytes) -> tuple[bytes, int]:
    """Octets overwritten, the end cut off with or without the wire's knowledge."""
    octets = bytearray(data)
    if octets:
        for _ in range(rng.choice((0, 0, 1, 1, 2, 4))):
            at = rng.randint(0, min(len(octets), 160) - 1)
            octets[at] = rng.choice((0, 1, 4, 0x0F, 0x40, 0x45, 0x60, 0x80, 0xFF, octets[at] ^ 1))
    match rng.choice(("whole", "whole", "cut", "snap")):
        case "cut":
            del octets[rng.randint(0, len(octets)) :]
            return bytes(octets), len(octets)
        case "snap":
            wire_len = len(octets)
            del octets[rng.randint(0, len(octets)) :]
            return bytes(octets), wire_len
        case _:
            return bytes(octets), len(octets)


def _near_valid(rng: Random) -> Captured:
    link_type = rng.choice((1, 1, 1, 1, *LINK_TYPES))
    stack = _linked(rng, link_type, rng.randint(0, 5))
    data, wire_len = _damaged(rng, stack) if rng.random() < 0.5 else (stack, len(stack))
    return Captured(link_type, data, wire_len)


def _random(rng: Random) -> Captured:
    data = rng.randbytes(rng.randrange(120))
    return Captured(rng.choice((*LINK_TYPES, 2, 147, 65535)), data, len(data) + rng.choice((0, 0, 1000)))


def _many(build: Callable[[Random], Captured], most: int) -> st.SearchStrategy[list[Captured]]:
    # One seed for many packets: a stack takes dozens of choices, and Hypothesis, choosing each,
    # would see too few whole ones. A failure shows the packet, so little is lost in shrinking.
    def make(seed: int, count: int) -> list[Captured]:
        rng = Random(seed)
        return [build(rng) for _ in range(count)]

    return st.builds(make, st.integers(0, 2**64 - 1), st.integers(1, most))


def near_valid_packets(most: int = 60) -> st.SearchStrategy[list[Captured]]:
    """Packet records: stacks of any link type with up to five tunnels, half of them damaged."""
    return _many(_near_valid, most)


def random_packets(most: int = 60) -> st.SearchStrategy[list[Captured]]:
    """Packet records of any link type, known or not, with no sense to them."""
    return _many(_random, most)
