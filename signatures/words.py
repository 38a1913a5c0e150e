"""The subscriber's own words: a signature file (TOML 1.0) that a command edits, and a person may.

Each word is a signature of its own. Everything here takes the file's text, in which the loader has found no
mistake, and answers with its new text: what a person wrote beside it, comments and order included, stays as
it is. So new signatures are put at the end, a removed one is cut out by its lines, and a changed one alone
goes through tomlkit. Whether the text then says what was meant, and nothing else, is checked by reading it.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import tomlkit

from sensor.errors import SignatureError
from sensor.toml import TomlError, find_names, parse_toml
from signatures.model import Buffer, Category, Fold, Owner, Severity

FIRST_SID: Final = 9_000_001
LAST_SID: Final = 9_999_999
"""The subscriber's range."""
NEW_FILE: Final = f"""\
# 登録した言葉です。watchdog-sensor keywords add | remove | list で変更できます。手で書いてもかまいません。
# Your words. Change them with watchdog-sensor keywords add | remove | list, or by hand.

[set]
name = "words"
scope = "{Owner.SUBSCRIBER}"
# 最後に使った番号。削除した言葉の番号は再利用されません。
# The last number that was used. That of a word that was removed is not used again.
last_sid = {FIRST_SID - 1}
"""
DEFAULT_BUFFERS: Final = (
    *(Buffer.HTTP_URI, Buffer.HTTP_REQUEST_BODY, Buffer.HTTP_RESPONSE_BODY),
    Buffer.PAYLOAD,
)
_BY_HAND: Final = "was written by hand in a form that this command can't change; change it by hand"
_LAST_SID: Final = re.compile(r"(\s*last_sid\s*=\s*)[0-9_+]+")
_OTHER_TERMS: Final = ("contents", "regexes", "domains", "all", "any", "none")


@dataclass(frozen=True, slots=True)
class Terms:
    """What is said of words. None: as it is, or of a new word the default."""

    buffers: tuple[Buffer, ...] | None = None
    category: Category | None = None
    severity: Severity | None = None
    folds: tuple[Fold, ...] | None = None
    note: str | None = None

    def given(self) -> dict[str, Any]:
        """By the names of the file's keys, what is said."""
        said = {
            "category": self.category and str(self.category),
            "severity": self.severity and str(self.severity),
            "buffers": None if self.buffers is None else list(map(str, self.buffers)),
            "fold": None if self.folds is None else list(map(str, self.folds)),
            "description": self.note,
        }
        return {key: value for key, value in said.items() if value is not None}


class Change(StrEnum):
    """What became of a word."""

    ADDED = "added"
    CHANGED = "changed"
    SAME = "same"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one word."""

    word: str
    sid: int
    rev: int
    change: Change


Edit = Callable[[str], tuple[str, list[Outcome]]]
"""Takes a file's text; answers with its new text and what became of each word."""


def add_words(text: str, words: Iterable[str], terms: Terms) -> tuple[str, list[Outcome]]:
    """Add each of ``words``, or change what is said of those that are there.

    :returns: the file's new text, and what became of each word.
    :param text: the file's; empty where there is none yet.
    :raises SignatureError: if the file is none of words, or holds one in a form that can't be changed.
    """
    text, document = _read(text)
    tables = document.setdefault("signature", [])
    given, last_sid = terms.given(), _last_sid(document)
    outcomes, changed = [], {}
    added: list[dict[str, Any]] = []
    known = {word: table for table in tables for word in table.get("keywords", ())}
    for word in dict.fromkeys(unicodedata.normalize("NFC", word) for word in words):
        if not (table := known.get(word)):
            last_sid += 1
            if last_sid > LAST_SID:
                raise SignatureError(f"every sid up to {LAST_SID} was used; lower last_sid in [set] by hand")
            added.append(_new_table(word, last_sid, given))
            outcomes.append(Outcome(word, last_sid, 1, Change.ADDED))
        elif news := {key: value for key, value in given.items() if table.get(key) != value}:
            if table["keywords"] != [word] or any(key in table for key in _OTHER_TERMS):
                raise SignatureError(f"sid {table.get('sid')}, which holds this word, {_BY_HAND}")
            news["rev"] = table["rev"] + 1
            table.update(news)
            changed[tables.index(table)] = news
            outcomes.append(Outcome(word, table["sid"], table["rev"], Change.CHANGED))
        else:
            outcomes.append(Outcome(word, table["sid"], table["rev"], Change.SAME))
    for index, news in changed.items():
        text = _with_section(text, index, news)
    if added:
        document["set"]["last_sid"] = last_sid
        text = _with_last_sid(text.rstrip("\n"), last_sid) + "\n" + "".join(map(_table_text, added))
        tables += added
    return _checked(text, document), outcomes


def remove_words(text: str, wanted: Sequence[str]) -> tuple[str, list[Outcome]]:
    """Remove words, each named by itself or by its sid; their sids are not used again.

    :returns: the file's new text, and what was removed.
    :raises SignatureError: if one is not there, or shares its signature with something else.
    """
    text, document = _read(text)
    tables = document.setdefault("signature", [])
    outcomes, removed = [], []
    for name in dict.fromkeys(wanted):
        index = _find(tables, unicodedata.normalize("NFC", name))
        table = tables[index]
        is_alone = len(table.get("keywords", ())) == 1 and not any(key in table for key in _OTHER_TERMS)
        if str(table["sid"]) != name and not is_alone:
            raise SignatureError(
                f"sid {table['sid']} holds more than this word; remove it whole by its sid, or edit by hand"
            )
        if index not in removed:
            removed.append(index)
            word = " ".join(table.get("keywords", ()))
            outcomes.append(Outcome(word, table["sid"], table["rev"], Change.REMOVED))
    # The highest one may have been written by hand.
    if removed and document["set"].get("last_sid") != (last_sid := _last_sid(document)):
        document["set"]["last_sid"] = last_sid
        text = _with_last_sid(text, last_sid)
    for index in sorted(removed, reverse=True):
        text = _without_section(text, index)
        del tables[index]
    return _checked(text, document), outcomes


def _find(tables: Sequence[Mapping[str, Any]], name: str) -> int:
    for index, table in enumerate(tables):
        if str(table.get("sid")) == name or name in table.get("keywords", ()):
            return index
    raise SignatureError("no such word; see watchdog-sensor keywords list")


def _read(text: str) -> tuple[str, dict[str, Any]]:
    try:
        text, document = parse_toml((text or NEW_FILE).encode())
    except TomlError as error:
        raise SignatureError(f"line {error.line} {error.reason}") from error
    about = document.get("set")
    if not isinstance(about, dict) or about.get("scope") != Owner.SUBSCRIBER:
        raise SignatureError(f'is no file of words: those say scope = "{Owner.SUBSCRIBER}" in [set]')
    return text, document


def _last_sid(document: Mapping[str, Any]) -> int:
    """The high-water mark, also of what was written by hand."""
    used: list[int] = [table["sid"] for table in document["signature"] if table["sid"] <= LAST_SID]
    said = document["set"].get("last_sid", 0)
    return max(FIRST_SID - 1, *used, said if isinstance(said, int) else 0)


def _new_table(word: str, sid: int, given: Mapping[str, Any]) -> dict[str, Any]:
    # The name goes into EVE JSON, and so perhaps to others: it must not tell the word.
    number = sid - FIRST_SID + 1
    return {
        "sid": sid,
        "rev": 1,
        "name": {"ja": f"登録した言葉 {number}", "en": f"Word {number}"},
        "category": str(Category.CUSTOM),
        "severity": str(Severity.MEDIUM),
        "buffers": list(map(str, DEFAULT_BUFFERS)),
        "keywords": [word],
        **given,
    }


def _table_text(values: Mapping[str, Any]) -> str:
    table = tomlkit.table()
    for key, value in values.items():
        if isinstance(value, dict):
            inline = tomlkit.inline_table()
            inline.update(value)
            table.append(key, inline)
        else:
            table.append(key, value)
    array = tomlkit.aot()
    array.append(table)
    document = tomlkit.document()
    document.append("signature", array)
    return "\n" + tomlkit.dumps(document).strip("\n") + "\n"


def _sections(text: str) -> list[tuple[int, int]]:
    """First line and end of each signature, from 0, with what stands between it and the next table."""
    tables = [
        name
        for name in find_names(text)
        if name.kind != "key" and (name.path[0] != "signature" or len(name.path) == 1)
    ]
    ends = [*(name.line - 1 for name in tables[1:]), text.count("\n") + 1]
    return [
        (name.line - 1, end) for name, end in zip(tables, ends, strict=True) if name.path == ("signature",)
    ]


def _with_section(text: str, index: int, news: Mapping[str, Any]) -> str:
    """``text`` with these keys of a signature set anew."""
    lines = text.split("\n")
    first, end = _section(text, index)
    section = tomlkit.parse("\n".join(lines[first:end]))
    table: Any = section["signature"]
    missing = [key for key in news if key not in table[0]]
    for key in news.keys() - missing:
        table[0][key] = news[key]
    changed = tomlkit.dumps(section).split("\n")
    # Behind the rev: what trails the table may belong to the next one.
    at = 1 + next((at for at, line in enumerate(changed) if line.lstrip().startswith("rev")), 0)
    changed[at:at] = [f"{key} = {tomlkit.item(news[key]).as_string()}" for key in missing]
    return "\n".join(lines[:first] + changed + lines[end:])


def _without_section(text: str, index: int) -> str:
    """``text`` without a signature and the comment right above it; one below belongs to what follows."""
    lines = text.split("\n")
    first, end = _section(text, index)
    while end > first and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    if first > 0 and not lines[first - 1].strip():
        first -= 1  # the blank line before it
    return "\n".join(lines[:first] + lines[end:])


def _section(text: str, index: int) -> tuple[int, int]:
    sections = _sections(text)
    if index >= len(sections):
        raise SignatureError(f"the signature {_BY_HAND}")
    return sections[index]


def _with_last_sid(text: str, last_sid: int) -> str:
    lines = text.split("\n")
    header, at = "", 0
    for name in find_names(text):
        if name.kind != "key":
            header = ".".join(name.path)
            if header == "set":
                at = name.line
        elif header == "set" and name.path == ("last_sid",):
            lines[name.line - 1] = _LAST_SID.sub(rf"\g<1>{last_sid}", lines[name.line - 1], count=1)
            return "\n".join(lines)
    if not at:
        raise SignatureError(f"[set] {_BY_HAND}")
    return "\n".join([*lines[:at], f"last_sid = {last_sid}", *lines[at:]])


def _checked(text: str, meant: Mapping[str, Any]) -> str:
    """``text``, if it says what is meant.

    :raises SignatureError: if not: it was written in a way that was not thought of here.
    """
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        said = {}
    if {"signature": [], **said} != meant:
        raise SignatureError(f"the file {_BY_HAND}")
    return text
