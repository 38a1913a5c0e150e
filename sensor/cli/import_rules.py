"""``watchdog-sensor signatures import``: rules, lists of words and indicators become a signature file."""

import argparse
import json
import re
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO

from sensor.cli.options import add_language_option, check_not_input, count, read_stdin, table_width
from sensor.cli.outputs import write_utf8
from sensor.errors import ConfigError, SensorError

if TYPE_CHECKING:  # a command imports what it needs when it runs
    from signatures.importing.read import ImportOptions
    from signatures.importing.result import Imported

_EPILOG = """\
examples:
  watchdog-sensor signatures import emerging-malware.rules -o malware.toml
  watchdog-sensor signatures import local.rules -o local.toml --define 'HOME_NET=[192.0.2.0/24]' --verbose
  watchdog-sensor signatures import words.txt --type list --category policy -o words.toml
  watchdog-sensor signatures import bundle.json --first-sid 3000000 -o indicators.toml

Without -o, the signatures go to standard output and the summary to standard error.
What can't be expressed exactly is refused, by the name of the option that makes it so.
"""
_SHOWN = 20
"""Options in the summary; --verbose shows all."""
_TEXT = MappingProxyType(
    {
        "en": {
            "file": ("File", "{name} ({read_as})"),
            "read": ("Read", "{read:,} = {came:,} imported + {refused:,} refused"),
            "passed": ("Passed over", "{passed:,} empty, commented out, or not meant for detection"),
            "variable": ("Variable", "${name} = {value}"),
            "loosened": ("", "offset, depth and ^ of TCP payload count from the stream's start alone"),
            "output": ("Written", "{output}"),
        },
        "ja": {
            "file": ("ファイル", "{name}（{read_as}）"),
            "read": ("読み取り", "{read:,} 件 = 取り込み {came:,} + 拒否 {refused:,}"),
            "passed": ("対象外", "{passed:,} 件（空行、コメント、検知用でないもの）"),
            "variable": ("変数", "${name} = {value}"),
            "loosened": ("", "TCP ペイロードの offset・depth・^ はストリームの先頭からだけ数えます"),
            "output": ("出力", "{output}"),
        },
    }
)
_OPTIONS = MappingProxyType({"en": ("Refused", "Because of"), "ja": ("拒否", "原因のオプション")})
_REFUSALS = MappingProxyType(
    {"en": ("Line", "SID", "Because of", "Reason"), "ja": ("行", "SID", "原因のオプション", "理由")}
)
_MORE = MappingProxyType({"en": "… and {n:,} more options: --verbose", "ja": "… ほか {n:,} 種: --verbose"})
_DEFINE = re.compile(r"([A-Za-z0-9_]{1,64})=(.{1,4096})")


def add_action(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``import`` to ``signatures``."""
    parser = actions.add_parser(
        "import",
        help="make signatures of Suricata and Snort rules, lists of words, STIX and MISP indicators",
        description="Make a signature file of Suricata or Snort rules, of a list of words, one a line, or\n"
        "of STIX 2.1 or MISP indicators; say what did not come in, and why.",
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
        default=2_900_000,
        metavar="SID",
        help="sid of the first word or indicator (default: %(default)s)",
    )
    parser.add_argument("--category", help="category of words and indicators")
    parser.add_argument("--severity", help="severity of words and indicators (default: low)")
    parser.add_argument("--buffers", metavar="LIST", help="where words are looked for, joined by commas")
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
    from signatures.importing.read import FileType, import_file
    from signatures.importing.tables import write_signatures
    from signatures.loader import MAX_FILE

    octets = _read(options.file)
    if options.output is not None and options.file != "-":
        check_not_input(options.output, [Path(options.file)], "--output")
    file_type = FileType(options.type) if options.type else None
    imported = import_file(octets, options.file, file_type, _import_options(options))
    text = write_signatures(imported.signatures, {"name": options.name or Path(options.file).name})
    if len(text.encode()) > MAX_FILE:
        raise SensorError(f"{options.file}: as signatures it is larger than {MAX_FILE:,} octets; split it")
    if options.output is None:
        write_utf8(text)
        sys.stdout.flush()
    else:
        try:
            options.output.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise SensorError(f"{options.output}: {error.strerror}; choose another file") from error
    out = sys.stdout if options.output is not None else sys.stderr
    if options.format == "json":
        _print_json(imported, options, out)
    else:
        _print_summary(imported, options, out)
    return 0


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
    from signatures.importing.read import ImportOptions
    from signatures.importing.rules import RuleOptions
    from signatures.importing.words import DEFAULT_BUFFERS, ListOptions
    from signatures.model import Buffer, Category, Severity

    defined: list[tuple[str, str]] = []
    for text in options.define:
        match = _DEFINE.fullmatch(text)
        if match is None:
            raise ConfigError(f"--define takes NAME=VALUE, as HOME_NET=192.0.2.0/24, not {text[:64]!r}")
        defined.append((match[1], match[2]))
    try:
        category = Category(options.category or Category.CUSTOM)
        severity = Severity(options.severity or Severity.LOW)
        names = options.buffers.split(",") if options.buffers else DEFAULT_BUFFERS
        buffers = tuple(dict.fromkeys(Buffer(str(name).strip()) for name in names))
    except ValueError as error:
        known = ", ".join([*Category, *Severity, *Buffer])
        raise ConfigError(f"{error}; there are {known}") from error
    return ImportOptions(
        RuleOptions(tuple(defined), options.sid_offset, options.stream_start),
        ListOptions(options.first_sid, category, severity, buffers, options.name or Path(options.file).stem),
    )


def _print_json(imported: "Imported", options: argparse.Namespace, out: TextIO) -> None:
    summary = {
        "file": options.file,
        "read_as": imported.read_as,
        "read": imported.read,
        "imported": imported.came,
        "refused": len(imported.refusals),
        "passed_over": imported.passed_over,
        "refused_by": dict(imported.options()),
        "variables": dict(imported.variables),
        "refusals": [
            {"line": each.line, "sid": each.sid or None, "option": each.option, "reason": each.reason}
            for each in imported.refusals
        ],
    }
    out.write(json.dumps(summary, ensure_ascii=True, indent=2) + "\n")


def _print_summary(imported: "Imported", options: argparse.Namespace, out: TextIO) -> None:
    from rich.cells import cell_len

    from exporter.columns import render_columns
    from exporter.printable import printable

    text = _TEXT[options.lang]
    width = table_width() if out is sys.stdout else None
    label_width = max(cell_len(label) for label, _ in text.values())

    def line(key: str, **values: object) -> None:
        label, form = text[key]
        out.write(f"{label}{' ' * (label_width - cell_len(label))}  {printable(form.format(**values))}\n")

    line("file", name=options.file, read_as=imported.read_as)
    line("read", read=imported.read, came=imported.came, refused=len(imported.refusals))
    line("passed", passed=imported.passed_over)
    for name, value in imported.variables:
        line("variable", name=name, value=value)
    if options.stream_start:
        line("loosened")
    if options.output is not None:
        line("output", output=options.output)
    if not imported.refusals:
        return
    counts = imported.options()
    shown = counts if options.verbose else counts[:_SHOWN]
    rows = [(f"{number:,}", printable(option)) for option, number in shown]
    out.write("\n" + render_columns(_OPTIONS[options.lang], rows, right=(0,), width=width))
    if len(counts) > len(shown):
        out.write(_MORE[options.lang].format(n=len(counts) - len(shown)) + "\n")
    if options.verbose:
        refused = [
            (str(each.line), str(each.sid or "-"), printable(each.option), printable(each.reason))
            for each in imported.refusals
        ]
        out.write("\n" + render_columns(_REFUSALS[options.lang], refused, right=(0, 1), width=width))
