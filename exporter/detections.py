r"""Detections for programs and spreadsheets: JSON and CSV (RFC 4180) with the same stable field names.

Names are those of EVE JSON where it has one. Octets that are not UTF-8 are escaped in the text
(``\xNN``) and carried losslessly beside it, in ``excerpt_hex`` and the ``_hex`` field of the same
name, which is null (empty in CSV) where the text is as it was sent. ``form``, ``folds`` and ``text`` are of a
keyword, as it was read; null where something else matched.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from exporter.printable import is_utf8, printable, printable_json
from sensor.store.records import Detection

_NS = 1_000_000_000

FIELDS = (
    "id",
    "timestamp",
    "run_id",
    "source",
    "sid",
    "rev",
    "name_ja",
    "name_en",
    "category",
    "severity",
    "buffer",
    "flow_id",
    "tx_id",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "app_proto",
    "pcap_cnt",
    "offset",
    "length",
    "http_method",
    "http_method_hex",
    "http_host",
    "http_host_hex",
    "http_url",
    "http_url_hex",
    "excerpt_text",
    "excerpt_hex",
    "excerpt_offset",
    "form",
    "folds",
    "text",
    "text_start",
    "text_end",
)
"""Names and order of the fields."""

_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What makes a spreadsheet take a cell for a formula; Japanese ones take the full-width forms too."""


def iso_time(ts_ns: int) -> str:
    """``ts_ns`` as RFC 3339 in UTC, with all nine digits."""
    seconds, fraction = divmod(ts_ns, _NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z"


def _wire_hex(text: str) -> str | None:
    return None if is_utf8(text) else text.encode("utf-8", "surrogateescape").hex()


def _wire_json(text: str) -> str:
    return text if is_utf8(text) else printable(text)


def _fields(row: Detection) -> dict[str, object]:
    """Name the values of ``row``, in the order of `FIELDS`; text as it was sent wherever it is UTF-8."""
    excerpt = row.excerpt.decode("utf-8", "surrogateescape")
    values = (
        row.id,
        iso_time(row.ts_ns),
        row.run_id,
        row.source,
        row.sid,
        row.rev,
        row.name_ja,
        row.name_en,
        row.category,
        row.severity,
        row.buffer,
        row.flow_id,
        row.tx_id,
        row.src_ip,
        row.src_port,
        row.dst_ip,
        row.dst_port,
        row.proto,
        row.app_proto,
        row.packet_number,
        row.offset,
        row.length,
        _wire_json(row.http_method),
        _wire_hex(row.http_method),
        _wire_json(row.http_host),
        _wire_hex(row.http_host),
        _wire_json(row.http_url),
        _wire_hex(row.http_url),
        _wire_json(excerpt),
        row.excerpt.hex(),
        row.excerpt_offset,
        row.form,
        None if row.form is None else row.folds,
        None if row.text is None else _wire_json(row.text),
        row.text_start,
        row.text_end,
    )
    return dict(zip(FIELDS, values, strict=True))


def render_json(rows: Iterable[Detection]) -> Iterator[str]:
    """Yield one JSON array in pieces, one detection a line. Safe to print on a terminal."""
    before = "["
    for row in rows:
        yield f"{before}\n{printable_json(msgspec.json.encode(_fields(row))).decode()}"
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _record(row: Detection) -> Iterator[object]:
    """Cells of ``row``, with octets in hexadecimal beside each text that had to be changed."""
    fields = _fields(row)
    for name in ("http_method", "http_host", "http_url"):
        text = str(fields[name])
        if fields[f"{name}_hex"] is None and _cell(text) != text:
            fields[f"{name}_hex"] = text.encode().hex()
    fields["folds"] = " ".join(row.folds)
    return map(_cell, fields.values())


def render_csv(rows: Iterable[Detection]) -> Iterator[str]:
    """Yield CSV, header first, a record at a time, CRLF at their ends.

    Control characters are escaped, so every record is one line. A text that a spreadsheet would take
    for a formula (it starts with = + - @, also full-width) gets an apostrophe before it, which
    spreadsheets hide. The ``_hex`` field beside a text so changed has what it was.
    """
    line = io.StringIO()
    writer = csv.writer(line)

    def write(values: Iterable[object]) -> str:
        line.seek(0)
        line.truncate()
        writer.writerow(values)
        return line.getvalue()

    yield write(FIELDS)
    for row in rows:
        yield write(_record(row))
