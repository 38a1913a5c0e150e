"""Where a payload signature matched: the same packet, place and octets however the capture is read."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP

from fixtures.pcaps.build import CLIENT, SERVER, Timed
from fixtures.pcaps.files import START_NS
from sensor.detections.alert import Alert
from signatures.model import Signature
from tests.detections.windows import WINDOWS, alerts_of, conversation
from tests.signatures.build import signature

every_window = pytest.mark.parametrize("window", WINDOWS)
SEEN = b"a" * 60


def place(alert: Alert) -> tuple[int, int, int, int, bytes]:
    """Packet, its time in steps, position, length and what stands before the end of the match."""
    shown = alert.excerpt[: alert.excerpt_offset + alert.length]
    step = (alert.ts_ns - START_NS) // 1_000_000
    return alert.packet_number, step, alert.offset, alert.length, shown


def among_others(*sent: bytes) -> list[Timed]:
    """The client's first piece is packet 4, another's packets follow, the next piece is packet 10, …"""
    mine, other = conversation(*sent), conversation(b"Z" * 700, b"OTHER" * 60, sport=50000)
    return [*mine[:4], *other, *mine[4:]]


@every_window
@pytest.mark.parametrize(
    ("regex", "pieces", "number", "end"),
    [
        (r"foo\b", (SEEN + b"foo", b" bar"), 4, 63),
        (r"(?m)foo$", (SEEN + b"foo", b"\nbar"), 4, 63),
        ("foo$", (SEEN + b"foo",), 4, 63),
        ("foo$", (SEEN + b"foo\n",), 4, 63),
        ("foo$", (SEEN + b"foo", b"\n"), 4, 63),
        ("foo$", (SEEN + b"fo", b"o", b"\n"), 10, 63),
        (r"foo\b", (SEEN + b"fo", b"o", b" "), 10, 63),
        (r"\Afoo\b", (b"foo", b" bar"), 4, 3),
        (r"fo+\b", (SEEN + b"fo", b"o", b"o", b"."), 11, 64),
    ],
)
def test_a_match_that_is_told_late_is_where_it_ended(
    regex: str, pieces: Sequence[bytes], number: int, end: int, window: int, tmp_path: Path
) -> None:
    (alert,) = alerts_of(among_others(*pieces), [signature(regexes=(regex,))], window, tmp_path)
    step = 3 if number == 4 else number - 6  # the other connection began when this one did
    assert place(alert) == (number, step, end, 0, b"".join(pieces)[max(end - 40, 0) : end])
    assert alert.src_port == 49152


@every_window
def test_an_excerpt_at_the_end_of_a_stream_shows_what_is_behind_the_match(
    window: int, tmp_path: Path
) -> None:
    (alert,) = alerts_of(among_others(b"foo", b"\n"), [signature(regexes=("foo$",))], window, tmp_path)
    assert (alert.excerpt, alert.excerpt_offset) == (b"foo\n", 3)


@every_window
@pytest.mark.parametrize(
    ("sent", "number", "length"),
    [
        ((b"regexhit " + b"a" * 900, b"b" * 900, b"kwhit"), 4, 0),
        ((b"kwhit " + b"a" * 900, b"b" * 900, b"regexhit"), 4, 5),
        ((b"b" * 900, b"regexhit kwhit", b"c"), 10, 0),
        ((b"b" * 900, b"kwhit regexhit", b"c"), 10, 5),
    ],
)
def test_the_first_match_in_the_stream_counts(
    sent: Sequence[bytes], number: int, length: int, window: int, tmp_path: Path
) -> None:
    both = signature("kwhit", regexes=("regexh.t",))
    (alert,) = alerts_of(among_others(*sent), [both], window, tmp_path)
    assert (alert.packet_number, alert.length) == (number, length)


@every_window
def test_the_first_datagram_counts(window: int, tmp_path: Path) -> None:
    sent = (b"regexhit", b"pad" * 400, b"kwhit")
    packets = [
        Timed(START_NS + at, IP(src=CLIENT, dst=SERVER) / UDP(sport=5000, dport=6000) / data)
        for at, data in enumerate(sent)
    ]
    both = signature("kwhit", regexes=("regexh.t",))
    (alert,) = alerts_of(packets, [both], window, tmp_path)
    assert (alert.packet_number, alert.length) == (1, 0)


REGEXES = (r"ab\b", "(?m)ab$", "ab$", r"\Aab", "a+b", r"b\B", r"\bb")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.lists(st.lists(st.sampled_from(b"ab \n"), min_size=1, max_size=4).map(bytes), min_size=1, max_size=5),
    st.lists(st.sampled_from(REGEXES), min_size=1, max_size=2, unique=True),
    st.booleans(),
)
def test_any_cut_gives_the_same_places(
    tmp_path: Path, sent: list[bytes], regexes: list[str], keyword: bool
) -> None:
    made: list[Signature] = [signature(*["ba"] * keyword, regexes=tuple(regexes))]
    packets = among_others(*sent)
    found = [sorted(map(place, alerts_of(packets, made, window, tmp_path))) for window in WINDOWS[::2]]
    assert found[0] == found[1]
