"""A transaction as a block, for connections in autocommit mode."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiosqlite


@asynccontextmanager
async def transaction(db: aiosqlite.Connection, kind: str = "IMMEDIATE") -> AsyncIterator[None]:
    """Commit what the block does, or nothing of it if the block or the commit raises.

    ``IMMEDIATE`` takes the write lock at once, so that no statement in the block finds it taken;
    ``DEFERRED`` gives the block one snapshot to read.
    """
    await db.execute(f"BEGIN {kind}")
    try:
        yield
        await db.execute("COMMIT")
    except BaseException:
        # After some errors (a full disk) SQLite has rolled back by itself.
        with suppress(sqlite3.Error):
            await db.execute("ROLLBACK")
        raise
