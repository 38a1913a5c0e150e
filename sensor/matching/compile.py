"""Signatures made into Hyperscan databases: one set of them for each buffer kind.

Literals and regexes are kept apart. Literals have a known length, so that any number of small buffers can be
joined and scanned by one call and each match placed afterwards; regexes need the real start and end of the
value, or of the stream, and are scanned one value or chunk at a time. Most buffers have no regex, and then no
such scan is made.

A few thousand keywords take seconds, so a process that must not wait loads what another, or an earlier one,
has compiled: `dump_databases` and `load_plan`. Both walk the signatures as `compile_signatures` does, so that
what was compiled comes in one order and needs no names.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain, repeat
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

import hyperscan
import msgspec
import numpy as np

from sensor.config import DetectionLimits
from sensor.errors import SensorError
from sensor.matching.cache import Cache
from sensor.matching.plan import (
    ANCHOR,
    CONTENT,
    DOMAIN,
    IN_BASE64,
    Bounds,
    BufferPlan,
    Literals,
    MatchPlan,
    Regexes,
)
from sensor.matching.terms import PLAIN, Literal, Terms, make_terms
from signatures.encodings import literal_expression, regex_expression
from signatures.model import Buffer, Clause, Signature
from signatures.regex import regex_flags

_CONTEXT: Final = DetectionLimits().excerpt_before
"""Octets carried that no match needs: an excerpt shows them before a match, which may be told of late."""
_CONTEXT_AFTER: Final = DetectionLimits().excerpt_after
_ENCODED: Final = 6
"""Octets that a keyword takes at most for each of its own in UTF-8, as a tail reckons: a percent sign that is
percent-encoded itself makes five, base64 of a reference in HTML four."""
_MAX_TAIL: Final = 1_536
"""Octets of a tail: a keyword of the longest kind in any form. The tails of all streams stay in memory."""


class _AnchorTable(msgspec.Struct, frozen=True, array_like=True):
    """What the anchors of one buffer kind stand for, and how long each is."""

    terms: Terms
    lengths: list[int]


_NOT_THESE: Final = "what was compiled is not of these signatures, or damaged"
_Made = TypeVar("_Made")
_Anchors = tuple[_AnchorTable, list[Literal]]
_SAME: Final = b"="
"""In place of what was dumped before: its index follows. Tables and databases begin otherwise."""


class _Maker(Protocol):
    """Makes what takes long; each method is called in the same order for the same signatures.

    Most words are looked for in several buffers, and what is the same for two is made once.
    """

    def anchors(self, clauses: Sequence[Clause], members: tuple[int, ...]) -> _Anchors:
        """The anchors of the keywords of ``members``, and the literals if they are to be compiled."""

    def database(self, make: Callable[[], list[bytes]], flags: list[int], mode: int) -> hyperscan.Database:
        """The next database, of the expressions that ``make`` makes."""


def compile_signatures(signatures: Sequence[Signature]) -> MatchPlan:
    """Compile ``signatures``, which the loader has checked.

    :raises hyperscan.HyperscanError: if Hyperscan refuses an expression, which the loader's checks
        rule out.
    """
    return _plan(signatures, _Compiler())


def compile_cached(signatures: Sequence[Signature], cache: Cache) -> MatchPlan:
    """As `compile_signatures`, from ``cache`` if the same were compiled before.

    :raises hyperscan.HyperscanError: as `compile_signatures`.
    """
    dumped = cache.get(signatures)
    if dumped is not None:
        with suppress(SensorError):  # of another processor
            return load_plan(signatures, dumped)
    compiler = _Dumper()
    plan = _plan(signatures, compiler)
    cache.put(signatures, compiler.dumped)
    return plan


def dump_databases(signatures: Sequence[Signature]) -> list[bytes]:
    """Compile ``signatures``, for `load_plan` in another process of the same machine.

    :returns: tables and databases in order, serialised.
    :raises hyperscan.HyperscanError: as `compile_signatures`.
    """
    compiler = _Dumper()
    _plan(signatures, compiler)
    return compiler.dumped


def load_plan(signatures: Sequence[Signature], dumped: Sequence[bytes]) -> MatchPlan:
    """What `compile_signatures` makes of ``signatures``, with nothing left to compile.

    :param dumped: as `dump_databases` made it of the same signatures.
    :raises SensorError: if it is not of these signatures, of another version of Hyperscan or for another
        processor, or damaged.
    """
    loader = _Loader(dumped)
    plan = _plan(signatures, loader)
    loader.end()
    return plan


class _Compiler:
    def __init__(self) -> None:
        self._anchors: dict[tuple[int, ...], _Anchors] = {}
        self._databases: dict[object, hyperscan.Database] = {}

    def anchors(self, clauses: Sequence[Clause], members: tuple[int, ...]) -> _Anchors:
        found = self._anchors.get(members)
        if found is None:
            terms, literals = make_terms(clauses, members)
            found = _AnchorTable(terms, [len(each.octets) for each in literals]), literals
            self._anchors[members] = found
        return found

    def database(self, make: Callable[[], list[bytes]], flags: list[int], mode: int) -> hyperscan.Database:
        expressions = make()
        key = (mode, tuple(flags), tuple(expressions))
        database = self._databases.get(key)
        if database is None:
            self._databases[key] = database = hyperscan.Database(mode=mode)
            ids = list(range(len(flags)))
            database.compile(expressions=expressions, ids=ids, elements=len(flags), flags=flags)
        return database


class _Dumper(_Compiler):
    def __init__(self) -> None:
        super().__init__()
        self.dumped: list[bytes] = []
        self._at: dict[int, int] = {}
        """Where each object was dumped, by its id: all live as long as this."""

    def anchors(self, clauses: Sequence[Clause], members: tuple[int, ...]) -> _Anchors:
        found = super().anchors(clauses, members)
        self._dump(found, lambda: msgspec.msgpack.encode(found[0]))
        return found

    def database(self, make: Callable[[], list[bytes]], flags: list[int], mode: int) -> hyperscan.Database:
        database = super().database(make, flags, mode)
        self._dump(database, lambda: hyperscan.dumpb(database))
        return database

    def _dump(self, made: object, dump: Callable[[], bytes]) -> None:
        at = self._at.setdefault(id(made), len(self.dumped))
        self.dumped.append(dump() if at == len(self.dumped) else _SAME + b"%d" % at)


class _Loader:
    def __init__(self, dumped: Sequence[bytes]) -> None:
        self._rest = iter(dumped)
        self._made: list[object] = []

    def anchors(self, _clauses: Sequence[Clause], _members: tuple[int, ...]) -> _Anchors:
        table = self._next(_AnchorTable, lambda octets: msgspec.msgpack.decode(octets, type=_AnchorTable))
        return table, []

    def database(self, _make: Callable[[], list[bytes]], _flags: list[int], mode: int) -> hyperscan.Database:
        return self._next(hyperscan.Database, lambda octets: _loaded(octets, mode))

    def _next(self, kind: type[_Made], load: Callable[[bytes], _Made]) -> _Made:
        octets = next(self._rest, None)
        if octets is None:
            raise SensorError("there are fewer compiled databases than these signatures need")
        try:
            made = self._made[int(octets[1:])] if octets.startswith(_SAME) else load(octets)
        except (ValueError, IndexError, msgspec.MsgspecError) as error:
            raise SensorError(_NOT_THESE) from error
        if not isinstance(made, kind):
            raise SensorError(_NOT_THESE)
        self._made.append(made)
        return made

    def end(self) -> None:
        """:raises SensorError: if something is left."""
        if next(self._rest, None) is not None:
            raise SensorError("there are more compiled databases than these signatures need")


def _loaded(octets: bytes, mode: int) -> hyperscan.Database:
    try:
        database = hyperscan.loadb(octets, mode)
        database.scratch = hyperscan.Scratch(database)
    except hyperscan.HyperscanError as error:
        raise SensorError(
            f"a compiled database can't be loaded ({type(error).__name__}): if Hyperscan was updated, "
            "restart the service"
        ) from error
    return database


def _plan(signatures: Sequence[Signature], maker: _Maker) -> MatchPlan:
    """The plan, its databases made in order."""
    owned = [(index, clause) for index, signature in enumerate(signatures) for clause in signature.clauses]
    owner = np.array([index for index, _ in owned], np.int64)
    clauses = tuple(clause for _, clause in owned)
    plans = {}
    members = {
        buffer: [index for index, clause in enumerate(clauses) if buffer in clause.buffers]
        for buffer in Buffer
    }
    for buffer, indices in members.items():
        literals = _literals(clauses, indices, maker)
        regexes = _regexes(clauses, indices, hyperscan.HS_MODE_BLOCK, maker)
        if literals is not None or regexes is not None:
            plans[buffer] = BufferPlan(literals, regexes)
    bounds = Bounds(
        np.array([clause.offset for clause in clauses], np.int64),
        np.array([clause.depth for clause in clauses], np.int64),
        np.array([clause.at_start for clause in clauses], np.bool_),
        np.array([clause.at_end for clause in clauses], np.bool_),
    )
    depths = bounds.depth[members[Buffer.PAYLOAD]]
    return MatchPlan(
        tuple(signatures),
        clauses,
        owner,
        bounds,
        np.array([_wants_every(signatures[index]) for index in owner.tolist()], np.bool_),
        MappingProxyType(plans),
        _tail(plans.get(Buffer.PAYLOAD)),
        int(depths.max(initial=-_CONTEXT_AFTER)) + _CONTEXT_AFTER if (depths > 0).all() else -1,
        _regexes(clauses, members[Buffer.PAYLOAD], hyperscan.HS_MODE_STREAM, maker),
    )


def _wants_every(signature: Signature) -> bool:
    """Whether more than the first match counts.

    It matters which goes with which of another clause, or a later one may meet what the first does not.
    """
    return bool(
        signature.ordered
        or any(clause.distance is not None or clause.within is not None for clause in signature.clauses)
        or signature.needs
        or signature.needs_not
        or signature.schedule
    )


def _tail(payload: BufferPlan | None) -> int:
    if payload is None:
        return 0
    longest = 1
    if payload.literals is not None:
        terms = payload.literals.terms
        encoded = max(terms.reach, _ENCODED * terms.longest)
        longest = max(int(payload.literals.length.max()), min(encoded, _MAX_TAIL))
    return longest - 1 + _CONTEXT


def _literals(clauses: Sequence[Clause], members: Iterable[int], maker: _Maker) -> Literals | None:
    contents, domains, worded = [], [], []
    for index in members:
        clause = clauses[index]
        contents += [(index, octets) for octets in clause.contents]
        domains += [(index, domain.encode()) for domain in clause.domains]
        if clause.keywords:
            worded.append(index)
    table = _AnchorTable(Terms([], [], 0, 0, spaced=False), [])
    anchors: list[Literal] = []
    if worded:
        table, anchors = maker.anchors(clauses, tuple(worded))
    octets = [*contents, *domains]
    kinds = [CONTENT] * len(contents) + [DOMAIN] * len(domains)
    kinds += [ANCHOR if anchor.alignment == PLAIN else IN_BASE64 for anchor in table.terms.anchors]
    if not kinds:
        return None
    # Of a plan that is loaded there are no anchors to compile.
    flags = [0] * len(octets) + [caseless * hyperscan.HS_FLAG_CASELESS for _, caseless in anchors]

    def expressions() -> list[bytes]:
        exact = chain((clauses[index].case_sensitive for index, _ in contents), repeat(False))
        return [
            *(literal_expression(each, one) for (_, each), one in zip(octets, exact, strict=False)),
            *(literal_expression(each, True) for each, _ in anchors),
        ]

    return Literals(
        np.array(kinds, np.uint8),
        np.array([*(index for index, _ in octets), *range(len(table.lengths))], np.int64),
        np.array([*(len(each) for _, each in octets), *table.lengths], np.int64),
        table.terms,
        maker.database(expressions, flags, hyperscan.HS_MODE_BLOCK),
    )


def _regexes(clauses: Sequence[Clause], members: Iterable[int], mode: int, maker: _Maker) -> Regexes | None:
    owned = [(index, regex) for index in members for regex in clauses[index].regexes]
    if not owned:
        return None
    expressions = [regex_expression(regex) for _, regex in owned]
    flags = [regex_flags(clauses[index].case_sensitive) for index, _ in owned]
    owners = np.array([index for index, _ in owned], np.int64)
    return Regexes(owners, expressions, flags, maker.database(lambda: expressions, flags, mode))
