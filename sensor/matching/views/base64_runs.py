"""Runs of base64's letters (RFC 4648 sections 4 and 5), lines joined (RFC 2045 section 6.8).

Words, paths and names are of the same letters, so a short run is read only if something speaks for base64: it
often changes between capitals, small letters and digits; it goes on without a symbol for longer than words
do; it has a plus sign between two letters; or it repeats itself every four letters, as characters of three
octets do. Of 40,000 short texts in Japanese and English none was without; one octet in a hundred of program
text, one in five hundred of prose, is read in vain.
Stretches of twelve octets that may be base64 are looked for first, four octets at a time: every run has one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sensor.arrays import I64, U8, Bool
from sensor.matching.views.arrange import leading, ramp
from sensor.matching.views.leads import STRETCH, places_of
from sensor.matching.views.view import Above

MIN_RUN = 16
"""Letters that a run must have: twelve octets."""
_SURE = 1024
"""Letters from which on a run is read whatever it looks like: nothing else is so long."""
_BACK = 4
"""Letters that three octets make: text in characters of three octets repeats itself."""
_BLANKS_MAX = 8
"""Blanks that a line may start with."""

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
NO_LETTER = 255
_SYMBOL = 0


def _values() -> U8:
    table = np.full(256, NO_LETTER, np.uint8)
    table[list(_LETTERS)] = np.arange(64)
    table[list(b"-_")] = 62, 63
    table.flags.writeable = False
    return table


def _classes() -> U8:
    table = np.full(256, _SYMBOL, np.uint8)
    table[list(_LETTERS[:26])], table[list(_LETTERS[26:52])], table[list(_LETTERS[52:62])] = range(1, 4)
    table.flags.writeable = False
    return table


VALUES = _values()
"""(256,) the six bits that a letter stands for, or NO_LETTER."""
_CLASSES = _classes()
_IS_LETTER: Final = VALUES != NO_LETTER
_ARE_LETTERS: Final = (_IS_LETTER[:, None] & _IS_LETTER).ravel()
"""(65536,) by two octets as one number."""
_IS_BREAK: Final = np.isin(np.arange(256), list(b"\r\n"))


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Stretches of letters, ascending; those of the same text are the lines of one."""

    start: I64
    """(n,)"""
    end: I64
    run: I64
    """(n,) index of the run of the source."""
    text: I64
    """(n,) number of the text, ascending from 0."""

    def __len__(self) -> int:
        return int(self.start.shape[0])

    def where(self, chosen: Bool) -> "Lines":
        """Lines of the texts chosen."""
        line = chosen[self.text]
        number = np.cumsum(chosen) - 1
        return Lines(self.start[line], self.end[line], self.run[line], number[self.text[line]])

    def of_texts(self) -> tuple[I64, I64]:
        """First line of each text, and behind its last."""
        texts = np.arange(int(self.text[-1]) + 1 if len(self) else 0)
        return np.searchsorted(self.text, texts), np.searchsorted(self.text, texts, side="right")

    def letters(self) -> I64:
        """How many letters each text has."""
        return np.bincount(self.text, self.end - self.start).astype(np.int64)


def find_base64(octets: U8, run_start: I64, run_end: I64, above: Above | None = None) -> Lines:
    """Texts that are read as base64; of a view, those that did not stand above as they are."""
    start, end = _stretches(octets)
    if start.shape[0]:
        start, end, run = _within_runs(start, end, run_start, run_end)
    if not start.shape[0]:
        return Lines(start, start, start, start)
    joins = np.zeros(start.shape[0], np.bool_)
    # Of what stands behind each line, where the next begins.
    near = ((run[1:] == run[:-1]) & (start[1:] - end[:-1] <= 2 + _BLANKS_MAX)).nonzero()[0]
    if near.shape[0]:
        joins[near + 1] = _next_line(octets, end[near], run_end[run[near]]) == start[near + 1]
    lines = Lines(start, end, run, np.cumsum(~joins) - 1)
    if above is not None:
        first, behind = lines.of_texts()
        last, limit = end[behind - 1], run_end[run[first]]
        # With what ends it, or as much as its last line may have.
        more = np.where(_IS_BREAK[octets.take(last, mode="clip")], MIN_RUN + 2 + _BLANKS_MAX, 1)
        lines = lines.where(above.changed(start[first], np.minimum(last + more, limit)))
        if not len(lines):
            return lines
    return _with_last_lines(octets, lines.where(_looks_like_base64(octets, lines)), run_end)


def _stretches(octets: U8) -> tuple[I64, I64]:
    """Every stretch of at least MIN_RUN letters, whatever the runs."""
    start, end = _candidates(octets)
    if not start.shape[0]:
        return start, end
    # Between two candidates stands a word that is not wholly of letters: each may grow by three octets.
    first, behind = start, end
    grows, goes_on = np.ones((2, start.shape[0]), np.bool_)
    for more in range(3):
        grows &= (first > more) & _IS_LETTER[octets.take(first - more - 1, mode="clip")]
        goes_on &= (behind + more < octets.shape[0]) & _IS_LETTER[octets.take(behind + more, mode="clip")]
        start, end = start - grows, end + goes_on
    long = end - start >= MIN_RUN
    return start[long], end[long]


def _candidates(octets: U8) -> tuple[I64, I64]:
    """Stretches of three or more aligned words of four letters, as long as they go on.

    Octets between ``+`` and ``z`` are found first, which is cheap, and rare enough to look at one by one.
    """
    words = octets[: octets.shape[0] // 4 * 4]
    within = np.zeros(words.shape[0] // 4 + 2, np.bool_)
    shifted = np.empty(min(STRETCH, words.shape[0]), np.uint8)
    mask = np.empty(shifted.shape[0], np.bool_)
    for at in range(0, words.shape[0], STRETCH):
        stretch = words[at : at + STRETCH]
        size = stretch.shape[0]
        np.subtract(stretch, ord("+"), out=shifted[:size])
        np.less_equal(shifted[:size], ord("z") - ord("+"), out=mask[:size])
        np.equal(mask[:size].view(np.uint32), 0x01010101, out=within[at // 4 : (at + size) // 4])
    three = np.zeros(-(-within.shape[0] // 8) * 8, np.bool_)
    np.logical_and(within[2:], within[1:-1], out=three[: within.shape[0] - 2])
    three[: within.shape[0] - 2] &= within[:-2]
    start, end = _stretches_of(places_of(three))
    if not start.shape[0]:
        return start, end
    word = ramp(start, end + 2 - start)
    letters = _ARE_LETTERS.take(words.view(np.uint32).take(word).view(np.uint16))
    start, end = _stretches_of(word[letters.view(np.uint16) == 0x0101])
    long = end - start >= 3
    return 4 * start[long], 4 * end[long]


def _stretches_of(places: I64) -> tuple[I64, I64]:
    """Start and end of what follows one another in ``places``, ascending."""
    if not places.shape[0]:
        return places, places
    breaks = (places[1:] - places[:-1] != 1).nonzero()[0]
    first, last = np.zeros((2, breaks.shape[0] + 1), np.int64)
    first[1:] = breaks + 1
    last[:-1] = breaks
    last[-1] = places.shape[0] - 1
    return places[first], places[last] + 1


def _within_runs(start: I64, end: I64, run_start: I64, run_end: I64) -> tuple[I64, I64, I64]:
    """What of each stretch lies in each run, if it is long enough; and in which."""
    first = np.searchsorted(run_end, start, side="right")
    count = np.maximum(np.searchsorted(run_start, end) - first, 0)
    run = ramp(first, count)
    start = np.maximum(np.repeat(start, count), run_start[run])
    end = np.minimum(np.repeat(end, count), run_end[run])
    long = end - start >= MIN_RUN
    return start[long], end[long], run[long]


def _next_line(octets: U8, end: I64, limit: I64) -> I64:
    """Where the line behind each ``end`` begins, its blanks left out; -1 where there is no line break."""

    def octet_at(place: I64) -> U8:
        found = octets.take(place, mode="clip")
        found[place >= limit] = 0
        return found

    next_line = np.full(end.shape[0], -1)
    at = end + (octet_at(end) == ord("\r"))
    broken = (octet_at(at) == ord("\n")).nonzero()[0]
    begin, limit = at[broken] + 1, limit[broken]
    blank = np.ones(broken.shape[0], np.bool_)
    for _ in range(_BLANKS_MAX):
        octet = octet_at(begin)
        blank &= (octet == ord(" ")) | (octet == ord("\t"))
        if not blank.any():
            break
        begin += blank
    next_line[broken] = begin
    return next_line


def _looks_like_base64(octets: U8, lines: Lines) -> Bool:
    """Whether each text is read."""
    size = lines.letters()
    looks = size >= _SURE
    short = (~looks).nonzero()[0]
    if not short.shape[0]:
        return looks
    rest = lines.where(~looks)
    length = rest.end - rest.start
    # Behind each text as many zeros, which are symbols, as a letter is compared back.
    ends = _last_lines(rest)
    gap = _BACK * ends
    letter = octets.take(ramp(rest.start, length + gap), mode="clip")
    behind = np.cumsum(length + gap)[ends]
    for back in range(1, _BACK + 1):
        letter[behind - back] = 0
    kind = _CLASSES.take(letter)
    plain = kind != _SYMBOL
    # Of each letter: whether it and the one so many before are no symbols, and what they say together.
    turns, sums, repeats = np.zeros((3, kind.shape[0]), np.bool_)
    turns[1:] = plain[1:] & plain[:-1] & (kind[1:] != kind[:-1])
    sums[2:] = plain[2:] & plain[:-2] & (letter[1:-1] == ord("+"))
    repeats[_BACK:] = plain[_BACK:] & (letter[_BACK:] == letter[:-_BACK])
    letters = size[short]
    first = behind - letters - _BACK
    chosen = (
        (_counts(turns, first) >= np.clip(letters // 8, 2, 10))
        | np.logical_or.reduceat(sums, first)
        | (_BACK * _counts(repeats, first) >= letters)
    )
    # Letters without a symbol among them, sixteen at least.
    symbol = (~plain).nonzero()[0]
    long = symbol[1:][symbol[1:] - symbol[:-1] > MIN_RUN] - 1
    chosen[np.searchsorted(first, long, side="right") - 1] = True
    if symbol[0] >= MIN_RUN:
        chosen[0] = True
    looks[short] = chosen
    return looks


def _counts(mask: Bool, first: I64) -> I64:
    """How many are set from each ``first`` to the next."""
    places = mask.nonzero()[0]
    before = np.empty(first.shape[0] + 1, np.int64)
    before[:-1] = np.searchsorted(places, first)
    before[-1] = places.shape[0]
    return before[1:] - before[:-1]


def _last_lines(lines: Lines) -> Bool:
    """Which line of each text is its last."""
    last = np.ones(len(lines), np.bool_)
    np.not_equal(lines.text[1:], lines.text[:-1], out=last[:-1])
    return last


def _with_last_lines(octets: U8, lines: Lines, run_end: I64) -> Lines:
    """The same with the last line of each text, which may be shorter than MIN_RUN."""
    if not len(lines):
        return lines
    last = _last_lines(lines).nonzero()[0]
    limit = run_end[lines.run[last]]
    start = _next_line(octets, lines.end[last], limit)
    broken = start >= 0
    if not broken.any():
        return lines
    last, limit, start = last[broken], limit[broken], start[broken]
    place = start[:, None] + np.arange(MIN_RUN)
    end = start + leading(_IS_LETTER[octets.take(place, mode="clip")] & (place < limit[:, None]))
    some = end > start
    of = last[some]
    more = Lines(start[some], end[some], lines.run[of], lines.text[of])
    order = np.argsort(np.concatenate([lines.start, more.start]), kind="stable")
    return Lines(
        *(
            np.concatenate([getattr(lines, column), getattr(more, column)])[order]
            for column in ("start", "end", "run", "text")
        )
    )
