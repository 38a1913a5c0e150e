"""What came of an import: signatures, and everything that was left out with its reason."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Never

from signatures.model import Signature


class RefusedError(Exception):
    """What is read can't be expressed exactly as a signature."""

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(f"{option}: {reason}")
        self.option = option
        """Name of the option, or of the part of the header, that is at fault: what figures are counted by."""
        self.reason = reason


def refuse(option: str, reason: str) -> Never:
    """:raises RefusedError: always."""
    raise RefusedError(option, reason)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule, word or indicator that did not come in."""

    line: int
    """Where it begins in its file, counted from 1 in `Imported.unit`."""
    sid: int
    """0 where it has none."""
    option: str
    reason: str
    lines: int = 1
    """How many lines it takes."""

    def __str__(self) -> str:
        sid = f" sid {self.sid}" if self.sid else ""
        return f"{self.line}:{sid} {self.option}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Imported:
    """Everything of one file: what came in and what did not."""

    signatures: tuple[Signature, ...] = ()
    lines: tuple[int, ...] = ()
    """How many lines each signature took in the file; 1 each in a file of JSON."""
    refusals: tuple[Refusal, ...] = ()
    """In order of their lines."""
    passed_over: int = 0
    """Lines that are empty or a comment, rules that are commented out among them; objects or attributes
    that are not meant to be looked for."""
    read_as: str = ""
    """How the file was read, for people: its type and character set."""
    variables: tuple[tuple[str, str], ...] = ()
    """Variables of rules that were used, with what they stood for."""
    unit: str = "line"
    """What places in the file are counted in: ``line``, ``object`` of STIX, ``attribute`` of MISP."""

    @property
    def read(self) -> int:
        """Rules, words or indicators in the file."""
        return len(self.refusals) + self.came

    @property
    def came(self) -> int:
        """How many came in."""
        return len(self.signatures)

    def options(self) -> list[tuple[str, int]]:
        """How many were refused for each option, the most first."""
        counts = Counter(refusal.option for refusal in self.refusals)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    def without(self, refused: dict[int, Refusal]) -> "Imported":
        """The same, less the signatures of these sids."""
        kept = [
            (signature, lines)
            for signature, lines in zip(self.signatures, self.lines, strict=True)
            if signature.sid not in refused
        ]
        refusals = sorted((*self.refusals, *refused.values()), key=lambda refusal: refusal.line)
        return replace(
            self,
            signatures=tuple(signature for signature, _ in kept),
            lines=tuple(lines for _, lines in kept),
            refusals=tuple(refusals),
        )
