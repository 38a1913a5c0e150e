"""Matching as one would do it by hand: every signature, every value, one position after another."""

import re
from collections.abc import Iterable, Sequence

from signatures.model import Buffer, Clause, Signature

Found = tuple[int, int, int, int]
"""Run, start, end, index of the clause."""


def occurrences(data: bytes, literal: bytes, case_sensitive: bool) -> Iterable[tuple[int, int]]:
    """(start, end) of each occurrence, overlapping ones too; bytes.lower() folds ASCII alone."""
    if not case_sensitive:
        data, literal = data.lower(), literal.lower()
    at = data.find(literal)
    while at >= 0:
        yield at, at + len(literal)
        at = data.find(literal, at + 1)


def regex_ends(data: bytes, regex: str, case_sensitive: bool) -> Iterable[int]:
    """Each end of a match; for expressions without ``$``, which re would find at any ``endpos``."""
    pattern = re.compile(regex.encode(), 0 if case_sensitive else re.IGNORECASE)
    for end in range(1, len(data) + 1):
        if any(pattern.fullmatch(data, start, end) for start in range(end)):
            yield end


def is_name(value: bytes, start: int, end: int) -> bool:
    """Whether ``value[start:end]`` is the host's name, or all of it that stands behind some dot."""
    behind = value[end:]
    return (start == 0 or value[start - 1 : start] == b".") and (
        behind in (b"", b".") or behind.startswith((b":", b".:"))
    )


def all_matches(clause: Clause, value: bytes) -> Iterable[tuple[int, int]]:
    """(start, end) of whatever makes ``clause`` match in ``value``; depth not yet considered."""
    for content in clause.contents:
        yield from occurrences(value, content, clause.case_sensitive)
    for domain in clause.domains:
        for start, end in occurrences(value, domain.encode(), case_sensitive=False):
            if is_name(value, start, end):
                yield start, end
    for regex in clause.regexes:
        for end in regex_ends(value, regex, clause.case_sensitive):
            yield end, end


def first_matches(
    signatures: Sequence[Signature],
    buffer: Buffer,
    values: Sequence[bytes],
    fresh: Sequence[tuple[int, int]] | None = None,
) -> list[Found]:
    """The first match of each clause in each value: that which ends first, the longest of those.

    :param fresh: if given, (from, to) for each value: matches count whose end lies behind the one and
        not behind the other.
    """
    found: list[Found] = []
    for run, value in enumerate(values):
        low, high = fresh[run] if fresh else (0, len(value))
        for index, clause in enumerate(each for one in signatures for each in one.clauses):
            if buffer not in clause.buffers:
                continue
            ends = [
                (end, start)
                for start, end in all_matches(clause, value)
                if low < end <= high and (not clause.depth or end <= clause.depth)
            ]
            if ends:
                end, start = min(ends)
                found.append((run, start, end, index))
    return sorted(found, key=lambda match: (match[0], match[2], match[3]))
