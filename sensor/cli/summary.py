"""What a replay ends with, for people: the detections, what was counted, where the database lies."""

import shlex
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

from rich.cells import cell_len

from exporter.printable import printable
from sensor.cli.options import use_color
from sensor.replay import Outcome

_SHOWN = 50
"""Detections in the table: one screen or two; the database has all."""

_MORE = MappingProxyType(
    {
        "en": "… and {n:,} more: watchdog-sensor detections list --run {run} --limit {all}{db}",
        "ja": "… ほか {n:,} 件: watchdog-sensor detections list --run {run} --limit {all}{db}",
    }
)
_TEXT = MappingProxyType(
    {
        "en": {
            "detections": ("Detections", "{n:,}"),
            "unlogged": ("", "not kept, since --no-db was given"),
            "packets": ("Packets", "{received:,} received = {decoded:,} decoded + {rejected:,} rejected"),
            "reason": ("", "{count:,} {reason}"),
            "flows": ("Flows", "{flows:,}"),
            "http": ("HTTP", "{http:,} transactions"),
            "octets": ("Octets", "{octets:,}"),
            "gaps": ("Gaps", "{gaps:,} in streams, {octets:,} octets that the capture does not hold"),
            "time": ("Time", "{seconds:.2f} s, {rate:,.0f} packets a second"),
            "database": ("Database", "{db} (run {run})"),
            "again": ("", "run {run} read the same capture before"),
        },
        "ja": {
            "detections": ("検知", "{n:,} 件"),
            "unlogged": ("", "--no-db のため保存していません"),
            "packets": ("パケット", "受信 {received:,} = 解読 {decoded:,} + 解読不能 {rejected:,}"),
            "reason": ("", "{count:,} {reason}"),
            "flows": ("フロー", "{flows:,}"),
            "http": ("HTTP", "{http:,} 件"),
            "octets": ("オクテット", "{octets:,}"),
            "gaps": ("欠落", "{gaps:,} か所、キャプチャにない {octets:,} オクテット"),
            "time": ("所要時間", "{seconds:.2f} 秒、毎秒 {rate:,.0f} パケット"),
            "database": ("データベース", "{db}（実行 {run}）"),
            "again": ("", "同じキャプチャは実行 {run} でも読まれています"),
        },
    }
)


@dataclass(frozen=True, slots=True)
class Logged:
    """Where a replay was logged."""

    database: Path
    is_default: bool
    """Whether commands find it without ``--db``."""
    run: int
    previous_run: int | None
    """Newest earlier run that read one of the same captures."""


def print_summary(
    outcome: Outcome, out: TextIO, language: str, *, logged: Logged | None, width: int | None
) -> None:
    """Print the closing table and figures of a replay."""
    text, counters = _TEXT[language], outcome.counters
    if logged is not None and counters.detections:
        _print_detections(counters.detections, out, language, logged, width)
    label_width = max(cell_len(label) for label, _ in text.values())

    def line(key: str, **values: object) -> None:
        label, form = text[key]
        print(f"{label}{' ' * (label_width - cell_len(label))}  {form.format(**values)}", file=out)

    line("detections", n=counters.detections)
    if logged is None and counters.detections:
        line("unlogged")
    rejected = sum(counters.rejected.values())
    line("packets", received=counters.received, decoded=counters.decoded, rejected=rejected)
    for reason, count in sorted(counters.rejected.items(), key=lambda item: (-item[1], item[0])):
        line("reason", reason=reason, count=count)
    line("octets", octets=counters.received_octets)
    line("flows", flows=counters.flows)
    line("http", http=counters.http_transactions)
    if counters.reassembly_gaps:
        line("gaps", gaps=counters.reassembly_gaps, octets=counters.reassembly_gap_octets)
    line("time", seconds=outcome.seconds, rate=counters.received / max(outcome.seconds, 1e-9))
    if logged is not None:
        line("database", db=printable(str(logged.database)), run=logged.run)
        if logged.previous_run:
            line("again", run=logged.previous_run)


def _print_detections(count: int, out: TextIO, language: str, logged: Logged, width: int | None) -> None:
    from exporter.detection_table import render_table
    from sensor.store.queries import DetectionFilter, read_detections

    wanted = DetectionFilter(run=logged.run, limit=_SHOWN, newest_first=False)
    with closing(read_detections(logged.database, wanted)) as rows:
        out.write(render_table(rows, language, width=width, color=width is not None and use_color()))
    if count > _SHOWN:
        option = "" if logged.is_default else f" --db {shlex.quote(str(logged.database))}"
        print(_MORE[language].format(n=count - _SHOWN, run=logged.run, all=count, db=option), file=out)
    print(file=out)
