"""conn_state and history of captures made for them, as Zeek's documentation of conn.log has them.

https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html
"""

from pathlib import Path

import pytest

from fixtures.pcaps.build import Conversation, ethernet
from fixtures.pcaps.files import write_pcap
from tests.reassembly.harness import Sensor, replay

HISTORIES = {
    "S0": "S",
    "S1": "ShADd",
    "SF": "ShADdFf",
    "REJ": "Sr",
    "S2": "ShADdFa",
    "S3": "ShADdf",
    "RSTO": "ShADdR",
    "RSTR": "ShADdr",
    "RSTOS0": "SR",
    "RSTRH": "hr",
    "SH": "SF",
    "SHR": "hf",
    "OTH": "Dd",
}


def only(sensor: Sensor) -> tuple[object, object]:
    """State and history of the only flow."""
    (flow,) = sensor.flows.values()
    return flow.record["conn_state"], flow.record["history"]


@pytest.mark.parametrize(("state", "history"), HISTORIES.items())
def test_each_state_of_the_table(state: str, history: str, fixtures_dir: Path) -> None:
    sensor = replay(fixtures_dir / "conn_state" / f"{state}.pcap")
    assert only(sensor) == (state, history)


@pytest.mark.parametrize(
    ("name", "history"),
    {
        "retransmission": "ShADTdtFf",
        "gap_in_body": "ShADdgFf",
        "gap_in_head": "ShADdGFf",
        "zero_window": "ShADdWtFf",
        "syn_with_data": "SDhAdFf",
        "fin_with_data": "ShADFdf",
        "mid_stream": "AdDFf",
        "keep_alive_probe": "ShADdaFf",
        "out_of_order": "ShADdFf",
        "sequence_wrap": "ShADdFf",
        "one_side_only": "SADF",
        "simultaneous_open": "SsHhDdFfA",
        "reset_out_of_window": "ShArDdFf",
    }.items(),
)
def test_history_of_a_capture(name: str, history: str, fixtures_dir: Path) -> None:
    assert only(replay(fixtures_dir / "tcp" / f"{name}.pcap"))[1] == history


def test_reuse_of_ports_makes_two_flows(fixtures_dir: Path) -> None:
    sensor = replay(fixtures_dir / "tcp" / "port_reuse.pcap")
    assert [flow.record["conn_state"] for flow in sensor.flows.values()] == ["SF", "SF"]
    assert [flow.reason for flow in sensor.flows.values()] == ["tcp_reuse", "shutdown"]
    assert sensor.counters.flows_reused == 1


def test_a_capture_from_the_middle_has_no_state_of_a_whole_connection(fixtures_dir: Path) -> None:
    for name in ("mid_stream", "mid_stream_request_first"):
        assert only(replay(fixtures_dir / "tcp" / f"{name}.pcap"))[0] == "OTH"


@pytest.mark.parametrize(("first", "state"), [("close", "SF"), ("reset", "RSTR")])
def test_a_reset_after_the_close_leaves_the_close(first: str, state: str, tmp_path: Path) -> None:
    talk = Conversation()
    talk.handshake()
    if first == "close":
        talk.close()
    talk.server.flag("R")
    if first == "reset":
        talk.close()
    path = tmp_path / "reset.pcap"
    write_pcap(path, ethernet(talk.packets).frames)
    assert only(replay(path))[0] == state
