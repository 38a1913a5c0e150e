"""``watchdog-sensor doctor``: what stands in the sensor's way on this machine, and what to do about it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sensor.cli.options import add_language_option, table_width
from sensor.cli.outputs import write_utf8

if TYPE_CHECKING:
    from sensor.configuration import Configuration
    from sensor.doctor.examine import Examined

_EPILOG = """\
examples:
  watchdog-sensor doctor
  sudo watchdog-sensor doctor -i eth0
  watchdog-sensor doctor --config my.toml --format json
"""
_HEADERS = MappingProxyType({"en": ("State", "Check", "Result"), "ja": ("状態", "項目", "結果")})
_LEVELS = MappingProxyType(
    {
        "en": {"ok": "ok", "warning": "warning", "problem": "PROBLEM"},
        "ja": {"ok": "正常", "warning": "注意", "problem": "問題"},
    }
)
_SUMS = MappingProxyType(
    {
        "en": "problems: {problem}, warnings: {warning}, ok: {ok}",
        "ja": "問題 {problem} 件、注意 {warning} 件、正常 {ok} 件",
    }
)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``doctor`` to the command line."""
    parser = commands.add_parser(
        "doctor",
        help="check this machine, say what to do",
        description="Check rights, interfaces, clock, disk, processor and whatever else the service\n"
        "needs; say what to do. The status is 1 if there is a problem.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "-i",
        "--interface",
        action="append",
        metavar="IFACE",
        help="interface to check, in place of the configuration's; may be repeated",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration file of the service")
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="how to write the findings (default: %(default)s)",
    )
    add_language_option(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from sensor.configuration import load_configuration
    from sensor.doctor.examine import examine
    from sensor.doctor.finding import Level, Subject

    configuration = load_configuration(options.config).overridden({"capture.interfaces": options.interface})
    examined = list(examine(Subject(configuration, _database(configuration))))
    if options.format == "json":
        _write_json(examined, options.lang)
    else:
        _write_table(examined, options.lang)
    return int(any(each.finding.level == Level.PROBLEM for each in examined))


def _database(configuration: "Configuration") -> Path:
    """The service's database: where systemd keeps it, if the unit is there and the file names no other."""
    from sensor.install.unit import UNIT_PATH
    from sensor.places import SYSTEM_STATE

    if "store.path" in configuration.lines or not UNIT_PATH.exists():
        return configuration.store.path
    return SYSTEM_STATE / "detections.db"


def _write_json(examined: "Sequence[Examined]", language: str) -> None:
    import json

    rows = [
        {
            "check": each.name,
            "state": str(each.finding.level),
            "result": each.finding.result.of(language),
            "advice": each.finding.advice.of(language) if each.finding.advice else "",
        }
        for each in examined
    ]
    write_utf8(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")


def _write_table(examined: "Sequence[Examined]", language: str) -> None:
    from exporter.columns import render_columns
    from exporter.printable import printable

    rows = []
    for each in examined:
        lines = [printable(each.finding.result.of(language))]
        if each.finding.advice:
            lines.append("→ " + printable(each.finding.advice.of(language)))
        level = _LEVELS[language][str(each.finding.level)]
        rows.append((level, each.title.of(language), "\n".join(lines)))
    sys.stdout.write(render_columns(_HEADERS[language], rows, width=table_width()))
    levels = [str(each.finding.level) for each in examined]
    sums = {level: levels.count(level) for level in _LEVELS["en"]}
    print(f"\n{_SUMS[language].format(**sums)}")
