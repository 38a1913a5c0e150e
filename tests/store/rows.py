"""What a database holds, asked without the store's own code."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def rows_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows that ``sql`` gives."""
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()
