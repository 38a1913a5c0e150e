"""``watchdog-sensor config``: check the service's configuration file, show it, give one to begin with."""

import argparse
import sys
from pathlib import Path

from sensor.cli.options import add_language_option
from sensor.cli.outputs import write_utf8

_EPILOG = """\
examples:
  watchdog-sensor config example > config.toml
  watchdog-sensor config check config.toml
  watchdog-sensor config show
"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``config`` to the command line."""
    parser = commands.add_parser(
        "config",
        help="check and show the service's configuration",
        description="Check and show the configuration file of the service.",
        epilog=_EPILOG,
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    check = _add_action(
        actions,
        "check",
        "find every mistake in a configuration file",
        "Check a configuration file, and the files that it names; tell every mistake\n"
        "with its file, line and reason.",
    )
    check.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="how to write the mistakes (default: %(default)s)",
    )
    check.set_defaults(run=_check)
    show = _add_action(
        actions,
        "show",
        "show what is in effect, defaults included",
        "Show every key with the value that is in effect, what it means, and where\nthe value comes from.",
    )
    add_language_option(show)
    show.set_defaults(run=_show)
    for action in (check, show):
        action.add_argument(
            "file",
            nargs="?",
            type=Path,
            metavar="FILE",
            help="configuration file (default: /etc/watchdog-sensor/config.toml, if there is one)",
        )
    example = _add_action(
        actions,
        "example",
        "write a file to begin with",
        "Write a configuration file to begin with: every key and its default, explained\n"
        "in Japanese and English.",
    )
    example.set_defaults(run=_example)


def _add_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, description: str
) -> argparse.ArgumentParser:
    return actions.add_parser(
        name,
        help=text,
        description=description,
        epilog=_EPILOG,
    )


def _check(options: argparse.Namespace) -> int:
    from exporter.printable import printable
    from sensor.configuration import check_configuration
    from sensor.places import SYSTEM_CONFIGURATION, configuration_file
    from sensor.toml import Problem

    path = options.file or configuration_file()
    problems: list[Problem] = []
    if path is not None:
        configuration, problems = check_configuration(path)
        if not problems:
            from sensor.doctor.named_files import find_problems

            problems = find_problems(configuration)
    if options.format == "json":
        import json

        rows = [{"file": each.file, "line": each.line, "reason": each.reason} for each in problems]
        write_utf8(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    for problem in problems if options.format == "text" else ():
        print(printable(str(problem)), file=sys.stderr)
    if problems:
        return 2
    if options.format == "text" and path is None:
        print(f"{SYSTEM_CONFIGURATION}: there is none, so all defaults apply")
    elif options.format == "text":
        print(f"{printable(str(path))}: no mistake")
    return 0


def _show(options: argparse.Namespace) -> int:
    from sensor.configuration import load_configuration, show_configuration

    write_utf8(show_configuration(load_configuration(options.file), options.lang))
    return 0


def _example(_options: argparse.Namespace) -> int:
    from sensor.configuration import example_configuration

    write_utf8(example_configuration())
    return 0
