"""The index against a dictionary, with keys whose hashes collide."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from numpy.typing import NDArray

from sensor.arrays import U64
from sensor.flow.index import EMPTY, FlowIndex
from sensor.flow.key import KEY_WORDS, hash_words

CAPACITY = 12
numbers = st.lists(st.integers(0, 40), unique=True, max_size=CAPACITY)


def words_of(numbers: list[int]) -> NDArray[np.uint64]:
    """Keys of whole numbers, different in two words."""
    words = np.ones((KEY_WORDS, len(numbers)), np.uint64)
    words[1] = words[4] = numbers
    return words


class CrowdedIndex(FlowIndex):
    """An index whose hashes are chosen by the test: few, so that keys fall on one another."""

    def __init__(self, capacity: int, distinct: int, shift: int) -> None:
        super().__init__(capacity)
        self._distinct, self._shift = np.uint64(distinct), np.uint64(shift)

    def hashes(self, words: NDArray[np.uint64]) -> U64:
        # Places count from the low bits, and wrap at the end of the table.
        hashes: U64 = (words[1] % self._distinct) + self._shift
        return hashes


class Index(RuleBasedStateMachine):
    """Every operation on a batch of keys, beside a dictionary."""

    @initialize(distinct=st.sampled_from([1, 2, 7, 1 << 32]), shift=st.sampled_from([0, (1 << 64) - 2, 62]))
    def start(self, distinct: int, shift: int) -> None:
        self.index = CrowdedIndex(CAPACITY, distinct, shift)
        self.slots: dict[int, int] = {}

    def free(self) -> list[int]:
        return sorted(set(range(CAPACITY)) - set(self.slots.values()))

    @rule(wanted=numbers)
    def insert(self, wanted: list[int]) -> None:
        free = self.free()
        new = [number for number in wanted if number not in self.slots][: len(free)]
        words = words_of(new)
        self.index.insert(words, self.index.hashes(words), np.array(free[: len(new)], np.int64))
        self.slots.update(zip(new, free, strict=False))

    @rule(wanted=numbers)
    def remove(self, wanted: list[int]) -> None:
        gone = [number for number in wanted if number in self.slots]
        self.index.remove(np.array([self.slots.pop(number) for number in gone], np.int64))

    @rule(wanted=numbers)
    def replace(self, wanted: list[int]) -> None:
        free = self.free()
        moved = [number for number in wanted if number in self.slots][: len(free)]
        old = np.array([self.slots[number] for number in moved], np.int64)
        self.index.replace(old, np.array(free[: len(moved)], np.int64))
        self.slots.update(zip(moved, free, strict=False))

    @invariant()
    def finds_what_the_dictionary_finds(self) -> None:
        every = [*range(41), 7, 7]
        words = words_of(every)
        found = self.index.find(words, self.index.hashes(words))
        assert found.tolist() == [self.slots.get(number, EMPTY) for number in every]

    @invariant()
    def counts_the_places_in_use(self) -> None:
        assert self.index._used == (self.index._places != EMPTY).sum()
        assert (self.index._places >= 0).sum() == len(self.slots)


TestIndex = Index.TestCase
TestIndex.settings = settings(stateful_step_count=30)


def test_removed_entries_make_way_for_new_ones() -> None:
    """A rebuild clears them out: an index is never full, however long it is used."""
    index = FlowIndex(CAPACITY)
    for start in range(0, 3000, CAPACITY):
        words = words_of(list(range(start, start + CAPACITY)))
        hashes = index.hashes(words)
        slots = np.arange(CAPACITY)
        index.insert(words, hashes, slots)
        assert index.find(words, hashes).tolist() == slots.tolist()
        index.remove(slots)
        assert (index.find(words, hashes) == EMPTY).all()
    places = index._places.shape[0]
    assert (index._places != EMPTY).sum() <= places // 2


@pytest.mark.parametrize("word", range(KEY_WORDS))
def test_each_word_of_a_key_counts(word: int) -> None:
    words = np.full((KEY_WORDS, 64), 5, np.uint64)
    words[word] = np.uint64(1) << np.arange(64, dtype=np.uint64)
    assert np.unique(hash_words(words, 99)).shape[0] == 64


def test_hashes_depend_on_the_seed() -> None:
    words = words_of(list(range(1000)))
    low = [set((hash_words(words, seed) & np.uint64(0xFFFF)).tolist()) for seed in (1, 2)]
    assert low[0] != low[1]
