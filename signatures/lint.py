"""Warnings about signatures that are valid, and yet perhaps not what their writer meant.

A mistake keeps a signature from being used; a warning does not. Terms that match everywhere or by chance
(`signatures.lint_terms`), what has been said already (`signatures.lint_repeats`), and conditions that nothing
meets, or nothing beside it.
"""

from collections.abc import Collection, Container, Iterator, Sequence
from ipaddress import ip_network
from itertools import islice
from typing import Final

from sensor.toml import Problem
from signatures.frequency.table import load_tables
from signatures.lint_repeats import Repeats
from signatures.lint_terms import term_warnings
from signatures.model import Signature, Suppression

MAX_WARNINGS: Final = 1_000
"""Warnings that are told: who brings in a list of a hundred thousand common words has seen enough by then."""


def lint(signatures: Sequence[Signature], of: Container[int]) -> list[Problem]:
    """Warnings about the signatures whose sid is in ``of``, with file and line; `MAX_WARNINGS` at most.

    The other signatures are those that are in use beside them.
    """
    return list(islice(_warnings(signatures, of), MAX_WARNINGS))


def _warnings(signatures: Sequence[Signature], of: Container[int]) -> Iterator[Problem]:
    tables = load_tables()
    repeats = Repeats()
    flags = {flag for signature in signatures for flag in signature.sets}
    for signature in signatures:
        repeated = repeats.note(signature)
        if signature.sid not in of:
            continue
        file, _, line = signature.source.rpartition(":")
        for reason in (
            *term_warnings(signature, tables),
            *repeated,
            *_condition_warnings(signature, flags),
        ):
            yield Problem(file, int(line) if line.isdigit() else 0, f"sid {signature.sid}: {reason}")


def _condition_warnings(signature: Signature, flags: Collection[str]) -> Iterator[str]:
    src, dst = (
        {ip_network(each).version for each in networks if not each.startswith("!")}
        for networks in (signature.src_networks, signature.dst_networks)
    )
    if src and dst and src.isdisjoint(dst):
        yield "never fires: src_networks and dst_networks are of different versions of IP"
    for flag in signature.needs:
        if flag not in flags:
            yield f"never fires: it needs the flag {flag!r}, which none of these signatures sets"
    if any(map(_takes_all, signature.suppressions)):
        yield "never fires: it is suppressed for every address; leave it out, or disable it"


def _takes_all(suppression: Suppression) -> bool:
    whole = {network.version for each in suppression.networks if not (network := ip_network(each)).prefixlen}
    return whole == {4, 6}
