"""Tunnels: when a UDP payload is one, and what is left when there is nothing readable inside."""

import struct

import pytest

from sensor.decode.columns import Layer, Tunnel
from sensor.decode.stack import decode_batch
from tests.decode.batches import make_batch, row_of
from tests.decode.stacks import Captured

_RAW_IP = 101
_TEREDO = bytes.fromhex("20010000") + bytes(11) + b"\x01"
_ELSEWHERE = bytes.fromhex("20010db8") + bytes(11) + b"\x02"
_TCP = struct.pack(">HHIIBBHHH", 40000, 80, 1, 0, 0x50, 2, 0, 0, 0)


def _ipv4(protocol: int, payload: bytes, src: int = 0x0A000001) -> bytes:
    length = 20 + len(payload)
    return struct.pack(">BBHHHBBHII", 0x45, 0, length, 0, 0, 64, protocol, 0, src, 0x0A000002) + payload


def _ipv6(src: bytes, dst: bytes, payload: bytes) -> bytes:
    return struct.pack(">IHBB", 6 << 28, len(payload), 6, 64) + src + dst + payload


def _udp(src_port: int, dst_port: int, payload: bytes) -> bytes:
    return _ipv4(17, struct.pack(">HHHH", src_port, dst_port, 8 + len(payload), 0) + payload)


def _row(data: bytes) -> dict[str, int | str]:
    batch = make_batch([Captured(_RAW_IP, data, len(data))])
    return row_of(decode_batch(batch), batch, 0)


@pytest.mark.parametrize(
    ("ports", "payload", "is_teredo"),
    [
        ((3797, 3544), _ipv6(_ELSEWHERE, _ELSEWHERE, _TCP), True),
        ((3544, 3797), _ipv6(_TEREDO, _ELSEWHERE, _TCP), True),
        ((3797, 32900), _ipv6(_TEREDO, _ELSEWHERE, _TCP), True),
        ((3797, 32900), _ipv6(_ELSEWHERE, _TEREDO, _TCP), True),
        ((3797, 32900), _ipv6(_ELSEWHERE, _ELSEWHERE, _TCP), False),
        ((3797, 32900), _ipv6(_TEREDO, _ELSEWHERE, _TCP) + b"\x00", False),
        ((3797, 3544), _ipv6(_TEREDO, _ELSEWHERE, _TCP) + b"\x00", False),
        ((3797, 3544), _ipv6(_TEREDO, _ELSEWHERE, _TCP)[:-1], False),
        ((3797, 3544), bytes(8) + _ipv6(_TEREDO, _ELSEWHERE, _TCP), True),
    ],
)
def test_teredo_is_ipv6_of_exactly_the_payload(
    ports: tuple[int, int], payload: bytes, is_teredo: bool
) -> None:
    row = _row(_udp(*ports, payload))
    assert row["event"] == "none"
    assert row["tunnel"] == (Tunnel.TEREDO if is_teredo else Tunnel.NONE)
    assert row["layer"] == (Layer.TCP if is_teredo else Layer.UDP)
    assert row["outer_src"] == (0x0A000001 if is_teredo else 0)


def test_a_gtp_u_message_that_carries_no_packet_is_a_datagram() -> None:
    echo_request = bytes.fromhex("3201000400000000 00010000".replace(" ", ""))
    row = _row(_udp(2152, 2152, echo_request))
    assert (row["layer"], row["event"], row["tunnel"]) == (Layer.UDP, "none", Tunnel.NONE)


def test_an_unreadable_inner_packet_leaves_the_outer_datagram() -> None:
    frame = bytes(12) + b"\x08\x00" + b"\x45" + bytes(5)
    row = _row(_udp(50000, 4789, bytes.fromhex("0800000000002a00") + frame))
    assert (row["layer"], row["event"]) == (Layer.UDP, "ipv4.pkt_too_small")
    assert (row["src"], row["dst_port"], row["payload_len"]) == (0x0A000001, 4789, 8 + len(frame))
    assert (row["tunnel"], row["tunnel_depth"], row["outer_src"]) == (Tunnel.NONE, 0, 0)


def test_only_the_unreadable_tunnel_is_given_up() -> None:
    inner = _ipv4(4, b"\x45\x00", src=0x0A0000FF)
    row = _row(_ipv4(4, inner))
    assert (row["layer"], row["event"]) == (Layer.IP, "ipv4.pkt_too_small")
    assert (row["src"], row["tunnel_depth"], row["outer_src"]) == (0x0A0000FF, 1, 0x0A000001)


def test_tunnels_past_the_depth_limit_stay_closed() -> None:
    packet = _ipv4(6, _TCP)
    for _ in range(5):
        packet = _ipv4(4, packet)
    row = _row(packet)
    assert (row["layer"], row["event"]) == (Layer.IP, "generic.too_many_layers")
    assert (row["tunnel_depth"], row["ip_proto"]) == (4, 4)
    assert _row(packet[20:])["layer"] == Layer.TCP


def test_headers_without_end_are_rejected_and_harm_no_other_row() -> None:
    tags = bytes(12) + b"\x81\x00\x00\x01" * 200 + b"\x08\x00" + _ipv4(6, _TCP)
    plain = bytes(12) + b"\x08\x00" + _ipv4(6, _TCP)
    batch = make_batch([Captured(1, data, len(data)) for data in (plain, tags, plain)])
    packets = decode_batch(batch)
    assert packets.layer.tolist() == [Layer.TCP, Layer.NONE, Layer.TCP]
    assert row_of(packets, batch, 1)["event"] == "generic.too_many_layers"


def test_a_truncated_packet_is_told_from_a_short_capture() -> None:
    data = _ipv4(6, _TCP + b"GET / HTTP/1.1")
    batch = make_batch([Captured(_RAW_IP, data[:-4], len(data)), Captured(_RAW_IP, data[:-4], len(data) - 4)])
    packets = decode_batch(batch)
    assert packets.layer.tolist() == [Layer.TCP, Layer.NONE]
    assert (packets.payload_len[0], packets.payload_wire_len[0]) == (10, 14)
    assert row_of(packets, batch, 1)["event"] == "ipv4.trunc_pkt"


@pytest.mark.parametrize(
    ("port", "payload", "tunnel"),
    [
        (6635, bytes.fromhex("0001013f") + _ipv4(6, _TCP), Tunnel.MPLS_UDP),
        (6635, b"any other program's question", Tunnel.NONE),
        (4790, bytes.fromhex("0c00000100002a00") + _ipv4(6, _TCP), Tunnel.VXLAN),
        (
            4790,
            bytes.fromhex("0c00000400002a00 0fc2010100000000".replace(" ", "")) + _ipv4(6, _TCP),
            Tunnel.VXLAN,
        ),
        (4790, bytes.fromhex("0c00000900002a00") + _ipv4(6, _TCP), Tunnel.NONE),
        (4790, bytes.fromhex("0800000100002a00") + _ipv4(6, _TCP), Tunnel.NONE),
    ],
)
def test_what_a_port_announces_must_look_like_it(port: int, payload: bytes, tunnel: Tunnel) -> None:
    row = _row(_udp(50000, port, payload))
    assert row["tunnel"] == tunnel
    assert row["layer"] == (Layer.TCP if tunnel else Layer.UDP)


def test_an_authentication_header_behind_ipv4_is_passed_over() -> None:
    header = struct.pack(">BBHII", 6, 1, 0, 5, 6)
    row = _row(_ipv4(51, header + _TCP))
    assert (row["layer"], row["ip_proto"], row["dst_port"]) == (Layer.TCP, 6, 80)
    row = _row(_ipv4(51, header[:8]))
    assert (row["layer"], row["event"]) == (Layer.NONE, "ah.pkt_too_small")
