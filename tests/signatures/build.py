"""Signatures for tests."""

from typing import Any

from signatures.model import Buffer, Severity, Signature


def signature(*keywords: str, **values: Any) -> Signature:
    """A signature of ``payload`` that looks for ``keywords``, with ``values`` changed."""
    whole: dict[str, Any] = {
        "sid": 1,
        "rev": 1,
        "name": {"en": "x"},
        "category": "custom",
        "severity": Severity.LOW,
        "buffers": (Buffer.PAYLOAD,),
        "keywords": keywords,
    }
    return Signature(**(whole | values))
