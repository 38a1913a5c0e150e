"""Detections as JSON, CSV and tables: lossless for programs, harmless for terminals and spreadsheets."""

import csv
import io
import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from exporter.detection_facts import render_one
from exporter.detection_table import render_table
from exporter.detections import FIELDS, render_csv, render_json
from exporter.printable import printable
from sensor.store.records import Detection

ROW = Detection(
    id=17,
    run_id=1,
    source="captures/家.pcap",
    ts_ns=1_700_000_000_000_000_001,
    sid=9000001,
    rev=2,
    name_ja="遠隔操作ソフト",
    name_en="remote control",
    category="custom",
    severity="high",
    buffer="http.uri",
    flow_id=(1 << 63) - 1,
    tx_id=3,
    src_ip="192.0.2.1",
    src_port=51234,
    dst_ip="2001:db8:1234:5678:9abc:def0:1234:5678",
    dst_port=80,
    proto="TCP",
    app_proto="http",
    packet_number=42,
    offset=5,
    length=12,
    excerpt="GET /遠隔操作 HTTP/1.1".encode(),
    excerpt_offset=5,
    http_method="GET",
    http_host="example.com",
    http_url="/遠隔操作",
)
READ = replace(
    ROW,
    form="percent shift_jis",
    folds=("width", "kana"),
    text="検索: エンカク操作ソフト を入れて",
    text_start=4,
    text_end=12,
    dst_ip="203.0.113.9",
)
ESCAPES = "\x1b]0;title\x07\x9b31m\u202e\ufeff\r\n\x00"
HOSTILE = replace(
    ROW,
    id=123456,
    source=ESCAPES,
    category=f"[bold]{ESCAPES}",
    name_ja=None,
    name_en=ESCAPES,
    http_method="",
    http_host=f"=cmd|{ESCAPES}",
    http_url=b"/\xff\xfe".decode("utf-8", "surrogateescape") + ESCAPES,
    excerpt=ESCAPES.encode() + bytes(range(256)),
    excerpt_offset=300,
    length=9999,
)
TEXTS = st.binary(max_size=40).map(lambda octets: octets.decode("utf-8", "surrogateescape"))


@pytest.fixture(autouse=True)
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def is_harmless(text: str) -> bool:
    """Whether a terminal shows ``text`` and obeys nothing in it."""
    return all(c.isprintable() or c in "\u3000\r\n" for c in text)


def rows_of_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_json_fields() -> None:
    (found,) = json.loads("".join(render_json([ROW])))
    assert tuple(found) == FIELDS
    assert found["timestamp"] == "2023-11-14T22:13:20.000000001Z"
    assert (found["name_ja"], found["http_url"], found["http_url_hex"]) == (
        "遠隔操作ソフト",
        "/遠隔操作",
        None,
    )
    assert (found["flow_id"], found["tx_id"], found["pcap_cnt"]) == ((1 << 63) - 1, 3, 42)
    assert (found["src_ip"], found["src_port"], found["dest_port"]) == ("192.0.2.1", 51234, 80)
    assert bytes.fromhex(found["excerpt_hex"]) == ROW.excerpt == found["excerpt_text"].encode()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_json_is_one_array_a_detection_a_line(count: int) -> None:
    text = "".join(render_json([ROW] * count))
    assert len(json.loads(text)) == count
    assert text.endswith("]\n")
    assert text.count("\n") == (count + 2 if count else 1)


@given(TEXTS, st.binary(max_size=40))
def test_json_is_lossless_and_harmless(url: str, excerpt: bytes) -> None:
    text = "".join(render_json([replace(ROW, http_url=url, excerpt=excerpt)]))
    (found,) = json.loads(text)
    if found["http_url_hex"] is None:
        assert found["http_url"] == url
    else:
        assert bytes.fromhex(found["http_url_hex"]).decode("utf-8", "surrogateescape") == url
    assert bytes.fromhex(found["excerpt_hex"]) == excerpt
    assert not any("\x7f" <= c <= "\x9f" or ord(c) < 0x20 for c in text.replace("\n", ""))


def test_csv_is_rfc_4180() -> None:
    text = "".join(render_csv([ROW, replace(ROW, category='say "hi", 家')]))
    header, *records = text.split("\r\n")[:-1]
    assert header == ",".join(FIELDS)
    assert len(records) == 2
    first, second = rows_of_csv(text)
    assert (first["http_url"], first["http_url_hex"], second["category"]) == ("/遠隔操作", "", 'say "hi", 家')
    assert '"say ""hi"", 家"' in records[1]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t=", "\r="])
def test_no_cell_of_csv_is_a_formula(first: str) -> None:
    text = "".join(render_csv([replace(ROW, http_host=f"{first}HYPERLINK(1)", name_ja=f"{first}1")]))
    (found,) = rows_of_csv(text)
    for cell in (found["http_host"], found["name_ja"]):
        assert cell[0] in "'\\"


@given(TEXTS)
def test_csv_has_one_harmless_line_a_record(url: str) -> None:
    text = "".join(render_csv([replace(ROW, http_url=url)]))
    assert text.count("\n") == text.count("\r\n") == 2
    assert is_harmless(text)
    (found,) = rows_of_csv(text)
    assert not found["http_url"].startswith(("=", "+", "-", "@"))
    kept = bytes.fromhex(found["http_url_hex"]) if found["http_url_hex"] else found["http_url"].encode()
    assert kept == url.encode("utf-8", "surrogateescape"), "what was changed stands beside it as it was"


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", [70, 80, 100, 110, 120, 200, None])
def test_table_fits_and_is_harmless(language: str, width: int | None) -> None:
    text = render_table([ROW, HOSTILE], language, width=width)
    assert is_harmless(text)
    assert "123456" in text
    if width is not None:
        assert max(map(cell_len, text.splitlines())) <= width
    else:
        assert len(text.splitlines()) == 4, "header, rule, a line each"
        assert "[2001:db8:1234:5678:9abc:def0:1234:5678]:80" in text


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("width", [1, 8, 20, 21, 30, 40, 50, 52, 53, 60, 69, 70, 71, 79, 109, 110])
def test_no_table_is_too_narrow_for_the_number(language: str, color: bool, width: int) -> None:
    largest = 10**9
    text = render_table([ROW, replace(HOSTILE, id=largest)], language, width=width, color=color)
    assert all(re.search(rf"^ *{number} ", text, re.MULTILINE) for number in (ROW.id, largest))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert max(map(cell_len, plain.splitlines())) <= max(width, 24)
    assert "2023-11-15" in re.sub(r"\s", "", plain), "nor for the time"


def test_table_at_40_columns() -> None:
    assert render_table([replace(ROW, dst_ip="203.0.113.9")], "ja", width=40) == (
        "番号  シグネチャ\n"
        "────────────────────────────────────────\n"
        "  17  遠隔操作ソフト\n"
        "      9000001 http.uri\n"
        "      2023-11-15 07:13:20\n"
        "      +09:00 高\n"
        "      192.0.2.1:51234\n"
        "      → 203.0.113.9:80\n"
        "      GET example.com/遠隔操作\n"
    )


def test_table_at_80_columns() -> None:
    assert render_table([replace(ROW, dst_ip="203.0.113.9")], "ja", width=80) == (
        "番号  日時                 シグネチャ                           送信元 → 宛先\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "  17  2023-11-15 07:13:20  遠隔操作ソフト                       192.0.2.1:51234\n"
        "      +09:00 高            9000001 http.uri                     → 203.0.113.9:80\n"
        "                           GET example.com/遠隔操作\n"
    )


def test_table_at_120_columns() -> None:
    text = render_table(
        [replace(ROW, dst_ip="203.0.113.9"), replace(ROW, id=18, dst_ip="203.0.113.9")], "ja", width=120
    )
    lines = text.splitlines()
    assert [cell_len(lines[2][: lines[2].index("192.")]), cell_len(lines[2][: lines[2].index("GET")])] == [
        cell_len(lines[0][: lines[0].index("送信元")]),
        cell_len(lines[0][: lines[0].index("一致")]),
    ], "the columns begin under their headers, whatever the width of the letters before"
    assert lines[4].startswith("  18")


def test_table_without_rows() -> None:
    assert render_table([], "en") == "No detections.\n"
    assert render_table([], "ja") == "検知はありません。\n"


def test_table_in_colour_has_no_escape_of_the_wire() -> None:
    text = render_table([HOSTILE], width=120, color=True) + render_one(HOSTILE, color=True)
    assert "\x1b[" in text
    assert not any(found in text for found in ("\x1b]", "\x07", "\x9b", "\u202e", "\x00"))


def test_table_shows_the_excerpt_where_there_is_no_request() -> None:
    text = render_table([replace(ROW, http_url="", buffer="payload")], width=120)
    assert "GET /遠隔操作 HTTP/1.1" in text


def test_table_shows_what_matched_however_much_stands_before() -> None:
    row = replace(ROW, http_url="", excerpt=bytes(40) + b"AnyDesk" + bytes(40), excerpt_offset=40, length=7)
    for width in (80, 112):
        assert "…\\x00\\x00\\x00AnyDesk\\x00" in render_table([row], width=width)
    unknown_start = replace(row, excerpt_offset=47, length=0)
    assert "AnyDesk" in render_table([unknown_start])


def test_table_breaks_what_matched_where_a_line_is_full() -> None:
    row = replace(ROW, dst_ip="203.0.113.9", http_url=f"/{'x' * 20} {'y' * 30} {'z' * 200}")
    lines = render_table([row], width=112).splitlines()
    assert len(lines) == 4, "header, rule, two lines"
    assert cell_len(lines[2]) == 112
    assert lines[3].endswith("zzz…")


def test_table_on_a_wide_screen_shows_long_names() -> None:
    name = "Chrome Remote Desktop: name seen in DNS or TLS"
    row = replace(ROW, name_en=name)
    assert name in render_table([row], width=200)
    assert name not in render_table([row], width=112)


def test_one_explains_the_detection() -> None:
    assert render_one(ROW, "en") == (
        "ID           17\n"
        "Signature    remote control (sid 9000001, rev 2)\n"
        "Severity     high\n"
        "Category     custom\n"
        "Time         2023-11-15 07:13:20.000000001 +09:00\n"
        "From → To    192.0.2.1:51234 → [2001:db8:1234:5678:9abc:def0:1234:5678]:80\n"
        "Flow         TCP http 9223372036854775807\n"
        "Transaction  3\n"
        "Request      GET example.com/遠隔操作\n"
        "Run          1\n"
        "Capture      captures/家.pcap\n"
        "Packet       42\n"
        "Where        12 octets at offset 5 of http.uri\n"
        "Excerpt      GET /遠隔操作 HTTP/1.1\n"
        "\n"
        "0000  47 45 54 20 2f e9 81 a0 e9 9a 94 e6 93 8d e4 bd  GET /...........\n"
        "                     ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^ ^^       ^^^^^^^^^^^\n"
        "0010  9c 20 48 54 54 50 2f 31 2e 31                    . HTTP/1.1\n"
        "      ^^                                               ^\n"
    )


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("width", [40, 80, 120])
def test_one_is_harmless(language: str, width: int) -> None:
    for row in (HOSTILE, replace(HOSTILE, excerpt=b""), replace(HOSTILE, excerpt_offset=-5, length=0)):
        assert is_harmless(render_one(row, language, width=width))


def test_a_reading_is_told_to_programs() -> None:
    (found,) = json.loads("".join(render_json([READ])))
    assert (found["form"], found["folds"]) == ("percent shift_jis", ["width", "kana"])
    assert found["text"][found["text_start"] : found["text_end"]] == "エンカク操作ソフ"
    (row,) = rows_of_csv("".join(render_csv([READ])))
    assert (row["form"], row["folds"], row["text"]) == (READ.form, "width kana", READ.text)
    (other,) = json.loads("".join(render_json([ROW])))
    assert [other[name] for name in FIELDS[-5:]] == [None] * 5
    (row,) = rows_of_csv("".join(render_csv([ROW])))
    assert [row[name] for name in FIELDS[-5:]] == [""] * 5


@pytest.mark.parametrize("width", [None, 40, 80, 112, 150])
def test_a_table_shows_what_was_read_and_marks_the_match(width: int | None) -> None:
    text = render_table([READ, replace(ROW, dst_ip="203.0.113.9")], "ja", width=width)
    joined = "".join(text.split())
    wide = width is None or width >= 110
    assert "エンカク操作ソフト" in joined
    assert ("percentshift_jis" in joined) == wide
    assert ("ひらがな・カタカナ" in joined) == wide
    assert ("表記" in joined) == wide
    assert all(cell_len(line) <= (width or 10_000) for line in text.splitlines())
    coloured = render_table([READ], "en", width=200, color=True)
    assert "\x1b[1;7mエンカク操作ソフ\x1b[0mト" in coloured


def test_a_table_without_keywords_has_no_column_for_their_form() -> None:
    assert "Form" not in render_table([ROW], "en", width=150) + render_table([ROW], "en")


def test_one_explains_how_a_keyword_was_written() -> None:
    text = render_one(READ, "en")
    assert "Form         percent shift_jis\n" in text
    assert "Folded       width, kana\n" in text
    assert "Text         検索: エンカク操作ソフト を入れて\n" in text
    assert "Folded" not in render_one(replace(READ, folds=()), "en")


@pytest.mark.parametrize("width", [None, 40, 80, 120])
def test_a_reading_is_harmless(width: int | None) -> None:
    row = replace(READ, form=ESCAPES, folds=(ESCAPES,), text=ESCAPES * 9, text_start=20, text_end=9999)
    for language in ("ja", "en"):
        assert is_harmless(render_table([row], language, width=width))
        assert is_harmless(render_one(row, language))


def test_match_whose_start_is_not_known() -> None:
    text = render_one(replace(ROW, length=0), "en")
    assert "up to offset 5 of http.uri" in text
    assert "^" not in text


@given(TEXTS)
def test_printable_is_harmless_and_keeps_what_is_printable(text: str) -> None:
    shown = printable(text)
    assert is_harmless(shown)
    assert all(c in shown for c in text if c.isprintable())


def test_printable_tells_an_octet_from_a_character() -> None:
    assert printable("\udc9b\x9b\x1b\u202e\U000e0001　遠") == "\\x9b\\u009b\\x1b\\u202e\\U000e0001　遠"
