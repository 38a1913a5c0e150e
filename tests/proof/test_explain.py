"""What a capture holds of a signature, condition by condition."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.pcaps.build import CLIENT, SERVER, Conversation, ethernet, request
from fixtures.pcaps.files import write_pcap
from sensor.detections.alert import Alert
from sensor.proof import explain as explaining
from sensor.proof.explain import Case, explain
from signatures.model import (
    Buffer,
    Clause,
    Direction,
    PortRange,
    Role,
    Schedule,
    Scope,
    Severity,
    Signature,
    Suppression,
    Threshold,
    ThresholdKind,
    Track,
)

URI = (Buffer.HTTP_URI,)
HOST = (Buffer.HTTP_HOST,)
PAYLOAD = (Buffer.PAYLOAD,)


def contents(*texts: bytes, buffers: tuple[Buffer, ...] = URI, **changes: Any) -> Clause:
    return Clause(buffers, contents=texts, **changes)


def signature(*clauses: Clause, **changes: Any) -> Signature:
    return Signature(9000001, 1, {"en": "x"}, "custom", Severity.LOW, clauses, **changes)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Two connections: one with two requests, a.example and b.example; one that is no HTTP."""
    web = Conversation()
    web.handshake()
    for target, host in (("/x/needle?hay", "a.example"), ("/y/hay", "b.example")):
        web.client.send(request(target, host))
        web.server.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    web.close()
    other = Conversation(sport=50_000, dport=5900, start_ns=web.now_ns)
    other.handshake()
    other.server.send(b"RFB 003.008\n")
    other.close()
    path = tmp_path / "talk.pcap"
    write_pcap(path, ethernet([*web.packets, *other.packets]).frames)
    return path


def cases(looks_for: Signature, capture: Path, *beside: Signature) -> list[Case]:
    return explain(looks_for, beside, str(capture)).cases


def only(looks_for: Signature, capture: Path) -> Case:
    (case,) = cases(looks_for, capture)
    return case


def test_signature_that_fires(capture: Path) -> None:
    case = only(signature(contents(b"needle")), capture)
    assert isinstance(case.fired, Alert)
    assert case.faults == 0
    assert (case.fired.src_ip, case.fired.dst_ip, case.fired.dst_port) == (CLIENT, SERVER, 80)
    assert (case.fired.packet_number, case.fired.tx_id, case.fired.offset) == (4, 0, 3)
    assert case.clauses[0].match is not None
    assert case.clauses[0].failed == []
    assert case.without == []


def test_nothing_of_it(capture: Path) -> None:
    assert cases(signature(contents(b"absent"), contents(b"missing", buffers=HOST)), capture) == []


CLAUSE_CONDITIONS: list[tuple[Clause, dict[str, Any], list[str]]] = [
    (contents(b"needle", offset=4), {}, ["offset"]),
    (contents(b"needle", depth=8), {}, ["depth"]),
    (contents(b"needle", at_start=True), {}, ["at_start"]),
    (contents(b"needle", at_end=True), {}, ["at_end"]),
    (contents(b"needle", offset=3, depth=9), {}, []),
    (contents(b"needle"), {"direction": Direction.TO_CLIENT}, ["direction"]),
    (contents(b"needle"), {"protocols": ("udp",)}, ["protocols"]),
    (contents(b"needle"), {"src_ports": (PortRange(1, 9),)}, ["src_ports"]),
    (contents(b"needle"), {"dst_ports": (PortRange(81, 90),)}, ["dst_ports"]),
    (contents(b"needle"), {"src_networks": ("!192.0.2.0/24",)}, ["src_networks"]),
    (contents(b"needle"), {"dst_networks": ("192.0.2.0/24",)}, ["dst_networks"]),
    (contents(b"needle"), {"schedule": Schedule(weekdays=(4,))}, ["schedule"]),
    (
        contents(b"needle", depth=4, at_start=True),
        {"src_ports": (PortRange(1, 9),), "direction": Direction.TO_SERVER},
        ["depth", "at_start", "src_ports"],
    ),
]


@pytest.mark.parametrize(("clause", "conditions", "failed"), CLAUSE_CONDITIONS)
def test_each_condition_that_a_match_fails_is_named(
    clause: Clause, conditions: dict[str, Any], failed: list[str], capture: Path
) -> None:
    case = only(signature(clause, **conditions), capture)
    assert case.clauses[0].failed == failed
    assert (case.fired is None) is bool(failed)


def test_other_case_is_near(capture: Path) -> None:
    case = only(signature(contents(b"NEEDLE", case_sensitive=True)), capture)
    assert case.fired is None
    assert case.clauses[0].match is None
    assert case.clauses[0].near is not None
    assert case.clauses[0].near.excerpt == b"/x/needle?hay"


def test_clauses_of_which_one_is_missing(capture: Path) -> None:
    looks_for = signature(contents(b"hay"), contents(b"b.example", buffers=HOST), scope=Scope.TRANSACTION)
    fired, nearly = cases(looks_for, capture)
    assert fired.fired is not None
    assert fired.fired.tx_id == 1
    assert (nearly.fired, nearly.first.tx_id) == (None, 0)
    assert [each.match is not None for each in nearly.clauses] == [True, False]
    assert nearly.faults > fired.faults == 0


def test_clauses_of_one_flow_and_two_transactions(capture: Path) -> None:
    looks_for = signature(contents(b"needle"), contents(b"b.example", buffers=HOST), scope=Scope.TRANSACTION)
    both = cases(looks_for, capture)
    assert [case.fired for case in both] == [None, None]
    assert [case.without for case in both] == [[("scope", -1)], [("scope", -1)]]
    assert only(replace(looks_for, scope=Scope.FLOW), capture).fired is not None


TOGETHER: list[tuple[Signature, list[tuple[str, int]]]] = [
    (signature(contents(b"hay"), contents(b"needle"), ordered=True), [("ordered", -1)]),
    (signature(contents(b"needle"), contents(b"hay", distance=2)), [("distance", 1)]),
    (signature(contents(b"needle"), contents(b"hay", within=3)), [("within", 1)]),
    (signature(contents(b"needle"), contents(b"a.ex", buffers=HOST, role=Role.NONE)), [("none", 1)]),
    (signature(contents(b"needle"), needs=("seen",)), [("needs", -1)]),
    (
        signature(contents(b"needle"), suppressions=(Suppression(Track.BY_SRC, ("192.0.2.0/24",)),)),
        [("suppressions", -1)],
    ),
    (
        signature(contents(b"needle"), threshold=Threshold(ThresholdKind.THRESHOLD, Track.BY_SRC, 2, 60)),
        [("threshold", -1)],
    ),
]


@pytest.mark.parametrize(("looks_for", "without"), TOGETHER, ids=range(len(TOGETHER)))
def test_what_keeps_a_signature_silent_is_named(
    looks_for: Signature, without: list[tuple[str, int]], capture: Path
) -> None:
    scope = Scope.TRANSACTION if len(looks_for.clauses) > 1 else Scope.FLOW
    case, *_ = cases(replace(looks_for, scope=scope), capture)
    assert case.first.tx_id == 0
    assert case.fired is None
    assert [each for each in case.without if each[0] != "scope"] == without
    assert case.clauses[0].match is not None


def test_flags_of_other_signatures_count(capture: Path) -> None:
    setter = replace(signature(contents(b"RFB", buffers=PAYLOAD)), sid=7, sets=("seen",), silent=True)
    needing = signature(contents(b"003", buffers=PAYLOAD), needs=("seen",))
    (case,) = cases(needing, capture, setter, replace(setter, sid=8, sets=("other",)))
    assert case.fired is not None
    (case,) = cases(needing, capture)
    assert case.without == [("needs", -1)]


def test_a_silent_signature_is_explained(capture: Path) -> None:
    assert only(signature(contents(b"needle"), silent=True, sets=("seen",)), capture).fired is not None


def test_directions_of_a_stream_are_told_apart(capture: Path) -> None:
    looks_for = signature(contents(b"HTTP/1.1", buffers=PAYLOAD), direction=Direction.TO_CLIENT)
    fired, nearly = cases(looks_for, capture)
    assert fired.first.src_ip == SERVER
    assert (nearly.first.src_ip, nearly.clauses[0].failed) == (CLIENT, ["direction"])


def test_cases_are_bounded(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks_for = signature(contents(b"example", buffers=HOST))
    assert len(cases(looks_for, capture)) == 2
    monkeypatch.setattr(explaining, "MAX_CASES", 1)
    cut = explain(looks_for, (), str(capture))
    assert (len(cut.cases), cut.is_cut) == (1, True)


def test_captures_of_a_directory_are_told_apart(capture: Path) -> None:
    (capture.parent / "again.pcap").write_bytes(capture.read_bytes())
    both = cases(signature(contents(b"needle")), capture.parent)
    assert [Path(case.first.capture).name for case in both] == ["again.pcap", "talk.pcap"]
    assert {case.first.packet_number for case in both} == {4}


def test_damage_is_noted(capture: Path) -> None:
    capture.write_bytes(capture.read_bytes()[:-9])
    assert len(explain(signature(contents(b"needle")), (), str(capture)).notes) == 1
