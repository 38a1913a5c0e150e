"""``watchdog-sensor runs``: the sensor's own log of its runs."""

import argparse
import sys
from datetime import UTC, datetime
from types import MappingProxyType

from sensor.cli.options import (
    add_database_option,
    add_language_option,
    count,
    database_to_read,
    table_width,
)

_EPILOG = """\
examples:
  watchdog-sensor runs
  watchdog-sensor detections list --run 3
"""
_HEADERS = MappingProxyType(
    {
        "en": ("Run", "Started", "Status", "Packets", "Detections", "Capture"),
        "ja": ("実行", "開始", "状態", "パケット", "検知", "キャプチャ"),
    }
)
_STATUS = MappingProxyType(
    {"running": "実行中", "completed": "完了", "interrupted": "中断", "failed": "失敗"}
)
_AGAIN = MappingProxyType({"en": "  (same as in run {run})", "ja": "（実行 {run} と同じ）"})
_NONE = MappingProxyType({"en": "No runs.", "ja": "実行記録はありません。"})


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``runs`` to the command line."""
    parser = commands.add_parser(
        "runs",
        help="list the runs of the sensor, newest first",
        description="List the runs of the sensor, newest first: what was read, and how it ended.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--limit", type=count, default=20, metavar="N", help="at most so many (default: %(default)s)"
    )
    add_database_option(parser)
    add_language_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from exporter.columns import render_columns
    from exporter.printable import printable
    from sensor.store.queries import read_runs

    rows = []
    for run in read_runs(database_to_read(options.db), options.limit):
        started = datetime.fromtimestamp(run.started_ns // 1_000_000_000, UTC).astimezone()
        capture = printable(run.source)
        if run.previous_run:
            capture += _AGAIN[options.lang].format(run=run.previous_run)
        if run.error:
            capture += f"\n{printable(run.error)}"
        status = _STATUS.get(run.status, run.status) if options.lang == "ja" else str(run.status)
        counts = (f"{run.received:,}", f"{run.detections:,}")
        rows.append((str(run.id), f"{started:%Y-%m-%d %H:%M:%S}", status, *counts, capture))
    if not rows:
        print(_NONE[options.lang])
        return 0
    sys.stdout.write(render_columns(_HEADERS[options.lang], rows, right=(0, 3, 4), width=table_width()))
    return 0
