"""``signatures import``: the file that it writes, and what it says of what came in."""

import json
from pathlib import Path

import pytest

from tests.cli.command import Sensor
from tests.importing.build import RULES

RULE = 'alert http $HOME_NET any -> any any (msg:"x"; http.uri; content:"/x"; sid:3000001;)\n'
REFUSED = 'alert tcp any any -> any any (msg:"y"; dsize:9; content:"/x"; sid:3000002;)\n'


def test_what_is_written_passes_the_check(sensor: Sensor, tmp_path: Path) -> None:
    out = tmp_path / "out.toml"
    done = sensor("signatures", "import", RULES, "-o", out, "--lang", "en")
    assert (done.status, done.err) == (0, "")
    assert "refused" in done.out
    assert "Because of" in done.out
    checked = sensor("signatures", "check", out)
    assert checked.status == 0
    assert "no mistake" in checked.out


def test_to_standard_output(sensor: Sensor) -> None:
    done = sensor(
        "signatures", "import", "-", "--name", "名前", "--lang", "ja", stdin=(RULE + REFUSED).encode()
    )
    assert done.status == 0
    assert done.out.startswith('[set]\nname = "名前"\n')
    assert "2 件 = 取り込み 1 + 拒否 1" in done.err
    assert "dsize" in done.err


def test_every_refusal_on_demand(sensor: Sensor, tmp_path: Path) -> None:
    rules = tmp_path / "a.rules"
    rules.write_text(RULE + REFUSED)
    done = sensor("signatures", "import", rules, "-o", tmp_path / "o.toml", "--verbose", "--lang", "en")
    last = done.out.splitlines()[-1]
    assert " ".join(last.split()) == "2 3000002 dsize has no counterpart in a signature"


def test_a_summary_for_programs(sensor: Sensor, tmp_path: Path) -> None:
    rules = tmp_path / "a.rules"
    rules.write_text(RULE + REFUSED + "# x\n")
    done = sensor(
        "signatures",
        "import",
        rules,
        "-o",
        tmp_path / "o.toml",
        "--format",
        "json",
        "--define",
        "HOME_NET=any",
    )
    summary = json.loads(done.octets)
    assert (summary["read"], summary["imported"], summary["refused"], summary["passed_over"]) == (2, 1, 1, 2)
    assert summary["refused_by"] == {"dsize": 1}
    assert summary["variables"] == {"HOME_NET": "any"}
    assert summary["refusals"][0]["line"] == 2


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["missing.rules"], "missing.rules: No such file or directory; name a file that can be read"),
        (
            ["-", "--define", "HOME_NET"],
            "--define takes NAME=VALUE, as HOME_NET=192.0.2.0/24, not 'HOME_NET'",
        ),
        (["-", "--category", "bad"], "'bad' is not a valid Category; there are "),
        (["-", "--type", "indicators"], "-: is not JSON: "),
    ],
)
def test_unusable_arguments(sensor: Sensor, args: list[str], reason: str) -> None:
    done = sensor("signatures", "import", *args)
    assert done.status == 2
    assert done.line.startswith(f"watchdog-sensor: {reason}")


def test_the_input_is_not_written_over(sensor: Sensor, tmp_path: Path) -> None:
    rules = tmp_path / "a.rules"
    rules.write_text(RULE)
    done = sensor("signatures", "import", rules, "-o", rules)
    assert done.status == 2
    assert rules.read_text() == RULE
