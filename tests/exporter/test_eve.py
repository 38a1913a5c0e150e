"""EVE JSON: the keys that other programs rely on, and octets that no text can hold."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.eve import EveWriter
from exporter.eve_events import alert_event, flow_events, http_event, timestamp, timestamps
from exporter.eve_schema import Event
from sensor.addresses import address_text
from sensor.capture.numbering import PacketNumbers
from sensor.decode.columns import Tunnel
from sensor.detections.results import FlowEnds, HttpEvent, Results
from sensor.flow.record import FlowRecords
from sensor.matching.reading import Reading
from sensor.protocols.transaction import HttpTransaction
from signatures.model import Owner, Severity
from tests.store.alerts import ALERT

V6 = int(IPv6Address("2001:db8::1"))
V6_WORDS = (V6 >> 64, V6 & (1 << 64) - 1)
ENDS = FlowEnds(7, 6, V6_WORDS, 51234, V6_WORDS, 80)
NS = 1_700_000_000_123_456_789
COMMON = {
    "timestamp",
    "flow_id",
    "pcap_cnt",
    "event_type",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "app_proto",
}


def transaction(**values: Any) -> HttpTransaction:
    """A whole transaction, with ``values`` changed."""
    whole: dict[str, Any] = {
        "tx_id": 3,
        "method": b"GET",
        "target": b"/a?b=%41",
        "request_version": b"HTTP/1.1",
        "host": b"example.com:8080",
        "user_agent": b"curl/8",
        "referer": b"http://example.com/",
        "response_version": b"HTTP/1.0",
        "status": 200,
        "response_content_type": b"text/html",
        "response_body_len": 42,
        "request_number": 5,
        "request_ns": NS,
        "response_number": 9,
        "response_ns": NS + 1_000_000,
    }
    return HttpTransaction(**(whole | values))


def written(event: Event) -> dict[str, Any]:
    """An event as it stands in the file."""
    line: dict[str, Any] = json.loads(msgspec.json.encode(event))
    return line


def http(**values: Any) -> dict[str, Any]:
    """The event of a transaction, through JSON."""
    return written(http_event(HttpEvent(transaction(**values), ENDS)))


def flows(**values: Any) -> dict[str, Any]:
    """The event of one TCP flow with ``values`` changed."""
    endpoints = (0, int(IPv4Address("192.0.2.1")), 0, int(IPv4Address("192.0.2.2")))
    columns: dict[str, Any] = {
        "flow_id": 7,
        "version": 4,
        "proto": 6,
        "addresses": endpoints,
        "ports": (51234, 80),
        "icmp": (0, 0),
        "first_ns": NS,
        "last_ns": NS + 2_500_000_000,
        "first_number": 4,
        "packets": (5, 6),
        "octets": (500, 600),
        "missed": (10, 20),
        "vlan": (0, 0),
        "tunnel": 0,
        "outer": (0, 0, 0, 0, 0),
        "http": True,
    }
    arrays: dict[str, Any] = {name: np.array(value)[..., None] for name, value in (columns | values).items()}
    (event,) = flow_events(FlowRecords("timeout", **arrays, conn_state=["SF"], history=["ShADadFf"]))
    return written(event)


def test_http_event_has_the_contract_s_keys() -> None:
    event = http()
    assert event.keys() >= COMMON | {"tx_id", "http"}
    assert (event["event_type"], event["proto"], event["app_proto"]) == ("http", "TCP", "http")
    assert (event["src_ip"], event["src_port"], event["dest_port"]) == ("2001:db8::1", 51234, 80)
    assert (event["pcap_cnt"], event["timestamp"]) == (5, "2023-11-14T22:13:20.123456+0000")
    assert event["http"] == {
        "hostname": "example.com",
        "url": "/a?b=%41",
        "url_normalised": "/a?b=A",
        "http_user_agent": "curl/8",
        "http_refer": "http://example.com/",
        "http_method": "GET",
        "protocol": "HTTP/1.1",
        "http_content_type": "text/html",
        "status": 200,
        "length": 42,
        "request_length": 0,
        "response_timestamp": "2023-11-14T22:13:20.124456+0000",
        "response_pcap_cnt": 9,
    }


def test_response_without_request_has_no_method() -> None:
    nothing = dict.fromkeys(("method", "target", "request_version", "host", "user_agent", "referer"), b"")
    event = http(**nothing, request_ns=0, request_number=0)
    assert not event["http"].keys() & {"http_method", "url", "hostname", "http_user_agent", "http_refer"}
    assert (event["http"]["status"], event["http"]["protocol"]) == (200, "HTTP/1.0")
    assert (event["pcap_cnt"], event["timestamp"]) == (9, "2023-11-14T22:13:20.124456+0000")


def test_request_without_response_has_no_status() -> None:
    event = http(status=0, response_ns=0, response_number=0, response_version=b"")
    assert not event["http"].keys() & {"status", "response_timestamp", "response_pcap_cnt"}


@pytest.mark.parametrize(
    ("host", "hostname"),
    [
        (b"example.com", "example.com"),
        (b"example.com:80", "example.com"),
        (b"[2001:db8::1]:80", "[2001:db8::1]"),
        (b"[2001:db8::1]", "[2001:db8::1]"),
        (b"2001:db8::1", "2001:db8::1"),
        (b"example.com:http", "example.com:http"),
        (b":80", ":80"),
    ],
)
def test_hostname_is_the_host_without_its_port(host: bytes, hostname: str) -> None:
    assert http(host=host)["http"]["hostname"] == hostname


@given(st.binary(min_size=1, max_size=40))
def test_octets_are_carried_losslessly_and_marked(octets: bytes) -> None:
    event = http(target=b"/" + octets, user_agent=octets, referer=octets, method=octets)
    for name, sent in (
        ("url", b"/" + octets),
        ("http_user_agent", octets),
        ("http_refer", octets),
        ("http_method", octets),
    ):
        shown, marked = event["http"][name], event["http"].get(f"{name}_hex")
        if marked is None:
            assert shown.encode() == sent
        else:
            assert bytes.fromhex(marked) == sent
            assert shown == sent.decode("utf-8", "backslashreplace")
            with pytest.raises(UnicodeDecodeError):
                sent.decode()


@given(st.integers(0, (1 << 63) - 1))
def test_timestamps_are_iso_8601_in_utc(ts_ns: int) -> None:
    moment = datetime.strptime(timestamp(ts_ns), "%Y-%m-%dT%H:%M:%S.%f%z")
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert (since.days * 86_400 + since.seconds) * 10**6 + since.microseconds == ts_ns // 1000
    assert timestamps(np.array([0, ts_ns])) == [timestamp(0), timestamp(ts_ns)]


@given(st.integers(0, (1 << 128) - 1))
def test_ipv6_addresses_are_in_rfc_5952_form(number: int) -> None:
    shown = address_text(6, number >> 64, number & (1 << 64) - 1)
    assert IPv6Address(shown) == IPv6Address(number)
    if number >> 32 != 0xFFFF:
        assert shown == str(IPv6Address(number))


@given(st.integers(0, (1 << 32) - 1))
def test_mapped_addresses_show_the_ipv4_address(number: int) -> None:
    assert address_text(6, 0, 0xFFFF << 32 | number) == f"::ffff:{IPv4Address(number)}"


def test_addresses_beside_the_mapped_ones_are_left_alone() -> None:
    assert address_text(6, 0, 0x01020304) == "::102:304"
    assert address_text(6, 1, 0xFFFF << 32) == "::1:0:ffff:0:0"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2001:db8::1", 0x20010DB8_00000000_00000000_00000001),
        ("2001:db8:0:1:1:1:1:1", 0x20010DB8_00000001_00010001_00010001),
        ("2001:0:0:1::1", 0x20010000_00000001_00000000_00000001),
        ("::", 0),
        ("::1", 1),
    ],
)
def test_ipv6_address_examples_of_the_rfc(text: str, number: int) -> None:
    assert address_text(6, number >> 64, number & (1 << 64) - 1) == text


@pytest.mark.parametrize(
    ("severity", "number"),
    [(Severity.CRITICAL, 1), (Severity.HIGH, 1), (Severity.MEDIUM, 2), (Severity.LOW, 3)],
)
def test_alert_event_has_the_contract_s_keys(severity: Severity, number: int) -> None:
    event = written(alert_event(replace(ALERT, signature=replace(ALERT.signature, severity=severity))))
    assert event.keys() >= COMMON | {"tx_id", "alert", "http"}
    assert (event["event_type"], event["app_proto"], event["pcap_cnt"]) == ("alert", "http", 17)
    alert = event["alert"]
    assert (alert["signature_id"], alert["rev"], alert["category"]) == (9000001, 2, "custom")
    assert (alert["signature"], alert["signature_ja"]) == ("remote control", "遠隔操作")
    assert (alert["severity"], alert["severity_name"]) == (number, severity.value)
    assert event["http"] == {"hostname": "example.com", "url": "/anydesk", "http_method": "GET"}


def test_alert_without_transaction_names_none() -> None:
    event = written(alert_event(replace(ALERT, tx_id=-1, app_proto="")))
    assert not event.keys() & {"tx_id", "http", "app_proto"}


def test_alert_s_octets_are_lossless() -> None:
    url = b"/\xff\xfe".decode("utf-8", "surrogateescape")
    event = written(alert_event(replace(ALERT, http_url=url, excerpt=b"\x00\xff")))
    assert (event["http"]["url"], event["http"]["url_hex"]) == ("/\\xff\\xfe", "2ffffe")
    assert (event["alert"]["excerpt"], event["alert"]["excerpt_hex"]) == ("\x00\\xff", "00ff")


READING = Reading("anydesk", "percent utf-16le", ("width",), "使う ANYDESK を", 3, 10)


def test_an_alert_tells_how_its_keyword_was_written() -> None:
    alert = written(alert_event(replace(ALERT, reading=READING)))["alert"]
    assert (alert["form"], alert["folds"], alert["text"]) == (
        "percent utf-16le",
        ["width"],
        "使う ANYDESK を",
    )
    assert alert["text"][alert["text_start"] : alert["text_end"]] == "ANYDESK"
    assert "keyword" not in alert
    plain = written(alert_event(ALERT))["alert"]
    assert not plain.keys() & {"form", "folds", "text", "text_start", "text_end"}


def test_an_alert_of_a_subscriber_s_keyword_tells_nothing_of_it() -> None:
    theirs = replace(
        ALERT.signature,
        owner=Owner.SUBSCRIBER,
        name={"ja": "秘密", "en": "secret"},
        description={"en": "why"},
    )
    event = written(alert_event(replace(ALERT, signature=theirs, reading=READING)))
    assert event.keys() == COMMON | {"alert"}
    assert event["alert"] == {
        "action": "allowed",
        "signature_id": 9000001,
        "rev": 2,
        "signature": "subscriber's keyword",
        "signature_ja": "利用者のキーワード",
        "category": "custom",
        "severity": 3,
        "severity_name": "low",
    }
    line = json.dumps(event, ensure_ascii=False).lower()
    for told in ("anydesk", "secret", "秘密", "example.com", "get", "使う"):
        assert told not in line


def test_flow_event_has_the_contract_s_keys() -> None:
    event = flows()
    assert event.keys() >= COMMON | {"flow"}
    assert (event["src_ip"], event["dest_ip"], event["proto"]) == ("192.0.2.1", "192.0.2.2", "TCP")
    assert event["flow"] == {
        "pkts_toserver": 5,
        "pkts_toclient": 6,
        "bytes_toserver": 500,
        "bytes_toclient": 600,
        "start": "2023-11-14T22:13:20.123456+0000",
        "end": "2023-11-14T22:13:22.623456+0000",
        "age": 2,
        "reason": "timeout",
        "conn_state": "SF",
        "history": "ShADadFf",
        "missed_bytes": 30,
    }
    assert not event.keys() & {"vlan", "tunnel", "icmp_type"}


def test_flow_event_of_other_protocols() -> None:
    udp, icmp, gre = flows(proto=17, http=False), flows(proto=1, icmp=(8, 0)), flows(proto=47)
    assert (udp["proto"], udp["src_port"]) == ("UDP", 51234)
    assert "app_proto" not in udp
    assert (icmp["proto"], icmp["icmp_type"], icmp["icmp_code"]) == ("ICMP", 8, 0)
    assert not gre.keys() & {"src_port", "dest_port", "icmp_type"}


def test_flow_event_in_a_tunnel_keeps_both_addresses() -> None:
    outer = (0, int(IPv4Address("198.51.100.1")), 0, int(IPv4Address("198.51.100.2")), 4)
    event = flows(tunnel=int(Tunnel.VXLAN), outer=outer, vlan=(10, 20))
    assert event["tunnel"] == {"src_ip": "198.51.100.1", "dest_ip": "198.51.100.2", "proto": "vxlan"}
    assert (event["src_ip"], event["vlan"]) == ("192.0.2.1", [10, 20])


def test_writer_writes_a_line_an_event_and_nothing_for_nothing() -> None:
    stream = BytesIO()
    writer = EveWriter(stream)
    writer.write(Results())
    assert stream.getvalue() == b""
    writer.write(Results([HttpEvent(transaction(), ENDS)], [ALERT]))
    writer.write_stats({"received": 1}, NS)
    lines = stream.getvalue().split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line)["event_type"] for line in lines] == ["http", "alert", "stats"]


def test_no_line_holds_what_a_terminal_obeys() -> None:
    stream = BytesIO()
    target = "/\x1b[31m\x7f\x9b31m\u202e遠".encode()
    EveWriter(stream).write(Results([HttpEvent(transaction(target=target), ENDS)]))
    text = stream.getvalue().decode()
    assert text.removesuffix("\n").isprintable()
    assert json.loads(text)["http"]["url"].encode() == target


def test_writer_tells_captures_apart() -> None:
    numbers = PacketNumbers()
    assert numbers.begin("a.pcap") == 0
    base = numbers.begin("b\udce9.pcap")
    event = HttpEvent(transaction(response_number=base + 2), ENDS)
    stream = BytesIO()
    EveWriter(stream, numbers).write(Results([event], [replace(ALERT, packet_number=base + 10)]))
    request, alert = map(json.loads, stream.getvalue().splitlines())
    assert (request["pcap_filename"], request["pcap_cnt"]) == ("a.pcap", 5)
    assert request["http"]["response_pcap_filename"] == "b\\xe9.pcap"
    assert request["http"]["response_pcap_cnt"] == 2
    assert (alert["pcap_filename"], alert["pcap_cnt"]) == ("b\\xe9.pcap", 10)
    assert bytes.fromhex(alert["pcap_filename_hex"]) == b"b\xe9.pcap"
