"""Header fields of HTTP/1 (RFC 9110, section 5; RFC 9112, sections 5 and 6): what a sensor needs of them.

A browser sends the same fields again and again, and a server too, so the whole section is looked up in a
bounded memo before it is parsed. Of a new one, each line costs a look-up of its name in another.
"""

from dataclasses import dataclass

from sensor.protocols.http1_lines import TCHAR

NO_LENGTH = -1
BAD_LENGTH = -2

_OTHER, _HOST, _USER_AGENT, _REFERER, _CONTENT_TYPE, _LENGTH, _TRANSFER, _CODING, _UPGRADE, _EXPECT = range(
    10
)
_NO_COLON, _INVALID = 10, 11
_KINDS = {
    b"host": _HOST,
    b"user-agent": _USER_AGENT,
    b"referer": _REFERER,
    b"content-type": _CONTENT_TYPE,
    b"content-length": _LENGTH,
    b"transfer-encoding": _TRANSFER,
    b"content-encoding": _CODING,
    b"upgrade": _UPGRADE,
    b"expect": _EXPECT,
}
_FOLD = (b" ", b"\t")
_BLANK = b" \t\r\x0b\x0c"
_MAX_LENGTH_DIGITS = 18  # below 2**63, what servers hold a length in; leading zeros do not count
_MAX_MEMO_SECTION = 2048
_MAX_MEMO_NAME = 64


@dataclass(slots=True, eq=False)
class Fields:
    """What one field section says. Shared between messages: never changed once made."""

    host: bytes = b""
    user_agent: bytes = b""
    referer: bytes = b""
    content_type: bytes = b""
    content_coding: bytes = b""
    length: int = NO_LENGTH
    """Content-Length, ``NO_LENGTH`` or ``BAD_LENGTH``."""
    chunked: bool = False
    other_transfer: bool = False
    """A Transfer-Encoding that does not end in chunked: the length is not known."""
    upgrade: bool = False
    expects_continue: bool = False
    """Of a request: whether its body follows may depend on the response (RFC 9110, section 10.1.1)."""
    has_host: bool = False
    anomalies: tuple[str, ...] = ()
    is_plain: bool = False
    """Of a request: it has a Host and no body, asks for no other protocol, and has no anomaly."""


class FieldParser:
    """Field sections of requests, or of responses, with the memo that all flows share."""

    __slots__ = ("_max_entries", "_max_lines", "_names", "_side", "over_limit", "sections")

    def __init__(self, side: str, max_lines: int, max_entries: int) -> None:
        """:param side: ``request`` or ``response``, as it stands in the anomalies' names."""
        self._side = side
        self._max_lines = max_lines
        self._max_entries = max_entries
        self.sections: dict[bytes, Fields] = {}
        """Sections read before. None of them holds an empty line."""
        self._names: dict[bytes, int] = {}
        self.over_limit = 0
        """Sections with more than ``max_lines`` lines, whose further lines were not read."""

    def parse(self, section: bytes) -> Fields:
        """Read a field section: the octets between the first line and the empty one."""
        return self.parse_plain(section) or self._remember(section, self._parse_odd(section))

    def parse_plain(self, section: bytes) -> Fields | None:
        """Read a field section whose line ends are all CRLF, without folds; None if it is not one.

        That it is one says, too, that no empty line of bare LF stands in it.
        """
        fields = self.sections.get(section)
        if fields is None:
            fields = self.read_plain(section)
            if fields is not None:
                self._remember(section, fields)
        return fields

    def read_plain(self, section: bytes) -> Fields | None:
        """As ``parse_plain``, for a caller that remembers whole heads: the section is not looked up."""
        lines = section.split(b"\r\n")
        if section.count(b"\n") >= len(lines):
            return None
        return self._read_lines(lines, set())

    def _remember(self, section: bytes, fields: Fields) -> Fields:
        if len(section) <= _MAX_MEMO_SECTION:
            if len(self.sections) >= self._max_entries:
                self.sections.clear()
            self.sections[section] = fields
        return fields

    def _parse_odd(self, section: bytes) -> Fields:
        """Read a section with bare LF, folded lines, or too many."""
        lines = [line.removesuffix(b"\r") for line in section.split(b"\n")]
        names: set[str] = set()
        if any(line[:1] in _FOLD for line in lines):
            lines = _unfold(lines)
            names.add(f"http.invalid_{self._side}_field_folding")
        if len(lines) > self._max_lines:
            del lines[self._max_lines :]
            self.over_limit += 1
            names.add(f"http.{self._side}_too_many_fields")
        fields = self._read_lines(lines, names)
        assert fields is not None
        return fields

    def _read_lines(self, lines: list[bytes], names: set[str]) -> Fields | None:
        """Read field lines; None if they are not whole field lines.

        :param names: of anomalies, added to.
        """
        if len(lines) > self._max_lines:
            return None
        fields = Fields()
        known = self._names
        seen = 0
        transfer: list[bytes] = []
        for line in lines:
            name, colon, value = line.partition(b":")
            kind = known.get(name) if colon else None
            if kind is None:
                if line[:1] in _FOLD:
                    return None
                if not line:
                    continue
                kind = self._parse_name(name) if colon else _NO_COLON
            if kind == _OTHER:
                continue
            value = value.strip(_BLANK)
            bit = 1 << kind
            if kind == _LENGTH:
                self._set_length(fields, value, names)
            elif kind == _TRANSFER:
                transfer.append(value)
            elif kind >= _NO_COLON:
                fault = "field_missing_colon" if kind == _NO_COLON else "header_invalid"
                names.add(f"http.{self._side}_{fault}")
            elif kind == _UPGRADE:
                fields.upgrade = True
            elif kind == _EXPECT:
                fields.expects_continue = b"100-continue" in value.lower()
            elif seen & bit:
                if kind == _CODING:  # a list may be sent as several fields
                    fields.content_coding += b"," + value
                else:  # the first wins, as in most servers
                    fault = f"{self._side}_header_repetition" if kind != _HOST else "host_header_ambiguous"
                    names.add(f"http.{fault}")
            elif kind == _CONTENT_TYPE:
                fields.content_type = value
            elif kind == _HOST:
                fields.host = value
                fields.has_host = True
            elif kind == _USER_AGENT:
                fields.user_agent = value
            elif kind == _REFERER:
                fields.referer = value
            else:
                fields.content_coding = value
            seen |= bit
        if transfer:
            self._set_transfer(fields, b",".join(transfer), names)
        if names:
            fields.anomalies = tuple(sorted(names))
        fields.is_plain = fields.has_host and fields.length <= 0 and not (transfer or names or fields.upgrade)
        return fields

    def _parse_name(self, name: bytes) -> int:
        """Kind of a field.

        White space around a name hides it from strict readers only (request smuggling), so the name
        counts, and a name with other octets in it is named.
        """
        bare = name.strip(_BLANK)
        kind = _KINDS.get(bare.lower(), _OTHER)
        if kind == _OTHER and (not bare or bare.translate(None, TCHAR)):
            return _INVALID
        if len(name) <= _MAX_MEMO_NAME:
            if len(self._names) >= self._max_entries:
                self._names.clear()
            self._names[name] = kind
        return kind

    def _set_length(self, fields: Fields, value: bytes, names: set[str]) -> None:
        """Take the first usable Content-Length; "5, 5" is 5 (RFC 9110, section 8.6).

        "+5" is no number there, but one to servers that read it with strtoul.
        """
        if fields.length == NO_LENGTH and value.isdigit() and len(value) <= _MAX_LENGTH_DIGITS:
            fields.length = int(value)  # nearly always
            return
        for part in value.split(b","):
            number = part.strip(_BLANK)
            digits = number.removeprefix(b"+")
            significant = digits.lstrip(b"0")
            usable = digits.isdigit() and len(significant) <= _MAX_LENGTH_DIGITS
            length = int(significant or b"0") if usable else BAD_LENGTH
            if not usable or digits != number or fields.length not in (NO_LENGTH, length):
                names.add(f"http.invalid_content_length_field_in_{self._side}")
            if fields.length < 0:
                fields.length = length

    def _set_transfer(self, fields: Fields, value: bytes, names: set[str]) -> None:
        """Transfer-Encoding overrides Content-Length (RFC 9112, section 6.3)."""
        codings = [coding.strip(_BLANK).lower() for coding in value.split(b",")]
        if not any(codings):
            return  # an empty list
        if codings[-1] == b"chunked":
            fields.chunked = True
            # What was done to the body for the transfer alone was done after its content coding.
            undone = [coding for coding in codings if coding not in (b"", b"chunked", b"identity")]
            fields.content_coding = b",".join(filter(None, (fields.content_coding, *undone)))
        elif b"chunked" in value.lower():  # "xchunked", "chunked, identity": some servers take it
            fields.chunked = True
            names.add(f"http.invalid_transfer_encoding_value_in_{self._side}")
        elif codings != [b"identity"]:
            fields.other_transfer = True
            names.add(f"http.invalid_transfer_encoding_value_in_{self._side}")
        if fields.length != NO_LENGTH and (fields.chunked or fields.other_transfer):
            names.add(f"http.{self._side}_length_with_transfer_encoding")


def _unfold(lines: list[bytes]) -> list[bytes]:
    """Join continuation lines to their field with one space (RFC 9112, section 5.2)."""
    fields: list[list[bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1].append(line.strip(_BLANK))
        else:
            fields.append([line.strip(_BLANK)])
    return [b" ".join(filter(None, parts)) for parts in fields]
