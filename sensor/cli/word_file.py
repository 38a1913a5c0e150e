"""The file of the subscriber's words, read and changed: never left with a mistake in it."""

from pathlib import Path
from typing import Final

from sensor.configuration import Configuration
from sensor.errors import ConfigError, SensorError, SignatureError
from signatures.loader import MAX_FILE, check_files, load_signatures
from signatures.model import Signature
from signatures.private_file import locked, replace_private, require_file
from signatures.words import Edit, Outcome

_SHOWN: Final = 10
"""Mistakes that an error lists."""


def word_file(configuration: Configuration) -> Path:
    """The file that a sensor with this configuration reads.

    :raises ConfigError: if it reads none.
    """
    path = configuration.signatures.subscriber
    if path is None:
        raise ConfigError(
            "[signatures] subscriber is false: the sensor reads no words; name a file with --file"
        )
    return path


def read_words(path: Path) -> list[Signature]:
    """The signatures of ``path``, by sid; none where it is not there.

    :raises SensorError: if it can't be read, or has a mistake.
    """
    require_file(path)
    return sorted(load_signatures([path], builtin=False), key=lambda each: each.sid) if _text(path) else []


def change_words(path: Path, edit: Edit) -> tuple[list[Outcome], bool]:
    """Put what ``edit`` makes of the text of ``path`` in its place, if the loader finds no mistake in it.

    :returns: what became of the words, and whether anything changed.
    :raises SensorError: if not; the file is as it was then.
    """
    with locked(path):
        before = _text(path)
        if before and (problems := check_files([path]).problems):
            raise SignatureError("\n".join(map(str, problems[:_SHOWN])))
        try:
            after, outcomes = edit(before)
        except SignatureError as error:
            raise SignatureError(f"{path}: {error}") from error
        if after != before:
            replace_private(path, after.encode(), _check)
    return outcomes, after != before


def _text(path: Path) -> str:
    """Empty where there is no file; of one that is too large, enough for the loader to refuse it."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_FILE + 1).decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        raise SignatureError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise SensorError(f"{path}: {error.strerror}; use sudo, or name another file with --file") from error


def _check(new: Path) -> None:
    """:raises SignatureError: the mistakes of what would be written; its lines are nowhere to be seen."""
    if problems := check_files([new]).problems:
        raise SignatureError("\n".join(f"not written: {each.reason}" for each in problems[:_SHOWN]))
