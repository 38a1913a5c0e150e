"""``watchdog-sensor detections``: list, show and export what was detected; ``runs``: the sensor's log of runs."""

import argparse
import sys
from datetime import datetime

from sensor.cli.options import add_database_option, add_language_option, table_width

_EPILOG = """\
examples:
  watchdog-sensor detections list --severity high --severity critical
  watchdog-sensor detections list --address 192.168.11.0/24 --since 2026-01-31T09:00
  watchdog-sensor detections show 17
  watchdog-sensor detections export --format csv > detections.csv
"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``detections`` and ``runs`` to the command line."""
    parser = commands.add_parser(
        "detections",
        help="list, show and export detections",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, formats, text in (
        ("list", ("table", "json", "csv"), "list detections, newest first"),
        ("export", ("json", "csv"), "write all detections, oldest first"),
    ):
        action = actions.add_parser(
            name, help=text, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        action.add_argument("--format", choices=formats, default=formats[0])
        _add_filters(action, limit=100 if name == "list" else None)
        add_database_option(action)
        add_language_option(action)
        action.set_defaults(run=_list, newest_first=name == "list")
    show = actions.add_parser("show", help="explain one detection", allow_abbrev=False)
    show.add_argument("id", type=int, help="number of the detection, as `list` shows it")
    add_database_option(show)
    add_language_option(show)
    show.set_defaults(run=_show)
    runs = commands.add_parser("runs", help="list the runs of the sensor", allow_abbrev=False)
    add_database_option(runs)
    runs.add_argument("--limit", type=int, default=20, metavar="N")
    runs.set_defaults(run=_runs)


def _add_filters(parser: argparse.ArgumentParser, limit: int | None) -> None:
    parser.add_argument("--since", type=_time, metavar="TIME", help="packets from this time on (ISO 8601, local unless it says)")
    parser.add_argument("--until", type=_time, metavar="TIME", help="packets before this time")
    parser.add_argument("--sid", type=int, action="append", default=[], metavar="N", help="signature number")
    parser.add_argument("--category", action="append", default=[], metavar="NAME")
    parser.add_argument(
        "--severity", action="append", default=[], choices=("low", "medium", "high", "critical")
    )
    parser.add_argument(
        "--address", action="append", default=[], metavar="ADDR", help="sender or receiver: address or network"
    )
    parser.add_argument("--run", type=int, dest="run_id", metavar="N", help="one run's (see `runs`)")
    parser.add_argument("--limit", type=int, default=limit, metavar="N", help="at most so many (default: %(default)s)")


def _time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-01-31 or 2026-01-31T09:00") from None
    return int(moment.astimezone().timestamp() * 1_000_000_000)


def _list(options: argparse.Namespace) -> int:
    from exporter.detection_table import render_table
    from exporter.detections import render_csv, render_json
    from sensor.store.queries import DetectionFilter, read_detections

    wanted = DetectionFilter(
        since_ns=options.since,
        until_ns=options.until,
        sids=tuple(options.sid),
        categories=tuple(options.category),
        severities=tuple(options.severity),
        addresses=tuple(options.address),
        run=options.run_id,
        limit=options.limit,
        newest_first=options.newest_first,
    )
    rows = read_detections(options.db, wanted)
    if options.format == "table":
        width = table_width()
        sys.stdout.write(render_table(rows, options.lang, width=width, color=width is not None))
        return 0
    for part in render_json(rows) if options.format == "json" else render_csv(rows):
        sys.stdout.write(part)
    return 0


def _show(options: argparse.Namespace) -> int:
    from exporter.detection_table import render_one
    from sensor.store.queries import read_detection

    width = table_width()
    row = read_detection(options.db, options.id)
    sys.stdout.write(render_one(row, options.lang, width=width or 80, color=width is not None))
    return 0


def _runs(options: argparse.Namespace) -> int:
    from sensor.store.queries import read_runs

    for run in read_runs(options.db, options.limit):
        started = datetime.fromtimestamp(run.started_ns / 1e9).astimezone()
        again = f"  (again: run {run.previous_run})" if run.previous_run else ""
        print(
            f"{run.id:>5}  {started:%Y-%m-%d %H:%M:%S%z}  {run.status:<11}  {run.received:>10} packets  "
            f"{run.detections:>6} detections  {run.source}{again}"
        )
    return 0
