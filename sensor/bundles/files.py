"""Files that survive a power cut: written, flushed to the disk, and only then put in their place."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sensor.errors import SensorError


def write_new(path: Path, octets: bytes, mode: int = 0o666) -> None:
    """Make a file that was not there; its octets are on the disk when this returns, not yet its name.

    :param mode: its rights, less the umask.
    :raises FileExistsError: if it is there.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(octets)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replace_file(path: Path, octets: bytes) -> None:
    """Put a file in the place of ``path``, at once: whoever opens it finds the old or the new one whole."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)  # left by one that was killed
    write_new(fresh, octets)
    fresh.replace(path)
    sync_folder(path.parent)


def place_new(path: Path, octets: bytes) -> None:
    """Make a file that was not there, at once: nobody ever finds a part of it.

    :raises FileExistsError: if it is there.
    """
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    write_new(fresh, octets)
    try:
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            raise
        except OSError:  # a file system without such links, as sticks have
            if os.path.lexists(path):
                raise FileExistsError(path) from None
            fresh.rename(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def replace_link(link: Path, target: Path) -> None:
    """Make ``link`` a symbolic link to ``target``, at once, whatever it was before."""
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target, target_is_directory=True)
    fresh.replace(link)
    sync_folder(link.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in ``folder`` on the disk. Windows has no such thing."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock that ``path`` stands for; the system takes it away from a process that ends.

    :raises SensorError: if another process holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _lock(descriptor)
        except OSError as error:
            raise SensorError(
                f"{path.parent}: another command is at work there; wait until it is done"
            ) from error
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  # of Windows alone

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415  # which Windows has not

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
