"""Brings a database to the newest schema, or refuses it with one line."""

from pathlib import Path

import aiosqlite

from sensor.errors import StoreError
from sensor.store.schema import APPLICATION_ID, MIGRATIONS
from sensor.store.transaction import transaction

Migrations = tuple[tuple[str, ...], ...]


async def _read_number(db: aiosqlite.Connection, sql: str) -> int:
    (row,) = await db.execute_fetchall(sql)
    return int(row[0])


async def _read_header(db: aiosqlite.Connection) -> tuple[int, int, int]:
    """Application id, version and number of schema objects. The caller holds a transaction."""
    application_id = await _read_number(db, "PRAGMA application_id")
    version = await _read_number(db, "PRAGMA user_version")
    return application_id, version, await _read_number(db, "SELECT count(*) FROM sqlite_schema")


def _check_header(header: tuple[int, int, int], path: Path, newest: int) -> int:
    """Return the version of the schema, 0 for an empty database."""
    application_id, version, object_count = header
    if application_id != APPLICATION_ID:
        if object_count:
            raise StoreError(f"{path}: another program's SQLite database; choose another file with --db")
        return 0
    if version > newest:
        raise StoreError(
            f"{path}: written by a newer watchdog-sensor (schema {version}, this one knows {newest}); "
            "update the program or choose another file with --db"
        )
    return version


async def read_version(db: aiosqlite.Connection, path: Path, newest: int = len(MIGRATIONS)) -> int:
    """Return the version of the schema in ``db``, 0 for an empty database. Writes nothing.

    Raises `StoreError` for another application's database and for one newer than ``newest``.
    """
    # One snapshot: another program may be making the tables at this moment.
    async with transaction(db, "DEFERRED"):
        header = await _read_header(db)
    return _check_header(header, path, newest)


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
    try:
        async with transaction(db):
            version = _check_header(await _read_header(db), path, len(migrations))
            for statements in migrations[version:]:
                for statement in statements:
                    await db.execute(statement)
            await db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            await db.execute(f"PRAGMA user_version = {len(migrations)}")
            await _check_references(db, path)
    finally:
        await db.execute("PRAGMA foreign_keys = ON")
