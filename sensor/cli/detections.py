"""``watchdog-sensor detections``: list, show and export what was detected."""

import argparse
import sys
from contextlib import closing

from sensor.cli.options import (
    add_database_option,
    add_language_option,
    count,
    database_to_read,
    moment,
    table_width,
    use_color,
)
from sensor.cli.outputs import write_utf8

_EPILOG = """\
examples:
  watchdog-sensor detections list --severity high --severity critical
  watchdog-sensor detections list --address 192.168.11.0/24 --since 2026-01-31
  watchdog-sensor detections show 17
  watchdog-sensor detections export --format csv > detections.csv
"""
_UNFOLDED = 10_000
"""Cells of a line for a pipe, where `grep` is to find a long URL in one piece."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``detections`` to the command line."""
    parser = commands.add_parser(
        "detections",
        help="list, show and export detections",
        description="List, show and export what replays detected.",
        epilog=_EPILOG,
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    for name, formats, text in (
        ("list", ("table", "json", "csv"), "list detections, newest first"),
        ("export", ("json", "csv"), "write all detections, oldest first"),
    ):
        action = actions.add_parser(
            name,
            help=text,
            description=f"{text.capitalize()}. Options of different kinds must all hold;\n"
            "one kind given again widens the choice.",
            epilog=_EPILOG,
        )
        action.add_argument(
            "--format", choices=formats, default=formats[0], help="how to write them (default: %(default)s)"
        )
        _add_filters(action, limit=100 if name == "list" else None)
        add_database_option(action)
        add_language_option(action)
        action.set_defaults(run=_list, newest_first=name == "list")
    show = actions.add_parser(
        "show",
        help="explain one detection",
        description="Explain one detection: signature, addresses, request, octets around the match.",
        epilog=_EPILOG,
    )
    show.add_argument("id", type=count, metavar="ID", help="number of the detection, as list shows it")
    add_database_option(show)
    add_language_option(show)
    show.set_defaults(run=_show)


def _add_filters(parser: argparse.ArgumentParser, limit: int | None) -> None:
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help="from this time on: 2026-01-31, 2026-01-31T09:00+09:00"
    )
    parser.add_argument(
        "--until", type=moment, metavar="TIME", help="before this time (local unless it says)"
    )
    parser.add_argument(
        "--sid", type=count, action="append", default=[], metavar="N", help="of this signature"
    )
    parser.add_argument(
        "--category", action="append", default=[], metavar="NAME", help="of this category of signatures"
    )
    parser.add_argument(
        "--severity",
        action="append",
        default=[],
        choices=("low", "medium", "high", "critical"),
        help="of this severity",
    )
    parser.add_argument(
        "--address", action="append", default=[], metavar="ADDR", help="from or to this address or network"
    )
    parser.add_argument("--run", type=count, dest="run_id", metavar="N", help="of this run (see runs)")
    shown = "%(default)s" if limit else "all"
    parser.add_argument(
        "--limit", type=count, default=limit, metavar="N", help=f"at most so many (default: {shown})"
    )


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
    with closing(read_detections(database_to_read(options.db), wanted)) as rows:
        if options.format == "table":
            width = table_width()
            sys.stdout.write(render_table(rows, options.lang, width=width, color=use_color()))
            return 0
        for part in render_json(rows) if options.format == "json" else render_csv(rows):
            write_utf8(part)
    return 0


def _show(options: argparse.Namespace) -> int:
    from exporter.detection_facts import render_one
    from sensor.store.queries import read_detection

    width = table_width()
    row = read_detection(database_to_read(options.db), options.id)
    sys.stdout.write(render_one(row, options.lang, width=width or _UNFOLDED, color=use_color()))
    return 0
