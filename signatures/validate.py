"""One ``[[signature]]`` table, checked key by key and made into a :class:`Signature`.

A check never stops at the first mistake: whoever writes a file sees all of them at once.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from sensor.toml import nearest, type_name
from signatures.encodings import encode_keyword
from signatures.model import (
    NAME_BUFFERS,
    Buffer,
    Clause,
    Direction,
    PortRange,
    Severity,
    Signature,
)
from signatures.regex import regex_fault

MAX_KEYWORD = 255
"""Octets of an encoded keyword. The longest name in DNS; as the longest literal, less one, is what a
stream's tail carries from batch to batch, this bounds the memory of every open stream."""
MAX_REGEX = 1024
MAX_TEXT = 1024
"""Characters of a name, a description, a reference: they are shown on one line."""
MAX_SID = 2**31
MAX_DEPTH = 2**31
LANGUAGES = ("ja", "en")
REQUIRED = ("sid", "rev", "name", "category", "severity", "buffers")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Of the text that terminals show; keywords may hold anything."""
_DOMAIN = re.compile(r"(?=.{1,253}$)(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)+(?!-)[a-z][a-z0-9-]{0,61}[a-z0-9]")
_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")
_Choice = TypeVar("_Choice", bound=StrEnum)

Report = Callable[[str, str], None]
"""Takes the key and what is wrong with it."""


def report_unknown(table: Mapping[str, Any], known: tuple[str, ...], report: Report) -> None:
    """Report the keys of ``table`` that nothing reads."""
    for key in table:
        if key not in known:
            report(key, f"unknown key {key!r} ({nearest(key, known)})")


def _integer(key: str, value: object, least: int, most: int, report: Report) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        report(key, f"{key} must be an integer, not {type_name(value)}")
    elif not least <= value <= most:
        report(key, f"{key} must be from {least} to {most}")
    else:
        return value
    return least


def _text(key: str, value: object, report: Report) -> str:
    if not isinstance(value, str):
        report(key, f"{key} must be a string, not {type_name(value)}")
    elif not value.strip():
        report(key, f"{key} is empty")
    elif len(value) > MAX_TEXT:
        report(key, f"{key} is longer than {MAX_TEXT} characters")
    elif _CONTROL.search(value.replace("\n", " ") if key.startswith("description") else value):
        report(key, f"{key} holds a control character")
    else:
        return value
    return ""


def _texts(key: str, value: object, report: Report) -> tuple[str, ...]:
    if not isinstance(value, list):
        report(key, f"{key} must be an array of strings, not {type_name(value)}")
        return ()
    for entry in value:
        if not isinstance(entry, str):
            report(key, f"{key} must hold strings only, not {type_name(entry)}")
            return ()
    counts = Counter(value)
    if len(counts) < len(value):
        twice = next(entry for entry in value if counts[entry] > 1)
        report(key, f"{key} holds {twice[:64]!r} twice")
    return tuple(counts)


def _translations(key: str, value: object, report: Report) -> dict[str, str]:
    """A string stands for itself in every language."""
    if isinstance(value, str):
        return dict.fromkeys(LANGUAGES, _text(key, value, report))
    if not isinstance(value, dict):
        report(key, f"{key} must be a string or a table of {' and '.join(LANGUAGES)}")
        return {}
    report_unknown(value, LANGUAGES, lambda _language, reason: report(key, reason))
    known = {language: value[language] for language in LANGUAGES if language in value}
    if not value:
        report(key, f"{key} is empty")
    return {language: _text(f"{key}.{language}", text, report) for language, text in known.items()}


def _choice(key: str, value: object, choices: type[_Choice], report: Report) -> _Choice | None:
    if not isinstance(value, str):
        report(key, f"{key} must be a string, not {type_name(value)}")
        return None
    known = tuple(choices)
    if value not in known:
        report(key, f"unknown {key.removesuffix('s')} {value[:64]!r} ({nearest(value, known)})")
        return None
    return choices(value)


def _port_range(key: str, value: object, report: Report) -> PortRange | None:
    if isinstance(value, int) and not isinstance(value, bool):
        first = last = value
    elif isinstance(value, str) and (match := _PORTS.fullmatch(value)):
        first, last = int(match[1]), int(match[2])
    else:
        report(key, f'{key} takes ports as 80 or "8000-8100", not {str(value)[:64]!r}')
        return None
    if not 0 <= first <= last <= 65535:
        report(key, f"{key} must be from 0 to 65535, the lower port first")
        return None
    return PortRange(first, last)


def _ports(key: str, value: object, report: Report) -> tuple[PortRange, ...]:
    entries = value if isinstance(value, list) else [value]
    if not entries:
        report(key, f"{key} is empty; leave it out for any port")
    ranges = [_port_range(key, entry, report) for entry in entries]
    return tuple(entry for entry in ranges if entry is not None)


def _buffers(value: object, report: Report) -> tuple[Buffer, ...]:
    names = _texts("buffers", value, report)
    if value == []:
        report("buffers", "buffers is empty")
    chosen = [_choice("buffers", name, Buffer, report) for name in names]
    return tuple(buffer for buffer in chosen if buffer is not None)


def _keywords(value: object, buffers: tuple[Buffer, ...], report: Report) -> tuple[str, ...]:
    keywords = _texts("keywords", value, report)
    for keyword in keywords:
        sizes = [len(octets) for octets in encode_keyword(keyword)]
        if not keyword:
            report("keywords", "an empty keyword matches everywhere")
        elif max(sizes) > MAX_KEYWORD:
            report("keywords", f"keyword {keyword[:16]!r}… is longer than {MAX_KEYWORD} octets")
        elif min(sizes) == 1 and Buffer.PAYLOAD in buffers:
            report("keywords", f"keyword {keyword!r} is one octet: payload would match all the time")
    return keywords


def _regexes(value: object, buffers: tuple[Buffer, ...], sensitive: bool, report: Report) -> tuple[str, ...]:
    regexes = _texts("regexes", value, report)
    for regex in regexes:
        if len(regex) > MAX_REGEX:
            report("regexes", f"regex {regex[:16]!r}… is longer than {MAX_REGEX} characters")
        elif fault := regex_fault(regex, sensitive, stream=Buffer.PAYLOAD in buffers):
            report("regexes", f"regex {regex[:64]!r} can't be used: {fault}")
    return regexes


def _references(value: object, report: Report) -> tuple[str, ...]:
    return tuple(_text("references", text, report) for text in _texts("references", value, report))


def _domains(value: object, buffers: tuple[Buffer, ...], report: Report) -> tuple[str, ...]:
    domains = _texts("domains", value, report)
    for domain in domains:
        if not _DOMAIN.fullmatch(domain):
            report(
                "domains", f"{domain[:64]!r} must be a name as example.com, in lower case (xn--… for others)"
            )
    if domains and not NAME_BUFFERS.issuperset(buffers):
        report("domains", f"domains can be looked for in {', '.join(sorted(NAME_BUFFERS))} only")
    return domains


KEYS = (
    *REQUIRED,
    *("keywords", "regexes", "domains", "case_sensitive", "src_ports", "dst_ports", "direction", "depth"),
    *("references", "description"),
)


def validate_signature(table: Mapping[str, Any], source: str, report: Report) -> Signature:
    """Make a signature of ``table``.

    :param source: ``file:line`` of the table.
    :param report: called for each mistake; the result is of use only if it never was.
    """
    report_unknown(table, KEYS, report)
    for key in REQUIRED:
        if key not in table:
            report("", f"{key} is missing")
    if not any(table.get(key) for key in ("keywords", "regexes", "domains")):
        report("", "neither keywords nor regexes nor domains: nothing to look for")
    sensitive = table.get("case_sensitive", False)
    if not isinstance(sensitive, bool):
        report("case_sensitive", f"case_sensitive must be true or false, not {type_name(sensitive)}")
        sensitive = False
    category = _text("category", table.get("category", "-"), report)
    if "category" in table and category and not (_SLUG.fullmatch(category) and len(category) <= 64):
        report("category", f"category {category[:64]!r} must be lower-case words joined by hyphens")
    buffers = _buffers(table["buffers"], report) if "buffers" in table else ()
    clause = Clause(
        buffers=buffers,
        keywords=_keywords(table.get("keywords", []), buffers, report),
        regexes=_regexes(table.get("regexes", []), buffers, sensitive, report),
        domains=_domains(table.get("domains", []), buffers, report),
        case_sensitive=sensitive,
        depth=_integer("depth", table.get("depth", 0), 0, MAX_DEPTH, report),
    )
    return Signature(
        sid=_integer("sid", table.get("sid", 1), 1, MAX_SID, report),
        rev=_integer("rev", table.get("rev", 1), 1, MAX_SID, report),
        name=_translations("name", table.get("name", "-"), report),
        category=category,
        severity=_choice("severity", table.get("severity", "low"), Severity, report) or Severity.LOW,
        clauses=(clause,),
        src_ports=_ports("src_ports", table["src_ports"], report) if "src_ports" in table else (),
        dst_ports=_ports("dst_ports", table["dst_ports"], report) if "dst_ports" in table else (),
        direction=_choice("direction", table.get("direction", "any"), Direction, report) or Direction.ANY,
        references=_references(table.get("references", []), report),
        description=_translations("description", table.get("description", {"en": "-"}), report)
        if "description" in table
        else {},
        source=source,
    )
