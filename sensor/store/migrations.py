"""Brings a database to the newest schema, or refuses it with one line."""

from pathlib import Path

import aiosqlite

from sensor.errors import StoreError
from sensor.store.schema import APPLICATION_ID, MIGRATIONS

Migrations = tuple[tuple[str, ...], ...]


async def _pragma(db: aiosqlite.Connection, name: str) -> int:
    (row,) = await db.execute_fetchall(f"PRAGMA {name}")
    return int(row[0])


async def read_version(db: aiosqlite.Connection, path: Path, newest: int = len(MIGRATIONS)) -> int:
    """Version of the schema in ``db``, 0 for an empty database. Writes nothing.

    Raises `StoreError` for another application's database and for one newer than ``newest``.
    """
    if await _pragma(db, "application_id") != APPLICATION_ID:
        (row,) = await db.execute_fetchall("SELECT count(*) FROM sqlite_schema")
        if row[0]:
            raise StoreError(f"{path}: another program's SQLite database; choose another file with --db")
        return 0
    version = await _pragma(db, "user_version")
    if version > newest:
        raise StoreError(
            f"{path}: written by a newer watchdog-sensor (schema {version}, this one knows {newest}); "
            "update the program or choose another file with --db"
        )
    return version


async def _check_references(db: aiosqlite.Connection, path: Path) -> None:
    if list(await db.execute_fetchall("PRAGMA foreign_key_check")):
        raise StoreError(f"{path}: rows refer to others that are gone; restore the file from a copy")


async def migrate(db: aiosqlite.Connection, path: Path, migrations: Migrations = MIGRATIONS) -> None:
    """Apply what is missing of ``migrations``, all in one transaction: a kill leaves the old version.

    ``db`` is in autocommit mode. Two programs may open a new file at once: the version is read again
    under the write lock. Foreign keys are off meanwhile, so that a table can be rebuilt
    (https://www.sqlite.org/lang_altertable.html#otheralter), and are checked before the commit.
    """
    if await read_version(db, path, len(migrations)) == len(migrations):
        return
    await db.execute("PRAGMA foreign_keys = OFF")
    await db.execute("BEGIN IMMEDIATE")
    try:
        version = await read_version(db, path, len(migrations))
        for statements in migrations[version:]:
            for statement in statements:
                await db.execute(statement)
        await db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        await db.execute(f"PRAGMA user_version = {len(migrations)}")
        await _check_references(db, path)
        await db.execute("COMMIT")
    except BaseException:
        await db.rollback()
        raise
    finally:
        await db.execute("PRAGMA foreign_keys = ON")
