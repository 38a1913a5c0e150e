"""The service's own log: lines on standard error, which the journal keeps, and rows in the store.

Events have names and details, never anything of a packet's content.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import MappingProxyType
from typing import Final

_PRIORITY: Final = MappingProxyType({"debug": 7, "info": 6, "warning": 4, "error": 3})
"""syslog(3)'s, as sd-daemon(3) has them at the start of a line."""


class Journal:
    """Logs events. Levels are ``debug``, ``info``, ``warning`` and ``error``."""

    def __init__(self, level: str, form: str) -> None:
        """Log to standard error.

        :param form: ``text``, ``json``, or ``auto``: with priorities for the journal if it reads, else text.
        """
        self._least = _PRIORITY[level]
        self._form = "journal" if form == "auto" and _is_journal() else form
        self.keep: Callable[..., None] | None = None
        """Keeps ``(level, event, **detail)`` in the store; set once there is one."""

    def __call__(self, level: str, event: str, /, **detail: object) -> None:
        """Log an event."""
        if _PRIORITY[level] > self._least:
            return
        if self.keep is not None:
            self.keep(level, event, **detail)
        self.say(level, event, **detail)

    def say(self, level: str, event: str, /, **detail: object) -> None:
        """Write the line alone: the store has the event already, or is what it is about."""
        # Whoever read it may be gone; the store still has it.
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{self._line(level, event, detail)}\n")
            sys.stderr.flush()

    def _line(self, level: str, event: str, detail: dict[str, object]) -> str:
        if self._form == "json":
            row = {"time": _now(), "level": level, "event": event, **detail}
            return json.dumps(row, ensure_ascii=True, default=str)
        words = " ".join([event, *(f"{key}={_value(value)}" for key, value in detail.items())])
        if self._form == "journal":
            return f"<{_PRIORITY[level]}>{words}"
        return f"{_now()} {level} {words}"


def _value(value: object) -> str:
    """A value on one line, quoted where it would not be told from what follows."""
    text = str(value)
    return text if text and text.isprintable() and not set(' "=') & set(text) else json.dumps(text)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _is_journal() -> bool:
    """Whether standard error goes to the journal (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        device, inode = map(int, os.environ.get("JOURNAL_STREAM", "").split(":"))
        status = os.fstat(2)
    except (OSError, ValueError):
        return False
    return (status.st_dev, status.st_ino) == (device, inode)
