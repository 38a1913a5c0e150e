"""Signatures for tests."""

from dataclasses import fields
from typing import Any

from signatures.model import Buffer, Clause, Severity, Signature

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
