"""Terms that never add anything: another signature looks for them, or one that they contain does."""

from collections.abc import Iterator
from typing import Final

from signatures.frequency.table import fold
from signatures.lint_terms import quoted
from signatures.model import Clause, Fold, Role, Signature

_SHOWN: Final = 5
"""Terms that one warning names."""

_Key = tuple[object, ...]


class Repeats:
    """What was looked for so far."""

    def __init__(self) -> None:
        self._seen: dict[_Key, int] = {}

    def note(self, signature: Signature) -> list[str]:
        """Take ``signature`` in, and tell what of it never adds anything.

        What others look for is told of signatures with one clause and equal conditions; anything more may be
        what tells two of them apart.
        """
        warnings = [text for clause in signature.clauses for text in _contained(clause)]
        if len(signature.clauses) > 1:
            return warnings
        earlier: dict[int, list[str]] = {}
        (clause,) = signature.clauses
        conditions = _conditions(signature, clause)
        for kind, key, text in _terms(clause):
            for buffer in clause.buffers:
                sid = self._seen.setdefault((kind, key, buffer, conditions), signature.sid)
                if sid != signature.sid:
                    earlier.setdefault(sid, []).append(text)
        return warnings + [
            f"sid {sid} looks for the same in the same buffer: {_listed(texts)}"
            for sid, texts in earlier.items()
        ]


def _conditions(signature: Signature, clause: Clause) -> _Key:
    return (
        *(signature.direction, signature.protocols, signature.schedule, signature.needs, signature.needs_not),
        *(signature.src_ports, signature.dst_ports, signature.src_networks, signature.dst_networks),
        *(clause.offset, clause.depth, clause.at_start, clause.at_end, clause.case_sensitive, clause.folds),
    )


def _terms(clause: Clause) -> Iterator[tuple[str, object, str]]:
    """Kind of each term, what is equal where terms are, and the term for people."""
    for keyword in clause.keywords:
        yield "keyword", _folded(keyword, clause), quoted(keyword)
    for content in clause.contents:
        yield "content", content if clause.case_sensitive else content.lower(), quoted(content)
    for regex in clause.regexes:
        yield "regex", regex, quoted(regex)
    for domain in clause.domains:
        yield "domain", domain, quoted(domain)


def _folded(keyword: str, clause: Clause) -> str:
    """``keyword`` so that equal ones match alike; of the other folds no more is known here."""
    return fold(keyword) if {Fold.WIDTH, Fold.CASE} <= {*clause.folds} else keyword


def _contained(clause: Clause) -> Iterator[str]:
    """Terms of a clause that contain another of its terms: that one matches wherever they do."""
    if clause.role is Role.ALL and (clause.distance is not None or clause.within is not None):
        return  # where it ends matters to it
    if not (clause.at_start or clause.at_end or clause.offset or clause.depth):
        keywords = {_folded(keyword, clause): keyword for keyword in clause.keywords}
        sizes = sorted({len(each) for each in keywords})
        for folded, keyword in keywords.items():
            inner = next(
                (
                    part
                    for size in sizes
                    if size < len(folded)
                    for at in range(len(folded) - size + 1)
                    if (part := folded[at : at + size]) in keywords
                ),
                None,
            )
            if inner is not None:
                yield f"keyword {quoted(keyword)} adds nothing: it contains {quoted(keywords[inner])}"
    domains = {*clause.domains}
    for domain in clause.domains:
        labels = domain.split(".")
        parent = next(
            (name for at in range(1, len(labels)) if (name := ".".join(labels[at:])) in domains), None
        )
        if parent is not None:
            yield f"domain {quoted(domain)} adds nothing: it is below {quoted(parent)}"


def _listed(texts: list[str]) -> str:
    unique = list(dict.fromkeys(texts))
    more = f" and {len(unique) - _SHOWN:,} more" if len(unique) > _SHOWN else ""
    return ", ".join(unique[:_SHOWN]) + more
