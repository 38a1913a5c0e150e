"""What is looked for, as scanning has it: databases of Hyperscan and what their ids stand for."""

from collections.abc import Mapping
from dataclasses import dataclass

import hyperscan

from sensor.arrays import I64, U8, Bool
from sensor.matching.terms import Terms
from signatures.model import Buffer, Clause, Signature

CONTENT, DOMAIN, ANCHOR, IN_BASE64 = range(4)
"""Kinds of literals."""


@dataclass(frozen=True, slots=True, eq=False)
class Literals:
    """What one buffer kind is scanned for by known length; Hyperscan's id is a literal's index."""

    kind: U8
    """(p,) `CONTENT`, `DOMAIN`: the literal counts only as a whole name or its end; `ANCHOR` of a keyword, or
    `IN_BASE64`: an anchor in base64."""
    clause: I64
    """(p,) index into ``MatchPlan.clauses`` of each literal; of an anchor, its index in ``terms.anchors``."""
    length: I64
    """(p,) octets of each literal, at least 1."""
    terms: Terms
    """The keywords whose anchors stand among the literals."""
    database: hyperscan.Database
    """Block mode, reports every occurrence."""


@dataclass(frozen=True, slots=True, eq=False)
class Regexes:
    """The regexes of one buffer kind; Hyperscan's id is the index of a regex."""

    clause: I64
    """(p,) index into ``MatchPlan.clauses`` of each regex."""
    expressions: list[bytes]
    flags: list[int]
    database: hyperscan.Database
    """Reports each regex once: in block mode for a value, in stream mode for a stream."""


@dataclass(frozen=True, slots=True, eq=False)
class BufferPlan:
    """What to look for in one buffer kind; at least one of the two is there."""

    literals: Literals | None
    regexes: Regexes | None


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Where in its buffer each clause's match must lie; all (c,)."""

    offset: I64
    """Least start."""
    depth: I64
    """Greatest end; 0 for anywhere."""
    at_start: Bool
    at_end: Bool

    def hold(self, clause: I64, start: I64, end: I64, length: I64) -> Bool:
        """Which matches lie where their clause wants them.

        :param start: from the start of the buffer, as ``end``; equal to it where it is not known.
        :param length: of the whole buffer; a stream's, which is not known, is never asked for.
        """
        depth = self.depth[clause]
        hold: Bool = (start >= self.offset[clause]) & ((depth == 0) | (end <= depth))
        hold &= ~self.at_start[clause] | (start == 0)
        hold &= ~self.at_end[clause] | (end == length)
        return hold


@dataclass(frozen=True, slots=True, eq=False)
class MatchPlan:
    """Everything to look for. For use in one thread at a time: a database has one scratch space."""

    signatures: tuple[Signature, ...]
    clauses: tuple[Clause, ...]
    """Of all signatures, in their order."""
    owner: I64
    """(c,) index into ``signatures`` of each clause."""
    bounds: Bounds
    every: Bool
    """(c,) whether every match of the clause is wanted, not the first of a run alone."""
    buffers: Mapping[Buffer, BufferPlan]
    """Of the buffer kinds that any signature looks into."""
    payload_tail: int
    """Octets of a stream direction to carry from one batch to the next, so that what straddles the two is
    found, and explained: as many as the longest payload content, or keyword in any form, takes, and as an
    excerpt shows before a match. 0 if no signature looks into payload."""
    payload_reach: int
    """Octets of a stream direction, from its start, that matches in the payload and their excerpts may reach
    (0: no signature looks into payload); -1 where one may match anywhere."""
    stream_regexes: Regexes | None
    """The payload regexes again, in stream mode."""

    def wants(self, buffer: Buffer) -> bool:
        """Whether any signature looks into ``buffer``."""
        return buffer in self.buffers

    @property
    def has_payload_regexes(self) -> bool:
        """Whether stream directions and datagrams must be scanned one by one as well."""
        return self.stream_regexes is not None
