"""``doctor`` as a stranger runs it, on a machine with this or that amiss."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.cells import cell_len

from sensor.configuration import default_configuration
from sensor.doctor import examine as examine_module
from sensor.doctor.examine import examine
from sensor.doctor.finding import Findings, Level, Subject, Words
from tests.cli.command import Done, Sensor, without_override
from tests.cli.test_signatures import BAD

CHECKS = ["versions", "rights", "interfaces", "kernel", "memory", "clock", "disk", "database"]
CHECKS += ["processor", "signatures", "control", "metrics"]


def states(done: Done, check: str) -> set[str]:
    assert done.err == ""
    return {row["state"] for row in json.loads(done.out) if row["check"] == check}


def doctor(sensor: Sensor, *args: str | Path, configuration: str = "", before: Sequence[str] = ()) -> Done:
    """The findings about a configuration that concerns nothing of this machine but what it names."""
    own = '[metrics]\nlisten = "127.0.0.1:0"\n[control]\nsocket = "none.sock"\n'
    (sensor.home / "config.toml").write_text(own + configuration, encoding="utf-8")
    return sensor("doctor", "--config", "config.toml", "--format", "json", *args, before=before)


def test_every_check_is_made_and_none_fails(sensor: Sensor) -> None:
    done = doctor(sensor, "--lang", "en")
    rows = json.loads(done.out)
    assert list(dict.fromkeys(row["check"] for row in rows)) == CHECKS
    assert not [row for row in rows if "could not be made" in row["result"]]
    assert all(bool(row["advice"]) == (row["state"] != "ok") for row in rows)
    assert done.status == int(any(row["state"] == "problem" for row in rows))
    assert states(done, "processor") <= {"ok", "warning"}
    assert states(done, "signatures") == {"ok"}


def test_table_in_both_languages(sensor: Sensor) -> None:
    for language, words in (("en", ("State", "warning", "problems: ")), ("ja", ("状態", "注意", "問題 "))):
        done = sensor("doctor", "--lang", language)
        assert done.err == ""
        lines = done.out.splitlines()
        assert all(word in done.out for word in words)
        at = cell_len(lines[0][: lines[0].index(("Result", "結果")[language == "ja"])])
        advice = [line for line in lines if line.lstrip().startswith("→")]
        assert advice
        assert {cell_len(line) - cell_len(line.lstrip()) for line in advice} == {at}


@pytest.mark.root
@pytest.mark.linux
def test_missing_rights_are_told(sensor: Sensor) -> None:
    assert states(doctor(sensor), "rights") == {"ok"}
    done = doctor(sensor, before=without_override())
    assert done.status == 1
    first = next(row for row in json.loads(done.out) if row["check"] == "rights")
    assert first["state"] == "problem"
    assert "CAP_NET_RAW" in first["result"]


@pytest.mark.root
@pytest.mark.linux
def test_advice_for_missing_rights_gives_the_right_alone() -> None:
    """What doctor tells a user without rights to type does what it promises."""
    words = "setpriv --reuid=65534 --regid=65534 --init-groups --inh-caps=+net_raw --ambient-caps=+net_raw"
    done = subprocess.run(
        [*words.split(), "cat", "/proc/self/status"], capture_output=True, text=True, check=True
    )
    lines = dict(line.split(":\t", 1) for line in done.stdout.splitlines() if ":\t" in line)
    assert int(lines["CapEff"], 16) == int(lines["CapAmb"], 16) == 1 << 13


def test_mistaken_configuration_is_exit_status_2(sensor: Sensor) -> None:
    done = doctor(sensor, configuration="[log]\nlevel = 'loud'\n")
    assert done.status == 2
    assert done.line.startswith("watchdog-sensor: config.toml:6: level can't be 'loud'")


def test_broken_signatures(sensor: Sensor) -> None:
    (sensor.home / "mine.toml").write_text(BAD, encoding="utf-8")
    done = doctor(sensor, configuration="[signatures]\npaths = ['mine.toml']\n")
    assert done.status == 1
    assert states(done, "signatures") == {"problem"}
    done = doctor(sensor, configuration="[signatures]\nbuiltin = false\n")
    assert states(done, "signatures") == {"problem"}


@pytest.mark.posix
def test_place_that_cannot_be_written(sensor: Sensor) -> None:
    (sensor.home / "closed").mkdir(mode=0o500)
    done = doctor(sensor, configuration="[store]\npath = 'closed/a.db'\n", before=without_override())
    assert "problem" in states(done, "disk")
    done = doctor(sensor, configuration="[store]\npath = 'open.db'\n")
    assert "problem" not in states(done, "disk")


def test_too_little_memory(sensor: Sensor) -> None:
    done = doctor(sensor, configuration="[limits]\nmemory = '1024GiB'\n")
    assert states(done, "memory") == {"problem"}
    assert states(doctor(sensor, configuration="[limits]\nmemory = '256MiB'\n"), "memory") == {"ok"}


def test_no_check_ends_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_subject: Subject) -> Findings:
        raise RuntimeError("unheard of")
        yield

    title = Words("It", "それ")
    monkeypatch.setattr(examine_module, "_CHECKS", (("a", title, broken), ("b", title, broken)))
    found = list(examine(Subject(default_configuration(), Path("a.db"))))
    assert [each.name for each in found] == ["a", "b"]
    assert all(each.finding.level == Level.WARNING for each in found)
    assert "unheard of" in found[0].finding.result.ja
