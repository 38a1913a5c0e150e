"""Text from the wire, made safe to look at.

A URL or an excerpt is written by whoever sends packets: raw control characters would move the cursor,
recolour or retitle an analyst's terminal, and bidirectional overrides would show a name reversed.
"""

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


def is_utf8(text: str) -> bool:
    """Whether ``text`` holds no escaped octet."""
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
