"""Signatures as the tables of a signature file, and the file that holds them."""

from collections.abc import Iterable
from typing import Any

import tomli_w

from signatures.contradictions import default_scope
from signatures.importing.octets import write_content
from signatures.importing.result import RefusedError
from signatures.model import DEFAULT_FOLDS, Clause, Direction, PortRange, Role, Sample, Signature
from signatures.validate import validate_signature
from signatures.values import LANGUAGES


def signature_table(signature: Signature) -> dict[str, Any]:
    """The ``[[signature]]`` table that `signatures.loader` reads as ``signature``.

    What an import never makes is not written: schedules, suppressions, keywords with folds of their own.
    """
    first = signature.clauses[0]
    table: dict[str, Any] = {
        "sid": signature.sid,
        "rev": signature.rev,
        "name": _text(signature.name),
        "category": signature.category,
        "severity": signature.severity.value,
        "buffers": [buffer.value for buffer in first.buffers],
        **_terms(first, False),
    }
    for key in ("src_ports", "dst_ports"):
        if ports := getattr(signature, key):
            table[key] = [_ports(each) for each in ports]
    for key in ("src_networks", "dst_networks", "protocols", "sets", "needs", "needs_not", "references"):
        if values := getattr(signature, key):
            table[key] = list(values)
    if signature.direction is not Direction.ANY:
        table["direction"] = signature.direction.value
    if signature.scope is not default_scope(signature.clauses):
        table["scope"] = signature.scope.value
    if signature.silent:
        table["silent"] = True
    if signature.description:
        table["description"] = _text(signature.description)
    for role in Role:
        inner = [_clause(clause, first) for clause in signature.clauses[1:] if clause.role is role]
        if inner:
            table[role.value] = inner
    if threshold := signature.threshold:
        table["threshold"] = {
            "type": threshold.kind.value,
            "track": threshold.track.value,
            "count": threshold.count,
            "seconds": threshold.seconds,
        }
    if signature.samples:
        table["tests"] = {
            key: [_sample(sample) for sample in signature.samples if sample.matches is matches]
            for key, matches in (("match", True), ("no_match", False))
        }
    return table


def _text(translations: dict[str, str]) -> str | dict[str, str]:
    """One string where every language has the same."""
    texts = set(translations.values())
    return texts.pop() if len(texts) == 1 and len(translations) == len(LANGUAGES) else dict(translations)


def _clause(clause: Clause, first: Clause) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if clause.buffers != first.buffers:
        table["buffers"] = [buffer.value for buffer in clause.buffers]
    return table | _terms(clause, first.case_sensitive)


def _terms(clause: Clause, case_sensitive: bool) -> dict[str, Any]:
    table: dict[str, Any] = {
        "keywords": list(clause.keywords),
        "contents": [write_content(octets) for octets in clause.contents],
        "regexes": list(clause.regexes),
        "domains": list(clause.domains),
        "offset": clause.offset,
        "depth": clause.depth,
        "at_start": clause.at_start,
        "at_end": clause.at_end,
    }
    table = {key: value for key, value in table.items() if value}
    if clause.keywords and clause.folds != DEFAULT_FOLDS:
        table["fold"] = [fold.value for fold in clause.folds]
    if clause.case_sensitive != case_sensitive:
        table["case_sensitive"] = clause.case_sensitive
    return table


def _ports(ports: PortRange) -> int | str:
    return ports.first if ports.first == ports.last else f"{ports.first}-{ports.last}"


def _sample(sample: Sample) -> dict[str, str]:
    return {"buffer": sample.buffer.value, "hex": sample.octets.hex(" ")}


def check_signature(signature: Signature) -> Signature:
    """The same, as a signature file says it and is read back.

    :raises RefusedError: if a signature file can't say it; named by its first key at fault.
    """
    faults: list[tuple[str, str]] = []
    read = validate_signature(
        signature_table(signature), signature.source, lambda path, reason: faults.append((path, reason))
    )
    if faults:
        path, reason = faults[0]
        raise RefusedError(_option(path), reason)
    return read


def _option(path: str) -> str:
    """What rules call the key of a path as ``all.0.contents``."""
    names = {
        "contents": "content",
        "regexes": "pcre",
        "name": "msg",
        "direction": "flow",
        **dict.fromkeys(("sets", "needs", "needs_not", "silent"), "flowbits"),
        **dict.fromkeys(("src_networks", "dst_networks"), "(networks)"),
        **dict.fromkeys(("src_ports", "dst_ports"), "(ports)"),
    }
    key = path.split(".")
    last = next((part for part in reversed(key) if not part.isdecimal()), "(signature)") or "(signature)"
    return names.get(last, last)


def write_signatures(signatures: Iterable[Signature], about: dict[str, str]) -> str:
    """A signature file.

    :param about: its ``[set]`` table.
    """
    tables = [signature_table(signature) for signature in signatures]
    return tomli_w.dumps({"set": about, "signature": tables})
