"""Recall and precision of keywords, form by form, on real text."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from fixtures.pcaps.forms.encoders import Encoder
from sensor.matching.plan import MatchPlan
from sensor.matching.scan import scan_payload
from signatures.model import DEFAULT_FOLDS, Fold
from signatures.text.fold import fold


@dataclass(frozen=True, slots=True)
class Score:
    """What was found of what is there."""

    there: int = 0
    """Pairs of text and keyword that stands in it."""
    found: int = 0
    wrong: int = 0
    """Pairs that were found, and are not there."""
    missed: tuple[tuple[str, str], ...] = ()
    """Some that were not found: keyword and text."""
    mistaken: tuple[tuple[str, str], ...] = ()

    @property
    def recall(self) -> float:
        """Of what is there, what was found."""
        return self.found / self.there if self.there else 1.0

    @property
    def precision(self) -> float:
        """Of what was found, what is there."""
        return self.found / (self.found + self.wrong) if self.found + self.wrong else 1.0


def measure(
    plan: MatchPlan,
    keywords: Sequence[str],
    texts: Sequence[str],
    encode: Encoder,
    folds: Collection[Fold] = DEFAULT_FOLDS,
) -> Score:
    """Send ``texts`` in a form through the plan, whose clauses are ``keywords``, one each, in order.

    Texts that the form can't hold are left out.
    """
    encoded: list[bytes] = []
    kept: list[str] = []
    for text in texts:
        try:
            encoded.append(encode(text))
            kept.append(text)
        except UnicodeEncodeError:
            continue
    end = np.cumsum(np.array([len(each) for each in encoded], np.int64))
    start = end - np.array([len(each) for each in encoded], np.int64)
    matches = scan_payload(plan, b"".join(encoded), start, end)
    found = set(zip(matches.run.tolist(), matches.clause.tolist(), strict=True))
    wanted = [fold(keyword, folds) for keyword in keywords]
    there = {
        (run, clause)
        for run, text in enumerate(kept)
        for folded in [fold(text, folds)]
        for clause, keyword in enumerate(wanted)
        if keyword in folded
    }

    def told(pairs: set[tuple[int, int]]) -> tuple[tuple[str, str], ...]:
        return tuple((keywords[clause], kept[run]) for run, clause in sorted(pairs)[:5])

    return Score(len(there), len(found & there), len(found - there), told(there - found), told(found - there))


def passages(texts: Sequence[str], octets: int, seed: int = 1) -> list[str]:
    """Texts joined into passages of about so many octets of UTF-8, in an order of their own."""
    rng = random.Random(seed)
    shuffled = list(texts)
    rng.shuffle(shuffled)
    joined, held = [], ""
    for text in shuffled:
        held = f"{held}\n{text}" if held else text
        if len(held.encode()) >= octets:
            joined.append(held)
            held = ""
    return [*joined, held] if held else joined
