"""The file that ``signatures import`` writes: whole or not at all, and over nothing but its own."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from sensor.bundles.files import sync_folder, write_new
from sensor.errors import ConfigError, SensorError

MARK: Final = (
    "# Imported by watchdog-sensor signatures import, which replaces this file when it is run again."
)
"""The first line of each file that is written; only what begins with it is replaced."""
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_output(path: Path) -> None:
    """Keep an import from writing over what is none.

    :raises ConfigError: if there is something else than the file of an import.
    """
    try:
        # A device would be replaced for everybody on the machine.
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: is no file; name another with -o")
        with path.open("rb") as stream:
            first = stream.readline(len(MARK) + 2)
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name another file with -o") from error
    if first.rstrip(b"\r\n") != MARK.encode():
        raise ConfigError(f"{path}: is there, and not of an import; name another file with -o")


def write_output(path: Path, text: str) -> None:
    """Put ``text`` in the place of ``path``, or of what it links to, at once; its rights stay.

    :raises SensorError: if it can't be written; what was there is there still.
    """
    target = Path(os.path.realpath(path))
    fresh = target.with_name(f".{target.name}.new")
    try:
        fresh.unlink(missing_ok=True)  # left by one that was killed
        write_new(fresh, text.encode())
        try:
            _give_rights(target, fresh)
            fresh.replace(target)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)
    except OSError as error:
        first = "free space or " if error.errno in _FULL else ""
        raise SensorError(f"{path}: {error.strerror}; {first}choose another file") from error


def _give_rights(old: Path, new: Path) -> None:
    """The rights of the file that is replaced, if there is one, and where root replaces it its owner."""
    with suppress(FileNotFoundError):
        before = old.stat()
        if os.name == "posix" and os.geteuid() == 0:
            os.chown(new, before.st_uid, before.st_gid)
        new.chmod(stat.S_IMODE(before.st_mode))
