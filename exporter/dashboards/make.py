"""Writes ``grafana.json``: ``python -m exporter.dashboards.make``."""

import json
from pathlib import Path
from typing import Final

from exporter.dashboards.panels import DATASOURCE, Json, lay_out
from exporter.dashboards.rows import ROWS, S

FILE: Final = Path(__file__).parent / "grafana.json"


def dashboard() -> Json:
    """The dashboard's JSON model."""
    return {
        "uid": "watchdog-sensor",
        "title": "watchdog-sensor",
        "tags": ["security", "watchdog-sensor"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {
            "list": [
                {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                _variable("job", "Job", "watchdog_build_info"),
                _variable("instance", "Sensor", 'watchdog_build_info{job=~"$job"}'),
                _variable("interface", "Interface", f"watchdog_interface_up{{{S}}}"),
            ]
        },
        "panels": lay_out(ROWS),
    }


def _variable(name: str, label: str, series: str) -> Json:
    query = f"label_values({series}, {name})"
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def text() -> str:
    """What the file holds."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
