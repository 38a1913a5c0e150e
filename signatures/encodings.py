"""What octets or a regex, written as text, are to Hyperscan.

Hyperscan works on octets here, never in its UTF-8 mode: payload is whatever the wire carries, and the
behaviour of that mode on invalid UTF-8 is undefined. So text is encoded first, and only then made into
an expression.
"""

import re

_PIECE = re.compile(r"\[\^?\]?(?:\[[:.=].*?[:.=]\]|\\.|[^\]])*\]?|\\?.", re.DOTALL)
r"""A class (in which a ``]`` that comes first and ``[:alpha:]`` do not end it), an escape, or a character."""
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def literal_expression(octets: bytes, case_sensitive: bool) -> bytes:
    """A Hyperscan expression that matches ``octets`` and nothing else.

    ASCII letters become two-octet classes unless ``case_sensitive``, and every other octet an escape,
    so that no octet is special and folding touches exactly the octets meant to fold. The pure literal
    compiler would do neither: it ends a literal at its first NUL. Classes of two cases cost nothing:
    Hyperscan turns them back into a caseless literal.
    """
    if case_sensitive:
        return b"".join(b"\\x%02x" % octet for octet in octets)
    return b"".join(
        b"[%c%c]" % (octet & 0xDF, octet | 0x20) if octet in _LETTERS else b"\\x%02x" % octet
        for octet in octets
    )


def regex_expression(regex: str) -> bytes:
    r"""A Hyperscan expression for ``regex``: each character outside ASCII becomes a group of octets.

    The group lets a quantifier take the whole character, as its writer means it to.

    :raises ValueError: if such a character stands in a class, where it would be taken octet by octet,
        or together with ``\Q`` or ``(?#``, where a group would not be one.
    """
    if regex.isascii():
        return regex.encode()
    if "\\Q" in regex or "(?#" in regex:
        raise ValueError(r"\Q and (?# can't be used together with characters outside ASCII")
    parts: list[bytes] = []
    for piece in _PIECE.findall(regex):
        character = next((each for each in piece if not each.isascii()), "")
        if not character:
            parts.append(piece.encode())
        elif len(piece.removeprefix("\\")) > 1:
            raise ValueError(f"a class takes single octets, {character!r} is several: write (?:…|…)")
        else:
            parts.append(b"(?:%s)" % literal_expression(character.encode(), True))
    return b"".join(parts)
