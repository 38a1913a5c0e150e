"""Encoded words of mail headers (RFC 2047): ``=?charset?B?...?=`` and ``=?charset?Q?...?=``.

What stands between two of them and is only white space goes with the second (section 6.2), so a word that was
split goes on, between the octets of a character too. ISO-2022-JP returns to ASCII before each end; where it
leaves it again at once, both escape sequences are left out.
"""

import binascii
import re

from sensor.matching.views.characters import listed
from sensor.matching.views.leads import Leads
from sensor.matching.views.view import Escapes

FOLLOWERS = b"?"
"""What may stand behind ``=``."""
_WORD = re.compile(rb"=\?([^?\s]{1,64}+)\?([bBqQ])\?([^?\r\n]{0,1024}+)\?=")
"""A word has at most 75 octets by the RFC; some senders never split one."""
_HEX = re.compile(rb"=([0-9a-fA-F]{2})")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
_BACK_TO_ASCII = (b"\x1b(B", b"\x1b(J")
_TO_KANJI = (b"\x1b$B", b"\x1b$@")
_WORDS_BASE = 1024
_OCTETS_PER_WORD = 64
"""Words that are read of one source: a thousand, and one for so many octets. Each takes a microsecond or
two, and words that are full have 75 octets."""


def encoded_words(leads: Leads) -> Escapes:
    """Words among ``leads``, places of ``=``."""
    leads = leads.where(leads.at(1) == ord("?"))
    bound = _WORDS_BASE + leads.octets.shape[0] // _OCTETS_PER_WORD
    left_out = max(0, len(leads) - bound)
    octets = leads.octets.data
    start: list[int] = []
    end: list[int] = []
    row: list[int] = []
    meant: list[bytes] = []
    before = ""
    columns = (leads.start[:bound], leads.run[:bound], leads.limit[:bound])
    for number, (at, run, limit) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        found = _WORD.match(octets, at, limit)
        if found is None or (end and at < end[-1]):
            continue
        charset = found[1].lower().decode("latin-1")
        text = _decode(found[2], found[3])
        goes_on = end and leads.run[row[-1]] == run and not bytes(octets[end[-1] : at]).strip(b" \t\r\n")
        japanese = charset == before and charset.startswith("iso-2022-jp")
        if goes_on and japanese and meant[-1].endswith(_BACK_TO_ASCII) and text.startswith(_TO_KANJI):
            meant[-1], text = meant[-1][:-3], text[3:]
        start.append(end[-1] if goes_on else at)
        end.append(found.end())
        row.append(number)
        meant.append(text)
        before = charset
    return listed(leads, row, start, end, meant, left_out)


def _decode(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"qQ":
        return _HEX.sub(lambda match: binascii.unhexlify(match[1]), text.replace(b"_", b" "))
    text = text.partition(b"=")[0].translate(None, _NOT_BASE64)
    if len(text) % 4 == 1:
        text = text[:-1]
    return binascii.a2b_base64(text + b"=" * (-len(text) % 4))
