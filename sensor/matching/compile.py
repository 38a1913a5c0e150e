"""Signatures made into Hyperscan databases: one set of them for each buffer kind.

Keywords and regexes are kept apart. Keywords have a known length, so that any number of small buffers
can be joined and scanned by one call and each match placed afterwards; regexes need the real start and
end of the value, or of the stream, and are scanned one value or chunk at a time. Most buffers have no
regex, and then no such scan is made.

Compiling 1,000 keywords takes some 25 ms, so databases are not cached on disk.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import hyperscan
import numpy as np

from sensor.arrays import I64, Bool
from sensor.config import DetectionLimits
from signatures.encodings import encode_keyword, literal_expression, regex_expression
from signatures.model import Buffer, Signature
from signatures.regex import regex_flags

_CONTEXT = DetectionLimits().excerpt_before
"""Octets carried that no match needs: an excerpt shows them before a match, which may be told of late."""
_CONTEXT_AFTER = DetectionLimits().excerpt_after


@dataclass(slots=True, eq=False)
class Literals:
    """The keywords and domains of one buffer kind; Hyperscan's id is the index of a literal."""

    signature: I64
    """(p,) index into ``MatchPlan.signatures`` of each literal."""
    length: I64
    """(p,) octets of each literal, at least 1."""
    domain: Bool
    """(p,) whether the literal counts only as a whole name or its end."""
    expressions: list[bytes]
    every: hyperscan.Database
    """Block mode, reports every occurrence."""
    _first: hyperscan.Database | None = None

    def first(self) -> hyperscan.Database:
        """Block mode, reports the first occurrence of each keyword; made when first asked for.

        Of a domain every occurrence: the first may stand in the middle of a name.
        """
        if self._first is None:
            once = np.where(self.domain, 0, hyperscan.HS_FLAG_SINGLEMATCH).tolist()
            self._first = _database(self.expressions, once, hyperscan.HS_MODE_BLOCK)
        return self._first


@dataclass(frozen=True, slots=True, eq=False)
class Regexes:
    """The regexes of one buffer kind; Hyperscan's id is the index of a regex."""

    signature: I64
    """(p,) index into ``MatchPlan.signatures`` of each regex."""
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
class MatchPlan:
    """Everything to look for. For use in one thread at a time: a database has one scratch space."""

    signatures: tuple[Signature, ...]
    depth: I64
    """(s,) ``Signature.depth`` of each signature."""
    buffers: Mapping[Buffer, BufferPlan]
    """Of the buffer kinds that any signature looks into."""
    payload_tail: int
    """Octets of a stream direction to carry from one batch to the next, so that keywords which
    straddle the two are found, and explained: the longest payload keyword's, less one, and as many as an
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


def compile_signatures(signatures: Sequence[Signature]) -> MatchPlan:
    """Compile ``signatures``, which the loader has checked.

    :raises hyperscan.HyperscanError: if Hyperscan refuses an expression, which the loader's checks
        rule out.
    """
    plans = {}
    members = {
        buffer: [index for index, signature in enumerate(signatures) if buffer in signature.buffers]
        for buffer in Buffer
    }
    for buffer, indices in members.items():
        literals = _compile_literals(signatures, indices)
        regexes = _compile_regexes(signatures, indices, hyperscan.HS_MODE_BLOCK)
        if literals is not None or regexes is not None:
            plans[buffer] = BufferPlan(literals, regexes)
    payload = plans.get(Buffer.PAYLOAD)
    longest = int(payload.literals.length.max()) if payload and payload.literals else 1
    tail = longest - 1 + _CONTEXT if payload else 0
    depth = np.array([signature.depth for signature in signatures], np.int64)
    stream_regexes = _compile_regexes(signatures, members[Buffer.PAYLOAD], hyperscan.HS_MODE_STREAM)
    depths = depth[members[Buffer.PAYLOAD]]
    reach = int(depths.max(initial=-_CONTEXT_AFTER)) + _CONTEXT_AFTER if (depths > 0).all() else -1
    return MatchPlan(tuple(signatures), depth, MappingProxyType(plans), tail, reach, stream_regexes)


def _compile_literals(signatures: Sequence[Signature], members: Iterable[int]) -> Literals | None:
    expressions: list[bytes] = []
    rows: list[tuple[int, int, bool]] = []
    for index in members:
        signature = signatures[index]
        for keyword in signature.keywords:
            for octets in encode_keyword(keyword):
                expressions.append(literal_expression(octets, signature.case_sensitive))
                rows.append((index, len(octets), False))
        for domain in signature.domains:
            expressions.append(literal_expression(domain.encode(), case_sensitive=False))
            rows.append((index, len(domain), True))
    if not rows:
        return None
    owner, length, is_domain = zip(*rows, strict=True)
    return Literals(
        np.array(owner, np.int64),
        np.array(length, np.int64),
        np.array(is_domain, np.bool_),
        expressions,
        _database(expressions, [0] * len(expressions), hyperscan.HS_MODE_BLOCK),
    )


def _compile_regexes(signatures: Sequence[Signature], members: Iterable[int], mode: int) -> Regexes | None:
    owned = [(index, regex) for index in members for regex in signatures[index].regexes]
    if not owned:
        return None
    expressions = [regex_expression(regex) for _, regex in owned]
    flags = [regex_flags(signatures[index].case_sensitive) for index, _ in owned]
    owners = np.array([index for index, _ in owned], np.int64)
    return Regexes(owners, expressions, flags, _database(expressions, flags, mode))


def _database(expressions: list[bytes], flags: list[int], mode: int) -> hyperscan.Database:
    database = hyperscan.Database(mode=mode)
    database.compile(
        expressions=expressions, ids=list(range(len(expressions))), elements=len(expressions), flags=flags
    )
    return database
