"""Clauses of a signature: what to look for, in what, and where in it.

The table of a signature holds its first clause, and each ``[[signature.all]]``, ``any`` or ``none`` one more.
"""

import re
from dataclasses import dataclass
from typing import Final

from signatures.limits import (
    MAX_CLAUSES,
    MAX_DISTANCE,
    MAX_KEYWORD_CHARACTERS,
    MAX_OCTETS,
    MAX_POSITION,
    MAX_REGEX,
    MAX_REGEXES,
    MAX_TEXTS,
)
from signatures.model import DEFAULT_FOLDS, NAME_BUFFERS, Buffer, Clause, Fold, Role
from signatures.octets import read_content
from signatures.regex import regex_fault
from signatures.values import Fields

TERM_KEYS: Final = ("keywords", "contents", "regexes", "domains")
PLACE_KEYS: Final = ("offset", "depth", "at_start", "at_end")
RELATIVE_KEYS: Final = ("distance", "within")
FIRST_KEYS: Final = ("buffers", *TERM_KEYS, "fold", "case_sensitive", *PLACE_KEYS)
"""Of the first clause."""
CLAUSE_KEYS: Final = (*FIRST_KEYS, *RELATIVE_KEYS)
"""Of every other."""
_DOMAIN: Final = re.compile(
    r"(?=.{1,253}$)(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)+(?!-)[a-z][a-z0-9-]{0,61}[a-z0-9]"
)


@dataclass(frozen=True, slots=True)
class _Writing:
    """What a clause takes from the signature unless it says otherwise."""

    buffers: tuple[Buffer, ...]
    folds: tuple[Fold, ...]
    """As stated: without regard to ``case_sensitive``."""
    case_sensitive: bool


def read_clauses(fields: Fields) -> tuple[tuple[Clause, ...], tuple[str, ...]]:
    """Every clause of a signature's table (the first, then those of all, any and none), and where each is."""
    writing = _writing(fields, _Writing((), DEFAULT_FOLDS, False))
    clauses: list[Clause] = []
    paths: list[str] = []
    if any(fields.value(key) for key in TERM_KEYS):
        clauses.append(_clause(fields, Role.ALL, writing, relative=False))
        paths.append("")
    else:
        for key in TERM_KEYS:
            fields.texts(key, MAX_TEXTS)
        for key in PLACE_KEYS:
            if key in fields:
                fields.wrong(key, f"{key} is of the texts of the same table, and there are none")
    for key in RELATIVE_KEYS:
        if key in fields:
            fields.wrong(
                key, f"{key} goes by the clause before, and this is the first: see [[signature.all]]"
            )
    has_keywords = "keywords" in fields
    for role in Role:
        for index, inner in enumerate(fields.tables(role, MAX_CLAUSES)):
            inner.only(CLAUSE_KEYS)
            has_keywords |= "keywords" in inner
            if not any(inner.value(key) for key in TERM_KEYS):
                inner.wrong("", f"no {_listed(TERM_KEYS)} in [[signature.{role}]]: nothing to look for")
            clauses.append(_clause(inner, role, _writing(inner, writing), relative=role is Role.ALL))
            paths.append(f"{role}.{index}")
    if len(clauses) > MAX_CLAUSES:
        fields.wrong("", f"{len(clauses)} clauses, {MAX_CLAUSES} at most: make several signatures of them")
    elif not clauses:
        fields.wrong("", f"no {_listed(TERM_KEYS)}: nothing to look for")
    if "fold" in fields and not has_keywords:
        fields.wrong("fold", "fold is of keywords, and there are none")
    return tuple(clauses), tuple(paths)


def _listed(keys: tuple[str, ...]) -> str:
    return f"{', '.join(keys[:-1])} or {keys[-1]}"


def _writing(fields: Fields, outer: _Writing) -> _Writing:
    sensitive = fields.flag("case_sensitive", outer.case_sensitive)
    folds = fields.choices("fold", Fold) if "fold" in fields else outer.folds
    if sensitive and "fold" in fields and Fold.CASE in folds:
        fields.wrong("fold", 'fold holds "case", and case_sensitive is true: leave one of them out')
    return _Writing(_buffers(fields) if "buffers" in fields else outer.buffers, folds, sensitive)


def _buffers(fields: Fields) -> tuple[Buffer, ...]:
    if fields.value("buffers") == []:
        fields.wrong("buffers", "buffers is empty")
    return fields.choices("buffers", Buffer)


def _clause(fields: Fields, role: Role, writing: _Writing, *, relative: bool) -> Clause:
    buffers, sensitive = writing.buffers, writing.case_sensitive
    for key in RELATIVE_KEYS:
        if key in fields and role is not Role.ALL:
            fields.wrong(key, f"{key} is of [[signature.all]] alone: only these come one after the other")
    return Clause(
        buffers=buffers,
        role=role,
        keywords=_keywords(fields, buffers),
        contents=_contents(fields, buffers),
        regexes=_regexes(fields, buffers, sensitive),
        domains=_domains(fields, buffers),
        folds=tuple(fold for fold in writing.folds if not (sensitive and fold is Fold.CASE)),
        case_sensitive=sensitive,
        offset=fields.integer("offset", 0, 0, MAX_POSITION),
        depth=fields.integer("depth", 0, 0, MAX_POSITION),
        at_start=fields.flag("at_start"),
        at_end=fields.flag("at_end"),
        distance=_relative(fields, "distance", -MAX_DISTANCE) if relative else None,
        within=_relative(fields, "within", 1) if relative else None,
    )


def _relative(fields: Fields, key: str, least: int) -> int | None:
    return fields.integer(key, 0, least, MAX_DISTANCE) if key in fields else None


def _keywords(fields: Fields, buffers: tuple[Buffer, ...]) -> tuple[str, ...]:
    keywords = fields.texts("keywords", MAX_TEXTS)
    for keyword in keywords:
        size = len(keyword.encode())
        if not keyword:
            fields.wrong("keywords", "an empty keyword matches everywhere")
        elif len(keyword) > MAX_KEYWORD_CHARACTERS:
            fields.wrong(
                "keywords",
                f"keyword {keyword[:16]!r}… is longer than {MAX_KEYWORD_CHARACTERS} characters",
            )
        elif size > MAX_OCTETS:
            fields.wrong("keywords", f"keyword {keyword[:16]!r}… is longer than {MAX_OCTETS} octets in UTF-8")
        elif size == 1 and Buffer.PAYLOAD in buffers:
            fields.wrong("keywords", f"keyword {keyword!r} is one octet: payload would match all the time")
    return keywords


def _contents(fields: Fields, buffers: tuple[Buffer, ...]) -> tuple[bytes, ...]:
    contents: dict[bytes, None] = {}
    for text in fields.texts("contents", MAX_TEXTS):
        shown = repr(text[:32])
        try:
            octets = read_content(text)
        except ValueError as error:
            fields.wrong("contents", f"content {shown}: {error}")
            continue
        if not octets:
            fields.wrong("contents", "an empty content matches everywhere")
        elif len(octets) > MAX_OCTETS:
            fields.wrong("contents", f"content {shown}… is longer than {MAX_OCTETS} octets")
        elif len(octets) == 1 and Buffer.PAYLOAD in buffers:
            fields.wrong("contents", f"content {shown} is one octet: payload would match all the time")
        elif octets in contents:
            fields.wrong("contents", f"contents holds the octets of {shown} twice")
        contents[octets] = None
    return tuple(contents)


def _regexes(fields: Fields, buffers: tuple[Buffer, ...], sensitive: bool) -> tuple[str, ...]:
    regexes = fields.texts("regexes", MAX_REGEXES)
    for regex in regexes:
        if len(regex) > MAX_REGEX:
            fields.wrong("regexes", f"regex {regex[:16]!r}… is longer than {MAX_REGEX} characters")
        elif fault := regex_fault(regex, sensitive, stream=Buffer.PAYLOAD in buffers):
            fields.wrong("regexes", f"regex {regex[:64]!r} can't be used: {fault}")
    return regexes


def _domains(fields: Fields, buffers: tuple[Buffer, ...]) -> tuple[str, ...]:
    domains = fields.texts("domains", MAX_TEXTS)
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            fields.wrong(
                "domains",
                f"{domain[:64]!r} must be a name as example.com, in lower case (xn--… for others)",
            )
    if domains and not NAME_BUFFERS.issuperset(buffers):
        fields.wrong("domains", f"domains can be looked for in {', '.join(sorted(NAME_BUFFERS))} only")
    return domains
