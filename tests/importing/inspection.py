"""Suricata's inspection of one buffer, plainly: as ``DetectEngineContentInspectionInternal`` goes about it.

And a plain reading of clauses, to hold what an import makes of the same rule against.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from signatures.model import Clause, Role


@dataclass(frozen=True, slots=True)
class Content:
    """A content with its options; None where one is not given."""

    octets: bytes
    negated: bool = False
    nocase: bool = False
    startswith: bool = False
    endswith: bool = False
    offset: int | None = None
    depth: int | None = None
    distance: int | None = None
    within: int | None = None

    def options(self) -> str:
        """As a rule has it."""
        text = f'content:{"!" * self.negated}"{"".join(f"|{octet:02x}|" for octet in self.octets)}";'
        for name in ("nocase", "startswith", "endswith"):
            text += f" {name};" * getattr(self, name)
        for name in ("offset", "depth", "distance", "within"):
            if (number := getattr(self, name)) is not None:
                text += f" {name}:{number};"
        return text


def inspect(contents: Sequence[Content], buffer: bytes, before: int = 0) -> bool:
    """Whether all contents are found, each relative one behind what was found before it (at ``before``)."""
    if not contents:
        return True
    content, rest = contents[0], contents[1:]
    start, end = _window(content, len(buffer), before)
    folded, octets = buffer, content.octets
    if content.nocase:
        folded, octets = buffer.lower(), octets.lower()
    ends = [
        at + len(octets)
        for at in range(max(start, 0), end - len(octets) + 1)
        if folded[at : at + len(octets)] == octets
        and (not content.endswith or at + len(octets) == len(buffer))
    ]
    if content.negated:
        return not ends and inspect(rest, buffer, before)
    return any(inspect(rest, buffer, at) for at in ends)


def _window(content: Content, size: int, before: int) -> tuple[int, int]:
    if content.startswith:
        return 0, min(len(content.octets), size)
    if content.distance is not None or content.within is not None:
        start = max(before + (content.distance or 0), 0)
        end = size if content.within is None else before + (content.distance or 0) + content.within
    else:
        start = content.offset or 0
        end = size if content.depth is None else start + content.depth
    return start, min(end, size)


def fires(clauses: Sequence[Clause], buffer: bytes) -> bool:
    """Whether clauses of one buffer match it."""
    return all(_matches(clause, buffer) is (clause.role is Role.ALL) for clause in clauses)


def _matches(clause: Clause, buffer: bytes) -> bool:
    flags = 0 if clause.case_sensitive else re.IGNORECASE
    for regex in clause.regexes:
        if re.search(regex.replace(r"\z", r"\Z").encode(), buffer, flags):
            return True
    for octets in clause.contents:
        for match in re.finditer(b"(?=(" + re.escape(octets) + b"))", buffer, flags | re.DOTALL):
            start, end = match.span(1)
            if (
                start >= clause.offset
                and (not clause.depth or end <= clause.depth)
                and (not clause.at_start or not start)
                and (not clause.at_end or end == len(buffer))
            ):
                return True
    return False
