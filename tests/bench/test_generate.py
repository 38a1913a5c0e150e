"""The captures for measurements are what the generator says, to the sensor and to tshark."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from sensor.config import Settings
from sensor.matching.compile import compile_signatures
from sensor.replay import Replay
from tests.bench import stages
from tests.bench.generate import Generated, write_flood, write_http

PACKETS = 5_000
WRITERS = [write_http, write_flood]
FULL_FRAME = 1514

Writer = Callable[[Path, int], Generated]


@cache
def events_of(capture: Path) -> tuple[dict[str, Any], ...]:
    eve = BytesIO()
    Replay(Settings(), compile_signatures([]), eve=eve).run([str(capture)])
    return tuple(json.loads(line) for line in eve.getvalue().splitlines())


def tshark(capture: Path, *arguments: str) -> list[str]:
    command = ["tshark", "-n", "-r", str(capture), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize("write", WRITERS)
def test_the_sensor_finds_what_was_written(write: Writer, tmp_path: Path) -> None:
    capture = tmp_path / "made.pcap"
    made = write(capture, PACKETS)
    *events, last = events_of(capture)
    stats = last["stats"]
    kinds = Counter(event["event_type"] for event in events)

    assert made.packets == PACKETS == stats["received"] == stats["decoded"] + sum(stats["rejected"].values())
    assert stats["rejected"] == {}
    assert stats["received_octets"] == made.octets
    assert kinds["flow"] == stats["flows"] == made.flows
    requests = [event for event in events if event["event_type"] == "http" and "http_method" in event["http"]]
    assert len(requests) == kinds["http"] == made.requests
    assert stats["reassembly_gaps"] == stats["segments_out_of_order"] == stats["segments_retransmitted"] == 0


def test_http_is_varied_and_whole(tmp_path: Path) -> None:
    capture = tmp_path / "made.pcap"
    made = write_http(capture, PACKETS)
    http = [event["http"] for event in events_of(capture) if event["event_type"] == "http"]

    assert all(event["http_user_agent"] and event["http_refer"] and event["hostname"] for event in http)
    assert all("anomalies" not in event for event in http)
    assert len({event["url"] for event in http}) == len(http)
    assert {event["http_method"] for event in http} == {"GET", "POST"}
    assert any("%E5" in event["url"] for event in http)
    # What the end of the capture cuts off has no response; all else has.
    assert sum("status" in event for event in http) > len(http) // 2
    assert 800 < made.octets / made.packets < FULL_FRAME


def test_a_flood_is_of_many_sources(tmp_path: Path) -> None:
    capture = tmp_path / "made.pcap"
    made = write_flood(capture, PACKETS)
    flows = [event for event in events_of(capture) if event["event_type"] == "flow"]

    assert made.octets == 64 * PACKETS
    assert made.flows == len({(flow["src_ip"], flow["src_port"]) for flow in flows}) > 0.99 * PACKETS
    assert {(flow["dest_port"], flow["flow"]["conn_state"]) for flow in flows} == {(80, "S0")}


@pytest.mark.parametrize("write", WRITERS)
def test_the_same_arguments_give_the_same_file(write: Writer, tmp_path: Path) -> None:
    first, second, fewer = (tmp_path / name for name in ("first", "second", "fewer"))

    assert write(first, PACKETS) == write(second, PACKETS)
    assert first.read_bytes() == second.read_bytes()
    assert write(fewer, PACKETS // 2).packets == PACKETS // 2
    assert first.read_bytes().startswith(fewer.read_bytes())


@pytest.mark.tshark
def test_tshark_finds_what_was_written(tmp_path: Path) -> None:
    capture = tmp_path / "made.pcap"
    made = write_http(capture, PACKETS)

    assert len(tshark(capture)) == PACKETS
    assert len(tshark(capture, "-Y", "http.request")) == made.requests
    assert len(set(tshark(capture, "-T", "fields", "-e", "tcp.stream"))) == made.flows
    assert tshark(capture, "-Y", "tcp.analysis.flags || _ws.malformed") == []


def test_the_stages_that_are_timed_are_those_of_the_pipeline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    capture = tmp_path / "made.pcap"
    write_http(capture, PACKETS)
    entered: Counter[str] = Counter()

    class Counting(stages.Stopwatch):
        def enter(self, stage: str) -> None:
            entered[stage] += 1
            super().enter(stage)

    stages.wrap_stages(Counting(), monkeypatch.setattr)
    Replay(Settings(), compile_signatures([]), eve=BytesIO()).run([str(capture)])

    assert set(entered) == {*stages.STAGES, "capture"}
