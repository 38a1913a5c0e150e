"""What a check found: a state, one line of what is so, one line of what to do; in Japanese and English."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from sensor.configuration import Configuration


class Level(StrEnum):
    """How things are."""

    OK = "ok"
    WARNING = "warning"
    """The sensor works, but not as well as it may; or the check could not be made."""
    PROBLEM = "problem"
    """The sensor can't work."""


class Words(NamedTuple):
    """The same in both languages."""

    en: str
    ja: str

    def of(self, language: str) -> str:
        """In ``ja`` or ``en``."""
        return self.ja if language == "ja" else self.en


@dataclass(frozen=True, slots=True)
class Finding:
    """What is so, and what to do about it."""

    level: Level
    result: Words
    advice: Words | None = None


def ok(en: str, ja: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, Words(en, ja))


def warning(en: str, ja: str, do_en: str, do_ja: str | None = None) -> Finding:
    """Something might be better. Advice that is a command is the same in both languages."""
    return Finding(Level.WARNING, Words(en, ja), Words(do_en, do_ja or do_en))


def problem(en: str, ja: str, do_en: str, do_ja: str | None = None) -> Finding:
    """Something must be done. Advice that is a command is the same in both languages."""
    return Finding(Level.PROBLEM, Words(en, ja), Words(do_en, do_ja or do_en))


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined."""

    configuration: Configuration
    database: Path


Findings = Iterator[Finding]
Check = Callable[[Subject], Findings]


def describe(error: Exception) -> str:
    """An error as part of a line."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
