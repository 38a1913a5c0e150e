"""STIX 2.1 patterns, as far as they are comparisons joined by OR (OASIS STIX 2.1, section 9).

stix2-patterns, OASIS's own validator, tells which comparisons a pattern holds but not how they are joined,
and takes the runtime of ANTLR along; stix2 takes requests. What can be taken here is one expression.
"""

import re
from dataclasses import dataclass

from signatures.importing.result import RefusedError

MAX_PATTERN = 64 * 1024
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<path>[a-z0-9-]+:[A-Za-z0-9_.'\-\[\]*]+)
    | (?P<operator>!?=|<>|[<>]=?|\b(?:LIKE|MATCHES|IN|ISSUBSET|ISSUPERSET)\b)
    | (?P<text>'(?:\\.|[^'\\])*')
    | (?P<word>\b(?:OR|AND|NOT|FOLLOWEDBY|WITHIN|REPEATS|START|STOP|EXISTS)\b)
    | (?P<mark>[\[\]()])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison of a pattern."""

    path: str
    """``domain-name:value``."""
    operator: str
    """``=`` or ``LIKE``."""
    value: str


def parse_pattern(pattern: str) -> list[Comparison]:
    """The comparisons of which any suffices.

    :raises RefusedError: if the pattern is anything else; named by the word that makes it so.
    """
    if len(pattern) > MAX_PATTERN:
        raise RefusedError("(pattern)", f"is longer than {MAX_PATTERN} characters")
    tokens = _tokens(pattern)
    if other := next((text for kind, text in tokens if kind == "word" and text != "OR"), ""):
        raise RefusedError(other, "comparisons can be joined by OR only")
    # With OR alone, it does not matter how brackets group.
    tokens = [token for token in tokens if token[0] != "mark"]
    comparisons: list[Comparison] = []
    at = 0
    while at < len(tokens):
        if comparisons and tokens[at][1] != "OR":
            raise RefusedError("(pattern)", f"can't be read at {tokens[at][1][:64]!r}")
        at += bool(comparisons)
        parts = tokens[at : at + 3]
        if [kind for kind, _ in parts] != ["path", "operator", "text"]:
            raise RefusedError("(pattern)", "can't be read behind its last OR, or where it begins")
        (_, path), (_, operator), (_, value) = parts
        if operator not in ("=", "LIKE"):
            raise RefusedError(operator, "is no comparison that a signature makes")
        comparisons.append(Comparison(path, operator, re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)))
        at += 3
    if not comparisons:
        raise RefusedError("(pattern)", "holds no comparison")
    return comparisons


def _tokens(pattern: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at = 0
    end = len(pattern.rstrip())
    while at < end:
        match = _TOKEN.match(pattern, at)
        if match is None:
            raise RefusedError("(pattern)", f"can't be read at {pattern[at : at + 32].strip()!r}")
        tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
        at = match.end()
    return tokens
