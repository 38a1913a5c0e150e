"""The loss ledger for programs: JSON and CSV (RFC 4180) with the same stable field names.

In JSON, ``kind`` tells a step of time that was looked at (``looked``) from a time that was not (``gap``,
with its reason), and the last object is the ``summary``. CSV has no summary, and leaves empty what a gap
has not. ``waiting`` is what the ring held at the end; the other counts are of the step.
"""

import csv
import io
from collections.abc import Iterable, Iterator

import msgspec

from exporter.detections import iso_time
from exporter.ledger_totals import LedgerTotals
from exporter.printable import printable, printable_json
from sensor.store.ledger_steps import Gap, LedgerItem, Looked

FIELDS = (
    "kind",
    "interface",
    "start",
    "end",
    "seconds",
    "reason",
    "covered",
    "received",
    "dropped",
    "delivered",
    "waiting",
    "octets",
    "decoded",
    "rejected",
    "shed",
    "dropped_by_reason",
    "rejected_by_reason",
    "shed_by_reason",
    "shed_bodies",
    "shed_payload_octets",
    "bypassed_octets",
    "error",
)
"""Names and order of the fields of steps; a gap has those up to ``reason``."""
_GAP_FIELDS = FIELDS[: FIELDS.index("reason") + 1]


def _when(started_ns: int, ended_ns: int) -> tuple[str, str, float]:
    return iso_time(started_ns), iso_time(ended_ns), (ended_ns - started_ns) / 1e9


def _gap_fields(gap: Gap) -> dict[str, object]:
    times = _when(gap.started_ns, gap.ended_ns)
    values = ("gap", printable(gap.interface), *times, str(gap.reason))
    return dict(zip(_GAP_FIELDS, values, strict=True))


def _step_fields(step: Looked) -> dict[str, object]:
    counts, length_ns = step.counts, step.ended_ns - step.started_ns
    values = (
        "looked",
        printable(step.interface),
        *_when(step.started_ns, step.ended_ns),
        None,
        round(step.covered_ns / length_ns, 6) if length_ns else 0.0,
        counts.received,
        step.dropped,
        counts.delivered,
        step.waiting,
        counts.octets,
        counts.decoded,
        step.rejected,
        step.shed,
        counts.dropped,
        counts.rejected,
        counts.shed,
        step.shed_bodies,
        step.shed_payload_octets,
        step.bypassed_octets,
        step.error,
    )
    return dict(zip(FIELDS, values, strict=True))


def _summary(totals: LedgerTotals) -> dict[str, object]:
    counts = totals.counts
    return {
        "kind": "summary",
        "start": iso_time(totals.since_ns),
        "end": iso_time(totals.until_ns),
        "interfaces": [printable(name) for name in totals.missed_ns],
        "covered": round(totals.covered, 6),
        "not_looking_seconds": sum(totals.missed_ns.values()) / 1e9,
        "received": counts.received,
        "dropped": totals.dropped,
        "delivered": counts.delivered,
        "octets": counts.octets,
        "decoded": counts.decoded,
        "rejected": sum(counts.rejected.values()),
        "shed": totals.shed,
        "shed_bodies": totals.shed_bodies,
        "shed_payload_octets": totals.shed_payload_octets,
        "bypassed_octets": totals.bypassed_octets,
        "error": totals.error,
        "whole": totals.is_whole,
    }


def _fields(item: LedgerItem) -> dict[str, object]:
    return _gap_fields(item) if isinstance(item, Gap) else _step_fields(item)


def render_json(items: Iterable[LedgerItem], totals: LedgerTotals) -> Iterator[str]:
    """Yield one JSON array in pieces, one object a line; ``items`` are watched by ``totals``."""
    before = "["
    for item in items:
        yield f"{before}\n{_line(_fields(item))}"
        before = ","
    yield f"{before}\n{_line(_summary(totals))}\n]\n"


def _line(fields: dict[str, object]) -> str:
    return printable_json(msgspec.json.encode(fields)).decode()


def render_csv(items: Iterable[LedgerItem]) -> Iterator[str]:
    """Yield CSV, header first, a record at a time, CRLF at their ends; counts by reason are JSON."""
    line = io.StringIO()
    writer = csv.DictWriter(line, FIELDS, restval="")
    writer.writeheader()
    yield line.getvalue()
    for item in items:
        line.seek(0)
        line.truncate()
        writer.writerow(
            {
                name: _line(value) if isinstance(value, dict) else value
                for name, value in _fields(item).items()
            }
        )
        yield line.getvalue()
