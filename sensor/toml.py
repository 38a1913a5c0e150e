"""TOML 1.0 files that people write: read, and every mistake told with its line.

tomllib tells nobody where a key stands. So one pass of one expression goes over a text that tomllib has
already accepted. Strings and comments are taken whole, so that what looks like a header or a key inside
them is passed over.
"""

import re
import tomllib
from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_NAME = r"""[ \t]*(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*"""
_PATH = rf"{_NAME}(?:\.{_NAME})*"
"""Names joined by dots, any of them bare or quoted."""
_TOKEN = re.compile(
    rf'''
      ^[ \t]*(?:\[\[(?P<table>{_PATH})\]\] | \[(?P<header>{_PATH})\])
    | ^(?P<key>{_PATH})=
    | """(?:[^\\]|\\.)*?"""(?!") | \'\'\'.*?\'\'\'(?!\')
    | "(?:[^"\\\n]|\\.)*" | \'[^\'\n]*\'
    | (?P<open>[\[{{]) | (?P<close>[\]}}])
    | \#[^\n]*
    ''',
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_AT = re.compile(r" \(at line (\d+), column \d+\)$")


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in a file."""

    file: str
    line: int
    """Counted from 1; 0 where the mistake is the file's as a whole."""
    reason: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.reason}"


class TomlError(Exception):
    """Octets that are no TOML."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        """Counted from 1; 0 where no line is at fault."""
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Name:
    """A header or a key."""

    kind: str
    """``table`` (in two brackets), ``header`` (in one), ``key``."""
    path: tuple[str, ...]
    """The names that the dots part."""
    line: int


def parse_toml(octets: bytes) -> tuple[str, dict[str, Any]]:
    """The text of ``octets``, with LF line ends, and what it says.

    :raises TomlError: if it is not TOML.
    """
    try:
        # Editors on Windows put a byte order mark first and end lines with CR LF.
        text = octets.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise TomlError(line, "is not UTF-8 text; save it as UTF-8") from error
    try:
        return text, tomllib.loads(text)
    except RecursionError as error:
        raise TomlError(0, "is nested too deep") from error
    except ValueError as error:  # TOMLDecodeError, and int()'s own for thousands of digits
        reason = str(error)
        at = _AT.search(reason)
        line = int(at[1]) if at else text.count("\n") + 1
        raise TomlError(line, f"is not TOML: {_AT.sub('', reason)}") from error


def find_names(text: str) -> Iterator[Name]:
    """Headers and keys of ``text``, which `parse_toml` gave, in order; none of inline tables."""
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind in ("table", "header", "key") and not depth:  # a line of an array may look like a header
            yield Name(kind, tuple(_names(match[kind])), bisect_right(line_starts, match.start()))


def type_name(value: object) -> str:
    """What ``value`` is in TOML's words."""
    names = {bool: "a boolean", int: "an integer", float: "a float", str: "a string", list: "an array"}
    return names.get(type(value), "a table" if isinstance(value, dict) else "a date or time")


def nearest(word: str, known: Collection[str]) -> str:
    """What ``word`` may have been meant to be, or what there is."""
    near = get_close_matches(word[:64], known, 1)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def _names(path: str) -> list[str]:
    """Names that a dotted path consists of."""
    if '"' not in path and "'" not in path:
        return [name.strip() for name in path.split(".")]
    names = []
    table: object = tomllib.loads(f"{path}=0")
    while isinstance(table, dict):
        ((name, table),) = table.items()
        names.append(name)
    return names
