"""Where octets of views came from: told of some, it is as if each octet carried it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensor.matching.views.make import Wanted, make_views
from sensor.matching.views.origin import Origins
from sensor.matching.views.view import View
from tests.matching.views.harness import made
from tests.matching.views.test_reference import PIECES

MIXED = st.lists(
    st.sampled_from([piece.encode() for pieces in PIECES.values() for piece in pieces.split(" ")]),
    max_size=40,
).map(b"".join)
WANTED = Wanted(spaces=True)
REACH = 5

Places = list[tuple[int, int]]
"""Of each octet of a region: where it starts in the first source, and behind it."""


def joined(views: tuple[View, ...], above: Origins | None = None) -> Origins:
    """Of views one after another."""
    sizes = np.cumsum([0, *map(len, views)]).tolist()
    return Origins.of(list(zip(sizes, (view.origin for view in views), strict=False)), above)


def regions(views: tuple[View, ...]) -> list[tuple[int, int]]:
    """Start and end of each region, where the views stand one after another."""
    found: list[tuple[int, int]] = []
    first = 0
    for view in views:
        starts, ends = (view.region_start + first).tolist(), (view.region_end + first).tolist()
        found += zip(starts, ends, strict=True)
        first += len(view)
    return found


def changed(places: Places) -> bool:
    """Whether anything was undone: octets that came from one each, and those one after another, are plain."""
    length = places[-1][1] - places[0][0]
    return length != len(places) or any(end - start != 1 for start, end in places)


@given(MIXED, st.data())
def test_stretches_changed_as_their_octets_did(source: bytes, data: st.DataObject) -> None:
    outer = made([source], REACH, WANTED)[0].views
    if not outer:
        return
    above = joined(outer)
    octets = np.concatenate([view.octets for view in outer])
    start, end = (np.array(column, np.int64) for column in zip(*regions(outer), strict=True))
    inner = make_views(octets, start, end, REACH, WANTED).views
    for views, origins in ((outer, above), *([(inner, joined(inner, above))] if inner else ())):
        low, high = data.draw(st.sampled_from(regions(views)))
        place = np.arange(low, high)
        places = list(zip(origins.starts(place).tolist(), origins.ends(place).tolist(), strict=True))
        assert all(0 <= begin < behind <= len(source) for begin, behind in places)
        first = data.draw(st.integers(low, high - 1))
        last = data.draw(st.integers(first + 1, high))
        told = origins.changed(np.array([first]), np.array([last]))
        assert told.tolist() == [changed(places[first - low : last - low])]


def test_nothing_is_asked_of_nothing() -> None:
    (view,) = made([b"%41"], REACH, WANTED)[0].views
    origins = joined((view,), joined((view,)))
    none = np.zeros(0, np.int64)
    for told in (origins.starts(none), origins.ends(none), origins.changed(none, none)):
        assert told.shape == (0,)


def test_what_is_as_long_as_it_was_has_changed() -> None:
    source = b"a&nGg;b"
    (view,) = made([source], REACH, WANTED)[0].views
    assert len(view) == len(source)
    told = joined((view,)).changed(np.array([0, 0, 0, 6, 6]), np.array([1, 2, 7, 7, 7]))
    assert told.tolist() == [False, True, True, False, False]
