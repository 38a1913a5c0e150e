"""What a replay ends with, for people: the detections, what was counted, where the database lies."""

from pathlib import Path
from typing import TextIO

from sensor.replay import Outcome

_SHOWN = 50

_TEXT = {
    "en": {
        "detections": "{n} detections",
        "more": "… and {n} more: watchdog-sensor detections list --db {db} --run {run}",
        "packets": "packets    {received:,} received = {decoded:,} decoded + {rejected:,} rejected",
        "reason": "             {count:>9,}  {reason}",
        "flows": "flows      {flows:,}   HTTP transactions {http:,}   octets {octets:,}",
        "gaps": "gaps       {gaps:,} in streams ({octets:,} octets that the capture does not hold)",
        "speed": "time       {seconds:.2f} s ({rate:,.0f} packets a second)",
        "database": "database   {db} (run {run})",
        "again": "           the same capture was read before, as run {run}",
    },
    "ja": {
        "detections": "検知 {n} 件",
        "more": "… ほか {n} 件: watchdog-sensor detections list --db {db} --run {run}",
        "packets": "パケット   受信 {received:,} = 解読 {decoded:,} + 不能 {rejected:,}",
        "reason": "             {count:>9,}  {reason}",
        "flows": "フロー     {flows:,}   HTTP {http:,} 件   {octets:,} オクテット",
        "gaps": "欠落       {gaps:,} か所（キャプチャにない {octets:,} オクテット）",
        "speed": "時間       {seconds:.2f} 秒（毎秒 {rate:,.0f} パケット）",
        "database": "データベース {db}（実行 {run}）",
        "again": "           同じキャプチャは以前にも読まれています（実行 {run}）",
    },
}


def print_summary(
    outcome: Outcome,
    out: TextIO,
    language: str,
    *,
    database: Path | None,
    run_id: int | None,
    previous_run: int | None,
    width: int | None,
) -> None:
    """Print the closing table and figures of a replay."""
    text, counters = _TEXT[language], outcome.counters

    def line(key: str, **values: object) -> None:
        print(text[key].format(**values), file=out)

    if database is not None and counters.detections:
        from exporter.detection_table import render_table
        from sensor.store.queries import DetectionFilter, read_detections

        wanted = DetectionFilter(run=run_id, limit=_SHOWN, newest_first=False)
        rows = read_detections(database, wanted)
        print(file=out)
        out.write(render_table(rows, language, width=width, color=width is not None))
        if counters.detections > _SHOWN:
            line("more", n=counters.detections - _SHOWN, db=database, run=run_id)
    print(file=out)
    line("detections", n=counters.detections)
    rejected = sum(counters.rejected.values())
    line("packets", received=counters.received, decoded=counters.decoded, rejected=rejected)
    for reason, count in sorted(counters.rejected.items(), key=lambda item: -item[1]):
        line("reason", reason=reason, count=count)
    line("flows", flows=counters.flows, http=counters.http_transactions, octets=counters.received_octets)
    if counters.reassembly_gaps:
        line("gaps", gaps=counters.reassembly_gaps, octets=counters.reassembly_gap_octets)
    line("speed", seconds=outcome.seconds, rate=counters.received / max(outcome.seconds, 1e-9))
    if database is not None:
        line("database", db=database, run=run_id)
        if previous_run:
            line("again", run=previous_run)
