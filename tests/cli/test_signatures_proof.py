"""``signatures check``, ``test``, ``explain`` and ``profile`` as an operator runs them."""

import json
from pathlib import Path

import pytest
from rich.cells import cell_len

from exporter.profile_table import Cost, Costs, render_costs
from exporter.proof_table import Expected, Proved, render_proof
from fixtures.pcaps.catalogue import ROOT
from tests.cli.command import CUT, DEMO, SMALL, Sensor

MINE = """
[[signature]]
sid = 9000001
rev = 1
name = { ja = "遠隔操作", en = "remote control" }
category = "custom"
severity = "low"
buffers = ["http.uri", "payload"]
keywords = ["遠隔操作"]
[signature.tests]
match = ["/?q=遠隔操作", { buffer = "payload", text = "遠隔操作のことば" }]
no_match = [{ buffer = "payload", text = "遠隔の操作" }]

[[signature]]
sid = 9000002
rev = 1
name = "host and target"
category = "custom"
severity = "low"
buffers = ["http.host"]
contents = ["example.jp"]
dst_ports = [80]
[[signature.all]]
buffers = ["http.uri"]
contents = ["/app/"]
[signature.tests]
match = [{ buffer = "payload", text = "GET /app/ HTTP/1.1\\r\\nHost: www.example.jp\\r\\n\\r\\n" }]
no_match = [{ buffer = "payload", text = "GET /app/ HTTP/1.1\\r\\nHost: www.example.com\\r\\n\\r\\n" }]
"""
WRONG = MINE.replace("遠隔操作のことば", "遠隔で操作").replace('text = "遠隔の操作"', 'text = "遠隔操作を"')
ABSENT = ROOT / "keyword" / "absent.pcap"


@pytest.fixture
def mine(sensor: Sensor) -> Path:
    path = sensor.home / "my.toml"
    path.write_text(MINE, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("word", "warning"),
    [
        ("情報", "sid 9000001: keyword '情報' is common: it stands in 359 of 1,000 Japanese pages"),
        ("鰯", "sid 9000001: keyword '鰯' is short: by chance it stands 16 times in each MiB"),
        ('遠隔操作", "遠隔操作ソフト', "keyword '遠隔操作ソフト' adds nothing: it contains '遠隔操作'"),
    ],
    ids=["common", "short", "contained"],
)
def test_check_warns_and_strict_fails(sensor: Sensor, mine: Path, word: str, warning: str) -> None:
    mine.write_text(MINE.replace('["遠隔操作"]', f'["{word}"]'), encoding="utf-8")
    done = sensor("signatures", "check", "my.toml")
    assert (done.status, done.out) == (0, "2 signatures, no mistake, 1 warning\n")
    assert done.line.startswith("my.toml:2: warning: ")
    assert warning in done.line
    strict = sensor("signatures", "check", "--strict", "my.toml")
    assert (strict.status, strict.out, strict.err) == (1, done.out, done.err)
    (row,) = json.loads(sensor("signatures", "check", "--format", "json", "my.toml").out)
    assert (row["file"], row["line"], row["level"]) == ("my.toml", 2, "warning")
    assert warning in row["reason"]
    assert sensor("signatures", "check", "--strict", "--format", "json", "my.toml").status == 1


def test_check_of_what_nobody_needs_to_be_warned_of(sensor: Sensor, mine: Path) -> None:
    done = sensor("signatures", "check", "--strict", mine.name)
    assert (done.status, done.out, done.err) == (0, "2 signatures, no mistake\n", "")


def test_mistakes_come_without_warnings(sensor: Sensor, mine: Path) -> None:
    mine.write_text(MINE.replace('["遠隔操作"]', '["情報"]') + "\nnonsense = 1\n", encoding="utf-8")
    done = sensor("signatures", "check", "--strict", "my.toml")
    assert done.status == 2
    assert "warning" not in done.err


def test_samples_that_hold(sensor: Sensor, mine: Path) -> None:
    done = sensor("signatures", "test", mine.name)
    assert (done.status, done.err) == (0, "")
    lines = [line.split(None, 3) for line in done.out.splitlines() if line]
    assert lines[1:3] == [
        ["9000001", "3/3", "ok", "remote control"],
        ["9000002", "2/2", "ok", "host and target"],
    ]
    assert "signatures: 2, samples: 5, expectations of captures: 0; failed: 0" in done.out
    japanese = sensor("signatures", "test", mine.name, "--lang", "ja").out
    assert "合格" in japanese
    assert "遠隔操作" in japanese


def test_samples_that_fail_are_named(sensor: Sensor, mine: Path) -> None:
    mine.write_text(WRONG, encoding="utf-8")
    done = sensor("signatures", "test", mine.name)
    assert (done.status, done.err) == (1, "")
    assert "9000001      1/3  FAILED" in done.out
    assert "match 2 does not match, and must" in done.out
    assert "no_match 1 matches, and must not" in done.out
    told = json.loads(sensor("signatures", "test", mine.name, "--format", "json").out)
    assert told["signatures"][0] == {
        "sid": 9000001,
        "samples": 3,
        "failures": [
            {"sample": "match 2", "reason": "missed"},
            {"sample": "no_match 1", "reason": "matched"},
        ],
    }


def test_shipped_signatures_hold(sensor: Sensor) -> None:
    done = sensor("signatures", "test")
    assert done.status == 0, done.out
    assert "; failed: 0" in done.out


def test_captures_that_show_what_is_expected(sensor: Sensor, mine: Path) -> None:
    expected = ("--positive", DEMO, "9000001", "9000002", "--positive", ABSENT, "9000001=0")
    done = sensor("signatures", "test", mine, *expected, "--negative", ABSENT, "--format", "json")
    assert done.status == 0, done.out
    captures = json.loads(done.out)["captures"]
    assert [(each["sid"], each["expected"], each["met"]) for each in captures] == [
        (9000001, None, True),
        (9000002, None, True),
        (9000001, 0, True),
        (None, 0, True),
    ]
    assert [each["alerts"] > 0 for each in captures] == [True, True, False, False]


def test_captures_that_do_not(sensor: Sensor, mine: Path) -> None:
    expected = ("--positive", DEMO, "9000001=999", "--positive", ABSENT, "9000001", "--negative", DEMO)
    done = sensor("signatures", "test", mine, *expected, "--lang", "en")
    assert done.status == 1
    for line in ("999 alerts were expected", "an alert was expected", "no alert was expected"):
        assert line in done.out
    assert "expectations of captures: 4; failed: 4" in done.out


def test_only_signatures_of_the_files_are_tested(sensor: Sensor, mine: Path) -> None:
    """Shipped ones fire in the demo, and are nothing that these files must answer for."""
    mine.write_text(
        MINE.replace('["遠隔操作"]', '["無い言葉"]').split("[signature.tests]")[0], encoding="utf-8"
    )
    done = sensor("signatures", "test", mine, "--negative", DEMO)
    assert done.status == 0, done.out
    assert "signatures without samples: 1" in done.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--positive", DEMO),
        ("--positive", DEMO, "1001001"),
        ("--positive", DEMO, "x"),
        ("--positive", DEMO, "9000001=x"),
        ("--negative", "missing.pcap"),
        ("missing.toml",),
    ],
    ids=["no sid", "not tested", "no number", "no count", "no capture", "no file"],
)
def test_unusable_arguments_of_test(sensor: Sensor, mine: Path, arguments: tuple[str | Path, ...]) -> None:
    done = sensor("signatures", "test", mine, *arguments)
    assert done.status == (1 if "missing.pcap" in arguments else 2)
    assert done.octets == b""
    assert done.line


def test_explanation(sensor: Sensor, mine: Path) -> None:
    mine.write_text(MINE.replace("dst_ports = [80]", "dst_ports = [8080]"), encoding="utf-8")
    done = sensor("signatures", "explain", "9000002", DEMO, "--signatures", mine, "--limit", "1")
    assert (done.status, done.err) == (0, "")
    assert "nearly  packet" in done.out
    assert "clause 1 (all)  http.host, octets" in done.out
    assert "✗ dst_ports = 8080, was 80" in done.out
    assert "more, 0 of them fired; --limit" in done.out
    whole = sensor("signatures", "explain", "9000001", DEMO, "--signatures", mine, "--lang", "ja")
    assert "検知  パケット" in whole.out
    assert "条項 1 (all)" in whole.out
    assert "遠隔操作" in whole.out
    assert max(len(line) for line in whole.out.splitlines()) < 200


def test_explanation_of_a_signature_that_is_switched_off(sensor: Sensor, mine: Path) -> None:
    text = mine.read_text(encoding="utf-8")
    mine.write_text(f"{text}\n[[override]]\nsid = 9000001\nenabled = false\n", encoding="utf-8")
    done = sensor("signatures", "explain", "9000001", DEMO, "--signatures", mine)
    assert done.status == 0
    assert done.line.endswith("an override switches 9000001 off: with these files, nothing looks for it")


def test_explanation_where_there_is_nothing(sensor: Sensor, mine: Path) -> None:
    done = sensor("signatures", "explain", "9000001", ABSENT, "--signatures", mine)
    assert done.status == 0
    assert "Nothing of this signature stands in the capture" in done.out


def test_explanation_of_a_damaged_capture_and_of_none(sensor: Sensor) -> None:
    damaged = sensor("signatures", "explain", "1005001", CUT)
    assert damaged.status == 0
    assert CUT.name in damaged.line
    assert sensor("signatures", "explain", "1005001", "missing.pcap").status == 1
    unknown = sensor("signatures", "explain", "77", CUT)
    assert unknown.status == 2
    assert "there is no signature 77" in unknown.line


def test_profile(sensor: Sensor, mine: Path) -> None:
    arguments = ("signatures", "profile", "--no-builtin", "--signatures", mine, "--seconds", "1")
    done = sensor(*arguments, "--limit", "1", SMALL)
    assert (done.status, done.err) == (0, "")
    assert "… and 1 more: --limit 2" in done.out
    told = json.loads(sensor(*arguments, "--format", "json", DEMO).out)
    assert (told["packets"], told["octets"]) == (622, 92_985)
    rows = {row["sid"]: row for row in told["signatures"]}
    assert rows[9000001]["alerts"] == rows[9000001]["matches"] > 0
    assert rows[9000002]["matches"] > rows[9000002]["alerts"] > 0
    assert told["whole_seconds"] >= told["idle_seconds"] > 0


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", [64, 80, 120])
def test_tables_fit_the_terminal(language: str, width: int) -> None:
    names = {"ja": "とても長い名前のシグネチャ" * 5, "en": "a signature of a very long name " * 5}
    proved = [Proved(9000001, names, 12, (("match 2", "missed"), ("no_match 1", "unsendable")))]
    expected = [Expected("/a/path/that/is/long/" * 5, 9000001, 3, 4), Expected("clean.pcap", None, 0, 0)]
    text = render_proof(proved, expected, language, unproved=0, width=width)
    rows = [Cost(9000001, names, 0.0123, False, 1_234, 99), Cost(9000002, names, 0.0005, True, 0, 0)]
    costs = Costs(1_000, 2_000_000, False, 0.5, 0.6, 0.001, 9)
    text += render_costs(rows, costs, language, limit=9, width=width).partition("\n\n")[0]
    tables = [line for line in text.splitlines() if line.startswith((" ", "9"))]
    assert len(tables) > 8
    assert max(map(cell_len, tables)) <= width
