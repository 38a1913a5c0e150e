"""Where in a TOML text a table or key stands; tomllib tells nobody.

One pass of one expression over a text that tomllib has already accepted. Strings and comments are
taken whole, so that what looks like a header or a key inside them is passed over.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r'''
      ^[ \t]*\[\[[ \t]*signature[ \t]*\]\]                        (?P<table>)
    | ^[ \t]*\[[ \t]*signature[ \t]*\.[ \t]*(?P<sub>[A-Za-z0-9_-]+)[ \t]*\]
    | ^[ \t]*\[{1,2}[ \t]*(?P<other>[A-Za-z][A-Za-z0-9_-]*)[ \t]*\]
    | ^[ \t]*(?P<key>[A-Za-z0-9_-]+)[ \t]*[=.]
    | """(?:[^\\]|\\.)*?"""(?!") | \'\'\'.*?\'\'\'(?!\')
    | "(?:[^"\\\n]|\\.)*" | '[^'\n]*'
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
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind is None:
            continue
        line = bisect_right(line_starts, match.start())
        if kind == "table":
            current = Position(line)
            signatures.append(current)
        elif kind == "other":
            current = top
            current.keys.setdefault(match[kind], line)
        else:
            current.keys.setdefault(match[kind], line)
    return Positions(top, tuple(signatures))
