"""Whether a user without rights, confined as the unit says, can read this Python and what it imports."""

import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

HIDDEN: Final = (Path("/home"), Path("/root"), Path("/run/user"), Path("/tmp"), Path("/var/tmp"))  # noqa: S108
"""What the service does not see: ProtectHome= and PrivateTmp= of its unit."""


def environment_paths() -> list[Path]:
    """What must be readable: the interpreter, its libraries, ours; as named, and where links lead."""
    paths = sysconfig.get_paths()
    named = [
        Path(sys.executable),
        *(Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    ]
    named.append(Path(__file__).parent.parent)
    return list(dict.fromkeys(each for path in named for each in (path, Path(os.path.realpath(path)))))


def find_obstacles(paths: Iterable[Path], hidden: Iterable[Path] = HIDDEN) -> Iterator[str]:
    """Why ``paths`` can't be read by the service: one line each, the first one on each path."""
    told = set()
    for path in paths:
        obstacle = _obstacle(path, tuple(hidden))
        if obstacle and obstacle not in told:
            told.add(obstacle)
            yield obstacle


def _obstacle(path: Path, hidden: tuple[Path, ...]) -> str:
    for folder in hidden:
        if path.is_relative_to(folder):
            return f"{path}: the service does not see {folder}"
    for part in (*reversed(path.parents), path):
        try:
            mode = part.stat().st_mode
        except OSError as error:
            return f"{part}: {error.strerror}"
        needed = stat.S_IROTH | stat.S_IXOTH if part == path and part.is_dir() else stat.S_IROTH
        if part != path:
            needed = stat.S_IXOTH
        if mode & needed != needed:
            return f"{part}: closed to users without rights"
    return ""
