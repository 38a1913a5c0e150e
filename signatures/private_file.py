"""A file for its owner alone, replaced whole or not at all, by one writer at a time.

Where root writes into another user's folder, as that of a service with a user of its own, the file becomes
that user's.
"""

import contextlib
import errno
import os
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from sensor.errors import SensorError

if sys.platform != "win32":
    import fcntl

_LOCK_SECONDS: Final = 10.0
"""For another writer to be done: a hundred times what a file of ten thousand words takes."""
_LOCK_TRIES: Final = 0.02


def require_file(path: Path) -> None:
    """Refuse a device, which would be replaced for everybody on the machine, a pipe, and a folder.

    :raises SensorError: if ``path`` is such a thing. That there is nothing is for others to tell.
    """
    with contextlib.suppress(OSError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise SensorError(f"{path}: is no file; name another one with --file")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Have no other process write ``path`` meanwhile; makes its folder (0700) where there is none.

    On Windows nothing keeps two writers apart; of what they wrote at one time the last stays, whole.

    :raises SensorError: if ``path`` is something else than a file, its folder can't be made, or another
        writer doesn't end.
    """
    require_file(path)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The file itself is replaced, so it can't be what is locked.
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(path.with_name(f".{path.name}.lock"), flags, 0o600)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        _lock(descriptor, path)
        _give_to_owner_of(path.parent, descriptor)
        yield
    finally:
        os.close(descriptor)


def replace_private(path: Path, octets: bytes, check: Callable[[Path], None]) -> None:
    """Make or replace ``path`` (0600); ``check`` sees it first, under another name, and may refuse it.

    :raises SensorError: if it can't be written, or as ``check`` does; nothing has changed then.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(octets)
                stream.flush()
                _give_to_owner_of(path.parent, stream.fileno())
                os.fsync(stream.fileno())
            check(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error


def _lock(descriptor: int, path: Path) -> None:
    if sys.platform == "win32":
        return
    until = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise SensorError(f"{path}: another command is changing it; try again") from None
            time.sleep(_LOCK_TRIES)
        else:
            return


def _give_to_owner_of(folder: Path, descriptor: int) -> None:
    if sys.platform != "win32" and os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    """The new name is on the disk too, and not the old one after a power cut."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> SensorError:
    first = "free space" if error.errno == errno.ENOSPC else "use sudo"
    return SensorError(f"{path}: {error.strerror}; {first}, or name another file with --file")
