"""The view of base64: each text read from its first letter and, where need be, from each of the next three.

Letters in front of a text, of a path or a length octet, or the rest of it that was scanned before, shift what
follows; one of four readings is right. The others read as noise.
"""

import numpy as np

from sensor.arrays import I64, U8
from sensor.matching.views.arrange import Source, ramp, spread
from sensor.matching.views.base64_runs import VALUES, find_base64
from sensor.matching.views.view import Form, View

_SURE = 8192
"""Letters from which on a text is taken to begin with its first one: no path is so long. One that begins
where its run does is read from all four all the same: it may have begun before."""


def base64_view(source: Source, budget: int) -> tuple[View | None, int]:
    """The view, and how many regions were dropped because ``budget`` octets were reached.

    None where there is no base64.
    """
    lines = find_base64(source.octets, source.run_start, source.run_end)
    if not len(lines):
        return None, 0
    place = ramp(lines.start, lines.end - lines.start)
    letters = lines.letters()
    text_start, _ = spread(letters)
    first_line = np.searchsorted(lines.text, np.arange(letters.shape[0]))
    run = lines.run[first_line]
    sure = (letters >= _SURE) & (lines.start[first_line] > source.run_start[run])

    readings = np.where(sure, 1, 4)
    skip = ramp(np.zeros_like(readings), readings)
    text = np.repeat(np.arange(letters.shape[0]), readings)
    size = letters[text] - skip
    length = size * 6 // 8
    fitting = np.cumsum(length) <= budget
    first, size, length, run = (
        column[fitting] for column in (text_start[text] + skip, size, length, run[text])
    )
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
