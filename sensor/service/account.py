"""The loss ledger's arithmetic: counters of workers and of the kernel as `LedgerCounts`.

Two identities are checked each time that the books are read. What was delivered must have been decoded,
rejected or shed: the page is committed batch by batch, so this holds exactly, a killed worker included. And
what the kernel received must have been dropped, delivered, or wait in the ring: what waits can't be
negative, nor more than a ring can hold, and must be nothing once a ring has been drained.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from sensor.status import LedgerCounts
from sensor.worker.page import REJECTED, SHED

LEAST_RECORD: Final = 64
"""Octets of ring that the shortest packet takes, its header included: bounds how many can wait."""


def add_worker(counts: LedgerCounts, values: Mapping[str, int]) -> LedgerCounts:
    """``counts`` with what a worker's page says."""
    return counts + LedgerCounts(
        delivered=values["delivered"],
        octets=values["received_octets"],
        decoded=values["decoded"],
        rejected=_by_reason(values, REJECTED),
        shed=_by_reason(values, SHED),
    )


def add_kernel(counts: LedgerCounts, received: int, dropped: int) -> LedgerCounts:
    """``counts`` with what the kernel says of a socket (where only the worker can ask it: with its word)."""
    return counts + LedgerCounts(received=received, dropped=_some({"ring_full": dropped}))


def error_of(counts: LedgerCounts, room: int) -> int:
    """Packets by which an identity does not hold.

    :param counts: since the service started.
    :param room: octets of all rings.
    """
    waiting = counts.waiting
    beyond = max(-waiting, 0) + max(waiting - room // LEAST_RECORD, 0)
    return abs(counts.unaccounted) + beyond


def total(every: Iterable[LedgerCounts]) -> LedgerCounts:
    """All together."""
    counts = LedgerCounts()
    for each in every:
        counts += each
    return counts


def forget_waiting(counts: LedgerCounts) -> LedgerCounts:
    """``counts`` of a ring that is gone with what waited in it: those packets are counted as dropped."""
    lost = counts.waiting
    return (
        replace(counts, dropped=counts.dropped | {"abandoned": counts.dropped.get("abandoned", 0) + lost})
        if lost > 0
        else counts
    )


def _by_reason(values: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if value and name.startswith(prefix)
    }


def _some(counts: dict[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if count}
