"""Options and defaults that several commands share."""

import argparse
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Never

from sensor.errors import ConfigError, StoreError
from sensor.places import SYSTEM_STATE, default_database

LARGEST = (1 << 63) - 1
"""SQLite's largest integer."""
_SHOWN = 40
"""Characters of a wrong value that its error shows."""


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, and where the help is.

    Help is shown as it is written, and options are given in full: an abbreviation would change its meaning
    with the next option that begins alike. Both hold for the parsers of its commands.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        options.setdefault("allow_abbrev", False)
        super().__init__(**options)

    def error(self, message: str) -> Never:
        """Exit with status 2."""
        text = " ".join(message.split()).encode("utf-8", "backslashreplace").decode()
        self.exit(2, f"{self.prog}: {text}; see {self.prog} --help\n")


def read_stdin(most: int) -> bytes:
    """Standard input, no more than ``most`` octets of it.

    :raises ConfigError: if there is none, or it can't be read.
    """
    if sys.stdin is None:  # closed by who started this
        raise ConfigError("standard input: is closed; give it a file or a pipe")
    try:
        return sys.stdin.buffer.read(most)
    except OSError as error:
        raise ConfigError(f"standard input: {error.strerror}; give it a file or a pipe") from error


def database_to_write(path: Path) -> Path:
    """``path``; the directory of the default one is made, as private as the standard asks (0700).

    :raises StoreError: if it cannot be made.
    """
    if path == default_database():
        try:
            for directory in (*reversed(path.parent.parents), path.parent):
                if not directory.is_dir():
                    directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{path.parent}: cannot be made ({error.strerror}); name a database with --db"
            ) from error
    return path


def database_to_read(path: Path) -> Path:
    """``path``; where nothing was logged to the default one yet, the installed service's.

    :raises StoreError: if the default one is meant and there is none, or it cannot be reached.
    """
    if path == default_database():
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            if service := _service_database():
                return service
            raise StoreError(
                f"{path}: no such database; replay a capture first, or name the file with --db"
            ) from error
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}; name a database with --db") from error
    return path


def _service_database() -> Path | None:
    """The database of the service that is installed on this machine, if there is one."""
    path = SYSTEM_STATE / "detections.db"
    try:
        return path if path.exists() else None
    except PermissionError as error:
        raise StoreError(f"{path}: the service's, for root alone; use sudo, or name a database") from error
    except OSError:
        return None


def default_language() -> str:
    """``ja`` in a Japanese locale, else ``en``."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "ja" if value.startswith("ja") else "en"
    return "en"


def add_database_option(parser: argparse.ArgumentParser) -> None:
    """``--db FILE``."""
    parser.add_argument(
        "--db",
        type=Path,
        default=default_database(),
        metavar="FILE",
        help="database of detections (default: {})".format(str(default_database()).replace("%", "%%")),
    )


def add_signatures_option(parser: argparse.ArgumentParser, *, default: list[Path] | None = None) -> None:
    """``--signatures PATH``."""
    parser.add_argument(
        "--signatures",
        action="append",
        default=default,
        type=Path,
        metavar="PATH",
        help="signature file or directory, beside the shipped ones; may be repeated",
    )


def add_builtin_option(parser: argparse.ArgumentParser) -> None:
    """``--no-builtin``."""
    parser.add_argument("--no-builtin", action="store_true", help="leave the shipped signatures out")


def add_language_option(parser: argparse.ArgumentParser) -> None:
    """``--lang``."""
    parser.add_argument(
        "--lang",
        choices=("ja", "en"),
        default=default_language(),
        help="language of what is shown (default: the locale's, now %(default)s)",
    )


def brief(text: str) -> str:
    """``text`` quoted for a line of its own kind, whatever its length."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def whole_number(text: str) -> int:
    """The number that ``text`` is; -1 if it is none, and some number above `LARGEST` if it is larger."""
    if not (text.isascii() and text.isdigit()):
        return -1
    # int() refuses thousands of digits; twenty tell as well that there are too many.
    return int(text.lstrip("0")[:20] or "0")


def count(text: str) -> int:
    """A whole number from 1, as an option's value."""
    number = whole_number(text)
    if not 1 <= number <= LARGEST:
        raise argparse.ArgumentTypeError(f"{brief(text)} is not a whole number from 1")
    return number


def moment(text: str) -> int:
    """A time, local unless it says, as nanoseconds since 1970; as an option's value."""
    try:
        moment = datetime.fromisoformat(text).astimezone()
        ns = int(moment.replace(microsecond=0).timestamp()) * 1_000_000_000 + moment.microsecond * 1000
    except (ValueError, OverflowError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time; write 2026-01-31 or 2026-01-31T09:00"
        ) from None
    # Times outside what the database holds, 1677 to 2262, stand for its ends: --until 9999-12-31.
    return max(-LARGEST, min(ns, LARGEST))


def table_width() -> int | None:
    """Cells of the terminal that standard output is, None for a file or pipe."""
    if not sys.stdout.isatty():
        return None
    return os.get_terminal_size(sys.stdout.fileno()).columns or 80


def use_color() -> bool:
    """Whether standard output is a terminal that knows escape sequences; NO_COLOR is Rich's to obey."""
    return sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def check_not_input(output: Path, inputs: list[Path], option: str) -> None:
    """Keep an output from overwriting what is read.

    :raises ConfigError: if ``output`` is one of ``inputs``, by whatever name.
    """
    for path in inputs:
        try:
            same = output.samefile(path)
        except OSError:
            continue  # one of them does not exist
        if same:
            raise ConfigError(f"{option} {output} would overwrite {path}; choose another file")
