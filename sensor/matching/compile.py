"""Signatures made into Hyperscan databases: one set of them for each buffer kind.

Keywords and regexes are kept apart. Keywords have a known length, so that any number of small buffers
can be joined and scanned by one call and each match placed afterwards; regexes need the real start and
end of the value, or of the stream, and are scanned one value or chunk at a time. Most buffers have no
regex, and then no such scan is made.

Compiling 1,000 keywords takes some 25 ms, so databases are not cached on disk; but a hundred thousand take
seconds, and very many minutes and gigabytes. A process that must not wait loads what another has compiled:
`dump_databases` and `load_plan`. Both walk the signatures as `compile_signatures` does, so that the databases
come in one order and need no names.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import hyperscan
import numpy as np

from sensor.arrays import I64, Bool
from sensor.config import DetectionLimits
from sensor.errors import SensorError
from signatures.encodings import encode_keyword, literal_expression, regex_expression
from signatures.model import Buffer, Clause, Signature
from signatures.regex import regex_flags

_CONTEXT = DetectionLimits().excerpt_before
"""Octets carried that no match needs: an excerpt shows them before a match, which may be told of late."""
_CONTEXT_AFTER = DetectionLimits().excerpt_after

_Make = Callable[[Callable[[], list[bytes]], list[int], int], hyperscan.Database]
"""Makes the next database, given what makes its expressions, the flags of each, and Hyperscan's mode."""


@dataclass(slots=True, eq=False)
class Literals:
    """The keywords and domains of one buffer kind; Hyperscan's id is the index of a literal."""

    clause: I64
    """(p,) index into ``MatchPlan.clauses`` of each literal."""
    length: I64
    """(p,) octets of each literal, at least 1."""
    domain: Bool
    """(p,) whether the literal counts only as a whole name or its end."""
    every: hyperscan.Database
    """Block mode, reports every occurrence."""
    _first: hyperscan.Database | Callable[[], hyperscan.Database]

    def first(self) -> hyperscan.Database:
        """Block mode, reports the first occurrence of each keyword; compiled when first asked for.

        Of a domain every occurrence: the first may stand in the middle of a name.
        """
        if not isinstance(self._first, hyperscan.Database):
            self._first = self._first()
        return self._first


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
class MatchPlan:
    """Everything to look for. For use in one thread at a time: a database has one scratch space."""

    signatures: tuple[Signature, ...]
    clauses: tuple[Clause, ...]
    """Of all signatures, in their order."""
    owner: I64
    """(c,) index into ``signatures`` of each clause."""
    depth: I64
    """(c,) ``Clause.depth`` of each clause."""
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
    return _plan(signatures, _compile, whole=False)


def dump_databases(signatures: Sequence[Signature]) -> list[bytes]:
    """Compile ``signatures``, for `load_plan` in another process of the same machine.

    :returns: the databases in order, serialised.
    :raises hyperscan.HyperscanError: as `compile_signatures`.
    """
    dumped = []

    def compile_and_dump(
        expressions: Callable[[], list[bytes]], flags: list[int], mode: int
    ) -> hyperscan.Database:
        database = _compile(expressions, flags, mode)
        dumped.append(hyperscan.dumpb(database))
        return database

    _plan(signatures, compile_and_dump, whole=True)
    return dumped


def load_plan(signatures: Sequence[Signature], databases: Sequence[bytes]) -> MatchPlan:
    """What `compile_signatures` makes of ``signatures``, with nothing left to compile.

    :param databases: as `dump_databases` made them of the same signatures.
    :raises SensorError: if they are not of these signatures, of another version of Hyperscan or for another
        processor, or damaged.
    """
    rest = iter(databases)

    def load(_expressions: Callable[[], list[bytes]], _flags: list[int], mode: int) -> hyperscan.Database:
        octets = next(rest, None)
        if octets is None:
            raise SensorError("there are fewer compiled databases than these signatures need")
        try:
            database = hyperscan.loadb(octets, mode)
            database.scratch = hyperscan.Scratch(database)
        except hyperscan.HyperscanError as error:
            raise SensorError(
                f"a compiled database can't be loaded ({type(error).__name__}): if Hyperscan was updated, "
                "restart the service"
            ) from error
        return database

    plan = _plan(signatures, load, whole=True)
    if next(rest, None) is not None:
        raise SensorError("there are more compiled databases than these signatures need")
    return plan


def _plan(signatures: Sequence[Signature], make: _Make, *, whole: bool) -> MatchPlan:
    """The plan, its databases made in order; ``whole``: those too that may never be asked for."""
    owned = [(index, clause) for index, signature in enumerate(signatures) for clause in signature.clauses]
    owner = np.array([index for index, _ in owned], np.int64)
    clauses = tuple(clause for _, clause in owned)
    plans = {}
    members = {
        buffer: [index for index, clause in enumerate(clauses) if buffer in clause.buffers]
        for buffer in Buffer
    }
    for buffer, indices in members.items():
        literals = _literals(clauses, indices, make)
        if literals is not None and whole:
            literals.first()
        regexes = _regexes(clauses, indices, hyperscan.HS_MODE_BLOCK, make)
        if literals is not None or regexes is not None:
            plans[buffer] = BufferPlan(literals, regexes)
    payload = plans.get(Buffer.PAYLOAD)
    longest = int(payload.literals.length.max()) if payload and payload.literals else 1
    tail = longest - 1 + _CONTEXT if payload else 0
    depth = np.array([clause.depth for clause in clauses], np.int64)
    stream_regexes = _regexes(clauses, members[Buffer.PAYLOAD], hyperscan.HS_MODE_STREAM, make)
    depths = depth[members[Buffer.PAYLOAD]]
    reach = int(depths.max(initial=-_CONTEXT_AFTER)) + _CONTEXT_AFTER if (depths > 0).all() else -1
    return MatchPlan(
        tuple(signatures), clauses, owner, depth, MappingProxyType(plans), tail, reach, stream_regexes
    )


def _literals(clauses: Sequence[Clause], members: Iterable[int], make: _Make) -> Literals | None:
    rows: list[tuple[int, bytes, bool]] = []
    for index in members:
        clause = clauses[index]
        rows += [(index, octets, False) for word in clause.keywords for octets in encode_keyword(word)]
        rows += [(index, octets, False) for octets in clause.contents]
        rows += [(index, domain.encode(), True) for domain in clause.domains]
    if not rows:
        return None

    def expressions() -> list[bytes]:
        return [
            literal_expression(octets, clauses[index].case_sensitive and not is_domain)
            for index, octets, is_domain in rows
        ]

    def first() -> hyperscan.Database:
        once = [0 if is_domain else hyperscan.HS_FLAG_SINGLEMATCH for *_, is_domain in rows]
        return make(expressions, once, hyperscan.HS_MODE_BLOCK)

    return Literals(
        np.array([index for index, *_ in rows], np.int64),
        np.array([len(octets) for _, octets, _ in rows], np.int64),
        np.array([is_domain for *_, is_domain in rows], np.bool_),
        make(expressions, [0] * len(rows), hyperscan.HS_MODE_BLOCK),
        first,
    )


def _regexes(clauses: Sequence[Clause], members: Iterable[int], mode: int, make: _Make) -> Regexes | None:
    owned = [(index, regex) for index in members for regex in clauses[index].regexes]
    if not owned:
        return None
    expressions = [regex_expression(regex) for _, regex in owned]
    flags = [regex_flags(clauses[index].case_sensitive) for index, _ in owned]
    owners = np.array([index for index, _ in owned], np.int64)
    return Regexes(owners, expressions, flags, make(lambda: expressions, flags, mode))


def _compile(expressions: Callable[[], list[bytes]], flags: list[int], mode: int) -> hyperscan.Database:
    database = hyperscan.Database(mode=mode)
    database.compile(expressions=expressions(), ids=list(range(len(flags))), elements=len(flags), flags=flags)
    return database
