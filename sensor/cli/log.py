"""``watchdog-sensor log``: what the sensor itself went through."""

import argparse
import sys
import time
from contextlib import closing
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from sensor.cli.options import add_database_option, add_language_option, count, database_to_read, moment
from sensor.cli.outputs import write_utf8

_EPILOG = """\
examples:
  watchdog-sensor log
  watchdog-sensor log --level warning --since 2026-01-31
  watchdog-sensor log --follow --format json
"""
_NONE = MappingProxyType({"en": "Nothing was logged.", "ja": "記録はありません。"})
_POLL_SECONDS: Final = 1.0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``log`` to the command line."""
    parser = commands.add_parser(
        "log",
        help="show the sensor's own log: starts, reloads, interfaces, drops, errors",
        description="Show the last lines of the sensor's own log, newest last: starts and stops,\n"
        "reloads, interfaces that went down, drops, workers that died, a store that failed.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--since", type=moment, default=0, metavar="TIME", help="from this time on, local unless it says"
    )
    parser.add_argument(
        "--level",
        choices=("debug", "info", "warning", "error"),
        default="debug",
        help="of this level or above (default: all)",
    )
    parser.add_argument(
        "--limit", type=count, default=100, metavar="N", help="at most so many (default: %(default)s)"
    )
    parser.add_argument("--follow", action="store_true", help="go on with what is logged from now on")
    parser.add_argument(
        "--format",
        choices=("table", "json"),
        default="table",
        help="how to write it: json has an object a line (default: %(default)s)",
    )
    add_database_option(parser)
    add_language_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from exporter.log_lines import render_json, render_line
    from sensor.store.log_queries import LogFilter, read_log

    path = database_to_read(options.db)
    wanted = LogFilter(options.since, options.level, options.limit)
    while True:
        with closing(read_log(path, wanted)) as lines:
            for line in lines:
                if options.format == "json":
                    write_utf8(render_json(line))
                else:
                    sys.stdout.write(render_line(line, options.lang))
                wanted = replace(wanted, after_id=line.id)
        if not options.follow:
            if not wanted.after_id and options.format == "table":
                print(_NONE[options.lang])
            return 0
        sys.stdout.flush()
        wanted = replace(wanted, limit=None)
        try:
            time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            return 0
