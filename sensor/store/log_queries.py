"""The sensor's own log read back."""

import json
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiosqlite

from sensor.store.database import open_for_reading
from sensor.store.loop import iterate

LEVELS: Final = ("debug", "info", "warning", "error")
"""Least first."""
_CHUNK_LEN: Final = 500
_SELECT = """
SELECT id, ts_ns, run_id, level, event, detail FROM (
    SELECT * FROM log WHERE id > ? AND ts_ns >= ? AND level IN ({}) ORDER BY id DESC LIMIT ?
) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which lines to read."""

    since_ns: int = 0
    """Inclusive."""
    level: str = "debug"
    """This one and those above."""
    limit: int | None = None
    """So many of the last."""
    after_id: int = 0


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line as it was logged; columns of the table ``log``."""

    id: int
    ts_ns: int
    run_id: int | None
    level: str
    event: str
    detail: Mapping[str, Any]


async def list_log(db: aiosqlite.Connection, wanted: LogFilter) -> AsyncGenerator[list[LogLine]]:
    """Yield the ``wanted`` lines in the order in which they were logged, some hundreds at once."""
    levels = LEVELS[LEVELS.index(wanted.level) :]
    limit = -1 if wanted.limit is None else wanted.limit
    sql = _SELECT.format(", ".join("?" * len(levels)))
    async with db.execute(sql, (wanted.after_id, wanted.since_ns, *levels, limit)) as cursor:
        while rows := list(await cursor.fetchmany(_CHUNK_LEN)):
            yield [_line(row) for row in rows]


def read_log(path: Path, wanted: LogFilter) -> Generator[LogLine, None, None]:
    """`list_log` of the database ``path``, one by one. Raises `StoreError`.

    Whoever may stop early closes it (`contextlib.closing`), lest the database stay open.
    """
    return iterate(_stream(path, wanted))


async def _stream(path: Path, wanted: LogFilter) -> AsyncGenerator[list[LogLine]]:
    async with open_for_reading(path) as db, aclosing(list_log(db, wanted)) as chunks:
        async for chunk in chunks:
            yield chunk


def _line(row: Iterable[Any]) -> LogLine:
    line_id, ts_ns, run_id, level, event, detail = row
    return LogLine(line_id, ts_ns, run_id, level, event, json.loads(detail))
