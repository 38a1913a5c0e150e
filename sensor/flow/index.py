"""A hash index from flow keys to slots of the flow table, looked up and filled a batch at a time.

Open addressing with linear probing, every step done for all rows still unanswered: a batch takes as
many numpy steps as its longest probe, not as it has rows.
"""

import secrets

import numpy as np
from numpy.typing import NDArray

from sensor.arrays import I64, U64
from sensor.flow.key import KEY_WORDS, hash_words

EMPTY = -1
_REMOVED = -2


class FlowIndex:
    """Maps keys to slots, 0 … ``capacity`` - 1, each slot at most once."""

    def __init__(self, capacity: int) -> None:
        # Four places a slot: the load stays under 1/4 and, removed entries included, under 1/2.
        self._mask = (1 << (4 * capacity - 1).bit_length()) - 1
        self._places = np.full(self._mask + 1, EMPTY, np.int32)
        self.words = np.zeros((KEY_WORDS, capacity), np.uint64)
        """(5, capacity) key words by slot; those of a slot outside the index are the table's to write."""
        self._hash = np.zeros(capacity, np.uint64)
        self._used = 0  # places that are not EMPTY
        self._seed = secrets.randbits(64)

    def hashes(self, words: NDArray[np.uint64]) -> U64:
        """Hashes of (5, n) key words, as :meth:`find` and :meth:`insert` take them."""
        return hash_words(words, self._seed)

    def find(self, words: NDArray[np.uint64], hashes: U64) -> I64:
        """(n,) int64 slots of n keys, ``EMPTY`` where a key is not in the index."""
        found = np.full(hashes.shape[0], EMPTY, np.int64)
        todo = np.arange(hashes.shape[0])
        place = (hashes & np.uint64(self._mask)).astype(np.int64)
        while todo.shape[0]:
            slot = self._places[place].astype(np.int64)
            held = slot >= 0
            # The hash settles nearly every row; the key settles it for certain.
            same = held & (self._hash[slot] == hashes[todo])
            hit = np.flatnonzero(same)
            if hit.shape[0]:
                rows, slots = todo[hit], slot[hit]
                equal = (self.words[:, slots] == words[:, rows]).all(axis=0)
                found[rows[equal]] = slots[equal]
                if not equal.all():
                    same[hit[~equal]] = False
            more = np.flatnonzero(~same & (slot != EMPTY))
            todo = todo[more]
            place = (place[more] + 1) & self._mask
        return found

    def insert(self, words: NDArray[np.uint64], hashes: U64, slots: I64) -> None:
        """Put n keys, different from one another and from those held, under n free slots."""
        if self._used + slots.shape[0] > (self._mask + 1) >> 1:
            self._rebuild()
        self.words[:, slots] = words
        self._hash[slots] = hashes
        self._place(hashes, slots)

    def remove(self, slots: I64) -> None:
        """Take the keys of ``slots`` out of the index."""
        place = (self._hash[slots] & np.uint64(self._mask)).astype(np.int64)
        todo = slots
        while todo.shape[0]:
            here = self._places[place] == todo
            self._places[place[here]] = _REMOVED
            todo = todo[~here]
            place = (place[~here] + 1) & self._mask

    def replace(self, old: I64, new: I64) -> None:
        """Let the keys of slots ``old`` lead to slots ``new`` (free ones) from now on."""
        words, hashes = self.words[:, old], self._hash[old]
        self.remove(old)
        self.insert(words, hashes, new)

    def _place(self, hashes: U64, slots: I64) -> None:
        place = (hashes & np.uint64(self._mask)).astype(np.int64)
        todo = slots
        while todo.shape[0]:
            held = self._places[place]
            free = np.flatnonzero(held < 0)
            # Several keys may want one place: the last write stands, the others probe on.
            self._places[place[free]] = todo[free]
            won = self._places[place] == todo
            self._used += int(np.count_nonzero(won & (held == EMPTY)))
            lost = np.flatnonzero(~won)
            todo = todo[lost]
            place = (place[lost] + 1) & self._mask

    def _rebuild(self) -> None:
        slots = self._places[self._places >= 0].astype(np.int64)
        self._places.fill(EMPTY)
        self._used = 0
        self._place(self._hash[slots], slots)
