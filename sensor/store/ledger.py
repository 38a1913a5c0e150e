"""Rows of the loss ledger: what became of an interface's packets in a stretch of time, for writing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sensor.status import LedgerCounts

STRETCH_NS: Final = 60_000_000_000
"""The longest stretch that one row tells of."""

UPSERT_LEDGER: Final = """
INSERT INTO ledger (run_id, interface, started_ns, ended_ns, received, dropped, delivered, octets, decoded,
    rejected, shed, waiting, error, shed_bodies, shed_payload_octets, bypassed_octets)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, interface, started_ns) DO UPDATE SET ended_ns = excluded.ended_ns,
    received = excluded.received, dropped = excluded.dropped, delivered = excluded.delivered,
    octets = excluded.octets, decoded = excluded.decoded, rejected = excluded.rejected,
    shed = excluded.shed, waiting = excluded.waiting, error = excluded.error,
    shed_bodies = excluded.shed_bodies, shed_payload_octets = excluded.shed_payload_octets,
    bypassed_octets = excluded.bypassed_octets
"""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One stretch of one interface. Written again with the same start, it takes the place of the first.

    The next stretch starts at the very moment at which this one ended: what no row covers was not looked
    at. A clock that is set ends the stretch.
    """

    interface: str
    """As configured."""
    started_ns: int
    """Wall clock, not rounded: after a step back, two stretches of a run must not start at one moment."""
    ended_ns: int
    """At most `STRETCH_NS` later."""
    counts: LedgerCounts
    """Of this stretch alone."""
    waiting: int = 0
    """Packets in the kernel's ring when the stretch ended."""
    error: int = 0
    """Packets by which an identity does not hold in this stretch; must be 0."""
    shed_bodies: int = 0
    """HTTP responses whose body was not looked into because of overload."""
    shed_payload_octets: int = 0
    """Payload of encrypted flows that was not looked into because of overload."""
    bypassed_octets: int = 0
    """Payload that was not looked into because no signature could match in it."""


def ledger_values(run_id: int, row: LedgerRow) -> tuple[object, ...]:
    """Values for `UPSERT_LEDGER`."""
    counts = row.counts
    return (
        run_id,
        row.interface,
        row.started_ns,
        row.ended_ns,
        counts.received,
        _by_reason(counts.dropped),
        counts.delivered,
        counts.octets,
        counts.decoded,
        _by_reason(counts.rejected),
        _by_reason(counts.shed),
        row.waiting,
        row.error,
        row.shed_bodies,
        row.shed_payload_octets,
        row.bypassed_octets,
    )


def _by_reason(packets: Mapping[str, int]) -> str:
    return json.dumps(dict(packets), sort_keys=True)
