"""The shipped capture with the shipped signatures: what ``make demo`` shows."""

import json
import subprocess
from io import BytesIO
from pathlib import Path

import pytest

from fixtures.pcaps.catalogue import ROOT
from sensor.config import Settings
from sensor.matching.compile import compile_signatures
from sensor.replay import Replay
from signatures.loader import load_signatures
from tests.golden.replay import SIGNATURES, Event, replay, settled

DEMO = ROOT / "http" / "demo.pcapng"


@pytest.fixture(scope="module")
def alerts() -> list[Event]:
    """What the shipped signatures find in the demo."""
    eve = BytesIO()
    Replay(Settings(), compile_signatures(load_signatures([]).signatures), eve=eve).run([str(DEMO)])
    events = [json.loads(line) for line in eve.getvalue().splitlines()]
    return [event for event in events if event["event_type"] == "alert"]


def test_demo_shows_a_variety_of_detections(alerts: list[Event]) -> None:
    names = {alert["alert"]["signature"] for alert in alerts}
    assert len(names) >= 12
    assert len({alert["alert"]["category"] for alert in alerts}) >= 3
    assert len({alert["alert"]["severity_name"] for alert in alerts}) >= 2
    assert len({alert["alert"]["buffer"] for alert in alerts}) >= 4


@pytest.mark.parametrize("word", ["遠隔操作", "キーロガー", "anydesk", "teamviewer", "RFB 003.008"])
def test_demo_shows_what_it_was_recorded_for(alerts: list[Event], word: str) -> None:
    assert any(word in json.dumps(alert, ensure_ascii=False) for alert in alerts)


def test_demo_has_both_ip_versions(alerts: list[Event]) -> None:
    assert {":" in alert["src_ip"] for alert in alerts} == {True, False}


def test_command_writes_the_same_events(watchdog_sensor: Path) -> None:
    options = ("--no-db", "--no-builtin", "--signatures", SIGNATURES, "--eve", "-")
    done = subprocess.run([watchdog_sensor, "replay", *options, DEMO], check=True, capture_output=True)
    assert tuple(settled(json.loads(line)) for line in done.stdout.splitlines()) == replay(DEMO)
