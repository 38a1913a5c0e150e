"""The view of base64: each text read from its first letter and, where need be, from each of the next three.

Letters in front of a text, of a path or a length octet, or the rest of it that was scanned before, shift what
follows; one of four readings is right. The others read as noise.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sensor.arrays import I64, U8
from sensor.matching.views.arrange import Source, ramp, spread
from sensor.matching.views.base64_runs import VALUES, Lines, find_base64
from sensor.matching.views.view import Above, Form, View

_LETTERS: Final = 4
"""Letters that three octets make, and so many readings."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Texts, each from every letter that it is read from."""

    lines: Lines
    run: I64
    """(r,) index of the run of the source that each is of."""
    first: I64
    """(r,) which of all letters each begins with."""
    size: I64
    """(r,) letters of each."""
    length: I64
    """(r,) octets that each is decoded to."""

    def octets(self) -> int:
        """Octets that all are decoded to."""
        return int(self.length.sum())


def find_readings(source: Source, above: Above | None = None) -> Readings:
    """How what stands in base64 is read; what stood there above was read there."""
    lines = find_base64(source.octets, source.run_start, source.run_end, above)
    letters = lines.letters()
    text_start, _ = spread(letters)
    first_line, _ = lines.of_texts()
    text = np.repeat(np.arange(letters.shape[0]), _LETTERS)
    skip = np.tile(np.arange(_LETTERS), letters.shape[0])
    size = letters[text] - skip
    run = lines.run[first_line][text]
    return Readings(lines, run, text_start[text] + skip, size, size * 6 // 8)


def base64_view(source: Source, readings: Readings, budget: int) -> tuple[View, int]:
    """The view, and how many regions were dropped because ``budget`` octets were reached."""
    fitting = np.cumsum(readings.length) <= budget
    first, size, length, run = (
        column[fitting] for column in (readings.first, readings.size, readings.length, readings.run)
    )
    place = ramp(readings.lines.start, readings.lines.end - readings.lines.start)
    octets, origin, origin_end = _decode(source.octets, place, first, size, length)
    region_start, region_end = spread(length)
    dropped = int(fitting.shape[0] - first.shape[0])
    return View(Form.BASE64, octets, origin, origin_end, region_start, region_end, run), dropped


def _decode(octets: U8, place: I64, first: I64, size: I64, length: I64) -> tuple[U8, I64, I64]:
    """Octets, and the place of their first letter and behind their second.

    :param place: (m,) places of all letters.
    :param first: (r,) index of each region's first letter.
    :param size: (r,) how many letters each has.
    :param length: (r,) how many octets they make.
    """
    # Four letters make three octets; the last ones of a region are filled up with whatever follows.
    fours = (size + 3) // 4
    letter = np.minimum(ramp(first, 4 * fours), place.shape[0] - 1)
    places = place[letter].reshape(-1, 4)
    bits = VALUES[octets[places]]
    made = np.empty((bits.shape[0], 3), np.uint8)
    for column, (up, down) in enumerate(((2, 4), (4, 2), (6, 0))):
        made[:, column] = bits[:, column] << up | bits[:, column + 1] >> down
    whole = np.ones(made.shape[0] * 3, np.bool_)
    end = 3 * np.cumsum(fours)
    surplus = 3 * fours - length
    whole[ramp(end - surplus, surplus)] = False
    return made.ravel()[whole], places[:, :3].ravel()[whole], places[:, 1:].ravel()[whole] + 1
