"""What a set of signatures costs, measured; figures are never compared with a clock."""

from pathlib import Path
from typing import Any

import pytest

from sensor.proof import profile as profiling
from sensor.proof.profile import Profile, profile
from signatures.model import Buffer, Clause, Direction, Role, Severity, Signature


@pytest.fixture(autouse=True)
def few_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LEAST_RUNS", "_MOST_RUNS", "_TRIALS"):
        monkeypatch.setattr(profiling, name, 1)


def signature(sid: int, *words: bytes, **changes: Any) -> Signature:
    clauses = (Clause((Buffer.HTTP_HOST,), contents=words),)
    return Signature(sid, 1, {"en": "x"}, "custom", Severity.LOW, **{"clauses": clauses} | changes)


def measured(fixtures_dir: Path, *signatures: Signature, seconds: float = 0) -> Profile:
    return profile(signatures, [str(fixtures_dir / "http/demo.pcapng")], seconds)


def test_matches_and_alerts_of_each(fixtures_dir: Path) -> None:
    never = Direction.TO_CLIENT
    several = (
        Clause((Buffer.HTTP_HOST,), contents=(b"example",)),
        Clause((Buffer.HTTP_METHOD,), contents=(b"POST",), role=Role.NONE),
    )
    made = measured(
        fixtures_dir,
        signature(1, b"example"),
        signature(2, b"example", direction=never),
        signature(3, b"no such host"),
        signature(4, clauses=several),
    )
    by_sid = {row.signature.sid: (row.matches, row.alerts) for row in made.rows}
    hosts, _ = by_sid[1]
    assert hosts > 10
    assert by_sid[1] == (hosts, hosts)
    assert by_sid[2] == (hosts, 0)
    assert by_sid[3] == (0, 0)
    assert by_sid[4][0] > hosts > by_sid[4][1] > 0
    assert (made.packets, made.is_cut, made.notes) == (622, False, [])
    assert made.octets == 92_985


def test_groups_are_halved_while_there_is_time(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # By a clock of the test's own: each signature with "a" in its word takes a second.
    many = [signature(sid, b"a" if sid in {3, 11} else b"b") for sid in range(1, 17)]
    asked = []

    def seconds(_self: object, group: list[Signature]) -> float:
        asked.append(len(group))
        return float(sum(each.clauses[0].contents == (b"a",) for each in group))

    monkeypatch.setattr(profiling._Bench, "seconds", seconds)
    made = measured(fixtures_dir, *many, seconds=3600)
    assert [(row.signature.sid, row.seconds, row.is_bound) for row in made.rows[:2]] == [
        (3, 1.0, False),
        (11, 1.0, False),
    ]
    assert {row.signature.sid for row in made.rows} == set(range(1, 17))
    assert all(row.seconds <= made.error_seconds for row in made.rows[2:])
    assert 3 <= len(asked) <= 2 * 2 * 4 + 1
    in_a_hurry = measured(fixtures_dir, *many, seconds=0)
    assert {(row.seconds, row.is_bound) for row in in_a_hurry.rows} == {(2.0, True)}


def test_no_signatures(fixtures_dir: Path) -> None:
    made = measured(fixtures_dir)
    assert made.rows == []
    assert made.whole_seconds >= made.idle_seconds > 0


def test_every_run_sees_the_same(fixtures_dir: Path) -> None:
    """Fragments are put together behind a batch's octets: in the first run and in all others."""
    capture = fixtures_dir / "ip/ipv4_keyword_across.pcap"
    looks_for = Signature(
        1, 1, {"en": "x"}, "custom", Severity.LOW, (Clause((Buffer.HTTP_URI,), keywords=("遠隔操作",)),)
    )
    bench = profiling._Bench([str(capture)], [], [looks_for])
    counts = [bench.count([looks_for]) for _ in range(3)]
    assert counts[0] == counts[1] == counts[2]
    assert counts[0][1][1] == 1


def test_captures_are_held_up_to_a_bound(fixtures_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = [str(fixtures_dir / "http/keep_alive.pcap"), str(fixtures_dir / "http/demo.pcapng")]
    whole = profile([signature(1, b"x")], small, 0)
    monkeypatch.setattr(profiling, "MAX_OCTETS", 50_000)
    cut = profile([signature(1, b"x")], small, 0)
    assert (whole.is_cut, cut.is_cut) == (False, True)
    assert 0 < cut.packets < whole.packets
