"""The view of base64: each text read from its first letter and from each of the next three.

Letters in front of a text, of a path or a length octet, or the rest of it that was scanned before, shift what
follows; one of four readings is right. The others read as noise. All texts are read at once, from their first
letters, then from their second ones, and so on.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sensor.arrays import I64, U8
from sensor.matching.views.arrange import Source, ramp, spread
from sensor.matching.views.base64_runs import VALUES, Lines, find_base64
from sensor.matching.views.origin import Letters
from sensor.matching.views.view import Above, Form, View

_LETTERS: Final = 4
"""Letters that three octets make, and so many readings."""
_OCTETS: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """What is read."""

    lines: Lines
    letters: I64
    """(n,) letters of each text."""
    fours: I64
    """(n,) four of them at a time, begun ones too."""

    def octets(self) -> int:
        """Octets of all readings."""
        return _LETTERS * _OCTETS * int(self.fours.sum())


def find_texts(source: Source, above: Above | None = None) -> Texts:
    """What stands in base64; what stood there above was read there."""
    lines = find_base64(source.octets, source.run_start, source.run_end, above)
    letters = lines.letters()
    return Texts(lines, letters, -(-letters // _LETTERS))


def base64_view(source: Source, texts: Texts, budget: int) -> tuple[View, int]:
    """The view, and how many regions were dropped because ``budget`` octets were reached."""
    fitting = _LETTERS * _OCTETS * np.cumsum(texts.fours) <= budget
    letters, fours, lines = texts.letters[fitting], texts.fours[fitting], texts.lines
    if dropped := _LETTERS * int(fitting.shape[0] - letters.shape[0]):
        lines = lines.where(fitting)

    # Letters, filled up to fours, so that each text begins with one.
    count = int(fours.sum()) * _LETTERS
    first_four, _ = spread(fours)
    size = lines.end - lines.start
    line_first, _ = spread(size)
    text_first, _ = spread(letters)
    first = line_first + (_LETTERS * first_four - text_first)[lines.text]
    value = np.zeros(count + _LETTERS, np.uint8)
    value[ramp(first, size)] = VALUES[source.octets[ramp(lines.start, size)]]

    octets = _read(value, count)
    block = octets.shape[0] // _LETTERS
    skipped = np.arange(_LETTERS)[:, None]
    region_start = skipped * block + _OCTETS * first_four
    region_end = region_start + (letters - skipped) * 6 // 8
    text_line, _ = lines.of_texts()
    run = np.tile(lines.run[text_line], _LETTERS)
    origin = Letters(first, lines.start, block)
    return View(Form.BASE64, octets, origin, region_start.ravel(), region_end.ravel(), run), dropped


def _read(value: U8, count: int) -> U8:
    """Three octets of each four letters; from the first letter, then from the second one, and so on.

    :param value: (count + 4,) what each letter stands for, and zeros.
    :returns: (3 * count,)
    """
    octets = np.empty((_LETTERS, count // _LETTERS, _OCTETS), np.uint8)
    for letter, (up, down) in enumerate(((2, 4), (4, 2), (6, 0))):
        both = value[:-1] << up | value[1:] >> down
        for skipped in range(_LETTERS):
            at = skipped + letter
            octets[skipped, :, letter] = both[at : at + count : _LETTERS]
    return octets.ravel()
