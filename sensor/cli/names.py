"""Names that options of several commands take: each option its own, and told by no other's."""

import argparse
from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from sensor.cli.options import brief

if TYPE_CHECKING:  # a command imports what it needs when it runs
    from signatures.model import Buffer, Category, Fold, Severity

_PLACES = MappingProxyType(
    {
        "url": ("http.uri",),
        "host": ("http.host", "tls.sni", "dns.query"),
        "body": ("http.request_body", "http.response_body"),
        "agent": ("http.user_agent",),
        "referer": ("http.referer",),
        "payload": ("payload",),
    }
)
"""Where a word is looked for, in people's words. The buffers' own names are taken, too."""
_Name = TypeVar("_Name", bound=StrEnum)


def category(text: str) -> "Category":
    """A category, as an option's value."""
    from signatures.model import Category

    return _one(Category, text)


def severity(text: str) -> "Severity":
    """A severity, as an option's value."""
    from signatures.model import Severity

    return _one(Severity, text)


def buffers(text: str) -> "tuple[Buffer, ...]":
    """Buffers joined by commas, as an option's value."""
    from signatures.model import Buffer

    return tuple(dict.fromkeys(_one(Buffer, name) for name in _parts(text)))


def places(text: str) -> "tuple[Buffer, ...]":
    """Buffers, by their own names or in people's words, joined by commas, as an option's value."""
    from signatures.model import Buffer

    found: list[Buffer] = []
    for name in _parts(text):
        if name not in _PLACES and name not in tuple(Buffer):
            known = ", ".join(dict.fromkeys((*_PLACES, *Buffer)))
            raise argparse.ArgumentTypeError(f"{brief(name)} is no place; take of {known}")
        found += map(Buffer, _PLACES.get(name, (name,)))
    return tuple(dict.fromkeys(found))


def folds(text: str) -> "tuple[Fold, ...]":
    """Foldings joined by commas, or ``none``, as an option's value."""
    from signatures.model import Fold

    names = [] if text == "none" else _parts(text)
    return tuple(dict.fromkeys(_one(Fold, name, ", or none") for name in names))


def _parts(text: str) -> Iterable[str]:
    return (name.strip() for name in text.split(","))


def _one(names: type[_Name], text: str, also: str = "") -> _Name:
    if text not in tuple(names):
        raise argparse.ArgumentTypeError(f"{brief(text)} is none; take of {', '.join(names)}{also}")
    return names(text)
