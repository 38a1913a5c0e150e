"""``watchdog-sensor signatures check``: every mistake in signature files, and what may not be meant."""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.cli.outputs import write_utf8

if TYPE_CHECKING:
    from signatures.model import Signature

_EPILOG = """\
examples:
  watchdog-sensor signatures check my.toml more/
  watchdog-sensor signatures check --strict --format json my.toml

A mistake keeps a file from being used (exit status 2). A warning does not: a
word that is common in ordinary text, a term so short that chance finds it, a
signature that repeats another, conditions that nothing meets. With --strict,
warnings make the status 1.
"""


def add_action(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``check`` to ``signatures``."""
    check = actions.add_parser(
        "check",
        help="validate signature files",
        description="Validate signature files; tell every mistake with its file, line and reason,\n"
        "and warn of what is valid and yet unlikely to be meant.",
        epilog=_EPILOG,
    )
    check.add_argument("files", nargs="+", type=Path, metavar="FILE", help="TOML file, or directory of them")
    check.add_argument("--strict", action="store_true", help="exit with 1 if there are warnings")
    check.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="how to write mistakes and warnings (default: %(default)s)",
    )
    check.set_defaults(run=_run)


def own_sids(signatures: "Iterable[Signature]", paths: Sequence[Path]) -> set[int]:
    """Sids of the signatures that stand in the files, or directories, that ``paths`` name."""
    named = {os.path.realpath(path) for path in paths}
    files = {signature.source.rpartition(":")[0] for signature in signatures}
    own = {
        file
        for file, real in ((file, os.path.realpath(file)) for file in files)
        if real in named or str(Path(real).parent) in named
    }
    return {each.sid for each in signatures if each.source.rpartition(":")[0] in own}


def _run(options: argparse.Namespace) -> int:
    from exporter.printable import printable
    from signatures.lint import lint
    from signatures.loader import check_files

    checked = check_files(options.files)
    problems = checked.problems
    signatures = checked.loaded.signatures
    warnings = lint(signatures, own_sids(signatures, options.files))
    if options.format == "json":
        import json

        rows = [
            {"file": each.file, "line": each.line, "reason": each.reason, "level": level}
            for level, told in (("error", problems), ("warning", warnings))
            for each in told
        ]
        write_utf8(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        for problem in problems:
            print(printable(str(problem)), file=sys.stderr)
        for warning in warnings:
            place = f"{warning.file}:{warning.line}" if warning.line else warning.file
            print(printable(f"{place}: warning: {warning.reason}"), file=sys.stderr)
    if problems:
        return 2
    if options.format == "text":
        count, told = checked.count, len(warnings)
        rest = f", {told:,} warning{'' if told == 1 else 's'}" if told else ""
        print(f"{count:,} signature{'' if count == 1 else 's'}, no mistake{rest}")
    return 1 if warnings and options.strict else 0
