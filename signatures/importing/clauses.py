"""Clauses of a signature that match exactly what the contents and expressions of a rule match.

What exactly means here. A rule's fields are the sensor's: values of one transaction. Payload of UDP is one
datagram, payload of TCP is what the sender's whole stream says, as the receiver reads it: how a rule set's
author expects it to be, and Suricata's window over the stream approximates. But a place counted from the
start of each packet is nothing that a stream has, nor is the absence of something from a packet.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from signatures.importing.expressions import (
    HOST_END,
    bounds,
    chain,
    expression,
    gap,
    host_expression,
    pieces,
)
from signatures.importing.octets import literal
from signatures.importing.result import RefusedError
from signatures.importing.terms import Term
from signatures.model import Buffer, Clause, Role

_DOMAIN = re.compile(
    rb"\.((?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)+(?!-)[a-z][a-z0-9-]{0,61}[a-z0-9])", re.IGNORECASE
)
_HOSTS = ("http.host", "http.host.raw")
_NAMES = ("http.host", "tls.sni", "dns.query")
_ALWAYS_THERE = ("http.method", "http.uri")
_ANYTHING = r"[\x00-\xff]"


def make_clauses(
    terms: Sequence[Term], protocol: str, directed: bool, only_stream: bool
) -> tuple[Clause, ...]:
    """Clauses for the terms of a rule, the first of them of `Role.ALL`.

    :param protocol: of the rule's header.
    :param directed: whether the rule says which side sent what matches.
    :param only_stream: whether places are counted from the start of the stream.
    :raises RefusedError: if there is no clause that says the same as some term.
    """
    terms = [_fitting(term, protocol) for term in terms]
    if not any(not term.negated for term in terms):
        if terms:
            raise RefusedError(f"{terms[0].option}:!", "and nothing else: only what must not be there")
        raise RefusedError("(no content)", "nothing is looked for")
    buffers = tuple(dict.fromkeys(term.buffer for term in terms))
    _check_together(buffers)
    clauses: list[Clause] = []
    for buffer in buffers:
        mine = [term for term in terms if term.buffer == buffer]
        if buffer == "payload":
            clauses += _payload(mine, protocol, directed, only_stream)
        else:
            clauses += _field(buffer, mine)
    return tuple(sorted(clauses, key=lambda clause: clause.role is not Role.ALL))


def _fitting(term: Term, protocol: str) -> Term:
    """The term with the buffer that the sensor has for it."""
    if term.buffer == "file.data":
        if not protocol.startswith("http"):
            raise RefusedError("file_data", "holds files of other protocols than HTTP too")
        return replace(term, buffer="http.response_body")
    if term.buffer == "http.host.raw":
        if term.endswith or term.size is not None or term.regex:
            raise RefusedError("http.host.raw", "its end may be another, with a target in absolute form")
        return replace(term, buffer="http.host")
    if term.buffer == "http.host":
        return _host(term)
    return term


def _check_together(buffers: tuple[str, ...]) -> None:
    if len(buffers) == 1:
        return
    if "payload" in buffers:
        raise RefusedError("content (payload)", "beside a field")
    for name in ("tls.sni", "dns.query"):
        if name in buffers:
            raise RefusedError(name, "beside another buffer")
    if "http.response_body" in buffers:
        raise RefusedError("http.response_body", "beside a field of the request")


def _host(term: Term) -> Term:
    """A term of Suricata's ``http.host``: in lower case, without port and the root's dot."""
    if term.regex:
        return replace(term, regex=host_expression(term), nocase=True)
    text = term.octets
    if b":" in text or text.isdigit():
        raise RefusedError("content (http.host)", "might be found in the port")
    if text != text.lower():
        raise RefusedError("content (http.host)", "a capital letter never matches a name in lower case")
    return replace(term, nocase=True)


def _groups(terms: list[Term]) -> list[list[Term]]:
    """Terms that must stand in one expression: those placed by each other."""
    groups: list[list[Term]] = []
    for term in terms:
        if term.negated:
            if term.is_relative and groups:
                raise RefusedError(f"{term.option}:!", "placed by the match before it")
            continue
        if term.is_relative and groups:
            groups[-1].append(term)
        else:
            groups.append([term])
    return groups


def _field(buffer: str, terms: list[Term]) -> list[Clause]:
    clauses = [_clause(buffer, group) for group in _groups(terms)]
    if not clauses and buffer not in _ALWAYS_THERE:
        # What must not be in a field is not missed where the field is.
        clauses.append(Clause((Buffer(buffer),), regexes=(_ANYTHING,), case_sensitive=True))
    clauses += [replace(_clause(buffer, [term]), role=Role.NONE) for term in terms if term.negated]
    return clauses


def _clause(buffer: str, group: list[Term]) -> Clause:
    where = (Buffer(buffer),)
    term = group[0]
    end = HOST_END if buffer == "http.host" else r"\z"
    nocase = all(each.nocase or each.octets.lower() == each.octets.upper() for each in group)
    if any(each.dotprefix for each in group):
        return _below(where, group)
    if buffer == "http.host" and group[-1].octets.endswith(b"."):
        # Suricata's buffer does not end in a dot.
        if group[-1].endswith or group[-1].size is not None:
            raise RefusedError("content (http.host)", "a name there does not end in a dot")
        return Clause(where, regexes=(rf"{chain(group, '')}\.*[^.:]",), case_sensitive=not nocase)
    if len(group) == 1 and term.regex:
        return Clause(where, regexes=(_own_case(term),), case_sensitive=not term.nocase)
    ends = term.endswith or term.size is not None
    if len(group) > 1 or (ends and buffer in ("payload", "http.host")):
        return Clause(where, regexes=(chain(group, end),), case_sensitive=True)
    start, last = bounds(term)
    at_start = term.startswith or term.size is not None
    return Clause(
        where,
        contents=(term.octets,),
        case_sensitive=not term.nocase,
        offset=start,
        depth=0 if at_start else last or 0,
        at_start=at_start,
        at_end=ends,
    )


def _own_case(term: Term) -> str:
    """The expression, its case left to the clause."""
    return expression(replace(term, flags=term.flags.replace("i", "")))


def _below(where: tuple[Buffer, ...], group: list[Term]) -> Clause:
    """``dotprefix; content:".example.com"; endswith``: the name and every name below it."""
    term = group[0]
    if len(group) > 1 or term.places or term.startswith or not term.endswith or where[0].value not in _NAMES:
        raise RefusedError("dotprefix", "with other than one content that ends a name")
    match = _DOMAIN.fullmatch(term.octets)
    if match and (term.nocase or where[0] is Buffer.HTTP_HOST):
        return Clause(where, domains=(match[1].decode().lower(),))
    if term.octets[:1] != b".":
        raise RefusedError("dotprefix", "before a content that has no dot first")
    end = HOST_END if where[0] is Buffer.HTTP_HOST else r"\z"
    body = literal(term.octets[1:], term.nocase)
    return Clause(where, regexes=(rf"(?:\A|\.){body}{end}",), case_sensitive=True)


def _payload(terms: list[Term], protocol: str, directed: bool, only_stream: bool) -> list[Clause]:
    if protocol not in ("tcp", "udp"):
        raise RefusedError("content (payload)", f"of {protocol}: which protocol it is can't be asked")
    for term in terms:
        if term.negated:
            raise RefusedError(f"{term.option}:!", "in payload: of a packet, which a stream does not have")
    if protocol == "tcp":
        for term in terms:
            _check_stream(term, only_stream)
    groups = _groups(terms)
    if protocol == "udp":
        groups = [_in_order(groups)] if len(groups) > 1 else groups
        return [_clause("payload", group) if len(group) == 1 else _datagram(group) for group in groups]
    if len(groups) > 1 and not directed:
        raise RefusedError("content", "several, and no flow:to_server or to_client says who sends them")
    return [_clause("payload", group) for group in groups]


def _check_stream(term: Term, only_stream: bool) -> None:
    if term.endswith:
        raise RefusedError("endswith", "in payload of TCP: of a packet, which a stream does not have")
    if term.regex:
        found = pieces(term.regex)
        if any(piece in ("$", "\\z", "\\Z") for piece in found):
            raise RefusedError("pcre", "$ in payload of TCP stands for a packet's end")
        starts = "A" in term.flags or any(piece in ("^", "\\A", "\\G") for piece in found)
        if starts and "R" not in term.flags and not only_stream:
            raise RefusedError("pcre", "^ in payload of TCP stands for each packet's start")
    elif not only_stream:
        for name in ("offset", "depth"):
            if name in term.places:
                raise RefusedError(name, "in payload of TCP is counted in each packet, not in the stream")
        if term.startswith:
            raise RefusedError("startswith", "in payload of TCP is at each packet's start")


def _in_order(groups: list[list[Term]]) -> list[Term]:
    """Contents of one datagram in the order of their places, of which only the last is not fixed.

    Then, and only then, one expression says all.
    """
    if any(len(group) > 1 for group in groups):
        raise RefusedError("content", "several in one datagram that are not placed by each other")
    terms = sorted(
        (group[0] for group in groups), key=lambda term: bounds(term)[0] if term.octets else 1 << 30
    )
    for term in terms[:-1]:
        start, end = bounds(term)
        if end is None or end - start != len(term.octets):
            raise RefusedError("content", "several in one datagram that are not placed by each other")
    for before, term in pairwise(terms):
        if term.regex or bounds(term)[0] < bounds(before)[0] + len(before.octets):
            raise RefusedError("content", "several in one datagram that may overlap")
    return terms


def _datagram(terms: list[Term]) -> Clause:
    if terms[1].is_relative:
        return Clause((Buffer.PAYLOAD,), regexes=(chain(terms, r"\z"),), case_sensitive=True)
    text = ""
    at = 0
    for term in terms:
        start, end = bounds(term)
        room = None if end is None else end - len(term.octets) - at
        text += gap(start - at, room) + literal(term.octets, term.nocase)
        at = start + len(term.octets)
    text += r"\z" if terms[-1].endswith else ""
    return Clause((Buffer.PAYLOAD,), regexes=(rf"\A{text}",), case_sensitive=True)
