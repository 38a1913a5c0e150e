"""Text from the wire, made safe to look at.

A URL or an excerpt is written by whoever sends packets: raw control characters would move the cursor,
recolour or retitle an analyst's terminal, and bidirectional overrides would show a name reversed.
"""

import re

_UNSAFE = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf")
"""Controls in UTF-8 that JSON does not require to be escaped, but a terminal obeys: DEL, U+0080 to
U+009F (one of them begins escape sequences), U+200B to U+200F, U+2028 to U+202E, U+2060 to U+206F, U+FEFF."""
_PLAIN = bytes(range(0x7F))
_ALSO_PRINTABLE = frozenset("\u3000")
"""The ideographic space, which Python calls unprintable and every Japanese text holds."""


def printable(text: str) -> str:
    r"""``text`` with everything unprintable escaped as Python does: ``\x1b``, ``\u202e``.

    An octet that was not UTF-8 (a lone surrogate, ``surrogateescape``) becomes ``\xNN``; a character
    from U+0080 on is ``\uNNNN``, so that the two are told apart.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _ALSO_PRINTABLE else _escape(ord(c)) for c in text)


def printable_octets(octets: bytes) -> str:
    """``octets`` read as UTF-8, by the rules of `printable`."""
    return printable(octets.decode("utf-8", "surrogateescape"))


def printable_json(json: bytes) -> bytes:
    """``json`` in UTF-8, safe to print on a terminal; it says the same to whatever reads it."""
    # Nearly everything is ASCII: to look for the rest alone costs a tenth of looking everywhere.
    if not _UNSAFE.search(json.translate(None, _PLAIN)):
        return json
    # Outside strings JSON has none of these, so the escape is equivalent wherever they stand.
    return _UNSAFE.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), json)


def is_utf8(text: str) -> bool:
    """Whether ``text`` holds no escaped octet."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
