"""Where in a signature file a table or key stands."""

from dataclasses import dataclass, field

from sensor.toml import find_names


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
    top = Position(1)
    signatures: list[Position] = []
    current = top
    for name in find_names(text):
        first, *rest = name.path
        if name.kind == "key":
            current.keys.setdefault(first, name.line)
        elif first != "signature" or not (rest or name.kind == "table"):
            current = top
            current.keys.setdefault(first, name.line)
        elif rest:  # of the last signature
            current = signatures[-1] if signatures else top
            current.keys.setdefault(rest[0], name.line)
        else:
            current = Position(name.line)
            signatures.append(current)
    return Positions(top, tuple(signatures))
