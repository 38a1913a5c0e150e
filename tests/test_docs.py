"""Every command and option is in both READMEs."""

import argparse
import re
from collections.abc import Iterator

import pytest

from sensor.cli.app import build_parser
from tests.conftest import ROOT


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser and those of its commands, and theirs."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from commands(command)


def words() -> list[str]:
    """What has to be documented: each command as it is typed, each option in its long form."""
    found = []
    for parser in commands(build_parser()):
        found.append(parser.prog.removeprefix("watchdog-sensor "))
        options = (action.option_strings[-1] for action in parser._actions if action.option_strings)
        found += [option for option in options if option != "--help"]
    return sorted(set(found))


def test_the_tree_is_walked() -> None:
    assert {"detections export", "runs", "--eve", "--severity"} <= set(words())


@pytest.mark.parametrize("name", ["README.md", "README.ja.md"])
def test_readme_tells_every_command_and_option(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    missing = [word for word in words() if not re.search(rf"(?<![\w-]){word}(?![\w-])", text)]
    assert not missing, f"{name} does not mention {', '.join(missing)}"
