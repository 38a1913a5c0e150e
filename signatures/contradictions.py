"""What can't be true of a signature together: it would never fire, or say less than its writer believes."""

from collections.abc import Iterator, Sequence
from typing import Final

from signatures.model import Buffer, Clause, Direction, Role, Scope, Signature

TO_CLIENT_BUFFERS: Final = frozenset({Buffer.HTTP_RESPONSE_BODY})
TRANSACTION_BUFFERS: Final = frozenset(Buffer) - {Buffer.PAYLOAD}
TO_SERVER_BUFFERS: Final = TRANSACTION_BUFFERS - TO_CLIENT_BUFFERS
TCP_BUFFERS: Final = TRANSACTION_BUFFERS - {Buffer.DNS_QUERY}

Fault = tuple[str, str]
"""A key's path and what is wrong with it."""


def default_scope(clauses: Sequence[Clause]) -> Scope:
    """What a signature's clauses must match together in, where it does not say."""
    known = all(TRANSACTION_BUFFERS.issuperset(clause.buffers) for clause in clauses)
    return Scope.TRANSACTION if known else Scope.FLOW


def clause_faults(signature: Signature, paths: Sequence[str]) -> Iterator[Fault]:
    """Contradictions in and between clauses; ``paths`` says where each stands in the signature's table."""
    before: Clause | None = None
    for clause, path in zip(signature.clauses, paths, strict=True):
        prefix = f"{path}." if path else ""
        for key, reason in (*_place_faults(clause), *_relative_faults(clause, before)):
            yield prefix + key, reason
        if clause.role is Role.ALL:
            before = clause
        elif clause.role is Role.NONE:
            yield from ((prefix + key, reason) for key, reason in _denied(clause, signature.clauses))
    if signature.clauses and all(clause.role is Role.NONE for clause in signature.clauses):
        yield "none", "nothing but [[signature.none]]: there must be something to look for as well"
    if signature.ordered and sum(clause.role is Role.ALL for clause in signature.clauses) < 2:
        yield "ordered", "ordered is of clauses that must all match, and there is one at most"
    if signature.scope is Scope.TRANSACTION and Buffer.PAYLOAD in signature.buffers:
        yield "scope", 'payload is of no transaction: leave payload out, or write scope = "flow"'


def condition_faults(signature: Signature) -> Iterator[Fault]:
    """Contradictions of conditions with one another and with the buffers; an override may cause these too."""
    sought = {
        buffer for clause in signature.clauses if clause.role is not Role.NONE for buffer in clause.buffers
    }
    if signature.direction is Direction.TO_CLIENT and sought and TO_SERVER_BUFFERS.issuperset(sought):
        yield "direction", "to_client never holds: what is looked into goes to the server"
    if signature.direction is Direction.TO_SERVER and sought and TO_CLIENT_BUFFERS.issuperset(sought):
        yield "direction", "to_server never holds: what is looked into goes to the client"
    if signature.protocols and "tcp" not in signature.protocols and sought and TCP_BUFFERS.issuperset(sought):
        yield "protocols", "HTTP and TLS are carried by tcp: without it this never fires"
    for flag in signature.needs:
        if flag in signature.needs_not:
            yield "needs_not", f"{flag!r} is in needs as well: it can't be set and not be set"
    if signature.silent and not signature.sets:
        yield "silent", "silent and without sets, it would do nothing"


def _place_faults(clause: Clause) -> Iterator[Fault]:
    shortest = _shortest(clause)
    if clause.depth and clause.offset >= clause.depth:
        yield "offset", f"offset {clause.offset} is not below depth {clause.depth}: nothing fits between them"
    elif clause.depth and clause.offset + shortest > clause.depth:
        yield (
            "depth",
            f"depth {clause.depth} is too small: the shortest text ends at octet {clause.offset + shortest}",
        )
    if clause.at_start and clause.offset:
        yield "at_start", f"at_start and offset {clause.offset} can't both hold"
    if clause.at_end and Buffer.PAYLOAD in clause.buffers:
        yield "at_end", "payload has no end to be at: it may always go on"


def _relative_faults(clause: Clause, before: Clause | None) -> Iterator[Fault]:
    key = "distance" if clause.distance is not None else "within"
    if clause.distance is None and clause.within is None:
        return
    if before is None:
        yield key, f"{key} goes by the clause before, and this is the first"
        return
    if others := [buffer for buffer in clause.buffers if buffer not in before.buffers]:
        yield key, f"{key} goes by the clause before, which does not look into {', '.join(others)}"
    least = (clause.distance or 0) + _shortest(clause)
    if clause.within is not None and clause.within < least:
        yield "within", f"within {clause.within} is too small: the shortest text ends after {least}"
    if clause.at_start and (clause.distance or 0) >= 0:
        yield "at_start", f"at_start and {key} can't both hold: the clause before comes first"


def _shortest(clause: Clause) -> int:
    """Octets that a match has at least; 0 where a regex leaves it open."""
    if clause.regexes:
        return 0
    # In no charset does a character take less than one octet.
    return min(map(len, (*clause.keywords, *clause.contents, *clause.domains)), default=0)


def _denied(none: Clause, clauses: Sequence[Clause]) -> Iterator[Fault]:
    """Texts that must not be where another clause says that they must."""
    if none.offset or none.depth or none.at_start or none.at_end:
        return
    for clause in clauses:
        if clause.role is not Role.ALL or not set(clause.buffers) <= set(none.buffers):
            continue
        for key in ("keywords", "contents", "regexes", "domains"):
            wanted: tuple[str | bytes, ...] = getattr(clause, key)
            unwanted = set(getattr(none, key))
            if shared := next((text for text in wanted if text in unwanted), None):
                text = shared if isinstance(shared, str) else shared.hex(" ")
                yield key, f"{text[:64]!r} must match by another clause, and must not by this one"
