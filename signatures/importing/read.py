"""A file to import: what type it is of, and what comes of it."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import PurePath

from sensor.errors import SignatureError
from signatures.importing.indicators import import_indicators
from signatures.importing.result import Imported, RefusedError
from signatures.importing.rule_text import looks_like_rules
from signatures.importing.rules import RuleOptions, import_rules
from signatures.importing.text_file import MAX_FILE, decode_text
from signatures.importing.words import ListOptions, import_words
from signatures.model import Category

_SIGNATURES = re.compile(
    r"(?:\s++|#[^\n]*\n)*+\[\[?[ \t]*(?:set|signature|override)[ \t]*\]\]?[ \t]*(?:#|$)", re.MULTILINE
)
"""The first table of a signature file, behind comments."""


class FileType(StrEnum):
    """What can be imported."""

    RULES = "rules"
    """Of Suricata or Snort."""
    LIST = "list"
    INDICATORS = "indicators"
    """A STIX 2.1 bundle, or a MISP event."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How a file is taken."""

    rules: RuleOptions
    words: ListOptions
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    """Indicators that are not valid then are refused."""


def import_file(octets: bytes, name: str, file_type: FileType | None, options: ImportOptions) -> Imported:
    """What comes of the file ``name``.

    :param file_type: None: told by its name's suffix and what it holds.
    :raises SignatureError: if it can't be read as that type.
    """
    kind = file_type or file_type_of(octets, name)
    text, charset = _decode(octets, name, kind)
    try:
        if kind is FileType.RULES:
            imported = import_rules(text, name, options.rules)
        elif kind is FileType.LIST:
            imported = import_words(text, name, options.words)
        else:
            words = options.words
            if words.category is Category.CUSTOM:
                words = replace(words, category=Category.MALWARE)
            imported = import_indicators(text, name, words, options.now)
    except RefusedError as error:
        raise SignatureError(f"{name}: {error.reason}") from error
    return replace(imported, read_as=f"{imported.read_as}, {charset}")


def file_type_of(octets: bytes, name: str) -> FileType:
    """What the file ``name`` holds, told by its suffix and contents.

    :raises SignatureError: if it is no text, or a signature file.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix == ".rules":
        return FileType.RULES
    text, _ = _decode(octets, name, None)
    if suffix == ".toml" or _SIGNATURES.match(text):
        raise SignatureError(
            f"{name}: is a signature file already, and needs no import; "
            "watchdog-sensor signatures check tells what is wrong with it"
        )
    if suffix in (".json", ".stix", ".misp") or text.lstrip()[:1] in ("{", "["):
        return FileType.INDICATORS
    return FileType.RULES if looks_like_rules(text) else FileType.LIST


def _decode(octets: bytes, name: str, file_type: FileType | None) -> tuple[str, str]:
    if len(octets) > MAX_FILE:
        raise SignatureError(f"{name}: is larger than {MAX_FILE:,} octets; split it")
    try:
        return decode_text(octets, latin=file_type is FileType.RULES)
    except RefusedError as error:
        raise SignatureError(f"{name}: {error.reason}") from error
