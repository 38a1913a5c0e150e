"""``watchdog-sensor status``: what runs now, asked over the service's control socket."""

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from sensor.cli.options import add_language_option, table_width, use_color
from sensor.cli.outputs import write_utf8
from sensor.errors import SensorError

_EPILOG = """\
examples:
  watchdog-sensor status
  watchdog-sensor status --watch
  watchdog-sensor status --format json | jq '.interfaces[].ledger.dropped'
"""
_WATCH_SECONDS: Final = 1.0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``status`` to the command line."""
    parser = commands.add_parser(
        "status",
        help="show what the service does now: interfaces, rates, drops, workers, store",
        description="Show what the service that runs does now: interfaces with rates and drops, workers,\n"
        "detections, store and signatures.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        help="control socket of the service (default: that of the system's, or of your own)",
    )
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="how to write it: json is one object on a line (default: %(default)s)",
    )
    parser.add_argument("--watch", action="store_true", help="again every second, until Ctrl-C")
    add_language_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from sensor.cli.control_client import ask_status, default_socket

    path = options.socket or default_socket()
    if not options.watch:
        _show(ask_status(path), options)
        return 0
    try:
        if options.format == "text" and sys.stdout.isatty():
            _watch_screen(path, options)
        while True:
            _show(ask_status(path), options)
            sys.stdout.flush()
            time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        return 0


def _show(answer: bytes, options: argparse.Namespace) -> None:
    from exporter.printable import printable_json

    if options.format == "json":
        write_utf8(printable_json(answer).decode() + "\n")
        return
    from exporter.status_table import render_status
    from sensor.cli.control_client import decode_status

    status = decode_status(answer)
    sys.stdout.write(render_status(status, options.lang, width=table_width(), color=use_color()))


def _watch_screen(path: Path, options: argparse.Namespace) -> None:
    """Draw over what was shown before; a service that is away for a moment may come back."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from exporter.status_table import status_view
    from sensor.cli.control_client import ask_status, decode_status

    with Live(console=Console(highlight=False), screen=True, auto_refresh=False) as live:
        while True:
            try:
                live.update(status_view(decode_status(ask_status(path)), options.lang), refresh=True)
            except SensorError as error:
                live.update(Text(str(error), style="bold red"), refresh=True)
            time.sleep(_WATCH_SECONDS)
