"""What was logged, read back: coroutines on a read-only connection, and the same for synchronous callers.

Results stream: a database of millions of detections is exported in constant memory.
"""

import json
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path

import aiosqlite

from sensor.errors import ConfigError, StoreError
from sensor.store.database import open_for_reading
from sensor.store.loop import LoopThread, iterate
from sensor.store.process import is_gone
from sensor.store.records import Detection, Run, RunStatus, read_wire_text

_CHUNK_LEN = 500
"""Rows fetched at a time: one trip to the connection's thread costs as much as some 50 rows."""

_SELECT_DETECTION = """
SELECT detection.id, run_id, coalesce(capture, run.source), ts_ns, sid, rev, name_ja, name_en, category,
    severity, buffer, flow_id, tx_id, src_ip, src_port, dst_ip, dst_port, proto, app_proto, packet_number,
    "offset", length, excerpt, excerpt_offset, http_method, http_host, http_url, form, folds, text,
    text_start, text_end
FROM detection JOIN run ON run.id = run_id
"""
_SELECT_RUN = """
SELECT id, command, source, started_ns, finished_ns, status, version, signatures_digest, received, decoded,
    detections, error, (SELECT max(previous_run_id) FROM source WHERE run_id = run.id), rejected, process
FROM run ORDER BY id DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class DetectionFilter:
    """Which detections to list. Conditions of different kinds must all hold; empty ones hold for all."""

    since_ns: int | None = None
    """Inclusive."""
    until_ns: int | None = None
    """Exclusive."""
    sids: tuple[int, ...] = ()
    categories: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    """Addresses or networks (``192.0.2.0/24``); the sender or the receiver is in one of them."""
    run: int | None = None
    limit: int | None = None
    newest_first: bool = True


async def list_detections(
    db: aiosqlite.Connection, wanted: DetectionFilter
) -> AsyncGenerator[list[Detection]]:
    """Yield the ``wanted`` detections by time, some hundreds at once.

    Raises `ConfigError` for an address that is none.
    """
    sql, values = _compose(wanted)
    async with db.execute(sql, values) as cursor:
        while rows := list(await cursor.fetchmany(_CHUNK_LEN)):
            yield [_detection(tuple(row)) for row in rows]


async def get_detection(db: aiosqlite.Connection, detection_id: int) -> Detection | None:
    """Return the detection with this id, or None."""
    rows = list(await db.execute_fetchall(f"{_SELECT_DETECTION} WHERE detection.id = ?", (detection_id,)))
    return _detection(tuple(rows[0])) if rows else None


async def list_runs(db: aiosqlite.Connection, limit: int = 100) -> list[Run]:
    """Return the last ``limit`` runs, newest first. One whose process was killed shows as interrupted."""
    runs = []
    for *columns, rejected, process in await db.execute_fetchall(_SELECT_RUN, (limit,)):
        values = [*columns, json.loads(rejected)]
        run = Run(*values)
        if run.status == RunStatus.RUNNING and is_gone(process):
            run = replace(run, status=RunStatus.INTERRUPTED)
        runs.append(run)
    return runs


def read_detections(path: Path, wanted: DetectionFilter) -> Generator[Detection, None, None]:
    """`list_detections` of the database ``path``, one by one. Raises `StoreError`, `ConfigError`.

    Whoever may stop early closes it (`contextlib.closing`), lest the database stay open.
    """
    return iterate(_stream(path, wanted))


def read_detection(path: Path, detection_id: int) -> Detection:
    """`get_detection` of the database ``path``. Raises `StoreError`, also if there is none."""

    async def read() -> Detection | None:
        async with open_for_reading(path) as db:
            return await get_detection(db, detection_id)

    with LoopThread() as thread:
        detection = thread.run(read())
    if detection is None:
        raise StoreError(f"{path}: no detection {detection_id}; 'detections list' shows which there are")
    return detection


def read_runs(path: Path, limit: int = 100) -> list[Run]:
    """`list_runs` of the database ``path``. Raises `StoreError`."""

    async def read() -> list[Run]:
        async with open_for_reading(path) as db:
            return await list_runs(db, limit)

    with LoopThread() as thread:
        return thread.run(read())


async def _stream(path: Path, wanted: DetectionFilter) -> AsyncGenerator[list[Detection]]:
    # The list is closed before its connection, also where the caller has seen enough.
    async with open_for_reading(path) as db, aclosing(list_detections(db, wanted)) as chunks:
        async for chunk in chunks:
            yield chunk


def _compose(wanted: DetectionFilter) -> tuple[str, list[object]]:
    """Make the SQL and its values."""
    conditions: list[str] = []
    values: list[object] = []

    def add(condition: str, *given: object) -> None:
        conditions.append(condition)
        values.extend(given)

    if wanted.since_ns is not None:
        add("ts_ns >= ?", wanted.since_ns)
    if wanted.until_ns is not None:
        add("ts_ns < ?", wanted.until_ns)
    if wanted.run is not None:
        add("run_id = ?", wanted.run)
    for column, choices in (
        ("sid", wanted.sids),
        ("category", wanted.categories),
        ("severity", wanted.severities),
    ):
        if choices:
            add(f"{column} IN ({', '.join('?' * len(choices))})", *choices)
    if wanted.addresses:
        ranges = [_address_range(address) for address in wanted.addresses]
        # The length tells IPv4 from IPv6: octets compare from the left, whatever their number.
        either = [
            f"({key} BETWEEN ? AND ? AND length({key}) = ?)" for key in ("src_key", "dst_key") for _ in ranges
        ]
        add(f"({' OR '.join(either)})", *(value for bounds in ranges * 2 for value in bounds))
    order = "DESC" if wanted.newest_first else "ASC"
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    values.append(-1 if wanted.limit is None else wanted.limit)
    return f"{_SELECT_DETECTION} {where} ORDER BY ts_ns {order}, detection.id {order} LIMIT ?", values


def _address_range(text: str) -> tuple[bytes, bytes, int]:
    """Return the first and last address of ``text`` in network order, and their length in octets."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(f"{text}: neither an address nor a network such as 192.0.2.0/24") from None
    first, last = network.network_address.packed, network.broadcast_address.packed
    return first, last, len(first)


def _detection(row: tuple[object, ...]) -> Detection:
    columns, wire, (form, folds, *text) = row[:-8], row[-8:-5], row[-5:]
    names = tuple(str(folds or "").split())
    values = *columns, *map(read_wire_text, wire), form, names, *text  # type: ignore[arg-type]
    return Detection(*values)  # type: ignore[arg-type]
