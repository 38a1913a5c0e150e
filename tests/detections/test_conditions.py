"""Conditions, held against the standard library where it has them."""

from datetime import UTC, datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.detections.conditions import compile_conditions, in_schedule
from sensor.detections.networks import compile_networks
from signatures.model import Direction, PortRange, Schedule
from tests.detections.senders import sender, words
from tests.signatures.build import signature

MINUTE_NS = 60_000_000_000
addresses = st.one_of(
    st.integers(0, 40).map(lambda at: str(IPv4Address(0xC0000200 + at))),
    st.integers(0, 40).map(lambda at: str(IPv6Address((0x20010DB8 << 96) + at))),
    st.sampled_from(("0.0.0.0", "255.255.255.255", "::", "::ffff:192.0.2.1")),
    st.ip_addresses().map(str),
)
networks = st.builds(
    lambda no, address, length: f"{no}{address}/{min(length, ip_address(address).max_prefixlen)}",
    st.sampled_from(("", "!")),
    addresses,
    st.one_of(st.integers(26, 32), st.integers(0, 128)),
)


@given(st.lists(networks, min_size=1, max_size=6), addresses)
def test_networks_as_ipaddress_has_them(texts: list[str], text: str) -> None:
    address = ip_address(text)
    inside = [ip_network(each, strict=False) for each in texts if not each.startswith("!")]
    outside = [ip_network(each[1:], strict=False) for each in texts if each.startswith("!")]
    expected = (not inside or any(address in each for each in inside)) and not any(
        address in each for each in outside
    )
    assert ((address.version, *words(text)) in compile_networks(texts)) == expected


def test_upper_bits_of_an_ipv4_address_say_nothing() -> None:
    assert (4, 0, 0xFFFF_C000_0201) in compile_networks(["192.0.2.1/32"])


minutes = st.integers(0, 1439)
hours = st.lists(st.tuples(minutes, st.integers(0, 1440)), max_size=3).map(tuple)
schedules = st.builds(
    Schedule,
    st.sets(st.integers(0, 6)).map(lambda days: tuple(sorted(days))),
    hours,
    st.integers(-14 * 60, 14 * 60),
)
moments = st.datetimes(datetime(1969, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(schedules, moments)
def test_schedules_as_datetime_has_them(schedule: Schedule, moment: datetime) -> None:
    local = moment.astimezone(timezone(timedelta(minutes=schedule.utc_offset)))

    def counts(day: datetime) -> bool:
        return not schedule.weekdays or day.weekday() in schedule.weekdays

    def is_in(start: int, end: int) -> bool:
        for back in (0, 1):
            midnight = (local - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
            until = end if start < end else end + 1440
            begins, ends = midnight + timedelta(minutes=start), midnight + timedelta(minutes=until)
            if begins <= local < ends and counts(midnight):
                return True
        return False

    expected = any(is_in(*each) for each in schedule.hours) if schedule.hours else counts(local)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    ts_ns = (since // timedelta(microseconds=1)) * 1000
    assert in_schedule(schedule, ts_ns) == expected


def test_a_night_belongs_to_the_evening_that_it_began_on() -> None:
    friday_night = Schedule((4,), ((22 * 60, 5 * 60),), 540)
    midnight = datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=9)))  # from Friday to Saturday

    def is_in(**later: int) -> bool:
        return in_schedule(friday_night, int((midnight + timedelta(**later)).timestamp()) * 1_000_000_000)

    assert [is_in(minutes=-121), is_in(minutes=-120), is_in(hours=4, minutes=59)] == [False, True, True]
    assert [is_in(hours=5), is_in(hours=22), is_in(hours=-20)] == [False] * 3


@pytest.mark.parametrize(
    ("conditions", "requests", "responses"),
    [
        ({"direction": Direction.TO_SERVER}, True, False),
        ({"direction": Direction.TO_CLIENT}, False, True),
        ({"dst_ports": (PortRange(80, 88),)}, True, False),
        ({"src_ports": (PortRange(80, 80),)}, False, True),
        ({"dst_ports": (PortRange(1, 79), PortRange(81, 39999))}, False, False),
        ({"src_networks": ("192.0.2.0/31",)}, True, False),
        ({"src_networks": ("192.0.2.0/24", "!192.0.2.1")}, False, True),
        ({"dst_networks": ("2001:db8::/32", "192.0.2.2/32")}, True, False),
        ({"dst_networks": ("!192.0.2.0/24",)}, False, False),
        ({"protocols": ("tcp", "udp")}, True, True),
        ({"protocols": ("udp",)}, False, False),
        ({"schedule": Schedule((3,), utc_offset=0)}, True, True),
        ({"schedule": Schedule((4,), utc_offset=0)}, False, False),
    ],
)
def test_conditions(conditions: dict[str, object], requests: bool, responses: bool) -> None:
    made = compile_conditions(signature("word", **conditions))
    assert made is not None
    assert [made.hold(sender(to_server=way), MINUTE_NS) for way in (True, False)] == [requests, responses]


def test_a_signature_without_conditions_asks_nothing() -> None:
    assert compile_conditions(signature("word")) is None
