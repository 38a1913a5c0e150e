"""``watchdog-sensor signatures``: check and list."""

import argparse
import sys
from pathlib import Path

from sensor.cli.options import add_language_option


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``signatures`` to the command line."""
    parser = commands.add_parser("signatures", help="check and list signatures", allow_abbrev=False)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="validate signature files",
        description="Validate signature files: every mistake with its file, line and reason.",
        epilog="example:\n  watchdog-sensor signatures check my.toml more/",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="TOML file, or directory of them")
    check.add_argument("--format", choices=("text", "json"), default="text")
    check.set_defaults(run=_check)
    listing = actions.add_parser("list", help="list the signatures in use", allow_abbrev=False)
    listing.add_argument(
        "--signatures", action="append", default=[], type=Path, metavar="PATH", help="more signatures"
    )
    listing.add_argument("--no-builtin", action="store_true", help="leave the shipped signatures out")
    add_language_option(listing)
    listing.set_defaults(run=_list)


def _check(options: argparse.Namespace) -> int:
    from signatures.loader import check_files, load_signatures

    problems = check_files(options.files)
    if options.format == "json":
        import json

        rows = [{"file": each.file, "line": each.line, "reason": each.reason} for each in problems]
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        for problem in problems:
            print(problem, file=sys.stderr)
        if not problems:
            builtin, total = len(load_signatures([])), len(load_signatures(options.files))
            print(f"{total - builtin} signatures, no mistake")
    return 2 if problems else 0


def _list(options: argparse.Namespace) -> int:
    from signatures.loader import load_signatures

    for signature in load_signatures(options.signatures, builtin=not options.no_builtin):
        buffers = ",".join(signature.buffers)
        print(
            f"{signature.sid:>10}  {signature.severity.value:<8}  {signature.category:<14}  "
            f"{signature.title(options.lang)}  [{buffers}]"
        )
    return 0
