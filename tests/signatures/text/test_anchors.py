# ruff: noqa: RUF001 - look-alikes are the subject
import itertools
import re
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from signatures.model import DEFAULT_FOLDS, Fold
from signatures.text.anchors import Anchor, anchors, reach
from signatures.text.charsets import Charset, Mode, decode_around, spellings
from signatures.text.fold import LONG_VOWEL_MARKS, ORDER, fold

SUBSETS = [some for count in range(len(ORDER) + 1) for some in itertools.combinations(ORDER, count)]
ESCAPES = {
    Mode.ASCII: b"\x1b(B",
    Mode.ROMAN: b"\x1b(J",
    Mode.KANA: b"\x1b(I",
    Mode.KANJI: b"\x1b$B",
    Mode.SUPPLEMENT: b"\x1b$(D",
}
COMMON = [
    *"カかｶガがハはﾊパぱバサさｻーｰツつッっﾂｯヤやャゃﾔｬヶケｹンんﾝ",
    *("ｶﾞ", "カ\u3099", "か゛", "ハ゜", "ﾊﾟ", "は\u309a", "バ", "ﾊ\u3099"),
    *"aAａＡkKｋＫsSｓＳéÉдД1１",
    *"国國辺邊邉密機説纊∪",
    *" 　-－−~～〜\\￥",
]
ODD = [*"㋕ſK\ufa19神①㍿社㌔㈱ﬁ｟", "\u2f17"]
_DOUBLE_MARKS = re.compile(f"[{re.escape(LONG_VOWEL_MARKS)}]{{2}}")
"""A mark that goes is looked for as the keyword has it, and as one; not several."""
_CHANGING_SCRIPT = re.compile("[ァ-ヺｦ-ﾟ][\u3099-\u309c]?[ーｰ][ぁ-ゖ]")
"""A mark goes before hiragana: looked for only where the keyword has hiragana there."""
PROSE = st.text("情報をサーバーの（ﾃｽﾄ）で持ち出す。Any12ソ能表\r\n予約 ", max_size=12)
fold_sets = st.sampled_from([DEFAULT_FOLDS, ORDER, *SUBSETS])


def encode(text: str, charset: Charset, choose: int = 0) -> bytes | None:
    """As encoders write it; of several codes of a character, the ``choose``-th."""
    octets = b""
    mode: Mode | None = Mode.ASCII if charset is Charset.ISO_2022_JP else None
    for char in text:
        ways = spellings(char, charset)
        if char.isascii() and ways:
            ways = ways[:1]  # encoders leave kanji for it
        if not ways:
            return None
        way = ways[choose % len(ways)]
        if way.mode is not mode:
            assert way.mode is not None
            octets += ESCAPES[way.mode]
            mode = way.mode
        octets += way.octets
    return octets + (b"" if mode in (None, Mode.ASCII) else ESCAPES[Mode.ASCII])


def places(anchor: Anchor, octets: bytes) -> Iterator[int]:
    lower, wanted = octets.lower(), anchor.octets.lower()
    at = lower.find(wanted)
    while at >= 0:
        there = zip(octets[at : at + len(wanted)], anchor.octets, anchor.fold_mask, strict=True)
        if all(octet == exact or (either and octet | 0x20 == exact) for octet, exact, either in there):
            yield at
        at = lower.find(wanted, at + 1)


def found(
    keyword: str, folds: tuple[Fold, ...], charset: Charset, octets: bytes, *, mixed: bool = True
) -> bool:
    """Whether the two steps together find a keyword."""
    around = reach(keyword, folds, charset)
    word = fold(keyword, folds)
    for anchor in anchors(keyword, folds, charset, mixed=mixed):
        for at in places(anchor, octets):
            end = at + len(anchor.octets)
            text = decode_around(octets, at, end, charset, around, around, 0, len(octets)).text
            if word in fold(text, folds):
                return True
    return False


@st.composite
def writings_of_a_word(draw: st.DrawFn) -> tuple[tuple[Fold, ...], str, str]:
    """Folds, and two writings that are mostly the same word under them."""
    folds = draw(fold_sets)
    keyword, written = "", ""
    for part in draw(st.lists(st.sampled_from(COMMON), min_size=1, max_size=5)):
        same = [other for other in (*COMMON, *ODD) if fold(other, folds) == fold(part, folds)]
        dashes = [*"-−―～"] if Fold.LONG_VOWEL in folds and part in "ーｰ" and keyword else []
        dropped = ["", "ー", "ｰ"] if Fold.LONG_VOWEL in folds else [""]
        keyword += draw(st.sampled_from(same)) + draw(st.sampled_from(dropped))
        written += draw(st.sampled_from(same + dashes)) + draw(st.sampled_from(dropped))
    return folds, keyword, written


@given(writings_of_a_word(), PROSE, PROSE, st.integers(0, 1))
@settings(max_examples=150)
def test_any_writing_in_any_charset_is_found(
    word: tuple[tuple[Fold, ...], str, str], before: str, behind: str, choose: int
) -> None:
    folds, keyword, written = word
    text = before + written + behind
    assume(fold(keyword, folds) in fold(text, folds))
    assume(Fold.LONG_VOWEL not in folds or not _DOUBLE_MARKS.search(keyword + " " + text))
    assume(not {Fold.LONG_VOWEL, Fold.KANA} <= {*folds} or not _CHANGING_SCRIPT.search(text))
    for charset in Charset:
        octets = encode(text, charset, choose)
        if octets is not None:
            assert found(keyword, folds, charset, octets), charset


@given(
    fold_sets,
    st.text("".join([*COMMON, *ODD]), min_size=1, max_size=3),
    st.text("".join([*COMMON, *ODD]), max_size=12),
)
def test_found_is_in_the_text(folds: tuple[Fold, ...], keyword: str, text: str) -> None:
    assume(fold(keyword, folds) not in fold(text, folds))
    for charset in Charset:
        octets = encode(text, charset)
        if octets is not None:
            assert not found(keyword, folds, charset, octets)


@pytest.mark.parametrize(
    ("keyword", "written"),
    [
        ("リモートデスクトップ", "ﾘﾓｰﾄﾃﾞｽｸﾄｯﾌﾟ"),
        ("リモートデスクトップ", "りもーとですくとっぷ"),
        ("リモートデスクトップ", "リモートテ\u3099スクトッフ\u309a"),
        ("リモートデスクトップ", "ﾘモｰトデｽクト゛ップ".replace("ト゛", "ト")),
        ("ｻｰﾊﾞｰ監視", "サーバ監視"),
        ("サーバ監視", "サ-バー監視"),
        ("サーバーの", "サーバの"),
        ("サーバに", "サーバーに"),
        ("株式会社機密", "㍿機密"),
        ("会社", "㍿"),
        ("キロ", "5㌔"),
        ("anydesk", "ＡｎｙＤＥＳＫ"),
        ("anydesk", "aｎyｄesK"),
        ("wifi", "wiﬁ"),
        ("渡辺", "渡邉"),
        ("神社", "\ufa19\ufa4c"),
        ("Web 会議", "ｗｅｂ　會議"),
        ("一二", "\u2f00\u2f06"),
        ("シャツ", "しやっ"),
        ("É", "e\u0301"),
        ("会", "會"),
    ],
)
def test_words(keyword: str, written: str) -> None:
    charsets = 0
    for charset in Charset:
        octets = encode("これは" + written + "。", charset)
        if octets is not None:
            charsets += 1
            assert found(keyword, ORDER, charset, octets), charset
    assert charsets >= 3


@pytest.mark.parametrize("written", ["リモート", "ﾘﾓｰﾄ", "りもーと"])
def test_words_in_one_style_need_no_mixed_anchors(written: str) -> None:
    for charset in Charset:
        octets = encode(written, charset)
        assert octets is not None
        assert found("リモート", ORDER, charset, octets, mixed=False)
    mixed, plain = (
        len(anchors("リモート", ORDER, Charset.SHIFT_JIS, mixed=mixed)) for mixed in (True, False)
    )
    assert plain < mixed


def test_case_never_touches_a_trail_octet() -> None:
    (anchor,) = anchors("ソa機", (Fold.CASE,), Charset.SHIFT_JIS)
    assert anchor == Anchor("ソa機".encode("cp932"), (False, False, True, False, False))
    assert anchors("A", (), Charset.UTF_16BE) == [Anchor(b"\0A", (False, False))]
    assert anchors("機密", DEFAULT_FOLDS, Charset.ISO_2022_JP) == [Anchor(b"5!L)", (False,) * 4)]


@pytest.mark.parametrize("keyword", ["", "\ud800", "𠮷"])
def test_words_that_cannot_be_written(keyword: str) -> None:
    assert anchors(keyword, (), Charset.SHIFT_JIS) == []


@pytest.mark.parametrize(
    ("keyword", "most"),
    [("機密", 1), ("遠隔操作", 1), ("リモートデスクトップ", 28), ("anydesk", 36), ("Ｗｅｂ会議", 29)],
)
def test_anchors_are_few(keyword: str, most: int) -> None:
    assert all(1 <= len(anchors(keyword, DEFAULT_FOLDS, charset)) <= most for charset in Charset)
