"""The command line: arguments in, replay or queries called, one line for each error.

Modules that only some commands need are imported where they are used: start-up is part of every run.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import Never

# numpy's linear algebra starts a thread a core that a sensor never uses.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from exporter.printable import printable
from sensor.cli import (
    config,
    detections,
    doctor,
    install,
    keywords,
    ledger,
    log,
    reload,
    replay,
    run,
    runs,
    signatures,
    status,
)
from sensor.cli.options import OneLineParser
from sensor.cli.outputs import abandon_standard_output, prepare_standard_streams
from sensor.errors import SensorError
from sensor.version import version

_EPILOG = """\
examples:
  sudo watchdog-sensor run -i eth0
  watchdog-sensor replay capture.pcapng
  watchdog-sensor replay --signatures my.toml --eve events.json recordings/
  tcpdump -w - -i eth0 | watchdog-sensor replay --no-db --eve - -
  watchdog-sensor signatures check my.toml
  watchdog-sensor detections list --severity high --since 2026-01-31
  watchdog-sensor keywords add 'social security number'
  watchdog-sensor status --watch
  watchdog-sensor ledger --since 2026-01-31 --step day

exit status: 0 done, 2 unusable arguments or signatures, 1 anything else
"""


class _ShowVersion(argparse.Action):
    """As argparse's own ``version``, but asks for the version only when it is wanted."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> Never:
        print(f"{parser.prog} {version()}")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser: argparse.ArgumentParser = OneLineParser(
        prog="watchdog-sensor",
        description="Network packet sensor: HTTP metadata and keyword detections, live and from\ncaptures.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action=_ShowVersion, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    run.add_command(commands)
    replay.add_command(commands)
    detections.add_command(commands)
    runs.add_command(commands)
    ledger.add_command(commands)
    log.add_command(commands)
    status.add_command(commands)
    reload.add_command(commands)
    signatures.add_command(commands)
    keywords.add_command(commands)
    config.add_command(commands)
    doctor.add_command(commands)
    install.add_command(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    prepare_standard_streams()
    # A terminal that closes and an operator's kill end a run as Ctrl-C does; what nohup ignores stays so.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _interrupt)
    try:
        exit_status = _run(argv)
        sys.stdout.flush()
    except SensorError as error:
        return _fail(str(error), error.exit_status)
    except KeyboardInterrupt:
        return _fail("interrupted; what was committed is kept")
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        abandon_standard_output()
        return 1
    except OSError as error:
        abandon_standard_output()
        advice = "change its permissions" if isinstance(error, PermissionError) else "free space"
        return _fail(f"{error.filename or 'standard output'}: {error.strerror}; {advice} or write elsewhere")
    return exit_status


def _run(argv: Sequence[str] | None) -> int:
    try:
        options = build_parser().parse_args(argv)
    except SystemExit as done:  # --help, --version, bad arguments
        return int(done.code or 0)
    return int(options.run(options))


def _fail(reason: str, status: int = 1) -> int:
    for line in reason.splitlines():
        print(f"watchdog-sensor: {printable(line)}", file=sys.stderr)
    return status


def _interrupt(number: int, _frame: object) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)
