"""``watchdog-sensor signatures``: check and list."""

import argparse
import sys
from pathlib import Path
from types import MappingProxyType

from sensor.cli.options import add_language_option, table_width
from sensor.cli.outputs import write_utf8

_EPILOG = """\
examples:
  watchdog-sensor signatures check my.toml more/
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
        help="check and list signatures",
        description="Check signature files, and list the signatures that a replay would match.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="validate signature files",
        description="Validate signature files; tell every mistake with its file, line and reason.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="TOML file, or directory of them")
    check.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="how to write the mistakes (default: %(default)s)",
    )
    check.set_defaults(run=_check)
    listing = actions.add_parser(
        "list",
        help="list the signatures in use",
        description="List the signatures that a replay with the same options would match.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    listing.add_argument(
        "--signatures",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="signature file or directory, beside the shipped ones; may be repeated",
    )
    listing.add_argument("--no-builtin", action="store_true", help="leave the shipped signatures out")
    add_language_option(listing)
    listing.set_defaults(run=_list)


def _check(options: argparse.Namespace) -> int:
    from exporter.printable import printable
    from signatures.loader import check_files

    checked = check_files(options.files)
    problems = checked.problems
    if options.format == "json":
        import json

        rows = [{"file": each.file, "line": each.line, "reason": each.reason} for each in problems]
        write_utf8(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        for problem in problems:
            print(printable(str(problem)), file=sys.stderr)
    if problems:
        return 2
    if options.format == "text":
        print(f"{checked.count:,} signature{'' if checked.count == 1 else 's'}, no mistake")
    return 0


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
