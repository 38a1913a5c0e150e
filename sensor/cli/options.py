"""Options and defaults that several commands share."""

import argparse
import os
import sys
from pathlib import Path


def default_database() -> Path:
    """Where detections are kept unless told otherwise (XDG Base Directory Specification)."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "watchdog-sensor" / "detections.db"


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
        help="database of detections (default: %(default)s)",
    )


def add_language_option(parser: argparse.ArgumentParser) -> None:
    """``--lang``."""
    parser.add_argument(
        "--lang",
        choices=("ja", "en"),
        default=default_language(),
        help="language of tables (default: the locale's, now %(default)s)",
    )


def table_width() -> int | None:
    """Cells of the terminal that standard output is, None for a file or pipe."""
    if not sys.stdout.isatty():
        return None
    return os.get_terminal_size(sys.stdout.fileno()).columns or 80
