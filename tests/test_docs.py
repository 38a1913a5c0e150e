"""What documents name exists; what there is to know of commands and configuration is in both READMEs."""

import argparse
import json
import re
from collections.abc import Iterator

import pytest
import yaml
from prometheus_client import CollectorRegistry

from exporter.collector import ServiceCollector
from exporter.http_app import RequestCounts
from sensor.cli.app import build_parser
from sensor.configuration.keys import TABLES
from tests.conftest import ROOT
from tests.exporter.service_status import fresh_status

READMES = ["README.md", "README.ja.md"]
DOCUMENTS = [*READMES, "ARCHITECTURE.md", "THREAT_MODEL.md", "CONTRIBUTING.md", "CHANGELOG.md"]
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its commands, and theirs."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from commands(command)


def words() -> list[str]:
    """What has to be documented: each command as it is typed, each option in its long form."""
    found = []
    for parser in commands(build_parser()):
        found.append(parser.prog.removeprefix("watchdog-sensor "))
        options = (action.option_strings[-1] for action in parser._actions if action.option_strings)
        found += [option for option in options if option != "--help"]
    return sorted(set(found))


def anchors(text: str) -> set[str]:
    """What headings can be linked to by, as GitHub makes it."""
    headings = re.findall(r"^#+ (.*)$", CODE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_tree_is_walked() -> None:
    assert {"detections export", "config check", "run", "uninstall", "--eve", "--severity"} <= set(words())


@pytest.mark.parametrize("name", READMES)
def test_readme_tells_every_command_and_option(name: str) -> None:
    text = read(name)
    missing = [word for word in words() if not re.search(rf"(?<![\w-]){word}(?![\w-])", text)]
    assert not missing, f"{name} does not mention {', '.join(missing)}"


@pytest.mark.parametrize("name", READMES)
def test_readme_tells_every_key_of_the_configuration_its_default_and_its_option(name: str) -> None:
    rows = [line for line in read(name).splitlines() if line.startswith("|")]
    begin = {}
    for table, keys in TABLES.items():
        for number, key in enumerate(keys.values()):
            start = f"| **`[{table}]`** `{key.name}` |" if not number else f"| `{key.name}` |"
            (begin[table, key.name],) = [row for row in rows if row.startswith(start)]
            cells = begin[table, key.name].split(" | ")
            if key.default not in ("", ()):
                assert cells[1].strip("`") == json.dumps(key.default), cells
            assert f"`{key.option}`" in cells[2] if key.option else "`-" not in cells[2], cells
    told = [rows.index(row) for row in begin.values()]
    assert told == list(range(told[0], told[0] + len(told))), "as config example has them, and no other key"


@pytest.mark.parametrize("name", [*READMES, "ARCHITECTURE.md", "THREAT_MODEL.md"])
def test_metrics_that_are_named_exist(name: str) -> None:
    registry = CollectorRegistry()
    registry.register(ServiceCollector(fresh_status))
    registry.register(RequestCounts())
    families = list(registry.collect())
    exported = {family.name for family in families if family.type == "histogram"}
    exported |= {sample.name for family in families for sample in family.samples}
    named = set(re.findall(r"\bwatchdog_[a-z_]+(?:\*|\b)", read(name)))
    assert {each for each in named if not each.endswith("*")} <= exported
    for each in named:
        assert any(metric.startswith(each.removesuffix("*")) for metric in exported), each


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name: str) -> None:
    named = re.findall(r"`((?:sensor|exporter|signatures|tests|fixtures|\.ci)/[\w./-]*)`", read(name))
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    text = read(name)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", CODE.sub("", text)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        if (path and not (ROOT / path).exists()) or (anchor and anchor not in anchors(read(path or name))):
            broken.append(target)
    assert broken == []


def test_every_alert_is_told_with_its_severity() -> None:
    groups = yaml.safe_load(read("exporter/dashboards/rules.yml"))["groups"]
    alerts = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    told = re.findall(r"^\| `(Watchdog\w+)` \| (\w+) \|", read("exporter/dashboards/README.md"), re.MULTILINE)
    assert told == [(alert["alert"], alert["labels"]["severity"]) for alert in alerts]
