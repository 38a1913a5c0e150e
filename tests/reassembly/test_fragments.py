"""Fragments against the packets that they were made of, and against a scalar reference."""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.packet import Raw

from sensor.config import SECOND_NS, ReassemblyLimits
from sensor.decode.columns import Layer, Tunnel
from sensor.reassembly.held import COMPARED
from tests.reassembly.fragment_rows import EXPERIMENT, Line, alone, packet_of
from tests.reference.reassembly import Fragment, datagrams

PAYLOAD = bytes(range(256)) * 2


def ipv4(upper: Any, size: int = 64, ident: int = 77) -> tuple[Any, list[Any]]:
    """A packet, and its fragments by scapy."""
    packet = IP(bytes(IP(src="192.0.2.1", dst="192.0.2.2", id=ident) / upper))
    return packet, fragment(packet, fragsize=size)


def ipv6(upper: Any, size: int = 112, ident: int = 77) -> tuple[Any, list[Any]]:
    ends = {"src": "2001:db8::1", "dst": "2001:db8::2"}
    packet = IPv6(bytes(IPv6(**ends) / upper))
    return packet, fragment6(IPv6(**ends) / IPv6ExtHdrFragment(id=ident) / packet.payload, size)


UPPER = (
    UDP(sport=53, dport=5353) / PAYLOAD,
    TCP(sport=80, dport=1024, seq=2**32 - 1, flags="PA") / PAYLOAD,
    ICMP(id=5) / PAYLOAD,
)
ORDERS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "in order": lambda pieces: pieces,
    "reversed": lambda pieces: pieces[::-1],
    "shuffled": lambda pieces: Random(1).sample(pieces, len(pieces)),
    "twice each": lambda pieces: [piece for piece in pieces[:-1] for _ in range(2)] + pieces[-1:],
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("upper", UPPER, ids=lambda upper: upper.name)
@pytest.mark.parametrize("version", [ipv4, ipv6])
def test_the_last_row_becomes_the_datagram(version: Any, upper: Any, order: Any) -> None:
    packet, pieces = version(upper)
    assert len(pieces) > 3
    line = Line()
    *waiting, whole = line.feed(order(pieces))
    assert {row.layer for row in waiting} == {Layer.FRAGMENT}
    assert whole == alone(packet)
    assert line.counters.datagrams_reassembled == 1
    assert line.counters.fragments == len(order(pieces))
    assert line.counters.fragment_overlaps == len(order(pieces)) - len(pieces)
    assert line.counters.fragment_conflicts == line.counters.fragments_dropped == 0


@pytest.mark.parametrize("version", [ipv4, ipv6])
def test_datagrams_of_two_batches_and_two_identifications(version: Any) -> None:
    packet, pieces = version(UPPER[0])
    other, others = version(UDP(sport=1, dport=2) / PAYLOAD[::-1], ident=78)
    mixed = [piece for pair in zip(pieces, others, strict=True) for piece in pair]
    line = Line()
    rows = [row for piece in mixed for row in line.feed([piece])]
    assert rows[-2] == alone(packet)
    assert rows[-1] == alone(other)
    assert line.counters.datagrams_reassembled == 2


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(("count", "cut"), [(COMPARED, 0), (COMPARED + 1, 1)])
def test_a_fragment_is_compared_with_a_few_others(version: int, count: int, cut: int) -> None:
    small = [Fragment(1, 8 * i, b"8 octets", more=True) for i in range(count)]
    cover = Fragment(1, 0, b"8 octets" * count, more=True)
    line = Line()
    line.feed([packet_of(piece, version) for piece in [*small, cover]])
    assert line.counters.comparisons_cut == cut
    assert line.counters.fragment_conflicts == 0
    assert line.counters.fragment_overlaps == 1


@pytest.mark.parametrize("version", [ipv4, ipv6])
def test_overlap_with_other_octets_is_counted_and_the_first_stays(version: Any) -> None:
    packet, pieces = version(UPPER[0])
    forged = pieces[2].copy()
    forged[Raw].load = bytes(octet ^ 0xFF for octet in forged[Raw].load)
    line = Line()
    *_, whole = line.feed([*pieces[:3], forged, *pieces[3:]])
    assert whole == alone(packet)
    assert line.counters.fragment_conflicts == line.counters.fragment_overlaps == 1


@pytest.mark.parametrize("version", [ipv4, ipv6])
def test_a_missing_fragment_is_waited_for_and_counted(version: Any) -> None:
    _, pieces = version(UPPER[0])
    line = Line()
    rows = line.feed(pieces[:1] + pieces[2:])
    assert {row.layer for row in rows} == {Layer.FRAGMENT}
    line.reassembler.finish()
    assert line.counters.fragments_expired == len(pieces) - 1
    assert line.reassembler._waiting == {}
    assert line.reassembler._cost == 0


def test_an_atomic_fragment_is_none() -> None:
    """RFC 6946: it is handled alone, whatever waits under the same identification."""
    packet, pieces = ipv6(UPPER[0])
    upper = UDP(sport=9, dport=10) / b"atomic"
    ends = {"src": "2001:db8::1", "dst": "2001:db8::2"}
    atomic = IPv6(**ends) / IPv6ExtHdrFragment(id=77, offset=0, m=0, nh=17) / upper
    line = Line()
    rows = line.feed([pieces[0], atomic, *pieces[1:]])
    assert (rows[1].layer, rows[1].payload) == (Layer.UDP, b"atomic")
    assert rows[-1] == alone(packet)
    assert line.counters.fragments == len(pieces)


def test_of_ipv6_only_the_first_fragment_names_the_protocol() -> None:
    """RFC 8200, section 4.5: the other fragments' Next Header values are ignored."""
    packet, pieces = ipv6(UPPER[0])
    for piece in pieces[1:]:
        piece[IPv6ExtHdrFragment].nh = 6
    assert Line().feed(pieces)[-1] == alone(packet)


def test_of_ipv4_the_protocol_is_part_of_the_identification() -> None:
    _, pieces = ipv4(UPPER[0])
    pieces[1].proto = 6
    assert {row.layer for row in Line().feed(pieces)} == {Layer.FRAGMENT}


def test_a_datagram_longer_than_ip_allows_is_refused() -> None:
    """The ping of death: the last fragment ends behind octet 65,535."""
    head = IP(src="192.0.2.1", dst="192.0.2.2", id=5, proto=EXPERIMENT)
    line = Line()
    last = head.copy()
    last.frag = 8189
    rows = line.feed([last / (b"x" * 24)])
    assert line.counters.fragments_dropped == 1
    assert rows[0].layer == Layer.FRAGMENT
    assert line.reassembler._waiting == {}


def test_a_fragment_that_the_capture_cut_is_refused() -> None:
    _, pieces = ipv4(UPPER[0])
    line = Line()
    line.feed(pieces[:1], cut=3)
    assert line.counters.fragments_dropped == 1
    assert {row.layer for row in line.feed(pieces[1:])} == {Layer.FRAGMENT}


def test_fragments_beyond_the_end_are_no_part_of_the_datagram() -> None:
    """Three octets too many behind the end must not make up for three missing before it."""
    head = IP(src="192.0.2.1", dst="192.0.2.2", id=5, proto=EXPERIMENT, flags="MF")
    first, beyond, end = (head.copy() for _ in range(3))
    beyond.frag, end.frag, end.flags = 3, 2, 0
    line = Line()
    rows = line.feed([first / (b"a" * 8), beyond / (b"b" * 8), end])
    assert {row.layer for row in rows} == {Layer.FRAGMENT}
    assert line.counters.datagrams_reassembled == 0


def test_a_datagram_that_takes_too_long_starts_again() -> None:
    limits = ReassemblyLimits()
    packet, pieces = ipv4(UPPER[0])
    line = Line(limits)
    line.feed(pieces[:3])
    rows = line.feed(pieces[3:], ts_ns=limits.fragment_ns + 1)
    assert {row.layer for row in rows} == {Layer.FRAGMENT}
    assert line.counters.fragments_expired == 3
    rows = line.feed(pieces[:3], ts_ns=limits.fragment_ns + 1 + SECOND_NS)
    assert rows[-1] == alone(packet)


def test_fragments_of_one_datagram_are_limited() -> None:
    _, pieces = ipv4(UPPER[0])
    line = Line(ReassemblyLimits(fragments=4))
    line.feed(pieces[:5])
    assert line.counters.fragments_expired == 4
    assert len(line.reassembler._waiting) == 1


def test_datagrams_are_limited_and_the_oldest_give_way() -> None:
    line = Line(ReassemblyLimits(datagrams=3))
    made = [ipv4(UPPER[0], ident=ident) for ident in range(5)]
    line.feed([pieces[0] for _, pieces in made])
    assert len(line.reassembler._waiting) == 3
    assert line.counters.fragments_expired == 2
    packet, pieces = made[4]
    assert line.feed(pieces[1:])[-1] == alone(packet)
    packet, pieces = made[0]
    assert line.feed(pieces[1:])[-1].layer == Layer.FRAGMENT


@pytest.mark.parametrize("size", [8, 64])
def test_memory_is_limited_also_where_waiting_datagrams_grow(size: int) -> None:
    limit = 40_000
    line = Line(ReassemblyLimits(fragment_octets=limit))
    made = [ipv4(UPPER[0], size=size, ident=ident)[1][:-1] for ident in range(40)]
    for step in range(len(made[0])):
        line.feed([pieces[step] for pieces in made])
        assert line.reassembler._cost <= limit
        assert line.reassembler._cost == sum(d.held.cost for d in line.reassembler._waiting.values())
    assert line.counters.fragments_expired > 0
    assert line.counters.fragments == line.counters.fragments_expired + sum(
        datagram.count for datagram in line.reassembler._waiting.values()
    )


def test_a_fragmented_tunnel() -> None:
    packet, pieces = ipv4(IP(src="10.0.0.1", dst="10.0.0.2") / UPPER[0])
    row = Line().feed(pieces)[-1]
    assert row == alone(packet)
    assert (row.layer, row.tunnel, row.outer_version) == (Layer.UDP, Tunnel.IP_IN_IP, 4)


def test_fragments_inside_a_tunnel() -> None:
    inner, pieces = ipv6(UPPER[0])
    outer = IP(src="10.0.0.1", dst="10.0.0.2", proto=41)
    row = Line().feed([outer / piece for piece in pieces])[-1]
    assert row == alone(outer / inner)
    assert (row.tunnel, row.tunnel_depth, row.outer_version) == (Tunnel.IP_IN_IP, 1, 4)


def test_fragments_of_fragments() -> None:
    """Fragments of the inner packet come in fragments of the outer one, but for the last, which is short.

    The row that brings the last octets becomes the datagram, as if each were a batch of its own.
    """
    inner, pieces = ipv4(UPPER[0], size=128)
    carried = [ipv4(piece, ident=ident)[1] for ident, piece in enumerate(pieces)]
    assert [len(fragments) for fragments in carried] == [3, 3, 3, 3, 1]
    line, again = Line(), Line()
    sent = [piece for fragments in carried for piece in fragments]
    rows = line.feed(sent)
    assert rows[-1] == alone(IP(src="192.0.2.1", dst="192.0.2.2") / inner)
    assert line.counters.datagrams_reassembled == 4 + 1
    assert [row.layer for piece in sent for row in again.feed([piece])] == [row.layer for row in rows]


fragments = st.lists(
    st.builds(
        lambda key, start, length, more, other: Fragment(
            key, 8 * start, bytes((8 * start + i) * 5 % 256 ^ other for i in range(length)), more
        ),
        key=st.integers(1, 2),
        start=st.integers(0, 4),
        length=st.sampled_from([8, 8, 8, 16, 24, 3, 0]),
        more=st.sampled_from([True, True, False]),
        other=st.sampled_from([0, 0, 0, 1]),
    ).filter(lambda made: made.start or made.more),
    max_size=24,
)


@pytest.mark.parametrize("version", [4, 6])
@given(pieces=fragments, split=st.lists(st.integers(1, 6), max_size=24))
def test_any_fragments_in_any_split_are_as_the_reference(
    version: int, pieces: list[Fragment], split: list[int]
) -> None:
    line, found, start = Line(), [], 0
    for size in (*split, len(pieces)):
        batch = pieces[start : start + size]
        for i, row in enumerate(line.feed([packet_of(piece, version) for piece in batch])):
            if row.layer == Layer.IP:
                found.append((start + i, pieces[start + i].key, row.payload))
        start += len(batch)
    assert found == datagrams(pieces)


@pytest.mark.parametrize("version", [4, 6])
@given(
    pieces=fragments,
    tunnels=st.lists(st.integers(0, 2), min_size=24, max_size=24),
    split=st.lists(st.integers(1, 12), max_size=24),
)
def test_tunnels_around_some_of_the_fragments_do_not_show(
    version: int, pieces: list[Fragment], tunnels: list[int], split: list[int]
) -> None:
    """Which comes first, and which row completes the datagram, is a matter of arrival alone."""
    line, found, start = Line(), [], 0
    for size in (*split, len(pieces)):
        batch = pieces[start : start + size]
        sent = [
            tunnelled(packet_of(piece, version), tunnels[start + i], version) for i, piece in enumerate(batch)
        ]
        for i, row in enumerate(line.feed(sent)):
            if row.layer == Layer.IP:
                found.append((start + i, pieces[start + i].key, row.payload))
        start += len(batch)
    assert found == datagrams(pieces)


def tunnelled(packet: Any, tunnels: int, version: int) -> Any:
    """``packet`` in so many tunnels."""
    if tunnels == 0:
        return packet
    carrier = IP(src="10.0.0.1", dst="10.0.0.2", proto=4 if version == 4 else 41) / packet
    return tunnelled(carrier, tunnels - 1, 4)


@given(fragments)
def test_fragments_of_one_key_do_not_touch_another(pieces: list[Fragment]) -> None:
    alone = [piece for piece in pieces if piece.key == 1]
    together = [(key, data) for _, key, data in datagrams(pieces) if key == 1]
    line = Line()
    rows = line.feed([packet_of(replace(piece, key=9), 4) for piece in alone])
    assert [(1, row.payload) for row in rows if row.layer == Layer.IP] == together
