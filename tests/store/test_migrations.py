"""A database of any earlier version is brought to the newest, or left as it was."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from sensor.errors import StoreError
from sensor.store.database import open_for_writing
from sensor.store.migrations import Migrations
from sensor.store.schema import APPLICATION_ID, MIGRATIONS
from tests.store.rows import rows_of

NEXT = (
    "ALTER TABLE detection ADD COLUMN verdict TEXT",
    "UPDATE detection SET verdict = 'unseen'",
)
REBUILD = (
    "CREATE TABLE new_run (id INTEGER PRIMARY KEY, status TEXT NOT NULL) STRICT",
    "INSERT INTO new_run SELECT id, status FROM run",
    "DROP TABLE run",
    "ALTER TABLE new_run RENAME TO run",
)


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    """A database of version 1, as its program wrote it, with one run and one detection."""
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as db:
        for statement in MIGRATIONS[0]:
            db.execute(statement)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.execute(
            "INSERT INTO run"
            " VALUES (1, 'replay', 'a', 1, 2, 'completed', '- 1 -', '', '', 1, 1, '{}', 1, NULL)"
        )
        db.execute(
            "INSERT INTO detection VALUES (1, 1, 1, 1, 1, NULL, 'n', 'c', 'low', 'payload', 1, NULL,"
            " '192.0.2.1', 1, '192.0.2.2', 2, NULL, NULL, 'TCP', '', 1, 0, 1, x'00', 0, '', '', '')"
        )
    db.close()
    return path


def bring_up(path: Path, migrations: Migrations) -> None:
    async def run() -> None:
        await (await open_for_writing(path, migrations)).close()

    asyncio.run(run())


def test_version_1_is_brought_to_the_newest(version_1: Path) -> None:
    bring_up(version_1, MIGRATIONS)
    assert rows_of(version_1, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert rows_of(version_1, "SELECT id, run_id, form, text FROM detection") == [(1, 1, None, None)]


def test_upgraded_schema_is_that_of_a_new_file(version_1: Path, tmp_path: Path) -> None:
    schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY name"
    migrations = (*MIGRATIONS, NEXT)
    bring_up(version_1, migrations)
    bring_up(tmp_path / "new.db", migrations)
    assert rows_of(version_1, schema) == rows_of(tmp_path / "new.db", schema)


def test_steps_are_applied_in_order_and_once(version_1: Path) -> None:
    for _ in range(2):
        bring_up(version_1, (*MIGRATIONS, NEXT, ("UPDATE detection SET verdict = verdict || '!'",)))
    assert rows_of(version_1, "PRAGMA user_version") == [(len(MIGRATIONS) + 2,)]
    assert rows_of(version_1, "SELECT verdict FROM detection") == [("unseen!",)]


def test_step_that_fails_leaves_the_old_version(version_1: Path) -> None:
    with pytest.raises(StoreError, match="no such table"):
        bring_up(version_1, (*MIGRATIONS, NEXT, ("UPDATE nonsense SET x = 1",)))
    assert rows_of(version_1, "PRAGMA user_version") == [(1,)]
    assert "verdict" not in [row[1] for row in rows_of(version_1, "PRAGMA table_info(detection)")]


def test_table_that_others_refer_to_can_be_rebuilt(version_1: Path) -> None:
    bring_up(version_1, (*MIGRATIONS, REBUILD))
    assert rows_of(version_1, "SELECT id, status FROM run") == [(1, "completed")]
    assert rows_of(version_1, "SELECT count(*) FROM detection") == [(1,)]


def test_step_that_orphans_rows_is_refused(version_1: Path) -> None:
    with pytest.raises(StoreError, match="rows refer to others that are gone"):
        bring_up(version_1, (*MIGRATIONS, ("DELETE FROM run",)))
    assert rows_of(version_1, "SELECT count(*) FROM run") == [(1,)]


def test_connection_has_the_stated_guarantees(tmp_path: Path) -> None:
    async def pragmas() -> list[int | str]:
        db = await open_for_writing(tmp_path / "a.db")
        names = ("journal_mode", "synchronous", "foreign_keys")
        values = [row[0] for name in names for row in await db.execute_fetchall(f"PRAGMA {name}")]
        await db.close()
        return values

    assert asyncio.run(pragmas()) == ["wal", 2, 1]


def test_every_table_is_strict(tmp_path: Path) -> None:
    bring_up(tmp_path / "a.db", MIGRATIONS)
    tables = rows_of(
        tmp_path / "a.db",
        "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
    )
    assert set(tables) == {(name, 1) for name in ("run", "source", "detection", "log", "ledger")}
