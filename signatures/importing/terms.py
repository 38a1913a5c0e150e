"""Options that look for something: contents and expressions, each with its buffer and place.

Suricata's documentation (rules/payload-keywords, rules/pcre, rules/http-keywords) says what they mean, its
``DetectEngineContentInspection`` how: ``depth`` counts from ``offset``; ``distance`` and ``within`` go from
the end of the match before in the same buffer, negated ones passed over, and ``within`` from where
``distance`` leads.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from signatures.importing.octets import parse_content
from signatures.importing.result import RefusedError
from signatures.importing.rule_text import Option, Rule
from signatures.model import Buffer

_BUFFERS = {each.value: each.value for each in Buffer if each is not Buffer.PAYLOAD}
"""Sticky buffers, those that the sensor has."""
STICKY: Mapping[str, str] = MappingProxyType(
    {
        **_BUFFERS,
        "pkt_data": "payload",
        "http_user_agent": "http.user_agent",
        "http_referer": "http.referer",
        "http.host.raw": "http.host.raw",
        "file_data": "file.data",
        "file.data": "file.data",
        **({"tls_sni": "tls.sni"} if "tls.sni" in _BUFFERS else {}),
        **({"dns_query": "dns.query"} if "dns.query" in _BUFFERS else {}),
    }
)
MODIFIERS: Mapping[str, str] = MappingProxyType(
    {
        "http_uri": "http.uri",
        "http_method": "http.method",
        "http_user_agent": "http.user_agent",
        "http_host": "http.host",
        "http_raw_host": "http.host.raw",
        "http_client_body": "http.request_body",
        "http_server_body": "http.response_body",
    }
)
"""Behind a content in Suricata and Snort 2; in Snort 3 sticky buffers as well."""
_PCRE_BUFFERS = MappingProxyType(
    {
        "U": "http.uri",
        "P": "http.request_body",
        "Q": "http.response_body",
        "M": "http.method",
        "V": "http.user_agent",
        "W": "http.host",
    }
)
_NUMBERS = ("offset", "depth", "distance", "within")
_PCRE = re.compile(r'"?(!?)"?\s*/(.*)/([A-Za-z]*)"?', re.DOTALL)
_MAX_NUMBER = 1024 * 1024
"""Suricata's own bound for ``distance`` and ``within``."""


@dataclass(slots=True)
class Term:
    """A content, or an expression, while its options are read."""

    option: str
    """``content``, ``uricontent`` or ``pcre``."""
    buffer: str
    negated: bool = False
    octets: bytes = b""
    regex: str = ""
    flags: str = ""
    nocase: bool = False
    startswith: bool = False
    endswith: bool = False
    size: int | None = None
    """Octets that the whole buffer must have."""
    dotprefix: bool = False
    places: dict[str, int] = field(default_factory=dict)
    """``offset``, ``depth``, ``distance``, ``within``, where given."""

    @property
    def is_relative(self) -> bool:
        """Whether it is placed by the match before it in its buffer."""
        return "distance" in self.places or "within" in self.places or "R" in self.flags


class TermReader:
    """Takes the options of a rule that look for something, in order."""

    def __init__(self, rule: Rule) -> None:
        self.terms: list[Term] = []
        self._buffer = "payload"
        self._dotprefix = False
        # Snort 3 puts the names that are modifiers elsewhere before what they are for.
        contents = [at for at, option in enumerate(rule.options) if option.name in ("content", "pcre")]
        named = [at for at, option in enumerate(rule.options) if option.name in MODIFIERS]
        self._names_first = rule.is_snort3 or bool(named and contents and named[0] < contents[0])

    def take(self, option: Option) -> bool:
        """Whether the option looks for something; then it is among ``terms`` or changed the last of them.

        :raises RefusedError: if it is one, but can't be taken.
        """
        name = option.name
        if name in ("content", "uricontent"):
            self._content(option)
        elif name == "pcre":
            self._pcre(option)
        elif name in MODIFIERS and not self._names_first:
            self._modify(name)
        elif name in STICKY or name in MODIFIERS:
            self._open(option)
        elif name == "dotprefix":
            self._dotprefix = True
        elif name in ("nocase", "rawbytes", "fast_pattern", "startswith", "endswith", *_NUMBERS):
            self._change(name, option.value)
        elif name == "bsize":
            self._size(option.value)
        elif name == "isdataat":
            if re.sub(r"\s", "", option.value) != "!1,relative":
                raise RefusedError(name, f"{option.value[:64]}: nothing tells how many octets follow")
            self._change("endswith", "", named=name)
        else:
            return False
        return True

    def _open(self, option: Option) -> None:
        if option.value:
            raise RefusedError(option.name, f"{option.value[:64]}: no part of a buffer can be chosen")
        if self._dotprefix:
            raise RefusedError("dotprefix", "changes a buffer in which nothing is looked for")
        self._buffer = STICKY.get(option.name) or MODIFIERS[option.name]

    def _content(self, option: Option) -> None:
        value, *changes = option.parts() or [""]
        negated, octets = parse_content(option.name, value)
        buffer = "http.uri" if option.name == "uricontent" else self._buffer
        self.terms.append(Term(option.name, buffer, negated, octets, dotprefix=self._dotprefix))
        self._dotprefix = False
        for change in changes:  # Snort 3
            name, _, number = change.partition(" ")
            if name.startswith("fast_pattern"):  # and its offset and length
                continue
            self._change(name, number.strip())

    def _pcre(self, option: Option) -> None:
        match = _PCRE.fullmatch(option.value)
        if match is None:
            raise RefusedError("pcre", "has not the form /…/ with letters behind it")
        negated, regex, flags = match[1] == "!", match[2], match[3]
        buffer = self._buffer
        for letter in flags:
            if letter in _PCRE_BUFFERS:
                buffer = _PCRE_BUFFERS[letter]
            elif letter not in "ismxAEGRBO":
                raise RefusedError(f"pcre /{letter}", "looks into what is no buffer of the sensor")
        if re.search(r"\(\?P<(?:flow|pkt)_|\(\?P<\w+>", regex):
            raise RefusedError("pcre", "captures a value for other options")
        if self._dotprefix:
            raise RefusedError("dotprefix", "before an expression")
        self.terms.append(Term("pcre", buffer, negated, regex=regex, flags=flags, nocase="i" in flags))

    def _modify(self, name: str) -> None:
        term = self._last(name)
        if term.option == "pcre":
            raise RefusedError(name, "behind an expression")
        term.buffer = MODIFIERS[name]

    def _last(self, name: str) -> Term:
        if not self.terms:
            raise RefusedError(name, "there is no content before it")
        return self.terms[-1]

    def _change(self, name: str, value: str, named: str = "") -> None:
        if name in ("fast_pattern", "rawbytes"):  # how, not what
            return
        term = self._last(named or name)
        if term.option == "pcre":
            raise RefusedError(named or name, "behind an expression")
        if name in _NUMBERS:
            if not re.fullmatch(r"-?[0-9]{1,7}", value) or abs(int(value)) > _MAX_NUMBER:
                raise RefusedError(name, f"{value[:64]!r} is no number")
            if name in term.places:
                raise RefusedError(name, "is given twice")
            term.places[name] = int(value)
        elif name in ("nocase", "startswith", "endswith"):
            setattr(term, name, True)
        else:
            raise RefusedError(name, "is unknown")

    def _size(self, value: str) -> None:
        term = self._last("bsize")
        if not re.fullmatch(r"=?\s*[0-9]{1,7}", value) or int(value.lstrip("= ")) != len(term.octets):
            raise RefusedError(
                "bsize", f"{value[:64]}: only the size of the content before it can be asked for"
            )
        term.size = len(term.octets)
