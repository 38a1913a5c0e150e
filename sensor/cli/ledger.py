"""``watchdog-sensor ledger``: what became of every packet, and when nothing was looked at."""

import argparse
import sys
import time
from contextlib import closing
from typing import Final

from sensor.cli.options import (
    add_database_option,
    add_language_option,
    database_to_read,
    moment,
    table_width,
    use_color,
)
from sensor.cli.outputs import write_utf8
from sensor.errors import ConfigError

_EPILOG = """\
examples:
  watchdog-sensor ledger
  watchdog-sensor ledger --since 2026-01-01 --until 2026-02-01 --step day
  watchdog-sensor ledger --since 2026-01-31T09:00 --step minute --interface eth0 --format csv
  watchdog-sensor ledger --strict > /dev/null || echo 'not everything was looked at'
"""
_DAY_NS: Final = 86_400_000_000_000


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``ledger`` to the command line."""
    parser = commands.add_parser(
        "ledger",
        help="what became of every packet, and when nothing was looked at",
        description="Show what became of every packet of live runs, and when nothing was looked at:\n"
        'tells "no detections" from "not looking".\n\n'
        "received = dropped by the kernel + delivered, but for what waits in the kernel's ring;\n"
        "delivered = decoded + rejected + left out because of overload.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        help="from this time on: 2026-01-31, 2026-01-31T09:00+09:00 (default: a day before the end)",
    )
    parser.add_argument(
        "--until", type=moment, metavar="TIME", help="before this time, local unless it says (default: now)"
    )
    parser.add_argument(
        "--interface", action="append", default=[], metavar="NAME", help="of this interface (default: all)"
    )
    parser.add_argument(
        "--step",
        choices=("minute", "hour", "day"),
        default="hour",
        help="time that a line tells of (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=("table", "json", "csv"),
        default="table",
        help="how to write it (default: %(default)s)",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit status 1 where there is a gap, a loss or an error"
    )
    add_database_option(parser)
    add_language_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from exporter.ledger_data import render_csv, render_json
    from exporter.ledger_table import render_table
    from exporter.ledger_totals import LedgerTotals
    from sensor.store.ledger_queries import LedgerFilter, read_ledger
    from sensor.store.ledger_steps import step_of

    now_ns = time.time_ns()
    until_ns = now_ns if options.until is None else options.until
    since_ns = options.since
    if since_ns is None:
        since_ns = step_of(max(min(until_ns, now_ns) - _DAY_NS, 0), options.step)[0]
    since_ns = max(since_ns, 0)
    if since_ns >= until_ns:
        raise ConfigError("--until is not after --since; give a later one")
    totals = LedgerTotals(since_ns, max(min(until_ns, now_ns), since_ns))
    wanted = LedgerFilter(since_ns, until_ns, tuple(dict.fromkeys(options.interface)), options.step)
    with closing(read_ledger(database_to_read(options.db), wanted)) as found:
        items = totals.watch(found)
        if options.format == "table":
            width = table_width()
            sys.stdout.write(render_table(items, totals, options.lang, width=width, color=use_color()))
        else:
            for part in render_json(items, totals) if options.format == "json" else render_csv(items):
                write_utf8(part)
    return 1 if options.strict and not totals.is_whole else 0
