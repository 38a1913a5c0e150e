"""A real Prometheus server scrapes the metrics page: TLS, a password, the rules loaded."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from exporter.dashboards import make
from tests.exporter.conftest import Certificates
from tests.exporter.serving import serving, wait_until
from tests.exporter.test_http import HASH, PASSWORD, tls_config

pytestmark = [pytest.mark.prometheus, pytest.mark.openssl]

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 200ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: watchdog-sensor
    scheme: https
    tls_config: {{ca_file: {authority}}}
    basic_auth: {{username: prometheus, password: {password}}}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


class Prometheus:
    """A server's HTTP API."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path: str, **parameters: str) -> Any:
        """What the API answers; None while nobody does."""
        try:
            with urlopen(f"{self._url}/{path}?{urlencode(parameters)}", timeout=30) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series that ``expression`` gives, once it gives one."""
        found: list[Any] = []

        def ask() -> bool:
            answer = self.get("query", query=expression)
            found[:] = answer["result"] if answer else []
            return bool(found)

        wait_until(ask)
        return [(series["metric"], float(series["value"][1])) for series in found]

    def target(self) -> tuple[str, str]:
        """Health of the only target, and the last error."""
        (target,) = self.get("targets")["activeTargets"]
        return target["health"], target["lastError"]

    def rule_healths(self) -> set[str]:
        """``ok``, ``err`` or ``unknown`` of all rules."""
        return {rule["health"] for group in self.get("rules")["groups"] for rule in group["rules"]}


@contextmanager
def scraping(folder: Path, config: str) -> Iterator[Prometheus]:
    """Run a Prometheus with ``config``; its data stay in ``folder``."""
    file = folder / "prometheus.yml"
    file.write_text(config)
    port = free_port()
    command = ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"]
    listen = f"--web.listen-address=127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, listen], stdout=log, stderr=log)
    try:
        server = Prometheus(port)
        wait_until(lambda: server.get("status/runtimeinfo") or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield server
    finally:
        process.terminate()
        process.wait(30)


def test_prometheus_scrapes_and_its_rules_fire(tmp_path: Path, certificates: Certificates) -> None:
    users = f"basic_auth_users:\n  prometheus: {HASH}\n"
    with serving(web_config_file=tls_config(tmp_path, certificates, users)) as served:
        config = CONFIG.format(
            rules=make.FILE.parent / "rules.yml",
            authority=certificates.server.file,
            password=PASSWORD,
            port=served.port,
        )
        with scraping(tmp_path, config) as prometheus:
            assert prometheus.query("up == 1")[0][0]["job"] == "watchdog-sensor"
            received = prometheus.query('watchdog_capture_packets_total{interface="eth0"}')
            assert [value for _, value in received] == [1000]
            lost = prometheus.query("sum(watchdog_capture_dropped_packets_total)")
            assert lost == [({}, 40)]
            buckets = prometheus.query("watchdog_store_commit_seconds_bucket")
            assert {labels["le"]: value for labels, value in buckets}["0.05"] == 3

            firing = prometheus.query('ALERTS{alertname="WatchdogLedgerBroken",alertstate="firing"}')
            assert [labels["interface"] for labels, _ in firing] == ["eth1"]
            wait_until(lambda: prometheus.target() == ("up", ""))
            wait_until(lambda: "unknown" not in prometheus.rule_healths())
            assert prometheus.rule_healths() == {"ok"}
            alerts = prometheus.get("alerts")["alerts"]
            (described,) = (
                alert["annotations"]["description"]
                for alert in alerts
                if alert["labels"]["alertname"] == "WatchdogLedgerBroken"
            )
            assert described.startswith("6 packets are unaccounted for")


def test_prometheus_with_a_wrong_password_is_told_so(tmp_path: Path, certificates: Certificates) -> None:
    users = f"basic_auth_users:\n  prometheus: {HASH}\n"
    with serving(web_config_file=tls_config(tmp_path, certificates, users)) as served:
        config = CONFIG.format(
            rules=make.FILE.parent / "rules.yml",
            authority=certificates.server.file,
            password="wrong",
            port=served.port,
        )
        with scraping(tmp_path, config) as prometheus:
            prometheus.query("up == 0")
            wait_until(lambda: "401" in prometheus.target()[1])
            assert prometheus.get("query", query="watchdog_build_info")["result"] == []
