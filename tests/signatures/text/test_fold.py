# ruff: noqa: RUF001 - look-alikes are the subject
import itertools
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.model import DEFAULT_FOLDS, Fold
from signatures.text.fold import ORDER, fold, fold_mapped, kanji_forms, needed_folds

SUBSETS = [some for count in range(len(ORDER) + 1) for some in itertools.combinations(ORDER, count)]

_SPECIAL = (
    "ｶﾞﾊﾟサーバー-‐−―～〜ｰ~はひがぱ\u3099\u309a\u309b\u309c"
    "ｧッゃヶ國学﨑邉神AaＡａſKßﬁ㌔㍿⑫¥\\￥‾İΐ\u0345\u0301각"
)
texts = st.text(st.one_of(st.sampled_from(_SPECIAL), st.characters(codec="utf-8")), max_size=12)
fold_sets = st.sampled_from(SUBSETS)


@pytest.mark.parametrize(
    ("fold_name", "one", "other"),
    [
        ("width", "ＡｎｙＤｅｓｋ　１", "AnyDesk 1"),
        ("width", "ﾘﾓｰﾄﾃﾞｽｸﾄｯﾌﾟ", "リモートデスクトップ"),
        ("width", "カ\u3099ハ\u309a", "ガパ"),
        ("width", "カ゛ハ゜", "ガパ"),
        ("width", "ｶ\u3099", "ガ"),
        ("width", "㍿㌔⑫", "株式会社キロ12"),
        ("width", "10〜20～30", "10~20~30"),
        ("width", "1－2−3", "1-2-3"),
        ("width", "‖—―￠C:￥", "∥——¢C:\\"),
        ("width", "¥‾", "\\~"),
        ("case", "AnyDESK", "anydesk"),
        ("case", "ＡＮＹ", "ａｎｙ"),
        ("case", "ſK", "sk"),
        ("kana", "えんかく・さーばー・ゔゝ", "エンカク・サーバー・ヴヽ"),
        ("kanji", "國學髙﨑渡邊渡邉", "国学高崎渡辺渡辺"),
        ("kanji", "\ufa19\ufa45", "神海"),  # compatibility ideographs
        ("small-kana", "ャッヮヶゃっゕㇰｬｯ", "ヤツワケやつかクﾔﾂ"),
        ("long-vowel", "サーバー", "サーバ"),
        ("long-vowel", "サーバーーを", "サーバを"),
        ("long-vowel", "サ-バ―のサ～バ−", "サーバのサーバ"),
        ("long-vowel", "ｻｰﾊﾞｰ", "ｻーﾊﾞ"),
    ],
)
def test_writings_of_one_word(fold_name: str, one: str, other: str) -> None:
    assert fold(one, [Fold(fold_name)]) == other == fold(other, [Fold(fold_name)])
    assert fold(one, []) == one


@pytest.mark.parametrize(
    ("folds", "text"),
    [
        (SUBSETS[0], "ＡｶﾞサーバーはゃA國"),
        ((Fold.LONG_VOWEL,), "サーバーズ、A-1、さーばー、東-西、ー"),
        ((Fold.KANA,), "ｶﾅ漢字abcカナ"),
        ((Fold.WIDTH,), "ハバパ、かが"),
    ],
)
def test_what_stays(folds: tuple[Fold, ...], text: str) -> None:
    assert fold(text, folds) == text


def test_hiragana_take_long_vowels_with_kana() -> None:
    folds = (Fold.KANA, Fold.LONG_VOWEL)
    assert fold("さーばー", folds) == fold("サーバー", folds) == "サーバ"
    assert fold("らーめんをサーバーに", folds) == "ラーメンヲサーバニ"


@pytest.mark.parametrize("folds", [*((fold,) for fold in ORDER), ORDER, DEFAULT_FOLDS], ids="+".join)
def test_every_character_folds_once(folds: tuple[Fold, ...]) -> None:
    for code in range(0x20000):
        once = fold(chr(code), folds)
        if once != chr(code):
            assert fold(once, folds) == once, hex(code)


def test_width_is_nfkc_but_for_what_is_listed() -> None:
    listed = str.maketrans({0x2212: "-", 0x2016: "∥", 0x2015: "—", 0xA5: "\\"})
    whole = {0x301C: "~", 0x203E: "~", 0x309B: "\u3099", 0x309C: "\u309a"}
    for code in (*range(0x20000), *range(0x2F800, 0x2FA20), sys.maxunicode):
        expected = whole.get(code) or unicodedata.normalize("NFKC", chr(code)).translate(listed)
        assert fold(chr(code), [Fold.WIDTH]) == expected, hex(code)


@given(texts, fold_sets)
def test_folding_twice_changes_nothing(text: str, folds: tuple[Fold, ...]) -> None:
    once = fold(text, folds)
    assert fold(once, folds) == once


@given(texts, fold_sets)
def test_origins(text: str, folds: tuple[Fold, ...]) -> None:
    folded = fold_mapped(text, folds)
    assert folded.text == fold(text, folds)
    assert len(folded.origin) == len(folded.text) + 1
    assert list(folded.origin) == sorted(folded.origin)
    assert folded.origin[-1] == len(text)
    assert all(0 <= at < len(text) for at in folded.origin[:-1])


def test_origins_of_a_sentence() -> None:
    folded = fold_mapped("㍿のｻｰﾊﾞｰがＡ", [Fold.WIDTH, Fold.CASE, Fold.LONG_VOWEL])
    assert folded.text == "株式会社のサーバがa"
    assert folded.origin == (0, 0, 0, 0, 1, 2, 3, 4, 7, 8, 9)


_words = st.text("アカガハパサタッャーあかがっA國", min_size=1, max_size=6).filter(
    lambda word: word[0] != "ー"
)


@given(st.text("漢アーかA。-", max_size=3), _words, st.text("漢アーかA。-", max_size=3), fold_sets)
def test_a_word_is_in_whatever_it_stands_in(
    before: str, word: str, behind: str, folds: tuple[Fold, ...]
) -> None:
    assert fold(word, folds) in fold(before + word + behind, folds)


def test_kanji_forms_are_one_step() -> None:
    forms = kanji_forms()
    assert len(forms) > 800
    assert not set(forms) & set(forms.values())
    assert {forms[old] for old in "辨瓣辯"} == {"弁"}


@pytest.mark.parametrize(
    ("found", "keyword", "expected"),
    [
        ("サーバー", "サーバー", ()),
        ("Anydesk", "anydesk", (Fold.CASE,)),
        ("ＡＮＹｄｅｓｋ", "anydesk", (Fold.WIDTH, Fold.CASE)),
        ("ｻｰﾊﾞ", "サーバー", (Fold.WIDTH, Fold.LONG_VOWEL)),
        ("さーばー", "サーバー", (Fold.KANA,)),
        ("㍿國學", "会社国学", (Fold.WIDTH, Fold.KANJI)),
        ("別の語", "会社", ORDER),
    ],
)
def test_needed_folds(found: str, keyword: str, expected: tuple[Fold, ...]) -> None:
    assert needed_folds(found, keyword, tuple(reversed(ORDER))) == expected
