"""Keywords as one would look for them with time to spare: every layer, every charset, from every octet.

What is found here and is no text (noise, half a character) is for the engine to tell apart: what it finds
must be found here, but not the other way round.
"""

import re
from collections.abc import Collection, Iterator

from sensor.matching.views.make import Wanted
from signatures.model import Fold
from signatures.text.charsets import Charset, decode
from signatures.text.fold import fold
from tests.reference.views import LETTERS, six_bits, views

_DEPTH = 4
_REACH = 1 << 10
_STANDARD = bytes.maketrans(b"-_", b"+/")


def keywords_in(run: bytes, keywords: Collection[str], folds: Collection[Fold]) -> set[str]:
    """Which of ``keywords`` stand in ``run``, in any form and charset."""
    found = set()
    for octets in {run, *_below(run, _DEPTH)}:
        for charset in Charset:
            for first in range(len(octets)):
                text = fold(decode(octets[first:], charset).text, folds)
                found |= {keyword for keyword in keywords if fold(keyword, folds) in text}
    return found


def _below(octets: bytes, depth: int) -> Iterator[bytes]:
    """What is left when escapes are undone, once and again."""
    inner = [bytes(octet for octet, *_ in region) for made in _views(octets).values() for region in made]
    # A word alone makes a run of base64 that is too short for a view.
    for letters in re.findall(rb"[A-Za-z0-9+/_-]{3,}", octets):
        values = [LETTERS.index(each) for each in letters.translate(_STANDARD)]
        inner += [six_bits(values[skip:]) for skip in range(4)]
    for each in inner:
        yield each
        if depth > 1:
            yield from _below(each, depth - 1)


def _views(octets: bytes) -> dict[str, list[list[tuple[int, int, int]]]]:
    return {str(form): regions for form, regions in views(octets, _REACH, Wanted(spaces=True)).items()}
