"""``watchdog-sensor signatures explain``: why a signature fires in a capture, or does not."""

import argparse
import sys

from sensor.cli.options import add_language_option, add_signatures_option, count, table_width, use_color
from sensor.errors import ConfigError

_EPILOG = """\
examples:
  watchdog-sensor signatures explain 1005001 capture.pcap
  watchdog-sensor signatures explain 9000001 capture.pcap --signatures my.toml --limit 100

Each flow or transaction is told in which something of the signature stands: a clause that
matches, or would with another way of writing (fold) or in other case; and of each match the
conditions that it fails (offset, depth, ports, networks, protocol, direction, schedule), or
what keeps clauses from counting together (order, distance, scope, flags, threshold,
suppression). It shows what the capture holds around each match.
"""


def add_action(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``explain`` to ``signatures``."""
    explain = actions.add_parser(
        "explain",
        help="tell why a signature fires in a capture, or nearly does",
        description="Tell what a capture holds of a signature: what matched, what nearly matched, and which\n"
        "condition failed where.",
        epilog=_EPILOG,
    )
    explain.add_argument("sid", type=count, metavar="SID", help="which signature")
    explain.add_argument("capture", metavar="PCAP", help="capture file, directory of them, or -")
    add_signatures_option(explain, default=[])
    explain.add_argument(
        "--limit",
        type=count,
        default=20,
        metavar="N",
        help="flows and transactions to show (default: %(default)s)",
    )
    add_language_option(explain)
    explain.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from exporter.printable import printable
    from sensor.cli.explanation import render_explanation
    from sensor.proof.explain import explain
    from signatures.loader import load_signatures

    loaded = load_signatures(options.signatures)
    known = {each.sid: each for each in (*loaded.disabled, *loaded.signatures)}
    signature = known.get(options.sid)
    if signature is None:
        raise ConfigError(f"there is no signature {options.sid}; watchdog-sensor signatures list names them")
    explanation = explain(signature, loaded.signatures, options.capture)
    width = table_width()
    color = width is not None and use_color()
    sys.stdout.write(
        render_explanation(explanation, options.lang, limit=options.limit, width=width, color=color)
    )
    if signature in loaded.disabled:
        off = f"an override switches {signature.sid} off: with these files, nothing looks for it"
        print(f"watchdog-sensor: {off}", file=sys.stderr)
    for note in explanation.notes:
        print(f"watchdog-sensor: {printable(note)}", file=sys.stderr)
    return 0
