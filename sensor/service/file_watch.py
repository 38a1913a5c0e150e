"""Notices that signature files changed, so that they are taken into use without being asked.

They are looked at every second. inotify would tell at once, but not of files on network file systems nor
of what is behind links; it needs ctypes, and a watch on each folder of a path that is not there yet; and
whoever writes several files takes seconds for it anyhow. A look at a thousand files takes milliseconds, in a
thread: a disk that hangs delays nothing else.
"""

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 1.0
"""Between two looks. A change counts when two of them in a row saw the same: who writes is done by then."""

Stamp = frozenset[tuple[str, int, int, int, int]]
"""What is known of files without reading them: of each its path, inode, size, and times of change in ns."""


def stamp_files(paths: Iterable[Path]) -> Stamp:
    """The stamp of ``paths``, files and directories of ``*.toml``; what can't be looked at is left out."""
    return frozenset(stamp for path in paths for stamp in _stamps(path))


def _stamps(path: Path) -> Iterable[tuple[str, int, int, int, int]]:
    try:
        with os.scandir(path) as entries:
            names = [entry.path for entry in entries if fnmatchcase(entry.name, "[!.]*.toml")]
    except OSError:  # a file, or nothing
        names = [str(path)]
    for name in names:
        try:
            now = os.stat(name)  # noqa: PTH116  # a Path for each of a thousand files costs more than the look
        except OSError:
            continue
        yield name, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


class FileWatch:
    """What was last seen, and what is in use."""

    def __init__(self) -> None:
        self._used: Stamp | None = None
        self._seen: Stamp | None = None

    def use(self, stamp: Stamp) -> None:
        """Files of this stamp are being read, for whatever reason: they are no news any more."""
        self._used = stamp

    def look(self, stamp: Stamp) -> bool:
        """Whether these are not the files in use, and did not change since the last look."""
        is_quiet, self._seen = stamp == self._seen, stamp
        return is_quiet and stamp != self._used
