"""``config``: check, show and example, as a stranger runs them."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.cli.command import Sensor, without_override
from tests.cli.test_signatures import BAD, GOOD

WRONG = "[capture]\nworkrs = 2\n[log]\nlevel = 'loud'\n"


def write(sensor: Sensor, text: str, name: str = "config.toml") -> Path:
    path = sensor.home / name
    path.write_text(text, encoding="utf-8")
    return path


def test_example_can_be_taken_as_it_is(sensor: Sensor) -> None:
    example = sensor("config", "example")
    assert (example.status, example.err) == (0, "")
    write(sensor, example.out)
    checked = sensor("config", "check", "config.toml")
    assert (checked.status, checked.out, checked.err) == (0, "config.toml: no mistake\n", "")
    assert "インターフェース" in example.out
    assert set(tomllib.loads(example.out)) >= {"capture", "signatures", "store", "metrics", "limits"}


def test_every_mistake_is_told(sensor: Sensor) -> None:
    write(sensor, WRONG)
    done = sensor("config", "check", "config.toml")
    assert (done.status, done.octets) == (2, b"")
    first, second = done.err.splitlines()
    assert first == "config.toml:2: unknown key 'workrs' in [capture] (did you mean workers?)"
    assert second.startswith("config.toml:4: level can't be 'loud'")
    rows = json.loads(sensor("config", "check", "--format", "json", "config.toml").out)
    assert [(row["file"], row["line"]) for row in rows] == [("config.toml", 2), ("config.toml", 4)]
    shown = sensor("config", "show", "config.toml")
    assert (shown.status, shown.octets) == (2, b"")
    assert shown.err.splitlines()[0] == f"watchdog-sensor: {first}"


@pytest.mark.linux
def test_what_the_file_names_is_looked_at(sensor: Sensor) -> None:
    (sensor.home / "folder").mkdir()
    (sensor.home / "closed").mkdir(mode=0o500)
    write(sensor, BAD, "mine.toml")
    write(
        sensor,
        """\
[capture]
user = "no-such-user"
[signatures]
paths = ["mine.toml"]
[store]
path = "folder"
[eve]
path = "closed/eve.json"
[metrics]
web_config = "missing.yml"
bearer_token_file = "missing.token"
""",
    )
    done = sensor("config", "check", "config.toml", before=without_override())
    assert done.status == 2
    told = [line.split(":", 2) for line in done.err.splitlines()]
    assert [(Path(file).name, int(line)) for file, line, _ in told] == [
        ("config.toml", 2),
        ("config.toml", 6),
        ("config.toml", 8),
        ("config.toml", 10),
        ("config.toml", 11),
        ("mine.toml", 7),
    ]
    assert "useradd" in told[0][2]
    write(sensor, GOOD, "mine.toml")
    write(sensor, '[signatures]\npaths = ["mine.toml"]\n[capture]\nuser = "root"\n')
    done = sensor("config", "check", "config.toml")
    assert done.line.startswith("config.toml:4: root is root")


@pytest.mark.parametrize(
    ("key", "value", "file", "reason"),
    [
        ("capture]\nbpf", "tcp prot 80", None, "tcp prot 80"),
        ("metrics]\nweb_config", "web.yml", "tls_server_confg:\n  cert_file: a\n", "tls_server_confg"),
        ("metrics]\nweb_config", "web.yml", "{", "not YAML"),
        ("metrics]\nbearer_token_file", "web.yml", "", "web.yml"),
    ],
)
def test_what_is_named_is_read(sensor: Sensor, key: str, value: str, file: str | None, reason: str) -> None:
    if file is not None:
        write(sensor, file, "web.yml")
    write(sensor, f'[{key} = "{value}"\n')
    done = sensor("config", "check", "config.toml")
    assert done.status == 2
    assert done.line.startswith("config.toml:2: ")
    assert reason in done.line


def test_without_a_file_defaults_apply(sensor: Sensor) -> None:
    env = {"CONFIGURATION_DIRECTORY": str(sensor.home)}
    done = sensor("config", "check", env=env)
    assert (done.status, done.err) == (0, "")
    assert "all defaults apply" in done.out
    assert sensor("config", "check", "--format", "json", env=env).out == "[]\n"
    write(sensor, WRONG)
    assert sensor("config", "check", env=env).status == 2


@pytest.mark.parametrize(("language", "word"), [("en", "default"), ("ja", "既定値")])
def test_show_is_the_configuration_in_effect(sensor: Sensor, language: str, word: str) -> None:
    write(sensor, '[capture]\ninterfaces = ["eth0"]\nring = 8388608\n')
    done = sensor("config", "show", "--lang", language, "config.toml")
    assert (done.status, done.err) == (0, "")
    shown = tomllib.loads(done.out)
    assert shown["capture"]["interfaces"] == ["eth0"]
    assert shown["capture"]["ring"] == "8MiB"
    assert shown["store"]["path"].startswith(str(sensor.home))
    assert f"workers = 1  # {word}" in done.out


def test_file_that_cannot_be_read(sensor: Sensor) -> None:
    for action in ("check", "show"):
        done = sensor("config", action, "missing.toml")
        assert done.status == 2
        assert "missing.toml: can't be read: No such file" in done.line
