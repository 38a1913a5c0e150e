"""Tables of a signature file, read key by key.

A check never stops at the first mistake: whoever writes a file sees all of them at once. Where a value is
of no use, its default takes its place, so that one mistake is told once.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from sensor.toml import nearest, type_name
from signatures.limits import MAX_TEXT

LANGUAGES = ("ja", "en")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Of the text that terminals show; keywords may hold anything."""
_SHOWN = 64
"""Characters of a value that a reason quotes."""
_Choice = TypeVar("_Choice", bound=StrEnum)

Report = Callable[[str, str], None]
"""Takes the path of a key (names, and places in arrays, joined by dots) and what is wrong with it."""


class Fields:
    """One table."""

    __slots__ = ("_path", "_report", "_values")

    def __init__(self, values: Mapping[str, Any], report: Report, path: str = "") -> None:
        """Read ``values``, which is at ``path`` of the table that ``report`` takes paths in."""
        self._values = values
        self._report = report
        self._path = path

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def within(self, path: str, values: Mapping[str, Any]) -> "Fields":
        """The table ``values``, which is at ``path`` of this one."""
        return Fields(values, self._report, f"{self._path}.{path}" if self._path else path)

    def wrong(self, key: str, reason: str) -> None:
        """Report a mistake of ``key``, or of the table where it is empty."""
        self._report(f"{self._path}.{key}" if self._path and key else self._path or key, reason)

    def only(self, known: Collection[str]) -> None:
        """Report the keys that nothing reads."""
        for key in self._values:
            if key not in known:
                self.wrong(key, f"unknown key {key[:_SHOWN]!r} ({nearest(key, known)})")

    def need(self, keys: Collection[str]) -> None:
        """Report those of ``keys`` that are not there."""
        for key in keys:
            if key not in self._values:
                self.wrong("", f"{key} is missing")

    def value(self, key: str) -> Any:
        """Whatever ``key`` holds; None if it is not there."""
        return self._values.get(key)

    def integer(self, key: str, default: int, least: int, most: int) -> int:
        """An integer from ``least`` to ``most``."""
        if key not in self._values:
            return default
        value = self._values[key]
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(key, f"{key} must be an integer, not {type_name(value)}")
        elif not least <= value <= most:
            self.wrong(key, f"{key} must be from {least} to {most}")
        else:
            return value
        return default

    def flag(self, key: str, default: bool = False) -> bool:
        """A boolean."""
        if key not in self._values:
            return default
        value = self._values[key]
        if isinstance(value, bool):
            return value
        self.wrong(key, f"{key} must be true or false, not {type_name(value)}")
        return default

    def choice(self, key: str, choices: type[_Choice], default: _Choice) -> _Choice:
        """One of ``choices``."""
        if key not in self._values:
            return default
        return self._chosen(key, self._values[key], choices) or default

    def choices(self, key: str, choices: type[_Choice]) -> tuple[_Choice, ...]:
        """Some of ``choices``, each once."""
        if key not in self._values:
            return ()
        chosen = [self._chosen(key, text, choices) for text in self.texts(key, len(choices))]
        return tuple(choice for choice in chosen if choice is not None)

    def texts(self, key: str, most: int) -> tuple[str, ...]:
        """Strings, each once; none if ``key`` is not there."""
        if key not in self._values:
            return ()
        entries = self.entries(key, most, "strings")
        for entry in entries:
            if not isinstance(entry, str):
                self.wrong(key, f"{key} must hold strings only, not {type_name(entry)}")
                return ()
        texts = tuple(dict.fromkeys(entries))
        if len(texts) < len(entries):
            counts = Counter(entries)
            twice = next(text for text in texts if counts[text] > 1)
            self.wrong(key, f"{key} holds {twice[:_SHOWN]!r} twice")
        return texts

    def entries(self, key: str, most: int, of: str) -> list[Any]:
        """An array's entries, whatever they are; ``of`` says what they should be."""
        value = self._values.get(key, [])
        if not isinstance(value, list):
            self.wrong(key, f"{key} must be an array of {of}, not {type_name(value)}")
        elif len(value) > most:
            self.wrong(key, f"{key} holds {len(value):,} entries, {most:,} at most")
        else:
            return value
        return []

    def lines(self, key: str, most: int) -> tuple[str, ...]:
        """Texts for people."""
        return tuple(self._line(key, text) for text in self.texts(key, most))

    def line(self, key: str) -> str:
        """Text for people; empty if ``key`` is not there."""
        return self._line(key, self._values[key]) if key in self._values else ""

    def translations(self, key: str) -> dict[str, str]:
        """Text by language; a string stands for itself in every one."""
        if key not in self._values:
            return {}
        value = self._values[key]
        if isinstance(value, str):
            return dict.fromkeys(LANGUAGES, self._line(key, value))
        if not isinstance(value, dict):
            self.wrong(key, f"{key} must be a string or a table of {' and '.join(LANGUAGES)}")
            return {}
        self.within(key, value).only(LANGUAGES)
        if not value:
            self.wrong(key, f"{key} is empty")
        known = {language: value[language] for language in LANGUAGES if language in value}
        return {language: self._line(f"{key}.{language}", text) for language, text in known.items()}

    def table(self, key: str) -> "Fields | None":
        """A table in this one; None if it is not there, or is none."""
        if key not in self._values:
            return None
        value = self._values[key]
        if isinstance(value, dict):
            return self.within(key, value)
        self.wrong(key, f"{key} must be a table, not {type_name(value)}")
        return None

    def tables(self, key: str, most: int) -> "Iterator[Fields]":
        """The tables of an array."""
        if key not in self._values:
            return
        for index, entry in enumerate(self.entries(key, most, "tables")):
            path = f"{key}.{index}"
            if isinstance(entry, dict):
                yield self.within(path, entry)
            else:
                self.wrong(path, f"{key} must hold tables only, not {type_name(entry)}")

    def _chosen(self, key: str, value: object, choices: type[_Choice]) -> _Choice | None:
        if not isinstance(value, str):
            self.wrong(key, f"{key} must be a string, not {type_name(value)}")
            return None
        try:
            return choices(value)
        except ValueError:
            kind = "category" if key == "category" else key.removesuffix("s")
            self.wrong(key, f"unknown {kind} {value[:_SHOWN]!r} ({nearest(value, tuple(choices))})")
            return None

    def _line(self, key: str, value: object) -> str:
        if not isinstance(value, str):
            self.wrong(key, f"{key} must be a string, not {type_name(value)}")
        elif not value.strip():
            self.wrong(key, f"{key} is empty")
        elif len(value) > MAX_TEXT:
            self.wrong(key, f"{key} is longer than {MAX_TEXT} characters")
        elif _CONTROL.search(value.replace("\n", " ") if key.startswith("description") else value):
            self.wrong(key, f"{key} holds a control character")
        else:
            return value
        return ""
