"""``signatures import``: the file that it writes, and what it says of what came in."""

import json
from pathlib import Path

import pytest

from sensor.cli.import_output import MARK
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
    assert done.out.startswith(f'{MARK}\n[set]\nname = "名前"\n')
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
    assert (summary["read"], summary["imported"], summary["refused"], summary["passed_over"]) == (2, 1, 1, 1)
    assert summary["refused_by"] == {"dsize": 1}
    assert summary["variables"] == {"HOME_NET": "any"}
    assert summary["refusals"][0]["line"] == 2
    assert summary["written"] == str(tmp_path / "o.toml")


def test_the_input_is_not_written_over(sensor: Sensor, tmp_path: Path) -> None:
    rules = tmp_path / "a.rules"
    rules.write_text(RULE)
    done = sensor("signatures", "import", rules, "-o", rules)
    assert done.status == 2
    assert rules.read_text() == RULE


EVENT = {
    "Event": {
        "Attribute": [
            {"type": "domain", "value": "a.example", "to_ids": True},
            {"type": "md5", "value": "aa", "to_ids": True},
        ]
    }
}
BUNDLE = {
    "type": "bundle",
    "objects": [
        {"type": "indicator", "name": "C2", "pattern": "[domain-name:value = 'a.example']"},
        {"type": "indicator", "pattern": "[domain-name:value = 'b']", "valid_until": "2020-01-01T00:00:00Z"},
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("document", "lang", "unit", "header", "last"),
    [
        (BUNDLE, "en", "object", "Object SID", "2 - expired was valid until 2020-01-01 00:00 UTC"),
        (BUNDLE, "ja", "object", "オブジェクト SID", "2 - expired 2020-01-01 00:00 UTC まで有効でした"),
        (EVENT, "en", "attribute", "Attribute SID", "2 - type md5 is nothing that is looked for"),
        (EVENT, "ja", "attribute", "属性 SID", "2 - type md5 検知の対象ではありません"),
    ],
)  # fmt: skip
def test_refused_indicators(
    sensor: Sensor, document: object, lang: str, unit: str, header: str, last: str
) -> None:
    args = ("signatures", "import", "-", "--name", "set")
    stdin = json.dumps(document).encode()
    done = sensor(*args, "--verbose", "--lang", lang, stdin=stdin)
    lines = [" ".join(line.split()) for line in done.err.splitlines()]
    assert any(line.startswith(header) for line in lines)
    assert lines[-1] == last
    assert ('name = "C2"' in done.out) is (document is BUNDLE)
    summary = json.loads(sensor(*args, "--format", "json", stdin=stdin).err)
    assert summary["refusals"][0][unit] == 2


@pytest.mark.parametrize(
    ("rules", "en", "ja"),
    [
        (
            'alert http any any -> any any (http.uri; content:"/x"; sid:1000001;)\n',
            "--sid-offset N may let in 1 whose sid is among the shipped ones",
            "--sid-offset N で、番号が付属のものと重なる 1 件を取り込めるかもしれません",
        ),
        (
            "".join(
                f'alert tcp any any -> any any (content:"RFB 003."; {place}; sid:{sid};)\n'
                for sid, place in enumerate(("depth:9", "offset:9", "endswith"), 1)
            ),
            "--stream-start may let in 2 with places in each packet",
            "--stream-start で、パケット内の位置による 2 件を取り込めるかもしれません",
        ),
        (
            'alert tcp $OFFICE any -> any any (content:"RFB 003."; sid:1;)\n',
            "--define NAME=VALUE may let in 1 with a variable that is not defined",
            "--define NAME=VALUE で、未定義の変数を使う 1 件を取り込めるかもしれません",
        ),
    ],
)
def test_what_would_let_refused_rules_in(sensor: Sensor, rules: str, en: str, ja: str) -> None:
    for lang, hint in (("en", en), ("ja", ja)):
        done = sensor("signatures", "import", "-", "--lang", lang, stdin=(RULE + rules).encode())
        assert (done.status, done.err.splitlines()[-1]) == (0, hint)


def test_no_hint_where_none_helps(sensor: Sensor) -> None:
    done = sensor("signatures", "import", "-", "--lang", "en", stdin=(RULE + RULE + REFUSED).encode())
    assert "--" not in done.err


def test_a_shipped_sid_of_a_list(sensor: Sensor) -> None:
    args = ("signatures", "import", "-", "--first-sid", "1999999", "--lang", "en")
    done = sensor(*args, stdin="機密\n遠隔操作\n".encode())
    assert "--first-sid SID may let in 2 whose" in done.err
