"""Bounds from one ceiling, and what no bound may be."""

from dataclasses import fields
from itertools import pairwise

import pytest

from sensor.config import LEAST_MEMORY, FlowLimits, Settings
from sensor.errors import ConfigError

MIB = 1 << 20


def numbers(settings: Settings) -> dict[str, int]:
    """Every bound by its group and name."""
    groups = (settings.flow, settings.reassembly, settings.http, settings.detection)
    return {
        f"{type(group).__name__}.{item.name}": getattr(group, item.name)
        for group in groups
        for item in fields(group)
    }


def test_too_little_memory_is_refused() -> None:
    with pytest.raises(ConfigError, match="95 MiB are too little for a capture process: 96 MiB at least"):
        Settings.for_memory(LEAST_MEMORY - 1)
    assert Settings.for_memory(LEAST_MEMORY).flow.flows > 4000


def test_more_memory_bounds_nothing_closer() -> None:
    sizes = [numbers(Settings.for_memory(size * MIB)) for size in (96, 128, 256, 512, 4096)]
    for less, more in pairwise(sizes):
        assert all(0 < less[name] <= more[name] for name in less)


def test_half_a_gigabyte_gives_about_the_defaults() -> None:
    given, usual = numbers(Settings.for_memory(512 * MIB)), numbers(Settings())
    far = {name: given[name] / usual[name] for name in usual if not 0.5 <= given[name] / usual[name] <= 2}
    # Those that only a flood fills: a replay, which has no ceiling, may take more of them.
    assert far.keys() == {
        "Http1Limits.memo_entries",
        "DetectionLimits.fired",
        "DetectionLimits.regex_streams",
    }


@pytest.mark.parametrize("size", [96, 512, 65536])
def test_what_one_stream_may_hold_is_a_part_of_what_all_may(size: int) -> None:
    settings = Settings.for_memory(size * MIB)
    assert settings.reassembly.stream_octets <= settings.reassembly.total_octets // 4
    assert settings.http.body_octets <= settings.http.buffered_octets // 4
    assert settings.http.pending_octets <= settings.http.total_pending_octets // 4
    assert settings.http.head_octets < settings.http.held_octets // 16
    assert settings.http.flows <= settings.flow.flows


def test_a_choice_of_the_operator_is_kept() -> None:
    assert Settings.for_memory(LEAST_MEMORY, bypass_encrypted=True).bypass_encrypted
    assert not Settings.for_memory(LEAST_MEMORY).bypass_encrypted


def test_a_table_has_room_for_one_packet() -> None:
    with pytest.raises(ConfigError):
        FlowLimits(flows=1)
