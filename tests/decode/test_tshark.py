"""The decoder and tshark on the same packets, one for each encapsulation, made by scapy."""

import ipaddress
import struct
import subprocess
from pathlib import Path

import pytest
from scapy.all import (
    ARP,
    GRE,
    IP,
    LLC,
    PPP,
    SNAP,
    TCP,
    UDP,
    CookedLinux,
    Dot1Q,
    Dot3,
    Ether,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    Packet,
    PPPoE,
    Raw,
)
from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III
from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.mpls import MPLS
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.inet import ICMP
from scapy.layers.ipsec import AH
from scapy.layers.l2 import GRE_PPTP, CookedLinuxV2, Loopback
from scapy.layers.vxlan import VXLAN

from sensor.decode.columns import Layer
from sensor.decode.stack import decode_batch
from tests.decode.batches import make_batch, row_of
from tests.decode.stacks import Captured

_HTTP = Raw(b"GET /watchdog HTTP/1.1\r\nHost: example.jp\r\n\r\n")
_ETHER = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
_TCP4 = IP(src="10.1.2.3", dst="192.0.2.80") / TCP(sport=40001, dport=80, seq=7, flags="PA") / _HTTP
_TCP6 = IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(sport=40002, dport=80, flags="PA") / _HTTP
_UDP4 = IP(src="10.1.2.3", dst="192.0.2.53") / UDP(sport=40003, dport=9999) / Raw(b"question")
_OUTER4 = IP(src="198.51.100.1", dst="198.51.100.2")
_OUTER6 = IPv6(src="2001:db8:f::1", dst="2001:db8:f::2")
_TEREDO6 = IPv6(src="2001:0:4137:9e50::1", dst="2001:db8::2") / TCP(sport=40004, dport=80) / _HTTP
_DOT11 = {"addr1": "02:00:00:00:00:01", "addr2": "02:00:00:00:00:02", "addr3": "02:00:00:00:00:03"}
_SNAP = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=0x0800)


def _ethernet(ethertype: int) -> Packet:
    """A frame that announces what scapy does not know."""
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", type=ethertype)


STACKS: dict[str, tuple[int, Packet]] = {
    "ethernet": (1, _ETHER / _TCP4),
    "udp": (1, _ETHER / _UDP4),
    "ipv6": (1, _ETHER / _TCP6),
    "padding": (1, _ETHER / IP(src="10.1.2.3", dst="192.0.2.80") / TCP(sport=1, dport=80) / Raw() / bytes(6)),
    "ip options": (1, _ETHER / IP(dst="192.0.2.1", options=[b"\x94\x04\x00\x00"]) / TCP(sport=5, dport=80)),
    "ah": (
        1,
        _ETHER
        / IP(src="10.1.2.3", dst="192.0.2.80")
        / AH(nh=6, payloadlen=4, icv=bytes(12))
        / TCP(dport=80)
        / _HTTP,
    ),
    "vlan": (1, _ETHER / Dot1Q(vlan=42) / _TCP4),
    "qinq": (1, _ETHER / Dot1Q(type=0x8100, vlan=7) / Dot1Q(vlan=42) / _TCP6),
    "e-tag": (1, _ethernet(0x893F) / bytes.fromhex("0000000100000800") / _TCP4),
    "nsh": (1, _ethernet(0x894F) / bytes.fromhex("0fc60101000001ff") / bytes(16) / _TCP4),
    "snap": (1, Dot3(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / _SNAP / _TCP4),
    "pppoe": (1, _ETHER / PPPoE(sessionid=1) / PPP(proto=0x0021) / _TCP4),
    "mpls": (1, _ETHER / MPLS(label=16, s=0, ttl=9) / MPLS(label=17, s=1, ttl=9) / _TCP4),
    "arp": (1, _ETHER / ARP(pdst="10.0.0.1")),
    "icmpv6": (1, _ETHER / IPv6(src="2001:db8::1", dst="2001:db8::2") / ICMPv6EchoRequest(id=7)),
    "icmp": (1, _ETHER / IP(src="10.1.2.3", dst="192.0.2.80") / ICMP(id=7)),
    "extensions": (
        1,
        _ETHER
        / IPv6(src="2001:db8::1", dst="2001:db8::2")
        / IPv6ExtHdrHopByHop()
        / IPv6ExtHdrRouting(addresses=["2001:db8::9"], segleft=0)
        / IPv6ExtHdrDestOpt()
        / TCP(sport=40002, dport=80)
        / _HTTP,
    ),
    "atomic fragment": (
        1,
        _ETHER
        / IPv6(src="2001:db8::1", dst="2001:db8::2")
        / IPv6ExtHdrFragment(id=5)
        / TCP(dport=80)
        / _HTTP,
    ),
    "ip in ip": (1, _ETHER / _OUTER4 / _TCP4),
    "6in4": (1, _ETHER / _OUTER4 / _TCP6),
    "4in6": (1, _ETHER / _OUTER6 / _TCP4),
    "gre": (1, _ETHER / _OUTER4 / GRE(key_present=1, key=5, seqnum_present=1) / _TCP4),
    "gre checksum": (1, _ETHER / _OUTER4 / GRE(chksum_present=1) / _TCP6),
    "gre ethernet": (1, _ETHER / _OUTER6 / GRE(proto=0x6558) / _ETHER / _TCP4),
    "pptp": (1, _ETHER / _OUTER4 / GRE_PPTP(seqnum_present=1, sequence_number=1) / PPP(proto=0x21) / _TCP4),
    "erspan I": (1, _ETHER / _OUTER4 / GRE(proto=0x88BE) / bytes(_ETHER / _TCP4)),
    "erspan II": (
        1,
        _ETHER / _OUTER4 / GRE(proto=0x88BE, seqnum_present=1) / ERSPAN_II() / _ETHER / Dot1Q(vlan=9) / _TCP4,
    ),
    "erspan III": (
        1,
        _ETHER / _OUTER4 / GRE(proto=0x22EB, seqnum_present=1) / ERSPAN_III() / _ETHER / _TCP4,
    ),
    "gre in udp": (1, _ETHER / _OUTER4 / UDP(sport=50000, dport=4754) / GRE() / _TCP4),
    "teredo": (1, _ETHER / _OUTER4 / UDP(sport=3797, dport=3544) / _TEREDO6),
    "vxlan": (1, _ETHER / _OUTER4 / UDP(sport=50000, dport=4789) / VXLAN(vni=42) / _ETHER / _TCP4),
    "vxlan-gpe": (
        1,
        _ETHER / _OUTER4 / UDP(sport=50000, dport=4790) / bytes.fromhex("0c00000100002a00") / _TCP4,
    ),
    "mpls in udp": (1, _ETHER / _OUTER4 / UDP(sport=50000, dport=6635) / MPLS(label=16, s=1, ttl=9) / _TCP4),
    "geneve": (1, _ETHER / _OUTER6 / UDP(sport=50000, dport=6081) / GENEVE(vni=42) / _ETHER / _TCP6),
    "gtp-u": (1, _ETHER / _OUTER4 / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=7) / _TCP4),
    "l2tp": (
        1,
        _ETHER / _OUTER4 / UDP(sport=1701, dport=1701) / bytes.fromhex("000200010002ff030021") / _TCP4,
    ),
    "raw": (101, _TCP4),
    "raw ipv6": (229, _TCP6),
    "loopback": (0, Loopback(type=2) / _TCP4),
    "ppp": (9, PPP(proto=0x0021) / _TCP4),
    "sll": (113, CookedLinux(proto=0x0800) / _TCP4),
    "sll2": (276, CookedLinuxV2(proto=0x86DD) / _TCP6),
    "802.11": (105, Dot11(type=2, FCfield=1, **_DOT11) / _SNAP / _TCP4),
    "802.11 qos": (
        127,
        RadioTap() / Dot11(type=2, subtype=8, FCfield=2, **_DOT11) / Dot11QoS() / _SNAP / _TCP4,
    ),
}

_FIELDS = (
    *("ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "tcp.len", "tcp.seq_raw"),
    *("udp.srcport", "udp.dstport", "udp.length", "vlan.id", "frame.protocols"),
)


def _ask_tshark(path: Path, link_type: int, packets: list[bytes]) -> list[dict[str, str]]:
    """The innermost value of each field, by name, for each packet."""
    header = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    records = [struct.pack("<IIII", 1, 0, len(data), len(data)) + data for data in packets]
    path.write_bytes(header + b"".join(records))
    command = ["tshark", "-r", str(path), "-T", "fields", "-E", "occurrence=l", "-E", "separator=|"]
    for field in _FIELDS:
        command += ["-e", field]
    command += ["-d", "udp.port==4754,gre", "-d", "udp.port==3544,teredo"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [dict(zip(_FIELDS, line.split("|"), strict=True)) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def theirs_by_name(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What tshark reads in each of the stacks, asked once a link type."""
    folder = tmp_path_factory.mktemp("tshark")
    answers: dict[str, dict[str, str]] = {}
    for link_type in {link_type for link_type, _ in STACKS.values()}:
        stacks = {name: bytes(stack) for name, (link, stack) in STACKS.items() if link == link_type}
        read = _ask_tshark(folder / f"{link_type}.pcap", link_type, list(stacks.values()))
        answers.update(zip(stacks, read, strict=True))
    return answers


@pytest.mark.tshark
@pytest.mark.parametrize("name", STACKS)
def test_the_same_packet_as_tshark(name: str, theirs_by_name: dict[str, dict[str, str]]) -> None:
    link_type, stack = STACKS[name]
    data = bytes(stack)
    batch = make_batch([Captured(link_type, data, len(data))])
    row = row_of(decode_batch(batch), batch, 0)
    theirs = theirs_by_name[name]

    protocols = [p for p in theirs["frame.protocols"].split(":") if p in {"ip", "ipv6", "tcp", "udp"}]
    assert row["event"] == "none"
    if "arp" in name:
        assert (row["layer"], protocols) == (Layer.OTHER, [])
        return
    version = [p for p in protocols if p.startswith("ip")][-1]
    assert row["ip_version"] == (4 if version == "ip" else 6)
    address = ipaddress.IPv4Address if version == "ip" else ipaddress.IPv6Address
    assert (str(address(row["src"])), str(address(row["dst"]))) == (
        theirs[f"{version}.src"],
        theirs[f"{version}.dst"],
    )
    if row["layer"] == Layer.TCP:
        assert protocols[-1] == "tcp"
        ours = [row[column] for column in ("src_port", "dst_port", "payload_len", "tcp_seq")]
        assert ours == [int(theirs[f"tcp.{x}"]) for x in ("srcport", "dstport", "len", "seq_raw")]
    elif row["layer"] == Layer.UDP:
        assert protocols[-1] == "udp"
        ours = [row[column] for column in ("src_port", "dst_port")] + [int(row["payload_len"]) + 8]
        assert ours == [int(theirs[f"udp.{x}"]) for x in ("srcport", "dstport", "length")]
    else:
        assert row["layer"] in {Layer.ICMP, Layer.ICMPV6}
        assert row["src_port"] == row["dst_port"] == 7
    tunnelled = len([p for p in protocols if p in {"ip", "ipv6"}]) > 1
    assert bool(row["tunnel_depth"]) == bool(row["outer_src"]) == tunnelled
