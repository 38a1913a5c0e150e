"""Where the events of all workers go: one file of EVE JSON, whole lines, appended to."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from sensor.errors import ConfigError


class EveFile:
    """Appends lines to a file or pipe, and loses them rather than wait for a disk or reader that is slow."""

    def __init__(self, path: Path, on_event: Callable[..., None]) -> None:
        """Open ``path``, made for its owner alone if it is missing.

        :raises ConfigError: if it can't be opened.
        """
        self._path = path
        self._on_event = on_event
        self._failing = False
        self.lines_lost = 0
        self._rest = b""
        """What a pipe did not take of a line that it took in part: that comes before all others."""
        self._descriptor = _open(path)

    def write(self, lines: bytes) -> None:
        """Append whole lines."""
        start = os.lseek(self._descriptor, 0, os.SEEK_END) if self._seekable else 0
        begun, written = len(self._rest), 0
        lines, self._rest = self._rest + lines, b""
        try:
            while written < len(lines):
                written += os.write(self._descriptor, memoryview(lines)[written:])
        except OSError as error:
            kept = lines.rfind(b"\n", 0, written) + 1
            if self._seekable:
                os.ftruncate(self._descriptor, start + kept)
            elif kept < written or written < begun:
                kept = lines.index(b"\n", written) + 1
                self._rest = lines[written:kept]
            self.lines_lost += lines.count(b"\n", kept)
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
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise ConfigError(f"EVE output {path}: {error.strerror}; name another file in [eve] path") from error
