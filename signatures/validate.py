"""One ``[[signature]]`` table, checked key by key and made into a :class:`Signature`.

A check never stops at the first mistake: whoever writes a file sees all of them at once.
"""

from collections.abc import Mapping
from typing import Any, Final

from signatures.clauses import CLAUSE_KEYS, read_clauses
from signatures.conditions import (
    read_flags,
    read_protocols,
    read_schedule,
    read_suppressions,
    read_threshold,
)
from signatures.contradictions import clause_faults, condition_faults, default_scope
from signatures.endpoints import read_networks, read_ports
from signatures.limits import BUILTIN_SIDS, MAX_REFERENCES, MAX_SID, SUBSCRIBER_SIDS
from signatures.model import Category, Direction, Owner, Role, Scope, Severity, Signature
from signatures.samples import read_samples
from signatures.values import Fields, Report

REQUIRED: Final = ("sid", "rev", "name", "category", "severity", "buffers")
KEYS: Final = (
    *REQUIRED,
    *(key for key in CLAUSE_KEYS if key not in REQUIRED),
    *("src_ports", "dst_ports", "src_networks", "dst_networks", "direction", "protocols"),
    *("schedule", "threshold", "suppress", "sets", "needs", "needs_not", "silent"),
    *("ordered", "scope", *Role, "tests", "subscriber_may_disable", "references", "description"),
)
"""Of a signature's table; ``distance`` and ``within`` are known so as to say where they belong."""


def validate_signature(
    table: Mapping[str, Any], source: str, report: Report, owner: Owner = Owner.OPERATOR
) -> Signature:
    """Make a signature of ``table``.

    :param source: ``file:line`` of the table.
    :param report: called for each mistake; the result is of use only if it never was.
    :param owner: whose file it is in.
    """
    fields = Fields(table, report)
    fields.only(KEYS)
    fields.need(REQUIRED)
    clauses, paths = read_clauses(fields)
    signature = Signature(
        sid=_sid(fields, owner),
        rev=fields.integer("rev", 1, 1, MAX_SID),
        name=fields.translations("name"),
        category=fields.choice("category", Category, Category.CUSTOM).value,
        severity=fields.choice("severity", Severity, Severity.LOW),
        clauses=clauses,
        scope=fields.choice("scope", Scope, default_scope(clauses)),
        ordered=fields.flag("ordered"),
        src_ports=read_ports(fields, "src_ports"),
        dst_ports=read_ports(fields, "dst_ports"),
        src_networks=read_networks(fields, "src_networks"),
        dst_networks=read_networks(fields, "dst_networks"),
        direction=fields.choice("direction", Direction, Direction.ANY),
        protocols=read_protocols(fields),
        schedule=read_schedule(fields),
        threshold=read_threshold(fields),
        suppressions=read_suppressions(fields),
        sets=read_flags(fields, "sets"),
        needs=read_flags(fields, "needs"),
        needs_not=read_flags(fields, "needs_not"),
        silent=fields.flag("silent"),
        samples=read_samples(
            fields, tuple(dict.fromkeys(buffer for clause in clauses for buffer in clause.buffers))
        ),
        owner=owner,
        subscriber_may_disable=fields.flag("subscriber_may_disable"),
        references=fields.lines("references", MAX_REFERENCES),
        description=fields.translations("description"),
        source=source,
    )
    for key, reason in (*clause_faults(signature, paths), *condition_faults(signature)):
        fields.wrong(key, reason)
    return signature


def _sid(fields: Fields, owner: Owner) -> int:
    sid = fields.integer("sid", 0, 1, MAX_SID)
    if sid and (sid in BUILTIN_SIDS) is not (owner is Owner.BUILTIN):
        fields.wrong(
            "sid",
            f"sids from {BUILTIN_SIDS[0]} to {BUILTIN_SIDS[-1]} are those of shipped signatures: "
            + ("take one of them" if owner is Owner.BUILTIN else f"take one from {BUILTIN_SIDS.stop} on"),
        )
    elif sid and owner is Owner.SUBSCRIBER and sid not in SUBSCRIBER_SIDS:
        fields.wrong("sid", f"a subscriber's sid must be from {SUBSCRIBER_SIDS[0]} to {SUBSCRIBER_SIDS[-1]}")
    return sid
