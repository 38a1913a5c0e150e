"""``watchdog-sensor signatures profile``: what signatures match in captures, and what time they take."""

import argparse
import sys
from typing import TYPE_CHECKING

from sensor.cli.options import (
    add_builtin_option,
    add_language_option,
    add_signatures_option,
    count,
    table_width,
)
from sensor.cli.outputs import write_utf8

if TYPE_CHECKING:
    from sensor.proof.profile import Profile

_EPILOG = """\
examples:
  watchdog-sensor signatures profile capture.pcap
  watchdog-sensor signatures profile capture.pcap --signatures my.toml --no-builtin --seconds 300

Time is CPU time of all stages with a signature alone, above that with one that looks into the
same buffers and never matches. Signatures are timed in groups; a group that is lost in the
noise is not looked into, others are halved, the most expensive first, until --seconds are
over. What is left then stands with the time of its group, as a bound. The share is of the time
without signatures. Captures are held in memory, 256 MiB of them at most.
"""


def add_action(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``profile`` to ``signatures``."""
    parser = actions.add_parser(
        "profile",
        help="tell what signatures match in captures, and what time they take",
        description="Tell matches, alerts and time by signature, the most expensive first.",
        epilog=_EPILOG,
    )
    parser.add_argument("captures", nargs="+", metavar="PCAP", help="capture file, directory of them, or -")
    add_signatures_option(parser, default=[])
    add_builtin_option(parser)
    parser.add_argument(
        "--seconds",
        type=count,
        default=60,
        metavar="N",
        help="how long to halve groups (default: %(default)s)",
    )
    parser.add_argument(
        "--limit", type=count, default=30, metavar="N", help="signatures to show (default: %(default)s)"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table", help="(default: %(default)s)")
    add_language_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from exporter.printable import printable
    from exporter.profile_table import Cost, Costs, render_costs
    from sensor.proof.profile import profile
    from signatures.loader import load_signatures

    loaded = load_signatures(options.signatures, builtin=not options.no_builtin)
    made = profile(loaded.signatures, options.captures, options.seconds)
    for note in made.notes:
        print(f"watchdog-sensor: {printable(note)}", file=sys.stderr)
    if options.format == "json":
        write_utf8(_json(made, options.limit))
        return 0
    costs = Costs(
        made.packets,
        made.octets,
        made.is_cut,
        made.idle_seconds,
        made.whole_seconds,
        made.error_seconds,
        made.runs,
    )
    rows = [
        Cost(each.signature.sid, each.signature.name, each.seconds, each.is_bound, each.matches, each.alerts)
        for each in made.rows
    ]
    sys.stdout.write(render_costs(rows, costs, options.lang, limit=options.limit, width=table_width()))
    return 0


def _json(made: "Profile", limit: int) -> str:
    import json

    return (
        json.dumps(
            {
                "packets": made.packets,
                "octets": made.octets,
                "cut": made.is_cut,
                "idle_seconds": made.idle_seconds,
                "whole_seconds": made.whole_seconds,
                "error_seconds": made.error_seconds,
                "runs": made.runs,
                "signatures": [
                    {
                        "sid": each.signature.sid,
                        "matches": each.matches,
                        "alerts": each.alerts,
                        "seconds": each.seconds,
                        "bound": each.is_bound,
                    }
                    for each in made.rows[:limit]
                ],
            },
            indent=2,
        )
        + "\n"
    )
