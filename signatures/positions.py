"""Where in a TOML text a table or key stands; tomllib tells nobody.

One pass of one expression over a text that tomllib has already accepted. Strings and comments are
taken whole, so that what looks like a header or a key inside them is passed over.
"""

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Position:
    """Lines, counted from 1, of a table and of its keys."""

    line: int
    keys: dict[str, int] = field(default_factory=dict)

    def of(self, key: str) -> int:
        """Line of ``key``, or of the table where the key is not found (or not there)."""
        return self.keys.get(key, self.line)


@dataclass(frozen=True, slots=True)
class Positions:
    """Lines of what a signature file holds."""

    top: Position
    """Keys and tables outside every signature."""
    signatures: tuple[Position, ...]
    """One for each ``[[signature]]`` header, in order."""

    def signature(self, index: int) -> Position:
        """Of the signature at ``index``; of the file where it was written without a header."""
        return self.signatures[index] if index < len(self.signatures) else self.top


def find_positions(text: str) -> Positions:
    """Lines of the signatures in ``text``, which must be valid TOML with LF line ends."""
    line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
    top = Position(1)
    signatures: list[Position] = []
    current = top
    depth = 0
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        if kind in (None, "open", "close") or depth:  # a line of an array may look like a header
            continue
        line = bisect_right(line_starts, match.start())
        first, *rest = _names(match[kind])
        if kind == "key":
            current.keys.setdefault(first, line)
        elif first != "signature" or not (rest or kind == "table"):
            current = top
            current.keys.setdefault(first, line)
        elif rest:  # of the last signature
            current = signatures[-1] if signatures else top
            current.keys.setdefault(rest[0], line)
        else:
            current = Position(line)
            signatures.append(current)
    return Positions(top, tuple(signatures))


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
