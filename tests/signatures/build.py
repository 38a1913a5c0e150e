"""Signatures for tests."""

from dataclasses import fields
from typing import Any

from signatures.document import Documents
from signatures.model import Buffer, Clause, Severity, Signature, SignatureSet

_OF_CLAUSE = frozenset(each.name for each in fields(Clause))


def signature(*keywords: str, **values: Any) -> Signature:
    """A signature of ``payload`` that looks for ``keywords``, with ``values`` of it or its clause changed."""
    looked_for: dict[str, Any] = {"buffers": (Buffer.PAYLOAD,), "keywords": keywords}
    looked_for |= {key: values.pop(key) for key in list(values) if key in _OF_CLAUSE}
    whole: dict[str, Any] = {
        "sid": 1,
        "rev": 1,
        "name": {"en": "x"},
        "category": "custom",
        "severity": Severity.LOW,
        "clauses": (Clause(**looked_for),),
    }
    return Signature(**(whole | values))


HEAD = """\
[[signature]]
sid = 2000001
rev = 1
name = "x"
category = "custom"
severity = "low"
"""
"""The first six lines of a file."""


def read(text: str, builtin: bool = False) -> tuple[SignatureSet, list[tuple[int, str]]]:
    """What a file's text holds, and its mistakes: line and reason."""
    documents = Documents()
    documents.add(text.encode(), "file", builtin)
    loaded = documents.complete()
    return loaded, [(problem.line, problem.reason) for problem in documents.problems]
