"""What ``signatures import`` says of what came in and what did not: for people, and for programs."""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO

from sensor.cli.import_reasons import reason_in
from sensor.cli.options import table_width

if TYPE_CHECKING:  # a command imports what it needs when it runs
    from signatures.importing.result import Imported

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
            "nothing": ("Written", "nothing, since nothing came in"),
        },
        "ja": {
            "file": ("ファイル", "{name}（{read_as}）"),
            "read": ("読み取り", "{read:,} 件 = 取り込み {came:,} + 拒否 {refused:,}"),
            "passed": ("対象外", "{passed:,} 件（空行、コメント、検知用でないもの）"),
            "variable": ("変数", "${name} = {value}"),
            "loosened": ("", "TCP ペイロードの offset・depth・^ はストリームの先頭からだけ数えます"),
            "output": ("出力", "{output}"),
            "nothing": ("出力", "なし（取り込めたものがないため）"),
        },
    }
)
_OPTIONS = MappingProxyType({"en": ("Refused", "Because of"), "ja": ("拒否", "原因のオプション")})
_REFUSALS = MappingProxyType(
    {"en": ("SID", "Because of", "Reason"), "ja": ("SID", "原因のオプション", "理由")}
)
_UNITS = MappingProxyType(
    {
        "en": {"line": "Line", "object": "Object", "attribute": "Attribute"},
        "ja": {"line": "行", "object": "オブジェクト", "attribute": "属性"},
    }
)
"""Of `Imported.unit`: what a refusal's place is counted in."""
_MORE = MappingProxyType({"en": "… and {n:,} more options: --verbose", "ja": "… ほか {n:,} 種: --verbose"})
_HINTS = MappingProxyType(
    {
        "en": {
            "sid_offset": "--sid-offset N may let in {n:,} whose sid is among the shipped ones",
            "first_sid": "--first-sid SID may let in {n:,} whose sid is among the shipped ones",
            "stream_start": "--stream-start may let in {n:,} with places in each packet",
            "define": "--define NAME=VALUE may let in {n:,} with a variable that is not defined",
        },
        "ja": {
            "sid_offset": "--sid-offset N で、番号が付属のものと重なる {n:,} 件を取り込めるかもしれません",
            "first_sid": "--first-sid SID で、番号が付属のものと重なる {n:,} 件を取り込めるかもしれません",
            "stream_start": "--stream-start で、パケット内の位置による {n:,} 件を取り込めるかもしれません",
            "define": "--define NAME=VALUE で、未定義の変数を使う {n:,} 件を取り込めるかもしれません",
        },
    }
)
_HELPED = MappingProxyType(
    {
        "sid": re.compile("are those of shipped signatures"),
        "stream_start": re.compile("in payload of TCP .*each packet"),
        "define": re.compile("is not defined: --define"),
    }
)
"""Reasons that an option of the command may take away."""


def print_json(imported: "Imported", options: argparse.Namespace, out: TextIO) -> None:
    """For programs."""
    summary = {
        "file": options.file,
        "read_as": imported.read_as,
        "read": imported.read,
        "imported": imported.came,
        "refused": len(imported.refusals),
        "passed_over": imported.passed_over,
        "refused_by": dict(imported.options()),
        "variables": dict(imported.variables),
        "written": str(options.output) if options.output is not None and imported.came else None,
        "refusals": [
            {imported.unit: each.line, "sid": each.sid or None, "option": each.option, "reason": each.reason}
            for each in imported.refusals
        ],
    }
    out.write(json.dumps(summary, ensure_ascii=True, indent=2) + "\n")


def print_summary(imported: "Imported", options: argparse.Namespace, out: TextIO) -> None:
    """For people."""
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
    if not imported.came:
        line("nothing")
    elif options.output is not None:
        line("output", output=options.output)
    if not imported.refusals:
        return
    counts = imported.options()
    shown = counts if options.verbose else counts[:_SHOWN]
    rows = [(f"{number:,}", printable(option)) for option, number in shown]
    out.write("\n" + render_columns(_OPTIONS[options.lang], rows, right=(0,), width=width))
    if len(counts) > len(shown):
        out.write(_MORE[options.lang].format(n=len(counts) - len(shown)) + "\n")
    out.writelines(f"{hint}\n" for hint in _hints(imported, options.lang))
    if options.verbose:
        refused = [
            (
                str(each.line),
                str(each.sid or "-"),
                printable(each.option),
                printable(reason_in(options.lang, each.reason)),
            )
            for each in imported.refusals
        ]
        header = (_UNITS[options.lang][imported.unit], *_REFUSALS[options.lang])
        out.write("\n" + render_columns(header, refused, right=(0, 1), width=width))


def _hints(imported: "Imported", language: str) -> Iterator[str]:
    """Options of the command with which more may come in, each in a line."""
    for key, reason in _HELPED.items():
        if number := sum(bool(reason.search(each.reason)) for each in imported.refusals):
            of_rules = imported.read_as.startswith("rules")
            option = key if key != "sid" else "sid_offset" if of_rules else "first_sid"
            yield _HINTS[language][option].format(n=number)
