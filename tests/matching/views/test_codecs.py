"""What the standard library escapes, a view reads; what it reads, a view reads the same."""

import base64
import email.header
import html
import json
import quopri
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.matching.views.view import Form
from tests.matching.views.harness import texts

TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("あ漢字ｱ😀%+&#;=\\/\"'?"), max_size=30
)
CHARSETS = ("utf-8", "shift_jis", "euc-jp", "iso-2022-jp-ext", "utf-16-le", "utf-16-be")
JAPANESE = ("遠隔操作", "スト", "ｱｲｳ", "機密a b", "ソ表能", "あいうえおかきくけこ", "タタ", "ススル")


def reads(form: Form, escaped: bytes, octets: bytes) -> None:
    """The view of an escaped text is the text; a text that nothing is escaped of has none."""
    assert texts(form, escaped) == ([] if escaped == octets else [octets])


@given(TEXT)
def test_percent(text: str) -> None:
    reads(Form.PERCENT, urllib.parse.quote(text).encode(), text.encode())


@given(TEXT)
def test_a_form_of_a_query(text: str) -> None:
    escaped = urllib.parse.quote_plus("%" + text).encode()
    assert texts(Form.PERCENT, escaped, spaces=True) == [b"%" + text.encode()]


@given(TEXT)
def test_javascript_escape(text: str) -> None:
    units = text.encode("utf-16-be")
    escaped = "".join(f"%u{int.from_bytes(units[i : i + 2]):04X}" for i in range(0, len(units), 2))
    reads(Form.PERCENT, escaped.encode(), text.encode())


@given(TEXT)
def test_json(text: str) -> None:
    # Quotes make no region by themselves, nor does a backslash.
    escaped = json.dumps("\x00" + text + "あ", ensure_ascii=True)[7:-1]
    assert texts(Form.UNICODE, escaped.encode()) == [(text + "あ").encode()]


@given(TEXT, st.sampled_from(("&#{};", "&#x{:x};", "&#X{:06X};")))
def test_html_numbers(text: str, form: str) -> None:
    reads(Form.HTML, "".join(form.format(ord(character)) for character in text).encode(), text.encode())


@given(
    st.lists(
        st.sampled_from(
            ["&", ";", "&amp;lt;", "&lt", "&LT;", "&notit;", "&notin;", "&fjlig;", "&ltdot", "&#65", "a"]
        )
    ).map("".join)
)
def test_html_as_browsers_read_it(text: str) -> None:
    read = html.unescape(text)
    reads(Form.HTML, text.encode(), read.encode())


@given(st.binary(max_size=200))
def test_quoted_printable(octets: bytes) -> None:
    # The codec makes =0A of a line feed and breaks lines softly.
    escaped = quopri.encodestring(octets, quotetabs=True).replace(b"\n", b"\r\n")
    read = quopri.decodestring(escaped)
    if escaped != read:
        assert texts(Form.QUOTED_PRINTABLE, escaped) == [read]


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("word", JAPANESE)
def test_base64(word: str, charset: str) -> None:
    for before in (b"", b"a", b"ab"):
        octets = before + (word * 6).encode(charset)
        for escaped in (
            b"path/" + base64.b64encode(octets),
            b"=" + base64.urlsafe_b64encode(octets),
            b"=" + base64.encodebytes(octets).replace(b"\n", b"\r\n\t"),
        ):
            assert any(octets in text for text in texts(Form.BASE64, escaped))


@given(st.binary(min_size=300, max_size=400), st.sampled_from((64, 76)), st.integers(0, 3))
def test_base64_in_lines_from_anywhere(octets: bytes, width: int, cut: int) -> None:
    # Random octets look like base64; none of a single value does.
    octets = bytes(octet ^ (37 * index) % 256 for index, octet in enumerate(octets))
    letters = base64.b64encode(octets).rstrip(b"=")
    lines = b"\r\n".join(letters[i : i + width] for i in range(0, len(letters), width))
    assert any(octets[3:] in text for text in texts(Form.BASE64, lines[cut:]))


@pytest.mark.parametrize("charset", ["utf-8", "iso-2022-jp"])
@pytest.mark.parametrize("text", ["遠隔操作", "機密a b", "ソ表能", "遠隔操作" * 30])
def test_headers(text: str, charset: str) -> None:
    header = email.header.Header(text, charset).encode().encode()
    assert texts(Form.ENCODED_WORD, header) == [text.encode(charset)]


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("text", JAPANESE)
def test_encoded_words(text: str, charset: str) -> None:
    octets = text.encode(charset)
    base64_word = b"=?x?B?" + base64.b64encode(octets) + b"?="
    quoted_word = b"=?x?q?" + b"".join(b"=%02x" % octet for octet in octets) + b"?="
    header = b"Subject: " + base64_word + b"\r\n " + quoted_word + b" end"
    assert texts(Form.ENCODED_WORD, header) == [b"Subject: " + 2 * octets + b" end"]


def test_words_of_iso_2022_jp_that_go_on() -> None:
    words = [base64.b64encode(half.encode("iso-2022-jp")).decode() for half in ("遠隔", "操作")]
    header = "\r\n ".join(f"=?ISO-2022-JP?B?{word}?=" for word in words)
    assert texts(Form.ENCODED_WORD, header.encode()) == ["遠隔操作".encode("iso-2022-jp")]


@pytest.mark.parametrize("name", ["日本語.jp", "www.例え.テスト", "遠隔操作" * 3 + ".example"])
def test_punycode(name: str) -> None:
    labels = name.encode("idna").split(b".")
    assert texts(Form.PUNYCODE, b".".join(labels)) == [name.encode()]
    upper = b".".join(label.upper() for label in labels)
    assert texts(Form.PUNYCODE, upper)[0].lower() == name.encode()


def test_punycode_in_a_query_of_dns() -> None:
    # Behind the label stands the length octet of one of 48 letters, which is "0".
    label = "遠隔操作".encode("idna")
    query = b"\x03www" + bytes([len(label)]) + label + b"0" + b"a" * 48 + b"\0"
    (read,) = texts(Form.PUNYCODE, query)
    assert "遠隔操作0aaa".encode() in read
