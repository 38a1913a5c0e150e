"""Fixtures whose name says what the sensor has to find in them."""

from pathlib import Path

import pytest

from fixtures.pcaps.catalogue import ROOT, captures
from tests.golden.replay import Event, replay

ANYWHERE, IN_URL, IN_BODY = 9100001, 9100002, 9100003


def of_type(capture: Path, event_type: str) -> list[Event]:
    """A capture's events of one type."""
    return [event for event in replay(capture) if event["event_type"] == event_type]


def sids(capture: Path) -> list[int]:
    """The signatures that fired, sorted, once for each time."""
    return sorted(event["alert"]["signature_id"] for event in of_type(capture, "alert"))


def in_folder(name: str) -> list[Path]:
    """Captures of one folder."""
    return [capture for capture in captures() if capture.parent == ROOT / name]


@pytest.mark.parametrize("capture", in_folder("conn_state"), ids=lambda capture: capture.stem)
def test_connection_state_is_zeeks(capture: Path) -> None:
    (flow,) = of_type(capture, "flow")
    assert flow["flow"]["conn_state"] == capture.stem


@pytest.mark.parametrize("capture", in_folder("tunnel"), ids=lambda capture: capture.stem)
def test_every_tunnel_carries_the_same_exchange(capture: Path) -> None:
    plain = ROOT / "tunnel" / ("plain_ipv6.pcap" if "2001:db8:1::" in ends(capture) else "plain.pcap")
    assert transactions(capture) == transactions(plain)
    assert sids(capture) == sids(plain)


@pytest.mark.parametrize("capture", in_folder("link"), ids=lambda capture: capture.stem)
def test_every_link_type_carries_the_same_exchanges(capture: Path) -> None:
    expected = {
        "ipv4": ["plain.pcap"],
        "ipv6": ["plain_ipv6.pcap"],
        "radiotap_beacon": [],
    }.get(capture.stem, ["plain.pcap", "plain_ipv6.pcap"])
    assert len(transactions(capture)) == len(expected)
    urls = [url for name in expected for *_, url in transactions(ROOT / "tunnel" / name)]
    assert [url for *_, url in transactions(capture)] == urls


def ends(capture: Path) -> str:
    """The addresses of a capture's HTTP clients."""
    return " ".join(str(event["src_ip"]) for event in of_type(capture, "http"))


def transactions(capture: Path) -> list[tuple[str, int, str, int, str]]:
    """Client, server and target of each transaction whose request was seen."""
    return [
        (event["src_ip"], event["src_port"], event["dest_ip"], event["dest_port"], event["http"]["url"])
        for event in of_type(capture, "http")
        if "url" in event["http"]
    ]


IN_STREAM = (
    "across_two_segments",
    "octet_by_octet",
    "across_out_of_order_segments",
    "across_a_retransmission",
    "across_the_other_direction",
)
IN_BODIES = (
    "across_chunks",
    "across_request_chunks",
    "gzip",
    "deflate",
    "deflate_raw",
    "brotli",
    "zstd",
    "gzip_twice",
    "gzip_chunked",
    "gzip_truncated",
)


@pytest.mark.parametrize("name", IN_STREAM)
def test_keyword_across_segments_fires_once(name: str) -> None:
    assert sids(ROOT / "keyword" / f"{name}.pcap") == [ANYWHERE]


@pytest.mark.parametrize("name", IN_BODIES)
def test_keyword_in_a_coded_body_fires_once(name: str) -> None:
    assert sids(ROOT / "keyword" / f"{name}.pcap").count(IN_BODY) == 1


def test_keyword_cut_inside_a_percent_escape_fires_in_the_url() -> None:
    assert IN_URL in sids(ROOT / "keyword" / "in_target_across_segments.pcap")


def test_halves_of_a_keyword_in_different_streams_do_not_fire() -> None:
    assert sids(ROOT / "keyword" / "absent.pcap") == []


def test_every_keyword_fixture_is_looked_at() -> None:
    named = {*IN_STREAM, *IN_BODIES, "in_target_across_segments", "absent"}
    assert {capture.stem for capture in in_folder("keyword")} == named


def test_first_octets_win_an_overlap() -> None:
    for name in ("overlap_different", "overlap_different_early"):
        assert [url for *_, url in transactions(ROOT / "tcp" / f"{name}.pcap")] == ["/first"]


def test_exchange_after_a_gap_is_found() -> None:
    for name in ("gap_in_body", "gap_in_head"):
        assert [url for *_, url in transactions(ROOT / "tcp" / f"{name}.pcap")][-1] == "/two"


@pytest.mark.parametrize("name", ["port_reuse", "reuse_unclosed"])
def test_reused_ports_are_two_flows(name: str) -> None:
    assert len({flow["flow_id"] for flow in of_type(ROOT / "tcp" / f"{name}.pcap", "flow")}) == 2


@pytest.mark.parametrize("name", ["forged_syn", "half_open", "old_fin", "forged_fin_ahead"])
def test_forged_and_old_segments_hide_nothing(name: str) -> None:
    capture = ROOT / "tcp" / f"{name}.pcap"
    assert len(of_type(capture, "flow")) == 1
    assert {IN_URL, ANYWHERE} <= set(sids(capture))
    assert [event["http"]["status"] for event in of_type(capture, "http")][-1] == 200


@pytest.mark.parametrize("window", [64, 1 << 20])
def test_a_lost_request_takes_no_other_s_response(window: int) -> None:
    events = replay(ROOT / "tcp" / "lost_request.pcap", window)
    http = [event["http"] for event in events if event["event_type"] == "http"]
    assert [(each.get("url"), each["length"]) for each in http] == [
        ("/1", 1),
        (None, 2),
        ("/3", 3),
        ("/4", 4),
        ("/5", 5),
    ]
