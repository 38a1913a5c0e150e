"""Octets written as text: Suricata's ``content``, in which ``|16 03|`` stands for octets in hexadecimal.

https://docs.suricata.io/en/latest/rules/payload-keywords.html#content
"""

import re

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_IN_HEX_ONLY = '\\";'
r"""Suricata takes these, as it does ``|``, in hexadecimal alone: a content that was copied from a rule with
``\;`` in it would mean something else here without anybody noticing."""


def read_content(text: str) -> bytes:
    """The octets that ``text`` stands for; characters outside ASCII are UTF-8.

    :raises ValueError: what is wrong with it, for whoever wrote it.
    """
    parts = text.split("|")
    if len(parts) % 2 == 0:
        raise ValueError("a | has no partner: octets are written as |16 03|, a | itself as |7C|")
    octets = bytearray()
    for index, part in enumerate(parts):
        if index % 2:
            octets += read_hex(part)
            continue
        for character in _IN_HEX_ONLY:
            if character in part:
                raise ValueError(f"{character} must be written in hexadecimal: |{ord(character):02X}|")
        octets += part.encode()
    return bytes(octets)


def read_hex(text: str) -> bytes:
    """Octets of two hexadecimal digits each, with or without spaces.

    :raises ValueError: if it is something else.
    """
    digits = "".join(text.split())
    if not _HEX.fullmatch(digits):
        raise ValueError(f"{text[:32]!r} is not octets of two hexadecimal digits each, as in 16 03")
    return bytes.fromhex(digits)
