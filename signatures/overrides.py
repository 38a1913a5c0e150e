"""``[[override]]``: what a file changes of the signatures of others, by sid.

An operator may change any signature. A subscriber may change the subscriber's own, and switch off those that
say ``subscriber_may_disable``; nothing else. Shipped files change nothing. Operators' overrides apply first,
so a subscriber may do what the operator allows in an override.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from signatures.conditions import read_protocols, read_schedule, read_suppressions, read_threshold
from signatures.contradictions import condition_faults
from signatures.endpoints import read_networks, read_ports
from signatures.limits import MAX_SID
from signatures.model import Direction, Owner, Severity, Signature
from signatures.values import Fields, Report

_READERS: Final[Mapping[str, Callable[[Fields], Any]]] = MappingProxyType(
    {
        "severity": lambda fields: fields.choice("severity", Severity, Severity.LOW),
        "direction": lambda fields: fields.choice("direction", Direction, Direction.ANY),
        "src_ports": lambda fields: read_ports(fields, "src_ports"),
        "dst_ports": lambda fields: read_ports(fields, "dst_ports"),
        "src_networks": lambda fields: read_networks(fields, "src_networks"),
        "dst_networks": lambda fields: read_networks(fields, "dst_networks"),
        "protocols": read_protocols,
        "schedule": read_schedule,
        "threshold": read_threshold,
        "suppress": read_suppressions,
        "subscriber_may_disable": lambda fields: fields.flag("subscriber_may_disable"),
    }
)
_FIELDS: Final[Mapping[str, str]] = MappingProxyType({"suppress": "suppressions"})
"""Of `Signature`, where they are named otherwise."""
OVERRIDE_KEYS: Final = ("sid", "enabled", *_READERS)


@dataclass(frozen=True, slots=True)
class Override:
    """One table, sound in itself."""

    sid: int
    owner: Owner
    enabled: bool
    keys: tuple[str, ...]
    """Those that it states, without ``sid``."""
    changes: dict[str, Any]
    """Values of fields of `Signature`; each takes the place of what was there."""
    source: str
    """``file:line``."""
    report: Report


def read_override(fields: Fields, owner: Owner, source: str, report: Report) -> Override:
    """Make an override of the table ``fields``; of use only if no mistake was reported."""
    fields.only(OVERRIDE_KEYS)
    fields.need(("sid",))
    keys = tuple(key for key in OVERRIDE_KEYS[1:] if key in fields)
    if all(key == "sid" for key in fields):
        fields.wrong("", "an override that changes nothing: see enabled, severity, threshold, suppress, …")
    if owner is Owner.BUILTIN:
        fields.wrong("", "shipped files override nothing: change the signature itself")
    changes = {_FIELDS.get(key, key): _READERS[key](fields) for key in keys if key in _READERS}
    sid = fields.integer("sid", 1, 1, MAX_SID)
    return Override(sid, owner, fields.flag("enabled", default=True), keys, changes, source, report)


def apply_overrides(
    signatures: Iterable[Signature], overrides: Iterable[Override], known: frozenset[int]
) -> tuple[list[Signature], list[Signature]]:
    """The signatures as overridden: those in use, and those switched off, each in their order.

    :param known: every sid that a file states, also those of signatures that are left out for a mistake.
    """
    by_sid = {signature.sid: signature for signature in signatures}
    disabled: set[int] = set()
    stated: dict[tuple[int, Owner, str], Override] = {}
    # Python's sort is stable, and an operator comes before a subscriber.
    for override in sorted(overrides, key=attrgetter("owner")):
        signature = by_sid.get(override.sid)
        if signature is None:
            if override.sid not in known:
                override.report("sid", f"there is no signature {override.sid}: name its file too")
            continue
        if not _may(override, signature) or _stated_before(override, stated):
            continue
        changed = replace(signature, **override.changes)
        faults = set(condition_faults(changed)) - set(condition_faults(signature))
        for key, reason in sorted(faults):
            override.report(key, f"signature {override.sid}: {reason}")
        by_sid[override.sid] = changed
        if not override.enabled:
            disabled.add(override.sid)
    used = [signature for sid, signature in by_sid.items() if sid not in disabled]
    return used, [by_sid[sid] for sid in by_sid if sid in disabled]


def _may(override: Override, signature: Signature) -> bool:
    """Whether the file's owner may change the signature so; reported if not."""
    if override.owner is not Owner.SUBSCRIBER or signature.owner is Owner.SUBSCRIBER:
        return True
    if not signature.subscriber_may_disable:
        override.report("sid", f"signature {signature.sid} may be changed by the operator alone")
        return False
    if override.keys != ("enabled",):
        override.report(
            "",
            f"signature {signature.sid} may be switched off by a subscriber (enabled), not changed otherwise",
        )
        return False
    return True


def _stated_before(override: Override, stated: dict[tuple[int, Owner, str], Override]) -> bool:
    """Whether a key is overridden twice by files of one owner; reported if so."""
    twice = False
    for key in override.keys:
        first = stated.setdefault((override.sid, override.owner, key), override)
        if first is not override:
            override.report(key, f"{key} of {override.sid} is already overridden at {first.source}")
            twice = True
    return twice
