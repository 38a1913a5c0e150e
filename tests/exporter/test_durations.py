"""Durations and spans as people read them."""

import time
from collections.abc import Iterator

import pytest

from exporter.durations import duration, local_span

S = 1_000_000_000
TEN = 1_700_010_000 * S
"""2023-11-15 10:00 in Tokyo."""


@pytest.fixture(autouse=True)
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.posix
@pytest.mark.parametrize(
    ("ns", "en", "ja"),
    [
        (0, "0.0 s", "0.0 秒"),
        (S // 4, "0.2 s", "0.2 秒"),
        (S, "1 s", "1 秒"),
        (60 * S, "1 min", "1 分"),
        (3599 * S, "59 min 59 s", "59 分 59 秒"),
        (3601 * S, "1 h", "1 時間"),
        (8400 * S, "2 h 20 min", "2 時間 20 分"),
        (86_400 * S, "1 d", "1 日"),
        (90_061 * S, "1 d 1 h", "1 日 1 時間"),
        (1_000 * 86_400 * S, "1,000 d", "1,000 日"),
    ],
)
def test_duration(ns: int, en: str, ja: str) -> None:
    assert (duration(ns), duration(ns, "ja")) == (en, ja)


@pytest.mark.posix
@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (0, 3600, "2023-11-15 10:00-11:00"),
        (0, 3601, "2023-11-15 10:00:00-11:00:01"),
        (0, 86_400, "2023-11-15 10:00 - 11-16 10:00"),
        (0, 366 * 86_400, "2023-11-15 10:00 - 2024-11-15 10:00"),
    ],
)
def test_local_span(start: int, end: int, text: str) -> None:
    assert local_span(TEN + start * S, TEN + end * S) == text
