"""The shipped tables, and the counting that makes them."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.frequency import make, table
from signatures.frequency.table import Commonness, Table, fold, load_tables, look_up


def test_shipped_tables_are_small_and_folded() -> None:
    tables = load_tables()
    assert [each.language for each in tables] == ["ja", "en"]
    folder = Path(table.__file__).parent
    assert sum(file.stat().st_size for file in folder.glob("*.gz")) < 300_000
    for each in tables:
        least = each.pages / make.LEAST_SHARE
        assert each.pages > 1_500
        assert len(each.counts) > 20_000
        for run, count in each.counts.items():
            assert least <= count <= each.pages
            assert 0 < len(run) <= each.longest
            assert fold(run) == run
            assert not run.isspace()


@pytest.mark.parametrize(
    "term", ["情報", "ファイル", "こと", "the", "password", "PASSWORD", "\uff46\uff49\uff4c\uff45", "監視"]
)
def test_common_terms(term: str) -> None:
    common = look_up(load_tables(), term)
    assert common is not None
    assert common.per_thousand >= 10
    assert common.is_exact is (len(term) <= 6)
    assert common.language == ("ja" if not fold(term).isascii() else "en")


@pytest.mark.parametrize("term", ["遠隔操作", "キーロガー", "anydesk", "盗聴", "remote control", "", " "])
def test_rare_terms(term: str) -> None:
    assert look_up(load_tables(), term) is None


def test_bound_of_a_long_term_is_its_rarest_run() -> None:
    counts = {"abc": 50, "bcd": 30, "ab": 60, "bc": 55, "cd": 40}
    made = Table("en", 100, 3, counts)
    assert made.look_up("abcd") == Commonness("en", 300.0, False)
    assert made.look_up("abc") == Commonness("en", 500.0, True)
    assert made.look_up("abce") is None
    assert made.look_up("ab cd") == Commonness("en", 400.0, False)


def test_phrase_is_common_only_if_each_word_is_very() -> None:
    made = Table("en", 100, 3, {"ab": 19, "cd": 90})
    assert made.look_up("ab") == Commonness("en", 190.0, True)
    assert made.look_up("ab cd") is None


@given(st.lists(st.text("ab c", min_size=1, max_size=30), min_size=1, max_size=20))
def test_counts_are_those_of_plain_search(pages: list[str]) -> None:
    """Whatever the pages: a run is listed with as many pages as hold it, and none of so few is missing."""
    counts = make.count_pages(pages)
    runs = {
        word[at : at + size]
        for page in pages
        for word in page.split()
        for size in range(1, make.LONGEST + 1)
        for at in range(len(word) - size + 1)
    }
    assert counts == {run: sum(run in page for page in pages) for run in runs}


def test_pages_of_packages(tmp_path: Path) -> None:
    manual = tmp_path / "manpages-ja/usr/share/man/ja/man1"
    manual.mkdir(parents=True)
    text = (
        ".TH LS 1\n\\fBls\\fP は"
        + "ディレクトリの内容を表示する。" * 200
        + "\n\nEnglish alone is left out.\n"
    )
    (manual / "ls.1.gz").write_bytes(gzip.compress(text.encode()))
    (manual / "copy.1.gz").write_bytes(gzip.compress(text.encode()))
    help_ = tmp_path / "gimp-help-ja/usr/share/gimp/2.0/help/ja"
    help_.mkdir(parents=True)
    body = "".join(f"<p>段落の{number}は\n<b>画像</b>を開く</p>" for number in range(300))
    (help_ / "a.html").write_text(f"<html><nav>目次の言葉</nav>{body}</html>", encoding="utf-8")
    pages = make.read_pages(tmp_path, "ja")
    assert len(pages) >= 2
    assert all(len(page) >= make.PAGE["ja"] for page in pages)
    assert any("ディレクトリの内容を表示する" in page for page in pages)
    assert not any("english" in page or "目次" in page or "<" in page or ".th" in page for page in pages)
    assert sum("段落の7は" in page for page in pages) == 1
