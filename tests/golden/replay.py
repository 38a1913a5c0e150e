"""Fixture captures through the sensor, and the golden form of what it says of them.

A golden file is a JSON array with one event a line, keys sorted. Nothing in it depends on the clock,
on where the project lies, or on how many octets are read at once.
"""

import json
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from fixtures.pcaps.catalogue import name_of
from sensor.config import Settings
from sensor.matching.compile import compile_signatures
from sensor.matching.plan import MatchPlan
from sensor.replay import Replay
from signatures.loader import load_signatures

HERE = Path(__file__).parent
SIGNATURES = HERE / "signatures.toml"
WINDOW = 4 << 20

Event = dict[str, Any]


@cache
def golden_plan() -> MatchPlan:
    """The golden signatures, compiled."""
    return compile_signatures(load_signatures([SIGNATURES], builtin=False).signatures)


@cache
def replay(capture: Path, window: int = WINDOW) -> tuple[Event, ...]:
    """Every event of a capture in the order of the EVE output, ``stats`` last."""
    eve = BytesIO()
    Replay(Settings(window=window), golden_plan(), eve=eve).run([str(capture)])
    events = [json.loads(line) for line in eve.getvalue().splitlines()]
    return tuple(settled(event) for event in events)


def settled(event: Event) -> Event:
    """An event without what differs from one checkout to another: the path of its capture."""
    return {key: value for key, value in event.items() if key != "capture_file"}


def golden_text(events: tuple[Event, ...]) -> str:
    """The golden file's contents."""
    lines = ",\n".join(json.dumps(event, ensure_ascii=False, sort_keys=True) for event in events)
    return f"[\n{lines}\n]\n"


def golden_file(capture: Path) -> Path:
    """Where a capture's golden events are: ``http/demo.pcapng`` has ``http/demo.pcapng.json``."""
    return HERE / f"{name_of(capture)}.json"
