"""What ``signatures explain`` shows of readings, conditions and widths."""

from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len

from sensor.cli.explanation import render_explanation
from sensor.detections.alert import Alert
from sensor.matching.reading import Reading
from sensor.proof.explain import Case, ClauseCase, Explanation
from signatures.model import (
    Buffer,
    Clause,
    PortRange,
    Role,
    Schedule,
    Severity,
    Signature,
    Suppression,
    Threshold,
    ThresholdKind,
    Track,
)

SIGNATURE = Signature(
    9000001,
    3,
    {"ja": "二つの語", "en": "two words"},
    "custom",
    Severity.LOW,
    (
        Clause((Buffer.PAYLOAD,), keywords=("カタカナ",), depth=4),
        Clause((Buffer.HTTP_URI,), contents=(b"x",), within=5),
        Clause((Buffer.HTTP_HOST,), role=Role.NONE, contents=(b"y",)),
    ),
    src_ports=(PortRange(1, 9), PortRange(80, 80)),
    dst_networks=tuple(f"10.{n}.0.0/16" for n in range(7)),
    schedule=Schedule((0, 6), ((1320, 300),), -90),
    threshold=Threshold(ThresholdKind.BOTH, Track.BY_DST, 3, 60),
    suppressions=(Suppression(Track.BY_SRC, ("192.0.2.0/24",)),),
    needs=("seen",),
)
ALERT = Alert(
    signature=SIGNATURE,
    buffer="payload",
    ts_ns=1_767_225_600_000_000_000,
    flow_id=5,
    tx_id=-1,
    src_ip="2001:db8::1",
    src_port=50_000,
    dst_ip="2001:db8::2",
    dst_port=80,
    proto="TCP",
    app_proto="",
    packet_number=1_234,
    offset=7,
    length=8,
    excerpt="語カタカナ\x1b[31m語".encode("shift_jis"),
    excerpt_offset=2,
)
READ = replace(
    ALERT, reading=Reading("カタカナ", "percent shift_jis", ("width", "kana"), "語かたｶﾅ\x1b語", 1, 5)
)


def render(language: str = "en", width: int | None = None, **changes: Any) -> str:
    clauses = [ClauseCase(at, clause.role) for at, clause in enumerate(SIGNATURE.clauses)]
    for at, change in changes.pop("clauses", {}).items():
        for name, value in change.items():
            setattr(clauses[at], name, value)
    case = Case(**{"first": ALERT, "fired": None, "clauses": clauses, "without": []} | changes)
    return render_explanation(
        Explanation(SIGNATURE, [case], False, []), language, limit=20, width=width, color=False
    )


def test_reading_and_octets_are_shown_safely() -> None:
    shown = render(clauses={0: {"match": READ}, 1: {"match": ALERT}})
    assert "payload, octets 7 to 15: 語かたｶﾅ\\x1b語" in shown
    assert "written as percent shift_jis, with fold width, kana" in shown
    assert "\\x8c\\xea\\x83" in shown
    assert "\x1b" not in shown
    assert "packet 1,234" in shown
    assert "[2001:db8::1]:50000 → [2001:db8::2]:80, TCP" in shown


def test_other_ways_of_writing_are_named_by_what_would_allow_them() -> None:
    assert "nearly, with fold kana: payload, octets 7 to 15: 語かた" in render(clauses={0: {"near": READ}})
    assert "nearly, in other case: payload, octets" in render(clauses={1: {"near": ALERT}})
    assert "表記の違い kana を許せば一致" in render("ja", clauses={0: {"near": READ}})


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("depth", "✗ depth = 4, was 15"),
        ("src_ports", "✗ src_ports = 1-9, 80, was 50000"),
        (
            "dst_networks",
            "10.0.0.0/16, 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16, …, was 2001:db8::2",
        ),
        ("schedule", "✗ schedule = mon sun 22:00-05:00 -01:30, was 20"),
    ],
)
def test_conditions_are_shown_as_wanted_and_as_they_were(key: str, line: str) -> None:
    assert line in render(clauses={0: {"match": ALERT, "failed": [key]}})


def test_what_it_would_have_fired_without() -> None:
    without = [("threshold", -1), ("suppressions", -1), ("needs", -1), ("none", 2), ("within", 1)]
    shown = render(without=without, clauses={2: {"match": ALERT}})
    for line in (
        "✗ would have fired without threshold = both 3 in 60 s by_dst",
        "✗ would have fired without suppressions = by_src 192.0.2.0/24",
        "✗ would have fired without needs = seen",
        "✗ would have fired without clause 3, which must not match",
        "✗ would have fired without within = 5 of clause 2",
        "✗ matches, and must not",
    ):
        assert line in shown


def test_clauses_that_stand_apart_for_no_single_reason() -> None:
    both = {0: {"match": ALERT}, 1: {"match": ALERT}}
    assert "do not match together" in render(clauses=both)
    assert "do not match together" not in render(clauses=both, fired=ALERT)
    assert "do not match together" not in render(clauses={0: {"match": ALERT}})


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", [40, 80, 160])
def test_it_fits_the_terminal(language: str, width: int) -> None:
    failed = ["depth", "src_ports", "dst_networks", "schedule"]
    shown = render(language, width, clauses={0: {"match": READ, "failed": failed}, 1: {"near": ALERT}})
    assert max(map(cell_len, shown.splitlines())) <= width
    assert "10.4.0.0/16" in shown.replace("\n", "").replace(" ", "")


def test_the_rest_is_counted() -> None:
    case = Case(ALERT, ALERT, [ClauseCase(0, Role.ALL, ALERT)], [])
    nearly = Case(ALERT, None, [ClauseCase(0, Role.ALL, ALERT)], [])
    explanation = Explanation(SIGNATURE, [case, case, nearly], True, [])
    shown = render_explanation(explanation, "en", limit=1)
    assert "… and 2 more, 1 of them fired; --limit 3 shows all" in shown
    assert "there are more than these" in shown
    assert "2 fired, 1 nearly" in shown
