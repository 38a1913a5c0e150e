"""Where in a signature file a table or key stands."""

import re
from dataclasses import dataclass, field
from typing import Final

from sensor.toml import find_names

ARRAYS: Final = ("signature", "override")
"""Arrays of tables at the top of a file whose tables have positions of their own."""


@dataclass(slots=True)
class Position:
    """Lines, counted from 1, of a table and of what is in it."""

    line: int
    keys: dict[str, int] = field(default_factory=dict)
    """By path: names joined by dots, and for the tables of an array the place in it (``all.0.depth``)."""
    _counts: dict[str, int] = field(default_factory=dict)

    def of(self, path: str) -> int:
        """Line of what is at ``path``, or of the nearest around it that was found."""
        while path:
            if line := self.keys.get(path):
                return line
            path = path.rpartition(".")[0]
        return self.line

    def note(self, prefix: str, names: tuple[str, ...], line: int) -> None:
        """Note a key, and the tables that its dots make."""
        path = prefix
        for name in names:
            path = f"{path}.{name}" if path else name
            self.keys.setdefault(path, line)

    def note_table(self, names: tuple[str, ...], line: int, of_array: bool) -> str:
        """Note the header of a table in this one; its path."""
        path = ""
        for depth, name in enumerate(names, 1):
            path = f"{path}.{name}" if path else name
            self.keys.setdefault(path, line)
            if of_array and depth == len(names):
                self._counts[path] = self._counts.get(path, 0) + 1
            if count := self._counts.get(path):
                path = f"{path}.{count - 1}"
        self.keys.setdefault(path, line)
        return path


@dataclass(frozen=True, slots=True)
class Positions:
    """Lines of what a signature file holds."""

    top: Position
    """Keys and tables outside every signature and override."""
    signatures: tuple[Position, ...]
    """One for each ``[[signature]]`` header, in order."""
    overrides: tuple[Position, ...] = ()

    def signature(self, index: int) -> Position:
        """Of the signature at ``index``; of the file where it was written without a header."""
        return self.signatures[index] if index < len(self.signatures) else self.top

    def override(self, index: int) -> Position:
        """Of the override at ``index``, likewise."""
        return self.overrides[index] if index < len(self.overrides) else self.top


def find_headers(text: str, name: str, count: int) -> tuple[int, ...]:
    """Lines of the headers of the ``count`` tables of the array ``name``, in a fraction of `find_positions`.

    :param text: as of `find_positions`.
    :returns: nothing if that is not enough to find them.
    """
    # Without strings of several lines, a line that looks like this is a header: in an array, a bare name is
    # no value. Headers that are written otherwise make the count differ.
    if '"""' in text or "'''" in text:
        return ()
    lines: list[int] = []
    line, at = 1, 0
    for match in re.finditer(rf"^[ \t]*\[\[[ \t]*{name}[ \t]*\]\]", text, re.MULTILINE):
        line += text.count("\n", at, match.start())
        at = match.start()
        lines.append(line)
    return tuple(lines) if len(lines) == count else ()


def find_positions(text: str) -> Positions:
    """Lines of the tables in ``text``, which must be valid TOML with LF line ends."""
    top = Position(1)
    tables: dict[str, list[Position]] = {name: [] for name in ARRAYS}
    current, prefix = top, ""
    for name in find_names(text):
        first, *rest = name.path
        if name.kind == "key":
            if prefix or rest:
                current.note(prefix, name.path, name.line)
            else:
                current.keys.setdefault(first, name.line)
        elif first not in tables or not (rest or name.kind == "table"):
            current = top
            prefix = current.note_table(name.path, name.line, name.kind == "table")
        elif rest:  # of the last signature
            current = tables[first][-1] if tables[first] else top
            prefix = current.note_table(tuple(rest), name.line, name.kind == "table")
        else:
            current, prefix = Position(name.line), ""
            tables[first].append(current)
    return Positions(top, tuple(tables["signature"]), tuple(tables["override"]))
