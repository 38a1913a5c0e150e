r"""Octets as rules write them (``a|0d 0a|b``, ``\;``), and as expressions and TOML write them.

As Suricata's ``DetectContentDataParse`` takes them: ``;``, ``:``, ``"`` and ``\`` may stand behind a
backslash, nothing else may; between two ``|`` there are pairs of hexadecimal digits and blanks.
"""

import re

from signatures.importing.result import RefusedError

_ESCAPED = frozenset(';:"\\')
_PLAIN = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 !#$%&'()*+,-./<=>?@[]^_`{}~"
)
"""Octets that stand for themselves between quotation marks in every notation."""
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 !%&',-/:;<=>@_`~\"")
"""Octets that are not special in an expression; a blank and # are, under the flag x, which no caller sets."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")


def parse_content(option: str, value: str) -> tuple[bool, bytes]:
    """Whether a content is negated, and its octets.

    :raises RefusedError: if it is malformed.
    """
    negated = value.startswith("!")
    text = value[negated:].strip()
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise RefusedError(option, "is not in quotation marks")
    octets = bytearray()
    for index, part in enumerate(_split_pipes(option, text[1:-1])):
        if index % 2:
            digits = re.sub(r"\s", "", part)
            if not _HEX.fullmatch(digits):
                raise RefusedError(option, f"|{part[:32]}| is not pairs of hexadecimal digits")
            octets += bytes.fromhex(digits)
        else:
            octets += _unescape(option, part)
    if not octets:
        raise RefusedError(option, "is empty")
    return negated, bytes(octets)


def _split_pipes(option: str, text: str) -> list[str]:
    parts = text.split("|")
    if len(parts) % 2 == 0:
        raise RefusedError(option, "a | is not closed")
    return parts


def _unescape(option: str, text: str) -> bytes:
    out: list[str] = []
    escape = False
    for character in text:
        if escape and character not in _ESCAPED:
            raise RefusedError(option, f"\\{character} is no escape")
        if not escape and character == "\\":
            escape = True
            continue
        if not escape and character == '"':
            raise RefusedError(option, "a quotation mark is not escaped")
        out.append(character)
        escape = False
    if escape:
        raise RefusedError(option, "ends in a backslash")
    return "".join(out).encode()


def write_content(octets: bytes) -> str:
    """``octets`` as a content of a signature file: what is special or not printable between ``|``."""
    out: list[str] = []
    hexadecimal: list[str] = []
    for octet in octets:
        if octet in _PLAIN:
            if hexadecimal:
                out.append(f"|{' '.join(hexadecimal)}|")
                hexadecimal = []
            out.append(chr(octet))
        else:
            hexadecimal.append(f"{octet:02x}")
    if hexadecimal:
        out.append(f"|{' '.join(hexadecimal)}|")
    return "".join(out)


def literal(octets: bytes, nocase: bool) -> str:
    """An expression, in ASCII, that matches ``octets`` alone, in both cases if ``nocase``."""
    text = "".join(
        chr(octet) if octet in _WORD else f"\\{chr(octet)}" if octet in _PLAIN else f"\\x{octet:02x}"
        for octet in octets
    )
    return f"(?i:{text})" if nocase and octets.lower() != octets.upper() else text
