"""Where the events of all workers go: one file of EVE JSON, whole lines, appended to."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from sensor.errors import ConfigError


class EveFile:
    """Appends lines to a file, and loses them rather than stop for a disk that is full."""

    def __init__(self, path: Path, on_event: Callable[..., None]) -> None:
        """Open ``path``, made for its owner alone if it is missing.

        :raises ConfigError: if it can't be opened.
        """
        self._path = path
        self._on_event = on_event
        self._failing = False
        self.lines_lost = 0
        self._descriptor = _open(path)

    def write(self, lines: bytes) -> None:
        """Append whole lines."""
        start = os.lseek(self._descriptor, 0, os.SEEK_END) if self._seekable else 0
        written = 0
        try:
            while written < len(lines):
                written += os.write(self._descriptor, memoryview(lines)[written:])
        except OSError as error:
            kept = lines.rfind(b"\n", 0, written) + 1
            self.lines_lost += lines.count(b"\n", kept)
            if self._seekable:
                os.ftruncate(self._descriptor, start + kept)
            if not self._failing:
                self._failing = True
                self._on_event("error", "eve_failing", path=str(self._path), error=error.strerror)
            return
        if self._failing:
            self._failing = False
            self._on_event("info", "eve_written_again", path=str(self._path), lost=self.lines_lost)

    def reopen(self) -> None:
        """Go on in a new file where a log rotation moved the old one away; else nothing changes.

        :raises ConfigError: if it can't be opened; the old one is then written to further.
        """
        descriptor = _open(self._path)
        os.close(self._descriptor)
        self._descriptor = descriptor

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    @property
    def _seekable(self) -> bool:
        """Whether it is a file, and no pipe: what was written can be cut off again."""
        return stat.S_ISREG(os.fstat(self._descriptor).st_mode)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        raise ConfigError(f"EVE output {path}: {error.strerror}; name another file in [eve] path") from error
