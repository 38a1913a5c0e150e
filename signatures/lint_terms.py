"""Terms that match where nobody means them to: in any text, or by chance.

How common a term is in text comes from `signatures.frequency`. How often octets stand by chance in what is
encrypted or compressed, where all octets are equally likely, follows from their number.
"""

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Final

from signatures.frequency.table import Commonness, Table, look_up
from signatures.model import NAME_BUFFERS, Buffer, Clause, Role, Signature

CHANCE_LEAST: Final = 0.01
"""Chance matches in each MiB from which on a term is called short: an hour of video at 5 Mbit/s, some 2 GiB,
has twenty of them."""

_TEXTS: Final = frozenset({*Buffer} - {Buffer.HTTP_METHOD} - NAME_BUFFERS)
"""Buffers that hold what people wrote."""
_OCTETS: Final = frozenset({Buffer.PAYLOAD, Buffer.HTTP_REQUEST_BODY, Buffer.HTTP_RESPONSE_BODY})
"""Buffers that hold anything."""
_NEAR: Final = 1_024
"""A clause that only matches within so many octets of a start is no matter of text or chance."""
_MIB: Final = 1 << 20
_SHOWN: Final = 40
_CHARSETS: Final = ("utf-8", "cp932", "euc-jp")
"""In which a keyword may be shortest; UTF-16 never is."""
_NAMES: Final = MappingProxyType({"ja": "Japanese", "en": "English"})


def quoted(term: str | bytes) -> str:
    """A term as warnings show it: short, on one line."""
    text = term if isinstance(term, str) else term.decode("ascii", "backslashreplace")
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def term_warnings(signature: Signature, tables: Sequence[Table]) -> list[str]:
    """What ``signature`` matches where nobody means it to.

    Nothing, if a clause that must match with the others has no such term.
    """
    clauses = [clause for clause in signature.clauses if clause.role is not Role.NONE]
    found = [list(_of_clause(clause, tables)) for clause in clauses]
    required = [warnings for clause, warnings in zip(clauses, found, strict=True) if clause.role is Role.ALL]
    return [] if not all(required) else [text for warnings in found for text in warnings]


def _of_clause(clause: Clause, tables: Sequence[Table]) -> Iterator[str]:
    if 0 < clause.depth <= _NEAR or clause.at_start:
        return
    in_text = not _TEXTS.isdisjoint(clause.buffers)
    among_octets = not _OCTETS.isdisjoint(clause.buffers)
    for keyword in clause.keywords:
        common = look_up(tables, keyword) if in_text else None
        if common is not None:
            yield f"keyword {quoted(keyword)} is common: it {_stands(common)}"
        elif among_octets and (chance := _chance_of(keyword)) >= CHANCE_LEAST:
            yield f"keyword {quoted(keyword)} is short: {_by_chance(chance)}"
    for content in clause.contents:
        common = look_up(tables, text) if in_text and (text := _text(content)) else None
        if common is not None and not clause.case_sensitive:
            yield f"content {quoted(content)} is common: it {_stands(common)}"
        elif among_octets and (chance := _chance(content, folds=not clause.case_sensitive)) >= CHANCE_LEAST:
            yield f"content {quoted(content)} is short: {_by_chance(chance)}"


def _stands(common: Commonness) -> str:
    most = "" if common.is_exact else "up to "
    return f"stands in {most}{common.per_thousand:,.0f} of 1,000 {_NAMES[common.language]} pages"


def _by_chance(chance: float) -> str:
    times = f"{chance:,.0f} times" if chance >= 2 else f"{chance:.2g} times"
    return f"by chance it stands {times} in each MiB of what is encrypted or compressed"


def _chance_of(keyword: str) -> float:
    """Chance matches in a MiB of the likeliest of the forms that ``keyword`` has in a charset."""
    chance = 0.0
    for charset in _CHARSETS:
        try:
            octets = keyword.encode(charset)
        except UnicodeEncodeError:
            continue
        chance = max(chance, _chance(octets, folds=keyword.isascii()))
    return chance


def _chance(octets: bytes, *, folds: bool) -> float:
    """Chance matches in a MiB; ``folds``: letters match in both cases."""
    letters = sum(chr(octet).isalpha() for octet in octets if octet < 0x80) if folds else 0
    return float(_MIB * 2.0**letters / 256.0 ** len(octets))


def _text(octets: bytes) -> str:
    """``octets`` as text, empty if they are none."""
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""
