"""Filters list what a plain loop over all detections would keep."""

import asyncio
import itertools
import signal
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import aiosqlite
import pytest

from sensor.addresses import address_text
from sensor.errors import ConfigError
from sensor.store.queries import DetectionFilter, read_detections
from sensor.store.records import Detection
from sensor.store.replay import ReplayStore
from signatures.model import Severity
from tests.store.alerts import ALERT, SIGNATURE

ADDRESSES = ("192.0.2.1", "192.0.3.1", "10.0.0.1", "2001:db8::1", "2001:db8:1::1", "::ffff:192.0.2.1", "")
SIGNATURES = (
    SIGNATURE,
    replace(SIGNATURE, sid=9000002, severity=Severity.HIGH),
    replace(SIGNATURE, sid=9000003, category="游戏", severity=Severity.CRITICAL),
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs over every pair of addresses and every signature; times are not in the order of ids."""
    path = tmp_path_factory.mktemp("queries") / "a?b #%.db"
    for run in range(2):
        with ReplayStore(path) as store:
            store.begin_run([], version="0", signatures_digest="")
            store.write(
                [
                    replace(
                        ALERT, signature=signature, src_ip=src, dst_ip=dst, ts_ns=(number * 37 + run) % 101
                    )
                    for number, (src, dst, signature) in enumerate(
                        itertools.product(ADDRESSES, ADDRESSES, SIGNATURES)
                    )
                ]
            )
    return path


def is_in(row: Detection, networks: tuple[str, ...]) -> bool:
    ends = [ip_address(end) for end in (row.src_ip, row.dst_ip) if end]
    return any(end in ip_network(network, strict=False) for end in ends for network in networks)


def keeps(wanted: DetectionFilter, row: Detection) -> bool:
    """The reference: what `DetectionFilter` says, for one row."""
    return (
        (wanted.since_ns is None or row.ts_ns >= wanted.since_ns)
        and (wanted.until_ns is None or row.ts_ns < wanted.until_ns)
        and (not wanted.sids or row.sid in wanted.sids)
        and (not wanted.categories or row.category in wanted.categories)
        and (not wanted.severities or row.severity in wanted.severities)
        and (not wanted.addresses or is_in(row, wanted.addresses))
        and (wanted.run is None or row.run_id == wanted.run)
    )


FILTERS = [
    DetectionFilter(since_ns=10),
    DetectionFilter(until_ns=10),
    DetectionFilter(since_ns=10, until_ns=12),
    DetectionFilter(sids=(9000001,)),
    DetectionFilter(sids=(9000001, 9000003)),
    DetectionFilter(categories=("游戏",)),
    DetectionFilter(severities=("high", "critical")),
    DetectionFilter(addresses=("192.0.2.1",)),
    DetectionFilter(addresses=("192.0.2.99/23",)),
    DetectionFilter(addresses=("2001:db8::/32",)),
    DetectionFilter(addresses=("0.0.0.0/0",)),
    DetectionFilter(addresses=("::/0",)),
    DetectionFilter(addresses=("10.0.0.0/8", "2001:db8:1::1")),
    DetectionFilter(run=2),
    DetectionFilter(run=3),
    DetectionFilter(sids=(9000001,), addresses=("10.0.0.0/8",), since_ns=5, run=1, newest_first=False),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_filter(database: Path, wanted: DetectionFilter) -> None:
    everything = list(read_detections(database, DetectionFilter()))
    assert len(everything) == 2 * len(ADDRESSES) ** 2 * len(SIGNATURES)
    expected = sorted(
        (row for row in everything if keeps(wanted, row)),
        key=lambda row: (row.ts_ns, row.id),
        reverse=wanted.newest_first,
    )
    assert 0 < len(expected) < len(everything) or wanted.run == 3
    assert list(read_detections(database, wanted)) == expected
    assert list(read_detections(database, replace(wanted, limit=3))) == expected[:3]


def test_order(database: Path) -> None:
    newest = list(read_detections(database, DetectionFilter()))
    assert newest == sorted(newest, key=lambda row: (-row.ts_ns, -row.id))
    assert list(read_detections(database, DetectionFilter(newest_first=False))) == newest[::-1]


def test_reading_may_stop_anywhere(database: Path) -> None:
    rows = read_detections(database, DetectionFilter())
    next(rows)
    del rows
    with ReplayStore(database) as store:
        store.note("info", "still_writable")


@pytest.mark.parametrize("address", ["", "example.com", "10.0.0.0/33", "10.0.0", "' OR 1"])
def test_address_that_is_none(database: Path, address: str) -> None:
    with pytest.raises(ConfigError, match="neither an address nor a network"):
        list(read_detections(database, DetectionFilter(addresses=(address,))))


@pytest.mark.posix
def test_interrupt_while_rows_are_awaited(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    close = aiosqlite.Connection.close

    async def fetch_slowly(_cursor: aiosqlite.Cursor, _count: int) -> Iterable[object]:
        await asyncio.sleep(1.5)
        return ()

    async def close_and_tell(connection: aiosqlite.Connection) -> None:
        await close(connection)
        closed.append(connection)

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(aiosqlite.Cursor, "fetchmany", fetch_slowly)
    monkeypatch.setattr(aiosqlite.Connection, "close", close_and_tell)
    # A handler of its own, as the command line has: asyncio sees to Python's own one alone.
    before = signal.signal(signal.SIGINT, interrupt)
    timer = threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    timer.start()
    try:
        with closing(read_detections(database, DetectionFilter())) as rows, pytest.raises(KeyboardInterrupt):
            next(rows)
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(closed) == 1
    assert "store" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("address", ["::ffff:192.0.2.1", "::ffff:c000:201", "::ffff:192.0.2.0/120"])
def test_mapped_address_is_found_however_it_is_written(database: Path, address: str) -> None:
    shown = address_text(6, 0, 0xFFFF << 32 | 0xC0000201)
    rows = list(read_detections(database, DetectionFilter(addresses=(address,))))
    assert rows
    assert all(shown in (row.src_ip, row.dst_ip) for row in rows)
