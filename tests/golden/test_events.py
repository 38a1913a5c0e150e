"""What the sensor says of every fixture capture: as it was, whole, and however the file is read."""

from collections import Counter
from pathlib import Path

import pytest

from fixtures.pcaps.catalogue import captures, name_of
from tests.golden.replay import HERE, Event, golden_file, golden_text, replay

SMALL_WINDOW = 64
"""The least that capture reads at once: most records get a batch of their own."""

every_capture = pytest.mark.parametrize("capture", captures(), ids=name_of)


@every_capture
def test_events_are_the_golden_ones(capture: Path) -> None:
    """Renew with ``python -m tests.golden.renew``."""
    expected = golden_file(capture).read_text(encoding="utf-8").splitlines()
    assert golden_text(replay(capture)).splitlines() == expected


def test_no_golden_file_is_stale() -> None:
    assert set(HERE.rglob("*.json")) == {golden_file(capture) for capture in captures()}


@every_capture
def test_every_packet_is_accounted_for(capture: Path) -> None:
    *_, last = replay(capture)
    assert last["event_type"] == "stats"
    stats = last["stats"]
    assert stats["received"] == stats["decoded"] + sum(stats["rejected"].values())


@every_capture
def test_windows_do_not_show(capture: Path) -> None:
    """Events of one batch may come in another order, and an excerpt may be shorter: no more of the
    stream had arrived. Nothing else differs."""
    large, small = replay(capture), replay(capture, SMALL_WINDOW)
    assert Counter(lines_of(small)) == Counter(lines_of(large))
    for name in ("received", "decoded", "rejected"):
        assert small[-1]["stats"][name] == large[-1]["stats"][name]


@every_capture
@pytest.mark.parametrize("window", [1 << 10, 4 << 10])
def test_usual_windows_show_in_no_octet(capture: Path, window: int) -> None:
    """Transactions and alerts are the same, excerpts and all, but for what comes behind a match: where every
    octet is a segment, less of it has arrived."""
    large, small = replay(capture), replay(capture, window)
    assert Counter(transactions_and_alerts(small)) == Counter(transactions_and_alerts(large))


def transactions_and_alerts(events: tuple[Event, ...]) -> list[str]:
    """Each of these events as text."""
    return [
        golden_text((up_to_match(event),)) for event in events if event["event_type"] in ("http", "alert")
    ]


def up_to_match(event: Event) -> Event:
    """The event, without what stands behind an alert's match."""
    alert = event.get("alert")
    if alert is None:
        return event
    cut = {name: value for name, value in alert.items() if not name.startswith(("excerpt", "text"))}
    excerpt = alert["excerpt"].encode()
    cut["excerpt"] = excerpt[: alert["excerpt_offset"] + alert["length"]]
    return early(event) | {"alert": {**cut, "excerpt": cut["excerpt"].decode("utf-8", "replace")}}


def lines_of(events: tuple[Event, ...]) -> list[str]:
    """Each event but stats as text, without excerpts."""
    return [golden_text((without_excerpt(event),)) for event in events[:-1]]


def without_excerpt(event: Event) -> Event:
    """The event, without the octets around an alert's match, and what they read as."""
    alert = event.get("alert")
    if alert is None:
        return event
    told = {name: alert[name] for name in alert if not name.startswith(("excerpt", "text"))}
    return early(event) | {"alert": told}


def early(event: Event) -> Event:
    """The event, without the flow's protocol, which is not known before its first message is whole."""
    return {name: event[name] for name in event if name != "app_proto"}


def test_golden_events_are_of_every_type() -> None:
    types = Counter(event["event_type"] for capture in captures() for event in replay(capture))
    assert types.keys() >= {"http", "alert", "flow", "stats"}
    assert types["stats"] == len(captures())
