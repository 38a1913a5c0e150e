"""Names of TLS and DNS through the pipeline: who asked, in which packet, once each, however it is read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.pcaps.build import Timed, ethernet, reorder, write_cases
from fixtures.pcaps.names.make import (
    JAPANESE,
    KEY_SHARE,
    NAME,
    VERSIONS,
    answer,
    connection,
    datagrams,
    hello,
    query,
    records,
    server_name,
    vector,
)
from sensor.capture.source import open_captures
from sensor.config import NameLimits, Settings
from sensor.matching.compile import compile_signatures
from sensor.pipeline import Pipeline
from signatures.model import Buffer, Clause, Direction, PortRange, Role, Scope
from tests.detections.windows import WINDOWS, alerts_of, conversation
from tests.signatures.build import signature

every_window = pytest.mark.parametrize("window", WINDOWS)
BOTH = (Buffer.TLS_SNI, Buffer.DNS_QUERY)
LOOKED_FOR = signature(domains=("example.jp",), buffers=BOTH)
HELLO = records(hello(server_name(NAME), VERSIONS))


@every_window
@pytest.mark.parametrize("split", [0, 1, 7])
def test_a_server_name_is_told_with_the_packet_that_completes_the_hello(
    split: int, window: int, tmp_path: Path
) -> None:
    packets = connection(HELLO, split=split)
    (alert,) = alerts_of(packets, [LOOKED_FOR], window, tmp_path)
    last = 3 + (-(-len(HELLO) // split) if split else 1)
    assert (alert.app_proto, alert.buffer, alert.proto, alert.tx_id) == ("tls", "tls.sni", "TCP", 0)
    assert (alert.packet_number, alert.offset, alert.length) == (last, 4, 10)
    assert (alert.excerpt, alert.excerpt_offset) == (NAME, 4)
    assert (alert.src_ip, alert.src_port, alert.dst_port) == ("192.0.2.10", 49152, 443)
    assert not alert.http_host


@every_window
def test_segments_out_of_order(window: int, tmp_path: Path) -> None:
    packets = connection(HELLO, split=40)
    assert len(HELLO) > 80
    (alert,) = alerts_of(
        reorder(packets, [0, 1, 2, 5, 4, 3, *range(6, len(packets))]), [LOOKED_FOR], window, tmp_path
    )
    assert alert.excerpt == NAME


@every_window
def test_a_query_is_a_transaction_and_a_name_told_once_in_its_flow(window: int, tmp_path: Path) -> None:
    packets = datagrams(
        (True, query(b"other.example")),
        (True, query(NAME)),
        (True, query(NAME.upper(), kind="AAAA")),
        (False, answer(NAME)),
        (True, query(b"b.example.jp", b"c.example.jp")),
    )
    found = alerts_of(packets, [LOOKED_FOR], window, tmp_path)
    assert [(a.app_proto, a.buffer, a.tx_id, a.packet_number, a.excerpt) for a in found] == [
        ("dns", "dns.query", 1, 2, NAME),
        ("dns", "dns.query", 3, 5, b"b.example.jp"),
        ("dns", "dns.query", 4, 5, b"c.example.jp"),
    ]
    assert {(a.src_ip, a.dst_ip, a.dst_port, a.proto) for a in found} == {
        ("192.0.2.10", "198.51.100.20", 53, "UDP")
    }


@every_window
@pytest.mark.parametrize("split", [0, 1])
def test_queries_over_tcp(split: int, window: int, tmp_path: Path) -> None:
    sent = b"".join(vector(2, query(name)) for name in (b"other.example", NAME, b"a.example.jp"))
    found = alerts_of(connection(sent, split=split, dport=53), [LOOKED_FOR], window, tmp_path)
    assert [(alert.tx_id, alert.excerpt, alert.proto) for alert in found] == [
        (1, NAME, "TCP"),
        (2, b"a.example.jp", "TCP"),
    ]


@every_window
def test_behind_a_gap_nothing_is_read(window: int, tmp_path: Path) -> None:
    for sent, dport in ((HELLO, 443), (2 * vector(2, query(NAME)), 53)):
        packets = connection(sent, split=12, dport=dport)
        del packets[4]
        assert alerts_of(packets, [LOOKED_FOR], window, tmp_path) == []


@pytest.mark.parametrize(
    "conditions",
    [
        {"direction": Direction.TO_CLIENT},
        {"protocols": ("udp",)},
        {"dst_ports": (PortRange(1, 442),)},
        {"dst_networks": ("192.0.2.0/24",)},
    ],
)
def test_conditions(conditions: dict[str, Any], tmp_path: Path) -> None:
    assert alerts_of(connection(HELLO), [replace(LOOKED_FOR, **conditions)], 1 << 20, tmp_path) == []


@every_window
def test_clauses_match_in_one_name_or_in_one_flow(window: int, tmp_path: Path) -> None:
    clauses = (
        Clause((Buffer.DNS_QUERY,), contents=(b"one",)),
        Clause((Buffer.DNS_QUERY,), contents=(b"two",)),
    )
    none = (clauses[0], replace(clauses[1], role=Role.NONE))
    signatures = [
        signature(sid=1, clauses=clauses, scope=Scope.TRANSACTION),
        signature(sid=2, clauses=clauses, scope=Scope.FLOW),
        signature(sid=3, clauses=none, scope=Scope.TRANSACTION),
        signature(sid=4, clauses=none, scope=Scope.FLOW),
    ]
    apart = datagrams((True, query(b"one.example")), (True, query(b"two.example")))
    together = datagrams((True, query(b"one.two.example")))
    found = alerts_of(apart, signatures, window, tmp_path)
    assert sorted((alert.signature.sid, alert.excerpt) for alert in found) == [
        (2, b"two.example"),
        (3, b"one.example"),
    ]
    assert sorted(alert.signature.sid for alert in alerts_of(together, signatures, window, tmp_path)) == [
        1,
        2,
    ]


def test_flags_bind_names_and_payload(tmp_path: Path) -> None:
    signatures = [
        signature(sid=1, domains=("example.jp",), buffers=BOTH, sets=("seen",), silent=True),
        signature("PING", sid=2, needs=("seen",)),
    ]
    packets = datagrams((True, query(NAME)), (True, b"PING"), sport=40053)
    assert [a.signature.sid for a in alerts_of(packets, signatures, 1 << 20, tmp_path)] == [2]
    assert alerts_of(packets[1:], signatures, 1 << 20, tmp_path) == []


def test_nothing_is_read_that_nobody_looks_into(tmp_path: Path) -> None:
    packets = [*connection(HELLO, split=20), *datagrams((True, query(NAME)))]
    for buffer, kinds in ((Buffer.TLS_SNI, {"tls"}), (Buffer.DNS_QUERY, {"dns"})):
        only = replace(LOOKED_FOR, clauses=(Clause((buffer,), domains=("example.jp",)),))
        assert {alert.app_proto for alert in alerts_of(packets, [only], 64, tmp_path)} == kinds


@pytest.mark.parametrize("window", WINDOWS)
def test_what_is_held_is_bounded(window: int, tmp_path: Path) -> None:
    large = records(hello(KEY_SHARE, server_name(NAME)))
    flows = [connection(large, split=1300, sport=50000 + flow) for flow in range(8)]
    packets = [packet for flow in flows for packet in flow[:4]] + [flow[4] for flow in flows]
    packets = [Timed(packets[0].ts_ns + at, packet.packet) for at, packet in enumerate(packets)]
    write_cases({"case": ethernet(packets)}, tmp_path)
    settings = Settings(names=NameLimits(held_octets=4 * 2_000))
    pipeline = Pipeline(settings, compile_signatures([LOOKED_FOR]))
    ports = []
    for capture in open_captures([str(tmp_path / "case.pcap")], window):
        for batch in capture:
            ports += [alert.src_port for results in pipeline.process(batch) for alert in results.alerts]
    evicted = pipeline.counters.names_evicted
    assert sorted(ports) == list(range(50000 + evicted, 50008))
    assert (evicted > 0) is (window < 1 << 20)


def test_a_hello_that_is_too_long_is_counted(tmp_path: Path) -> None:
    write_cases({"case": ethernet(connection(records(hello(*[KEY_SHARE] * 14), 100), split=1400))}, tmp_path)
    pipeline = Pipeline(Settings(), compile_signatures([LOOKED_FOR]))
    for capture in open_captures([str(tmp_path / "case.pcap")], 1 << 20):
        for batch in capture:
            list(pipeline.process(batch))
    assert pipeline.counters.hellos_too_long == 1
    assert pipeline.counters.questions_cut == 0


def test_a_plan_that_looks_no_more_into_names_holds_none(tmp_path: Path) -> None:
    packets = connection(HELLO, split=20)
    write_cases({"case": ethernet(packets)}, tmp_path)
    pipeline = Pipeline(Settings(), compile_signatures([LOOKED_FOR]))
    found = []
    for capture in open_captures([str(tmp_path / "case.pcap")], 64):
        for number, batch in enumerate(capture):
            if number in (5, 6):
                other = [LOOKED_FOR] if number == 6 else [signature("nothing")]
                pipeline.replace_plan(compile_signatures(other))
            found += [alert for results in pipeline.process(batch) for alert in results.alerts]
    assert found == []


def test_slots_are_used_again(tmp_path: Path) -> None:
    first = connection(HELLO)
    later = connection(HELLO, client_isn=3_000_000, server_isn=9_000_000)
    second = [Timed(packet.ts_ns + 10**9, packet.packet) for packet in later]
    found = alerts_of([*first, *second], [LOOKED_FOR], 64, tmp_path)
    assert [alert.packet_number for alert in found] == [4, 4 + len(first)]
    assert [alert.tx_id for alert in found] == [0, 0]


def test_a_hello_inside_a_stream_is_none(tmp_path: Path) -> None:
    assert alerts_of(conversation(b"x", HELLO), [LOOKED_FOR], 1 << 20, tmp_path) == []
    assert len(alerts_of(conversation(HELLO), [LOOKED_FOR], 1 << 20, tmp_path)) == 1


def test_a_japanese_name_as_it_is_sent(tmp_path: Path) -> None:
    ace = signature(domains=("xn--wgv71a.jp",), buffers=BOTH)
    packets = [*connection(records(hello(server_name(JAPANESE)))), *datagrams((True, query(JAPANESE)))]
    assert [a.app_proto for a in alerts_of(packets, [ace], 1 << 20, tmp_path)] == ["tls", "dns"]


@every_window
@pytest.mark.parametrize("name", [JAPANESE, b"www.XN--WGV71A.jp", b"xn--wgv71a.example.jp"])
def test_a_japanese_keyword_is_found_in_names_as_idna_writes_them(
    name: bytes, window: int, tmp_path: Path
) -> None:
    word = signature("日本", buffers=BOTH)
    packets = [*connection(records(hello(server_name(name))), split=30), *datagrams((True, query(name)))]
    found = alerts_of(packets, [word], window, tmp_path)
    assert [alert.buffer for alert in found] == ["tls.sni", "dns.query"]
    assert {alert.reading.form for alert in found if alert.reading} == {"punycode utf-8"}
    other = signature("日木", buffers=BOTH)
    assert alerts_of(packets, [other], window, tmp_path) == []
