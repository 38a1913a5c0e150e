"""From when until when an indicator of STIX 2.1 is valid (section 4.7)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from signatures.importing.result import RefusedError


def check_valid(entry: Mapping[str, Any], now: datetime) -> None:
    """:raises RefusedError: if the indicator says that it is not valid now."""
    until, since = _moment(entry, "valid_until"), _moment(entry, "valid_from")
    if until is not None and until <= now:
        raise RefusedError("expired", f"was valid until {until:%Y-%m-%d %H:%M} UTC")
    if since is not None and since > now:
        raise RefusedError("not yet valid", f"is valid from {since:%Y-%m-%d %H:%M} UTC on")


def _moment(entry: Mapping[str, Any], key: str) -> datetime | None:
    value = entry.get(key)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise RefusedError(key, "is no time as 2026-01-31T09:00:00Z") from None
