"""Panels of a Grafana dashboard: the few fields that differ, and those that Grafana wants besides.

Format: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

Json = dict[str, Any]

DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS: Final = 24
"""Of Grafana's grid."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel."""

    title: str
    queries: tuple[tuple[str, str], ...]
    """Expression and legend of each."""
    unit: str = "short"
    help: str = ""
    kind: Literal["stat", "timeseries"] = "timeseries"
    limits: tuple[tuple[str, float], ...] = ()
    """Colours and the values from which they hold; green below the first."""
    names: tuple[tuple[int, str], ...] = ()
    """What to write instead of a number."""
    stacked: bool = False
    maximum: float | None = None
    width: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside one another under a heading; they wrap where the grid ends."""

    title: str
    panels: tuple[Panel, ...]
    height: int = 8


def lay_out(rows: tuple[Row, ...]) -> list[Json]:
    """Every row and panel with its number and its place."""
    laid: list[Json] = []
    y = 0
    for row in rows:
        heading: Json = {
            "id": len(laid) + 1,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        }
        laid.append(heading)
        y += 1
        x = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, y + row.height
            place = {"x": x, "y": y, "w": panel.width, "h": row.height}
            laid.append({"id": len(laid) + 1, "gridPos": place, **_panel(panel)})
            x += panel.width
        y += row.height
    return laid


def _panel(panel: Panel) -> Json:
    defaults: Json = {"unit": panel.unit, "min": 0}
    if panel.maximum is not None:
        defaults["max"] = panel.maximum
    if panel.names:
        options = {
            str(value): {"text": text, "index": index} for index, (value, text) in enumerate(panel.names)
        }
        defaults["mappings"] = [{"type": "value", "options": options}]
    steps: list[Json] = [{"color": "green", "value": None}]
    steps += [{"color": color, "value": value} for color, value in panel.limits]
    defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    made: Json = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.help,
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
                "range": panel.kind == "timeseries",
                "instant": panel.kind == "stat",
            }
            for number, (expression, legend) in enumerate(panel.queries)
        ],
    }
    if panel.kind == "stat":
        defaults["color"] = {"mode": "thresholds"}
        made["options"] = {
            "colorMode": "background",
            "graphMode": "none",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
    else:
        defaults["color"] = {"mode": "palette-classic"}
        defaults["custom"] = {
            "drawStyle": "line",
            "fillOpacity": 30 if panel.stacked else 8,
            "lineWidth": 1,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if panel.limits else "off"},
        }
        made["options"] = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return made
