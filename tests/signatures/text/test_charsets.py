# ruff: noqa: RUF001 - look-alikes are the subject
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures.text.charsets import Charset, Decoded, Mode, decode, decode_around, spellings

CODECS = {
    Charset.UTF_8: "utf-8",
    Charset.SHIFT_JIS: "cp932",
    Charset.EUC_JP: "euc_jp",
    Charset.ISO_2022_JP: "iso2022_jp",
    Charset.UTF_16LE: "utf-16-le",
    Charset.UTF_16BE: "utf-16-be",
}
charsets = st.sampled_from(Charset)
PROSE = "機密情報をサーバーから遠隔操作（リモート）で持ち出す。AnyDesk、ソ能表十噂\r\n予約 ABC"
prose = st.text(PROSE, max_size=40)


@given(prose, charsets)
def test_what_encoders_write_is_read(text: str, charset: Charset) -> None:
    octets = text.encode(CODECS[charset])
    decoded = decode(octets, charset)
    assert decoded.text == text
    assert len(decoded.origin) == len(text) + 1
    for char, start, end in zip(text, decoded.origin, decoded.origin[1:], strict=False):
        if charset is not Charset.ISO_2022_JP:
            assert octets[start:end] == char.encode(CODECS[charset])
        elif char.isascii():
            assert octets[start] == ord(char)


near_text = st.lists(
    st.one_of(
        st.binary(max_size=3),
        st.sampled_from(
            [
                text.encode(codec)
                for text in ("機", "ソ", "ｱ", "A", "𠮷", "\n")
                for codec in ("utf-8", "utf-16-le", "utf-16-be")
            ]
        ),
        st.sampled_from(
            [
                text.encode(codec)
                for text in ("機", "ソ", "A", "\n")
                for codec in ("cp932", "euc_jp", "iso2022_jp")
            ]
        ),
        st.sampled_from([b"\x1b$B", b"\x1b(I", b"\x1b(J", b"\x1b$(D", b"\x1b&@\x1b$B", b"\x1b"]),
    ),
    max_size=8,
).map(b"".join)


@given(near_text, charsets, st.integers(0, 1000))
def test_any_octets_decode(octets: bytes, charset: Charset, base: int) -> None:
    decoded = decode(octets, charset, base=base)
    assert len(decoded.origin) == len(decoded.text) + 1
    assert decoded.origin[-1] == base + len(octets)
    assert all(one < other for one, other in itertools.pairwise(decoded.origin[:-1]))
    assert not any("\ud800" <= char <= "\udfff" for char in decoded.text)


@given(near_text)
def test_utf_8_is_pythons(octets: bytes) -> None:
    expected = octets.decode("utf-8", "surrogateescape")
    assert decode(octets, Charset.UTF_8).text == "".join(
        "\ufffd" if "\udc80" <= char <= "\udcff" else char for char in expected
    )


@pytest.mark.parametrize(
    ("charset", "octets", "text", "origin"),
    [
        ("shift_jis", b"A\x83\x5c\xb1", "Aソｱ", (0, 1, 3, 4)),
        ("shift_jis", b"\x87\x40\xfa\x40\xed\x40\xf0\x40", "①ⅰ纊\ue000", (0, 2, 4, 6, 8)),
        ("shift_jis", b"\x81\xad\x83\x5c", "\ufffdソ", (0, 2, 4)),  # unassigned: both octets
        ("shift_jis", b"\x85\x40A", "\ufffd@A", (0, 1, 2, 3)),  # the ASCII octet is given back
        ("shift_jis", b"\x83\x0a\x83", "\ufffd\n\ufffd", (0, 1, 2, 3)),
        ("euc-jp", b"\xa5\xbd\x8e\xb1\x8f\xb0\xa1\xad\xa1", "ソｱ丂①", (0, 2, 4, 7, 9)),
        ("euc-jp", b"\xa1\xc1\xa1\xddA\xa1", "～－A\ufffd", (0, 2, 4, 5, 6)),
        ("iso-2022-jp", b"a\x1b$B5!L)\x1b(Bb", "a機密b", (0, 4, 6, 11, 12)),
        ("iso-2022-jp", b"\x1b$@5!\x1b(J\\~\x1b(I1\x1b$(D0!", "機¥‾ｱ丂", (3, 8, 9, 13, 18, 20)),
        ("iso-2022-jp", b"\x1b$B5!\n5!", "機\n5!", (3, 5, 6, 7, 8)),  # a line ends in ASCII
        ("iso-2022-jp", b"\x1b&@\x1b$B5! L", "機 \ufffd", (6, 8, 9, 10)),
        ("utf-16le", b"\x5f\x6a\x42\xd8\xb7\xdf\x00\xd8A", "機𠮷\ufffd\ufffd", (0, 2, 6, 8, 9)),
        ("utf-16be", b"\x6a\x5f\xd8\x42\xdf\xb7\xdf\xb7", "機𠮷\ufffd", (0, 2, 6, 8)),
        (
            "utf-8",
            b"\xe6\xa9\x9f\xe6\xa9A\xed\xa0\x80",
            "機\ufffd\ufffdA\ufffd\ufffd\ufffd",
            (0, 3, 4, 5, 6, 7, 8, 9),
        ),
    ],
)
def test_codes(charset: str, octets: bytes, text: str, origin: tuple[int, ...]) -> None:
    assert decode(octets, Charset(charset)) == Decoded(text, origin)


def test_the_mode_goes_on() -> None:
    assert decode(b"5!L)", Charset.ISO_2022_JP, Mode.KANJI).text == "機密"


@pytest.mark.parametrize("charset", Charset)
def test_spellings_are_what_decodes_to_a_character(charset: Charset) -> None:
    for char in "機①∪纊ｱア～\\~A丂\n𠮷":
        for spelling in spellings(char, charset):
            assert decode(spelling.octets, charset, spelling.mode or Mode.ASCII).text == char
    assert spellings("\ud800", charset) == ()


def test_spellings_of_what_has_several() -> None:
    assert [way.octets.hex() for way in spellings("∪", Charset.SHIFT_JIS)] == ["81be", "879c"]
    assert [way.octets.hex() for way in spellings("纊", Charset.SHIFT_JIS)] == ["ed40", "fa5c"]
    assert [(way.octets, way.mode) for way in spellings("機", Charset.ISO_2022_JP)] == [(b"5!", Mode.KANJI)]
    assert [way.mode for way in spellings("A", Charset.ISO_2022_JP)] == [Mode.ASCII, Mode.ROMAN]
    assert spellings("𠮷", Charset.SHIFT_JIS) == ()


@pytest.mark.parametrize("charset", [Charset.SHIFT_JIS, Charset.EUC_JP])
def test_every_code_has_its_character_and_back(charset: Charset) -> None:
    singles = [bytes((code,)) for code in range(0x100)]
    pairs = [bytes(pair) for pair in itertools.product(range(0x81, 0xFF), range(0x40, 0xFF))]
    assigned = 0
    for code in (*singles, *pairs):
        text = decode(code, charset).text
        if len(text) == 1 and text != "\ufffd":
            assigned += 1
            assert code in {way.octets for way in spellings(text, charset)}
            if charset is Charset.SHIFT_JIS:
                assert code.decode("cp932") == text
    assert assigned > 7000


@given(prose, prose, prose, charsets, st.integers(0, 40), st.binary(max_size=9))
def test_around_a_place_reads_as_the_whole(
    before: str, word: str, after: str, charset: Charset, reach: int, outside: bytes
) -> None:
    text = before + word + after
    octets = text.encode(CODECS[charset])
    whole = decode(octets, charset)
    start, end = whole.origin[len(before)], whole.origin[len(before + word)]
    first = len(outside)
    around = decode_around(
        outside + octets + outside,
        first + start,
        first + end,
        charset,
        reach,
        reach,
        first,
        first + len(octets),
    )
    assert around.origin[0] <= max(first + start - reach, first) or charset is Charset.ISO_2022_JP
    assert word in around.text
    places = dict(zip(whole.origin[:-1], whole.text, strict=True))
    inside = [(at, char) for at, char in zip(around.origin, around.text, strict=False) if char != "\ufffd"]
    if charset is Charset.ISO_2022_JP:  # an escape sequence may be cut off at the end
        inside = inside[:-5]
    assert all(places[at - first] == char for at, char in inside)


def test_long_stretches_without_a_sure_boundary() -> None:
    octets = ("漢字仮名交文" * 200).encode("euc_jp")
    for start, first in ((1200, 0), (1201, 0), (1200, 1), (1201, 1), (100, 1), (101, 1)):
        around = decode_around(
            octets, start, start + 8, Charset.EUC_JP, 8, 8, first, len(octets), first_is_sure=False
        )
        assert "仮名" in around.text
    assert decode_around(octets, 7, 11, Charset.EUC_JP, 4, 4, 0, 40).text == octets[:15].decode(
        "euc_jp", "replace"
    )
    line = b"\x1b$B" + b"5!L)" * 300
    assert "機密" not in decode_around(line, 1100, 1104, Charset.ISO_2022_JP, 0, 0, 0, len(line)).text
    assert "機密" in decode_around(line, 903, 907, Charset.ISO_2022_JP, 0, 0, 0, len(line)).text


@given(near_text, charsets, st.data())
def test_around_any_place_nothing_raises(octets: bytes, charset: Charset, data: st.DataObject) -> None:
    first, start, end, last = sorted(data.draw(st.tuples(*[st.integers(0, len(octets))] * 4)))
    around = decode_around(octets, start, end, charset, data.draw(st.integers(0, 9)), 3, first, last)
    assert first <= around.origin[0]
    assert around.origin[-1] <= last
