r"""The outer form of Suricata's and Snort's rules: lines, header, options; no meaning yet.

    alert tcp $HOME_NET any -> any 80 (msg:"a \; b"; content:"x|3b|"; sid:1;)

A rule goes on over a backslash at the end of a line, and in Snort 3 until its parenthesis closes. The
parsers that can be had were tried and left: suricataparser (1.0, 2022) answers None for what it can't read,
without a reason; idstools (0.6.5) likewise; surinort-ast is under the GPL; none knows continued lines and
Snort 3's options in commas at once.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from signatures.importing.result import RefusedError
from signatures.importing.text_file import lines_of

MAX_RULE = 32 * 1024
"""Characters of a rule; the longest of the public sets have some 4,000."""
_HEADER = re.compile(
    r"""
    (?P<action>[a-z]+)\s+(?P<protocol>[a-z0-9_-]+)
    (?:\s+(?P<src>\S.*?)\s*(?P<direction><>|->|=>|<-)\s*(?P<dst>\S.*?))?\s*$
    """,
    re.VERBOSE | re.DOTALL,
)
_OPTION = re.compile(r'\s*((?:\\.|"(?:\\.|[^"\\])*"|[^;"\\])*)(;|$)', re.DOTALL)
"""Up to a semicolon that is neither escaped nor in quotation marks."""
_BARE_OPTION = re.compile(r"\s*((?:\\.|[^;\\])*)(;|$)", re.DOTALL)
"""As Suricata parts them, to which quotation marks are characters like others."""
_PART = re.compile(r'((?:\\.|"(?:\\.|[^"\\])*"|[^,"\\])*)(?:,|$)', re.DOTALL)
_ACTION = re.compile(r"\s*(?:alert|block|drop|log|pass|re[a-z]+|sdrop|activate|dynamic|config|accept)\s")
"""What a rule begins with: one that never closes its parenthesis must not swallow those behind it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a rule, as written."""

    name: str
    value: str
    """Without the blanks around it; empty where there is none."""

    def parts(self) -> list[str]:
        """What commas outside quotation marks part, without the blanks around."""
        return [match[1].strip() for match in _PART.finditer(self.value) if match[1].strip()]


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule as written."""

    line: int
    lines: int
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, taken apart."""

    action: str
    protocol: str
    src: tuple[str, str]
    """Networks and ports, ``any`` where Snort 3 lets them be left out."""
    direction: str
    dst: tuple[str, str]
    options: tuple[Option, ...]
    is_snort3: bool
    """Whether its form is Snort 3's alone: a header without addresses, options of a content in commas."""


def split_rules(text: str) -> Iterator[RuleText | None]:
    """The rules of ``text`` in order, and None for each line that is empty or a comment."""
    held: list[str] = []
    first = 0
    goes_on = False
    for number, line in enumerate(lines_of(text), 1):
        if held and not goes_on and (_ACTION.match(line) or sum(map(len, held)) > MAX_RULE):
            yield RuleText(first, len(held), "\n".join(held))
            held = []
        if not held:
            if not line.strip() or line.lstrip().startswith("#"):
                yield None
                continue
            first = number
        written = line.rstrip()
        goes_on = written.endswith("\\")
        held.append(written[:-1] if goes_on else written)
        is_open = "(" in "".join(held) and not written.endswith(")") and _ACTION.match(held[0])
        if not goes_on and not is_open:
            yield RuleText(first, len(held), "\n".join(held))
            held = []
    if held:
        yield RuleText(first, len(held), "\n".join(held))


def parse_rule(text: str) -> Rule:
    """Take a rule apart.

    :raises RefusedError: if it has not a rule's form.
    """
    if len(text) > MAX_RULE:
        raise RefusedError("(form)", f"longer than {MAX_RULE} characters")
    head, parenthesis, body = text.strip().partition("(")
    match = _HEADER.fullmatch(head.strip())
    if not match or not parenthesis:
        raise RefusedError("(form)", "not a rule: action, protocol, addresses and ports, (options)")
    body = body.rstrip()
    if not body.endswith(")"):
        raise RefusedError("(form)", "the parenthesis around the options is not closed")
    options = tuple(_options(body[:-1]))
    src, dst = (_end(match[name]) for name in ("src", "dst"))
    commas = any(option.name == "content" and len(option.parts()) > 1 for option in options)
    is_snort3 = match["src"] is None or commas
    return Rule(match["action"], match["protocol"], src, match["direction"] or "->", dst, options, is_snort3)


def _end(text: str | None) -> tuple[str, str]:
    if text is None:
        return "any", "any"
    # Blanks inside brackets part nothing.
    pieces = re.findall(r"(?:\[[^\]]*(?:\[[^\]]*\][^\]]*)*\]|\S)+", text)
    if len(pieces) != 2:
        raise RefusedError("(form)", f"{text[:64]!r} is not networks and ports")
    return pieces[0], pieces[1]


def _options(body: str) -> Iterator[Option]:
    at = 0
    while body[at:].strip():
        match = _OPTION.match(body, at)
        if match is None or not match[2]:
            match = _BARE_OPTION.match(body, at)
        if match is None or not match[2]:
            raise RefusedError("(form)", f"an option is not ended by a semicolon: {body[at:].strip()[:64]!r}")
        at = match.end()
        name, _, value = match[1].partition(":")
        if name.strip():
            yield Option(name.strip().lower(), value.strip())


def looks_like_rules(text: str) -> bool:
    """Whether the first line that is no comment begins as a rule does."""
    return next((bool(_ACTION.match(each.text)) for each in split_rules(text) if each is not None), False)
