"""Opening the database, and every SQLite error as one line that names the file.

Durability: WAL with ``synchronous=FULL``. A killed process loses nothing that was committed under
NORMAL either, because the kernel holds the pages; but a gateway's plug gets pulled, and NORMAL may
then lose the last commits. FULL costs one fsync a commit, and commits are batched.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import aiosqlite

from sensor.errors import StoreError
from sensor.store.migrations import Migrations, migrate, read_version
from sensor.store.schema import MIGRATIONS

_WAL_LIMIT = 64 << 20
"""Octets to which a -wal file shrinks after a long reader had kept it from being folded in. SQLite folds
it in at 4 MB by itself, which suffices for months where nobody reads for long."""
_LOCK_TIMEOUT = 10.0
"""Seconds to wait for another writer. One commit takes milliseconds; ten seconds is a hung disk."""
_OLDEST_SQLITE = (3, 37, 0)
"""STRICT tables, November 2021."""

_ADVICE = MappingProxyType(
    {
        sqlite3.SQLITE_FULL: (
            "the disk is full; what was committed stays readable; free some space, or use another --db"
        ),
        sqlite3.SQLITE_IOERR: (
            "the disk refused to read or write ({}); what was committed stays; "
            "check its space and health, or use another --db"
        ),
        sqlite3.SQLITE_BUSY: "another program keeps it locked; wait for it to end, or use another --db",
        sqlite3.SQLITE_READONLY: "not writable; change its permissions, or use another --db",
        sqlite3.SQLITE_CANTOPEN: "cannot be opened; check the permissions of the file and its directory",
        sqlite3.SQLITE_PERM: "no permission; change it, or use another --db",
        sqlite3.SQLITE_CORRUPT: "damaged; move it away ('sqlite3 FILE .recover' helps), or use another --db",
        sqlite3.SQLITE_NOTADB: "not a database; choose another file with --db",
    }
)


_PASSING = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL})
"""What may be over by the next try. After an error of the disk itself nobody knows what it holds."""


_CONSTRAINT_DATATYPE = 3091
"""https://www.sqlite.org/rescode.html#constraint_datatype, which the module has no name for."""
_REFUSED = frozenset({_CONSTRAINT_DATATYPE, sqlite3.SQLITE_CONSTRAINT_NOTNULL, sqlite3.SQLITE_TOOBIG})
_UNBINDABLE = (sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.DataError)
"""What the module itself raises for a value that is none of SQLite's."""


class StoreBlockedError(StoreError):
    """Nothing was written, and the same may succeed later: another program's lock, a full disk."""


class StoreValueError(StoreError):
    """Nothing was written, since a value of what was given is of no type or size that the tables take."""


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """``error`` as one line that says what to do about ``path``."""
    # Extended codes keep the primary one in the low octet. Errors of the sqlite3 module have none.
    code = getattr(error, "sqlite_errorcode", -1)
    advice = _ADVICE.get(code & 0xFF, "{}").format(error)
    kind = StoreError
    if code & 0xFF in _PASSING:
        kind = StoreBlockedError
    elif code in _REFUSED or (code == -1 and isinstance(error, _UNBINDABLE)):
        kind = StoreValueError
    return kind(f"{path}: {advice}")


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Turn `sqlite3.Error` and `OSError` from within into `StoreError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error
    except (OverflowError, UnicodeEncodeError) as error:  # an integer past 64 bits, a lone surrogate
        raise StoreValueError(f"{path}: {error}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise StoreError(f"{path}: {reason}; choose another file with --db") from error


def _check_path(path: Path) -> None:
    """Say by name what SQLite would only call "unable to open database file"."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old; install a Python with 3.37 or newer")
    if path.is_dir():
        raise StoreError(f"{path}: a directory; name a file with --db")
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise StoreError(f"{path}: not a regular file; name another one with --db")
    if not path.parent.is_dir():
        raise StoreError(f"{path}: there is no directory {path.parent}; create it, or use another --db")


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise StoreError(f"{path}: no such database; replay a capture first, or name the file with --db")


async def open_for_writing(
    path: Path, migrations: Migrations = MIGRATIONS, *, lock_timeout: float | None = None
) -> aiosqlite.Connection:
    """Open ``path``, made with mode 0600 if missing, at the newest schema; in autocommit mode.

    SQLite gives the -wal and -shm files the mode of the database. Raises `StoreError`; a file that is
    refused is left as it was.

    :param lock_timeout: seconds to wait for another writer, where the usual is too long.
    """
    with store_errors(path):
        _check_path(path)
        # What is logged is private: no moment in which others may read it, whatever the umask.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        timeout = _LOCK_TIMEOUT if lock_timeout is None else lock_timeout
        db = await aiosqlite.connect(path, timeout=timeout, isolation_level=None)
        try:
            await read_version(db, path, len(migrations))
            await db.execute("PRAGMA journal_mode = WAL")
            await db.execute("PRAGMA synchronous = FULL")
            await db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
            await migrate(db, path, migrations)
            await db.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            await db.close()
            raise
        return db


@asynccontextmanager
async def open_for_reading(path: Path) -> AsyncIterator[aiosqlite.Connection]:
    """Connect read-only to ``path``, while others may write. Raises `StoreError`, also from within."""
    with store_errors(path):
        _check_path(path)
        _check_exists(path)
        async with aiosqlite.connect(
            _read_only_uri(path), uri=True, timeout=_LOCK_TIMEOUT, isolation_level=None
        ) as db:
            version = await read_version(db, path)
            if not version:
                raise StoreError(f"{path}: nothing was logged to it yet; replay a capture into it first")
            if version < len(MIGRATIONS):
                raise StoreError(
                    f"{path}: of an older watchdog-sensor (schema {version}); any replay into it updates it"
                )
            yield db


def _read_only_uri(path: Path) -> str:
    """URI that opens ``path`` read-only.

    A WAL database needs a -shm file next to it. Where the directory is not ours to write and no -wal
    file shows a writer, the file is at rest: ``immutable`` reads it without one
    (https://www.sqlite.org/wal.html#read_only_databases).
    """
    at_rest = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    return f"file:{quote(os.fsencode(path.absolute()))}?mode=ro" + ("&immutable=1" if at_rest else "")
