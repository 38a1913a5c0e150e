"""What severities are called."""

from types import MappingProxyType

_JA = MappingProxyType({"low": "低", "medium": "中", "high": "高", "critical": "重大"})


def severity_name(severity: str, language: str) -> str:
    """``severity`` in ``language``; as it is where that has no word for it."""
    return _JA.get(severity, severity) if language == "ja" else severity
