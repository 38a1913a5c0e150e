r"""Contents in their places, made into one expression where a clause of its own would not say the same.

A chain of contents by ``distance`` and ``within`` means: somewhere there are matches that stand so to each
other. Looking for each alone and comparing the places afterwards would have to know all matches of all of
them. One expression says it in full: ``GET .{0,20}passwd``, with ``.`` for any octet.
"""

import re
from itertools import pairwise

from signatures.importing.octets import literal
from signatures.importing.result import RefusedError
from signatures.importing.terms import Term

_ANY = r"[\x00-\xff]"
_PIECE = re.compile(r"\[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^\]\\])*\]|\\x[0-9a-fA-F]{0,2}|\\.|.", re.DOTALL)
"""A class, an escape, or a character of an expression."""
HOST_END = r"\.*(?::[0-9]*)?\z"
"""What may stand between the end of a host's name, as Suricata has it, and the end of the Host field."""


def pieces(regex: str) -> list[str]:
    """What an expression consists of: classes, escapes, characters."""
    return _PIECE.findall(regex)


def chain(terms: list[Term], end: str) -> str:
    """An expression for terms of which each but the first is placed by the one before.

    :param end: what stands for the end of the buffer.
    :raises RefusedError: if there is none that says the same.
    """
    text = _first(terms[0])
    for before, term in pairwise(terms):
        if before.endswith or before.size is not None:
            raise RefusedError("endswith", "something must follow what ends the buffer")
        if before.regex:
            # PCRE tries one end of a match only, which one expression for both can't say.
            raise RefusedError(_relation(term), "behind an expression")
        text += _follow(term)
    return text + (end if terms[-1].endswith or terms[-1].size is not None else "")


def _first(term: Term) -> str:
    if term.regex:
        return expression(term)
    start, end = bounds(term)
    body = literal(term.octets, term.nocase)
    if not start and end is None:
        return body
    return rf"\A{gap(start, None if end is None else end - len(term.octets))}{body}"


def bounds(term: Term) -> tuple[int, int | None]:
    """Where a content must start at least, and end at most; None for wherever.

    :raises RefusedError: if it fits nowhere, or is placed in two ways.
    """
    places = term.places
    if term.is_relative and ("offset" in places or "depth" in places):
        raise RefusedError("distance", "together with offset or depth")
    if (term.startswith or term.size is not None) and places:
        raise RefusedError("startswith", "together with another place")
    if term.startswith or term.size is not None:
        return 0, len(term.octets)
    # The first of its buffer is placed by the buffer's start.
    start = max(places.get("offset", places.get("distance", 0)), 0)
    room = places.get("depth", places.get("within"))
    if room is None:
        return start, None
    end = places.get("offset", places.get("distance", 0)) + room
    if end - start < len(term.octets):
        raise RefusedError("depth" if "depth" in places else "within", "leaves no room for the content")
    return start, end


def _follow(term: Term) -> str:
    if term.regex:
        return _relative_regex(term)
    bounds(term)
    if not term.is_relative:
        raise RefusedError("content", "not placed by the one before")
    distance = term.places.get("distance", 0)
    if distance < 0:
        raise RefusedError("distance", "is negative: the matches may overlap")
    within = term.places.get("within")
    if within is not None and within < len(term.octets):
        raise RefusedError("within", "leaves no room for the content")
    most = None if within is None else distance + within - len(term.octets)
    return gap(distance, most) + literal(term.octets, term.nocase)


def _relation(term: Term) -> str:
    return "pcre /R" if term.regex else "distance" if "distance" in term.places else "within"


def gap(least: int, most: int | None) -> str:
    """An expression for so many octets."""
    if most is None:
        return f"{_ANY}{{{least},}}" if least else f"{_ANY}*"
    if most == least:
        return f"{_ANY}{{{least}}}" if least else ""
    return f"{_ANY}{{{least},{most}}}"


def _relative_regex(term: Term) -> str:
    """Behind the match before, octets further on: the expression sees nothing of what stands before it."""
    regex = term.regex
    if re.search(r"\\[bBAG]|\(\?<", regex):
        raise RefusedError("pcre /R", "looks back over the match before")
    at_once = "A" in term.flags
    if regex.startswith("^") and not _is_split(regex) and "m" not in term.flags:
        regex, at_once = regex[1:], True
    if "^" in pieces(regex):
        raise RefusedError("pcre /R", "^ stands for the end of the match before")
    return ("" if at_once else gap(0, None)) + _flagged(regex, term.flags)


def _is_split(regex: str) -> bool:
    """Whether ``|`` parts the whole of the expression."""
    depth = 0
    for piece in pieces(regex):
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and not depth:
            return True
    return False


def expression(term: Term) -> str:
    """An expression by itself, its flags inside; relative to nothing (R) is from the start."""
    return (r"\A" if "A" in term.flags else "") + _flagged(term.regex, term.flags)


def _flagged(regex: str, flags: str) -> str:
    """The expression with the flags of PCRE that change what it matches.

    Which of several ends is found (G) does not matter here; B and O change nothing.
    """
    if "E" in flags and "$" in pieces(regex):
        raise RefusedError("pcre /E", "$ would stand for another end")
    kept = "".join(letter for letter in "ismx" if letter in flags)
    if kept:
        # A comment under x may run to the end.
        return f"(?{kept}:{regex}\n)" if "x" in kept else f"(?{kept}:{regex})"
    return f"(?:{regex})" if _is_split(regex) or flags else regex


def host_expression(term: Term) -> str:
    """An expression of Suricata's ``http.host``, a name in lower case without a port, for the Host field.

    :raises RefusedError: if it might match in the port, or would have to be read for that.
    """
    found = pieces(term.regex)
    plain = term.regex.replace("(?:", "(")
    wild = any(
        piece in (".", ":", "\\D", "\\W", "\\S", "\\N", "\\X", "\\C") or piece.startswith(("[^", "\\x"))
        for piece in pieces(plain)
    )
    if found[:1] != ["^"] or wild or _is_split(term.regex) or ":" in plain or "(?" in plain:
        raise RefusedError("pcre (http.host)", "might match in the port, which Suricata's buffer is without")
    if not term.nocase and any(character.isupper() for character in re.sub(r"\\.", "", plain)):
        raise RefusedError("pcre (http.host)", "a capital letter never matches a name in lower case")
    if "$" in found[:-1] or set(term.flags) & set("AEmxR"):
        raise RefusedError("pcre (http.host)", "its end would be the port's")
    return "".join(found[:-1]) + HOST_END if found[-1] == "$" else term.regex
