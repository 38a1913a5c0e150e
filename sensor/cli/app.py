"""The command line: arguments in, replay or queries called, one line for each error.

Modules that only some commands need are imported where they are used: start-up is part of every run.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

# numpy's linear algebra starts a thread a core that a sensor never uses.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from sensor.cli import detections, replay, signatures
from sensor.errors import SensorError
from sensor.version import version

_EPILOG = """\
examples:
  watchdog-sensor replay capture.pcapng
  watchdog-sensor replay --signatures my.toml --eve events.json recordings/
  tcpdump -w - -i eth0 | watchdog-sensor replay --no-db --eve - -
  watchdog-sensor signatures check my.toml
  watchdog-sensor detections list --severity high --since 2026-01-31

exit status: 0 done, 2 unusable arguments or signatures, 1 anything else
"""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="watchdog-sensor",
        description="Network packet sensor: HTTP metadata and keyword detections from captures.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"watchdog-sensor {version()}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    replay.add_command(commands)
    signatures.add_command(commands)
    detections.add_command(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    options = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except SensorError as error:
        print(f"watchdog-sensor: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("watchdog-sensor: interrupted; what was committed is kept", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader (head, less) has seen enough; keep the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt

