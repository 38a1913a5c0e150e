"""What a keyword is found by, what it is not, and what looking for it may cost."""

import base64
from collections.abc import Callable
from functools import cache
from unittest.mock import patch
from urllib.parse import quote_from_bytes

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.pcaps.forms.encoders import CHARSETS, every_octet, full_width, half_width
from sensor.matching.compile import compile_signatures
from sensor.matching.plan import MatchPlan
from sensor.matching.plausible import is_plausible
from sensor.matching.scan import Matches, scan_payload
from signatures.text.fold import fold_mapped
from tests.matching.test_scan import columns, flood
from tests.signatures.build import signature


def plan_of(*words: str) -> MatchPlan:
    return compile_signatures([signature(word, sid=sid) for sid, word in enumerate(words, 1)])


def scan(plan: MatchPlan, *runs: bytes, offset: int = 0) -> Matches:
    start, end = columns([len(run) for run in runs])
    return scan_payload(plan, b"".join(runs), start, end, None, np.full(len(runs), offset, np.int64))


def clauses(matches: Matches) -> list[int]:
    found: list[int] = matches.clause.tolist()
    return found


@pytest.mark.parametrize("charset", ["utf-8", "cp932", "euc_jp", "utf-16-le"])
def test_a_keyword_everywhere_is_read_once(charset: str) -> None:
    """However often it stands there: only the first counts."""
    with patch("sensor.matching.keywords.is_plausible", wraps=is_plausible) as read:
        matches = scan(plan_of("機密"), ("機密" * 1000).encode(charset))
    assert (matches.start.tolist(), matches.end.tolist()) == ([0], [len("機密".encode(charset))])
    assert read.call_count <= 2  # two parities


def test_keywords_in_one_text_are_told_apart_at_once() -> None:
    text = "遠隔操作機密情報保護管理者権限設定変更通知書類送付先住所録"
    with patch("sensor.matching.keywords.fold_mapped", wraps=fold_mapped) as mapped:
        matches = scan(plan_of(*(text[:end] for end in range(2, 29))), text.encode())
    assert clauses(matches) == list(range(27))
    assert mapped.call_count == 1


def test_what_is_made_to_cost_is_given_up_and_counted() -> None:
    """Words of base64 that stand where they can't be read, one beside the other."""
    plan = plan_of("機")
    word = base64.b64encode("x機".encode())[2:]
    matches = scan(plan, (b"=" + word) * 8_000)
    assert clauses(matches) == []
    assert matches.effort.anchors
    matches = scan(plan, b"\x01\x02\xff".join(["機".encode("cp932")] * 20_000))
    assert clauses(matches) == []
    assert matches.effort.views_left_out


@pytest.mark.parametrize(
    "before",
    [
        "モ".encode("euc_jp"),
        b"\0\x01\x8f",  # a length
        "機密".encode("utf-16-be"),
    ],
)
def test_letters_behind_other_than_shift_jis(before: bytes) -> None:
    assert clauses(scan(plan_of("anydesk"), before + b"anydesk")) == [0]


@pytest.mark.parametrize("before", ["表示ア", "かなア", "ｱｲア", "ab ア"])
def test_letters_that_are_halves_of_characters(before: str) -> None:
    """The second octet of the last character is a letter."""
    octets = before.encode("cp932")
    assert octets[-1:] == b"A"
    word = "a" + "nydesk"
    assert clauses(scan(plan_of(word), octets + b"nydesk")) == []


def test_a_flood_does_not_hide_a_view() -> None:
    assert clauses(scan(plan_of("機"), base64.b64encode(("機" * 4_000).encode()))) == [0]


def test_effort_is_told_where_nothing_is_found() -> None:
    assert scan(plan_of("機密"), b"\x8b\x40\x96\xa7".join([b"\xff" * 3] * 3)).effort.anchors


@pytest.mark.parametrize("charset", ["cp932", "euc_jp", "utf-16-le", "utf-8"])
def test_at_the_end_of_a_run_that_cuts_a_character(charset: str) -> None:
    """What follows comes with the next batch, where the keyword is none that is new."""
    data = "例の機密について".encode(charset)
    end = len("例の機密".encode(charset))
    for cut in range(end, len(data)):
        assert clauses(scan(plan_of("機密"), data[:cut])) == [0]


@pytest.mark.parametrize("charset", ["cp932", "euc_jp"])
@pytest.mark.parametrize("form", [bytes, lambda octets: every_octet(octets.decode("latin-1"), "latin-1")])
def test_in_a_run_that_was_cut_anywhere(charset: str, form: Callable[[bytes], bytes]) -> None:
    """Where the first octet is in the middle of a character, or of an escape."""
    data = form("これは日本語の文章です例の機密について".encode(charset))
    plan = plan_of("機密", "例の機")
    for cut in range(15):
        assert clauses(scan(plan, data[cut:], offset=99)) == [1, 0]


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        ("\ufeff機密", "utf-16-le"),
        ("\ufeff機密です", "utf-16-be"),
        ("機密\U0001f600です", "utf-16-le"),
        ("山﨑の機密", "utf-16-be"),
        ("髙﨑\u3000機密", "cp932"),
    ],
)
def test_two_kanji_among_what_else_is_text(text: str, charset: str) -> None:
    assert clauses(scan(plan_of("機密"), text.encode(charset))) == [0]


@pytest.mark.parametrize("text", ["秘\U0001f600", "\0秘\0", "한글秘"])
def test_one_kanji_in_any_text_of_utf_8(text: str) -> None:
    assert clauses(scan(plan_of("秘"), text.encode())) == [0]


def test_a_backslash_of_jis_x_0201() -> None:
    assert clauses(scan(plan_of("ab\\cd"), b"\x1b(Jab\\cd\x1b(B")) == [0]
    assert clauses(scan(plan_of("5!L)"), "機密".encode("iso2022_jp"))) == []


WORDS = ("機密", "機密文書の管理", "anydesk", "サーバー", "会議室の予約について", "機", "ab")
PARTS = st.sampled_from(
    ("機密", "文書の管理", "any", "desk", "サーバ", "ー", "会議室の", "予約について", "a", "b", "\n")
)
TEXTS = st.tuples(st.lists(PARTS, max_size=8).map("".join), st.sampled_from(CHARSETS)).map(
    lambda drawn: drawn[0].encode(drawn[1])
)
RUNS = st.lists(TEXTS | st.sampled_from((b"\xa4", b"A", b"\x8e\xa5", b"=")), max_size=4).map(b"".join)


@cache
def words() -> MatchPlan:
    return plan_of(*WORDS)


@given(st.lists(st.tuples(RUNS, st.integers(0, 60)), min_size=1, max_size=4))
def test_a_flood_finds_what_calm_does(drawn: list[tuple[bytes, int]]) -> None:
    start, end = columns([len(run) for run, _ in drawn])
    fresh = np.minimum(start + np.array([tail for _, tail in drawn], np.int64), end)
    joined = b"".join(run for run, _ in drawn)

    def found(*, always: bool) -> set[tuple[int, ...]]:
        with flood(always):
            matches = scan_payload(words(), joined, start, end, fresh, start - start)
        rows = (matches.run.tolist(), matches.clause.tolist(), matches.end.tolist())
        return set(zip(*rows, strict=True))

    assert found(always=True) == found(always=False)


@given(st.lists(RUNS, min_size=1, max_size=5))
def test_runs_side_by_side_are_each_by_itself(runs: list[bytes]) -> None:
    together = scan(words(), *runs)
    alone = [scan(words(), run) for run in runs]
    rows = set(zip(together.run.tolist(), together.clause.tolist(), strict=True))
    assert rows == {(at, clause) for at, matches in enumerate(alone) for clause in clauses(matches)}


@pytest.mark.parametrize("charset", ["utf-16-le", "utf-16-be", "euc_jp"])
def test_a_flood_of_what_begins_at_an_odd_octet(charset: str) -> None:
    with flood(always=True):
        assert clauses(scan(plan_of("機密文書"), b"\0" + "例の機密文書".encode(charset))) == [0]


@pytest.mark.parametrize("before", [b"", b"\xb2D"])
@pytest.mark.parametrize("behind", [b"", b" z\xb6\x1b\x92", b" is \xff\xfe"])
def test_a_word_of_ascii_behind_a_character_in_utf_8(before: bytes, behind: bytes) -> None:
    """The last octet of 前 is 8D, with which characters begin in Shift_JIS."""
    assert clauses(scan(plan_of("secret"), before + "前secret".encode() + behind)) == [0]


def test_half_width_kana_behind_half_an_escape() -> None:
    data = every_octet("例のｱﾝｹｰﾄについて", "cp932")
    at = len(every_octet("例のｱﾝｹｰﾄに", "cp932"))
    assert clauses(scan(plan_of("ｱﾝｹｰﾄ"), data[: at - 1])) == [0]


FORMS: tuple[Callable[[str], bytes], ...] = (
    lambda text: quote_from_bytes(every_octet(full_width(text), "utf-8")).encode(),
    lambda text: quote_from_bytes(every_octet(half_width(text), "utf-8")).encode(),
    lambda text: base64.b64encode(full_width(text).encode()),
    lambda text: text.encode("utf-16-le"),
)


@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
@pytest.mark.parametrize("word", ["anydesk", "デスクトップ", "機密"])
def test_over_two_batches_wherever_they_are_cut(word: str, form: Callable[[str], bytes]) -> None:
    plan = plan_of(word)
    data = form("これは日本語の" + word + "について、これは日本語")
    for cut in range(1, len(data), 3):
        tail = max(cut - plan.payload_tail, 0)
        run = data[tail:]
        start, end = columns([len(run)])
        later = scan_payload(plan, run, start, end, start + cut - tail, start + tail)
        assert len(scan(plan, data[:cut])) + len(later) >= 1
