"""The subscriber's words for their owner: a table, JSON, or CSV (RFC 4180)."""

import csv
import io
import json
from collections.abc import Sequence
from types import MappingProxyType

from exporter.columns import render_columns
from exporter.printable import printable, printable_json
from exporter.severity import severity_name
from sensor.cli.options import table_width
from signatures.model import Signature

_HEADERS = MappingProxyType(
    {
        "en": ("SID", "Rev", "Severity", "Category", "Looked for in", "Word"),
        "ja": ("SID", "Rev", "重大度", "分類", "検査箇所", "言葉"),
    }
)
_NONE = MappingProxyType({"en": "No words.\n", "ja": "登録された言葉はありません。\n"})
_FIELDS = ("sid", "rev", "keywords", "buffers", "category", "severity", "fold", "note")
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What makes a spreadsheet take a cell for a formula; Japanese ones take the full-width forms too."""


def render_words(signatures: Sequence[Signature], form: str, language: str) -> str:
    """Make text of them.

    :param form: ``table``, ``json`` or ``csv``.
    """
    if form == "json":
        rows = [_fields(signature, language) for signature in signatures]
        return printable_json(json.dumps(rows, ensure_ascii=False, indent=2).encode()).decode() + "\n"
    if form == "csv":
        return _csv(signatures, language)
    if not signatures:
        return _NONE[language]
    rows_ = [
        (
            str(signature.sid),
            str(signature.rev),
            severity_name(signature.severity, language),
            printable(signature.category),
            ", ".join(signature.buffers),
            "\n".join(map(printable, _keywords(signature))),
        )
        for signature in signatures
    ]
    return render_columns(_HEADERS[language], rows_, right=(0, 1), width=table_width())


def _keywords(signature: Signature) -> list[str]:
    return [keyword for clause in signature.clauses for keyword in clause.keywords]


def _fields(signature: Signature, language: str) -> dict[str, object]:
    note = signature.description.get(language) or next(iter(signature.description.values()), "")
    folds = [str(fold) for clause in signature.clauses[:1] for fold in clause.folds]
    values = (
        signature.sid,
        signature.rev,
        _keywords(signature),
        list(map(str, signature.buffers)),
        signature.category,
        str(signature.severity),
        folds,
        note,
    )
    return dict(zip(_FIELDS, values, strict=True))


def _csv(signatures: Sequence[Signature], language: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_FIELDS)
    for signature in signatures:
        writer.writerow(map(_cell, _fields(signature, language).values()))
    return out.getvalue()


def _cell(value: object) -> object:
    text = printable(" ".join(value) if isinstance(value, list) else str(value))
    return f"'{text}" if text.startswith(_FORMULA) else text
