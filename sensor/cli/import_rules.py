"""``watchdog-sensor signatures import``: rules, lists of words and indicators become a signature file."""

import argparse
import re
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sensor.cli.names import buffers, category, severity
from sensor.cli.options import add_language_option, check_not_input, count, read_stdin
from sensor.cli.outputs import write_utf8
from sensor.errors import ConfigError, SensorError

if TYPE_CHECKING:  # a command imports what it needs when it runs
    from signatures.importing.read import FileType, ImportOptions

_EPILOG = """\
examples:
  watchdog-sensor signatures import emerging-malware.rules -o malware.toml
  watchdog-sensor signatures import local.rules --define 'HOME_NET=192.0.2.0/24'
  watchdog-sensor signatures import words.txt --type list -o words.toml
  watchdog-sensor signatures import bundle.json --first-sid 3000000 --verbose

Without -o, the signatures go to standard output and the summary to standard
error. What can't be expressed exactly is refused, by the name of the option
that makes it so. OUT is replaced only if an import has written it; if nothing
comes in, nothing is written, and the exit status is 1.
"""
_TYPES = MappingProxyType({"rules": "rules", "list": "a list", "indicators": "indicators"})
_OPTIONS = MappingProxyType(
    {
        "define": ("rules",),
        "sid_offset": ("rules",),
        "stream_start": ("rules",),
        "first_sid": ("list", "indicators"),
        "category": ("list", "indicators"),
        "severity": ("list", "indicators"),
        "buffers": ("list",),
    }
)
"""What options that not every type of file knows are for."""
_DEFINE = re.compile(r"([A-Za-z0-9_]{1,64})=(.{1,4096})")


def add_action(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``import`` to ``signatures``."""
    parser = actions.add_parser(
        "import",
        help="make signatures of Suricata and Snort rules, lists of words, STIX and MISP indicators",
        description="Make a signature file of Suricata or Snort rules, of a list of words, one a\n"
        "line, or of STIX 2.1 or MISP indicators; say what did not come in, and why.",
        epilog=_EPILOG,
    )
    parser.add_argument("file", metavar="FILE", help="what to import; - for standard input")
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help="signature file (TOML) to write")
    parser.add_argument(
        "--type",
        choices=("rules", "list", "indicators"),
        help="what FILE is (default: told by its suffix and contents)",
    )
    parser.add_argument("--name", help="name of the set (default: FILE's)")
    parser.add_argument(
        "--define",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what a variable of rules stands for; may be repeated",
    )
    parser.add_argument(
        "--sid-offset", type=count, default=0, metavar="N", help="add N to the sid of each rule"
    )
    parser.add_argument(
        "--stream-start",
        action="store_true",
        help="take offset, depth and ^ of TCP payload as counted from the stream's start alone",
    )
    parser.add_argument(
        "--first-sid",
        type=count,
        metavar="SID",
        help="sid of the first word or indicator (default: 2900000)",
    )
    parser.add_argument(
        "--category", type=category, metavar="CATEGORY", help="category of words and indicators"
    )
    parser.add_argument(
        "--severity",
        type=severity,
        metavar="SEVERITY",
        help="severity of words and indicators (default: low)",
    )
    parser.add_argument(
        "--buffers", type=buffers, metavar="LIST", help="where words are looked for, joined by commas"
    )
    parser.add_argument(
        "--format",
        choices=("table", "json"),
        default="table",
        help="how to write the summary (default: %(default)s)",
    )
    parser.add_argument("--verbose", action="store_true", help="list everything that was refused")
    add_language_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from sensor.cli.import_output import MARK, check_output, write_output
    from sensor.cli.import_summary import print_json, print_summary
    from signatures.importing.read import FileType, file_type_of, import_file
    from signatures.importing.tables import write_signatures
    from signatures.loader import MAX_FILE

    import_options = _import_options(options)
    octets = _read(options.file)
    if options.output is not None:
        if options.file != "-":
            check_not_input(options.output, [Path(options.file)], "--output")
        check_output(options.output)
    file_type = FileType(options.type) if options.type else file_type_of(octets, options.file)
    _check_applicable(options, file_type)
    imported = import_file(octets, options.file, file_type, import_options)
    if imported.came:
        about = {"name": options.name or Path(options.file).name}
        text = f"{MARK}\n{write_signatures(imported.signatures, about)}"
        if len(text.encode()) > MAX_FILE:
            raise SensorError(
                f"{options.file}: as signatures it is larger than {MAX_FILE:,} octets; split it"
            )
        if options.output is None:
            write_utf8(text)
            sys.stdout.flush()
        else:
            write_output(options.output, text)
    summarise = print_json if options.format == "json" else print_summary
    summarise(imported, options, sys.stderr if options.output is None else sys.stdout)
    if not imported.came and options.output is not None:
        sys.stdout.flush()
        raise SensorError(f"{options.file}: nothing came in; {options.output} is not written")
    return 0 if imported.came else 1


def _check_applicable(options: argparse.Namespace, file_type: "FileType") -> None:
    for name, types in _OPTIONS.items():
        if getattr(options, name) and file_type not in types:
            wanted = " or ".join(_TYPES[each] for each in types)
            raise ConfigError(
                f"{options.file}: --{name.replace('_', '-')} does not apply to {_TYPES[file_type]}, "
                f"only to {wanted}"
            )


def _read(name: str) -> bytes:
    from signatures.importing.text_file import MAX_FILE

    try:
        if name == "-":
            return read_stdin(MAX_FILE + 1)
        with Path(name).open("rb") as stream:
            return stream.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{name}: {error.strerror}; name a file that can be read") from error


def _import_options(options: argparse.Namespace) -> "ImportOptions":
    from signatures.importing.addresses import check_defined
    from signatures.importing.read import ImportOptions
    from signatures.importing.result import RefusedError
    from signatures.importing.rules import RuleOptions
    from signatures.importing.words import DEFAULT_BUFFERS, FIRST_SID, ListOptions
    from signatures.model import Category, Severity

    defined: dict[str, str] = {}
    for text in options.define:
        match = _DEFINE.fullmatch(text)
        if match is None:
            raise ConfigError(f"--define takes NAME=VALUE, as HOME_NET=192.0.2.0/24, not {text[:64]!r}")
        defined[match[1]] = match[2]
    try:
        check_defined(defined)
    except RefusedError as error:
        value = defined[error.option]
        raise ConfigError(f"--define {error.option}={value[:64]}: {error.reason}") from error
    return ImportOptions(
        RuleOptions(tuple(defined.items()), options.sid_offset, options.stream_start),
        ListOptions(
            options.first_sid or FIRST_SID,
            options.category or Category.CUSTOM,
            options.severity or Severity.LOW,
            options.buffers or DEFAULT_BUFFERS,
            options.name or Path(options.file).stem,
        ),
    )
