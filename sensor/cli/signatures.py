"""``watchdog-sensor signatures``: check, test, explain, profile and list."""

import argparse
import sys
from types import MappingProxyType

from sensor.cli import (
    bundle,
    import_rules,
    signatures_check,
    signatures_explain,
    signatures_profile,
    signatures_test,
)
from sensor.cli.options import add_builtin_option, add_language_option, add_signatures_option, table_width

_EPILOG = """\
examples:
  watchdog-sensor signatures check my.toml more/
  watchdog-sensor signatures test my.toml --positive seen.pcap 9000001
  watchdog-sensor signatures test my.toml --negative clean.pcap
  watchdog-sensor signatures explain 9000001 capture.pcap --signatures my.toml
  watchdog-sensor signatures profile capture.pcap --signatures my.toml
  watchdog-sensor signatures list --signatures my.toml
"""
_HEADERS = MappingProxyType(
    {
        "en": ("SID", "Severity", "Category", "Buffers", "Name"),
        "ja": ("SID", "重大度", "分類", "検査箇所", "名前"),
    }
)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``signatures`` to the command line."""
    parser = commands.add_parser(
        "signatures",
        help="check, test, explain, profile and list signatures",
        description="Check signature files, prove what they say of themselves, see why a signature\n"
        "fires or does not, and what it costs.",
        epilog=_EPILOG,
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    signatures_check.add_action(actions)
    signatures_test.add_action(actions)
    signatures_explain.add_action(actions)
    signatures_profile.add_action(actions)
    bundle.add_actions(actions)
    import_rules.add_action(actions)
    _add_list(actions)


def _add_list(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    listing = actions.add_parser(
        "list",
        help="list the signatures in use",
        description="List the signatures that a replay with the same options would match.",
        epilog="examples:\n  watchdog-sensor signatures list\n"
        "  watchdog-sensor signatures list --signatures my.toml --no-builtin --lang ja\n",
    )
    add_signatures_option(listing, default=[])
    add_builtin_option(listing)
    add_language_option(listing)
    listing.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    from exporter.columns import render_columns
    from exporter.printable import printable
    from exporter.severity import severity_name
    from signatures.loader import load_signatures

    signatures = load_signatures(options.signatures, builtin=not options.no_builtin).signatures
    rows = [
        (
            str(signature.sid),
            severity_name(signature.severity, options.lang),
            printable(signature.category),
            ", ".join(signature.buffers),
            printable(signature.title(options.lang)),
        )
        for signature in sorted(signatures, key=lambda signature: signature.sid)
    ]
    sys.stdout.write(render_columns(_HEADERS[options.lang], rows, right=(0,), width=table_width()))
    return 0
