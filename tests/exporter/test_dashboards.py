"""The dashboard and the rules name only metrics that exist, and do what they say."""

import json
import re
import subprocess
from itertools import combinations
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from exporter.collector import ServiceCollector
from exporter.dashboards import make
from exporter.http_app import RequestCounts
from tests.exporter.service_status import fresh_status

FOLDER = make.FILE.parent
DASHBOARD: dict[str, Any] = json.loads(make.FILE.read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"] for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RULE_TESTS = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
METRIC = re.compile(r"(?<![\w:])(?:watchdog|process)_\w+(?![\w:])")


def exported_names() -> set[str]:
    """Names of all series, and of those that the parent's process collector adds on Linux."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(fresh_status))
    registry.register(RequestCounts())
    names = {sample.name for family in registry.collect() for sample in family.samples}
    return names | {"process_resident_memory_bytes", "process_cpu_seconds_total"}


def expressions() -> list[str]:
    queries = [target["expr"] for panel in PANELS for target in panel.get("targets", ())]
    variables = [variable.get("definition", "") for variable in DASHBOARD["templating"]["list"]]
    return [*queries, *variables, *(rule["expr"] for rule in RULES)]


def test_every_metric_that_is_named_exists() -> None:
    named = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert len(named) > 40
    assert named - exported_names() == set()


def test_every_record_that_is_named_exists() -> None:
    records = {rule["record"] for rule in RULES if "record" in rule}
    named = {name for expression in expressions() for name in re.findall(r"\w+:\w+:\w+", expression)}
    assert named <= records


def test_the_dashboard_is_what_its_script_makes() -> None:
    assert make.FILE.read_text(encoding="utf-8") == make.text()


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    numbers = [panel["id"] for panel in PANELS]
    assert len(set(numbers)) == len(numbers)
    for one, other in combinations((panel["gridPos"] for panel in PANELS), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)


def test_every_panel_asks_the_chosen_prometheus_and_sensors() -> None:
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    for panel in PANELS:
        if panel["type"] == "row":
            continue
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["title"]
        assert panel["targets"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)
        for target in panel["targets"]:
            selectors = re.findall(r"\{[^{}]*\}", target["expr"])
            assert selectors
            assert all('instance=~"$instance"' in selector for selector in selectors)


@pytest.mark.prometheus
def test_dashboard_expressions_are_promql() -> None:
    """As rules, with numbers for Grafana's variables, so that promtool reads them."""
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(
            target["expr"] for panel in PANELS for target in panel.get("targets", ())
        )
    ]
    text = yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]})
    checked = subprocess.run(
        ["promtool", "check", "rules", "/dev/stdin"], input=text, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"SUCCESS: {len(rules)} rules found" in checked.stdout


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_says_what_to_do(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in ("warning", "critical")
    annotations = rule["annotations"]
    assert annotations.keys() == {"summary", "summary_ja", "description"}
    assert re.search(r"[ぁ-ん]", annotations["summary_ja"])
    assert len(annotations["description"]) > 60
    if "absent(" not in rule["expr"]:
        assert "$labels.instance" in annotations["summary"]
        assert "$labels.instance" in annotations["summary_ja"]


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested_with_a_sensor_that_fires_it_and_one_that_does_not(alert: str) -> None:
    tests = [test for test in RULE_TESTS if test["name"].partition(",")[0] == alert]
    instances: set[str] = set()
    fired = []
    for test in tests:
        for series in test["input_series"]:
            instances.update(re.findall(r'instance="(\w+)"', series["series"]))
        for expected in test["promql_expr_test"]:
            assert f'alertname="{alert}"' in expected["expr"]
            fired += [sample["labels"] for sample in expected["exp_samples"]]
    assert instances == {"bad", "good"}
    assert fired
    assert not any('instance="good"' in labels for labels in fired)


@pytest.mark.prometheus
@pytest.mark.parametrize("command", ["check rules rules.yml", "test rules rules_test.yml"])
def test_promtool_is_content(command: str) -> None:
    done = subprocess.run(
        ["promtool", *command.split()], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout
