"""What a live line asks of the pipeline between batches: new signatures, load to shed, octets to bypass."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fixtures.pcaps.build import Conversation, Timed, ethernet, request, response, write_cases
from fixtures.pcaps.catalogue import captures, name_of
from sensor.capture.batch import Batch
from sensor.capture.source import open_captures
from sensor.config import Settings
from sensor.detections.results import Results
from sensor.matching.compile import compile_signatures
from sensor.matching.plan import MatchPlan
from sensor.pipeline import Pipeline
from sensor.telemetry import ShedLevel
from signatures.loader import load_signatures
from signatures.model import Buffer, Signature
from tests.golden.replay import SIGNATURES, golden_plan
from tests.signatures.build import signature

Between = Callable[[Pipeline, int], None]
PACKET_BY_PACKET = 64
HELLO = b"\x16\x03\x01\x00\x04abcd"


def nothing(_pipeline: Pipeline, _batch: int) -> None:
    return


def run(pipeline: Pipeline, path: Path, window: int, between: Between = nothing) -> list[Results]:
    """A capture's results; ``between`` is called before each batch, with its number from 0."""
    found: list[Results] = []
    number = 0
    for capture in open_captures([str(path)], window):
        for batch in capture:
            for part in packets_of(batch) if window == PACKET_BY_PACKET else [batch]:
                between(pipeline, number)
                number += 1
                found += pipeline.process(part)
    return found + list(pipeline.finish())


def packets_of(batch: Batch) -> Iterator[Batch]:
    """Each of a batch's packets as a batch of its own."""
    for row in range(len(batch)):
        one = slice(row, row + 1)
        yield replace(
            batch,
            offset=batch.offset[one],
            cap_len=batch.cap_len[one],
            wire_len=batch.wire_len[one],
            ts_ns=batch.ts_ns[one],
            link_type=batch.link_type[one],
            first_number=batch.first_number + row,
        )


def seen(found: Sequence[Results]) -> list[Any]:
    """Everything in results, comparable; transactions without the places in their batches."""
    rows: list[Any] = []
    for results in found:
        for event in results.http:
            rows.append([getattr(event.transaction, item.name) for item in fields(event.transaction)])
            rows.append(event.ends)
        rows += [
            [getattr(alert, item.name) for item in fields(alert) if item.name != "signature"]
            + [alert.signature.sid]
            for alert in results.alerts
        ]
        for flows in results.flows:
            rows.append([str(getattr(flows, item.name)) for item in fields(flows)])
    return rows


@pytest.fixture
def capture_of(tmp_path: Path) -> Callable[[Sequence[Timed]], Path]:
    """Write packets to a capture."""

    def write(packets: Sequence[Timed]) -> Path:
        write_cases({"case": ethernet(packets)}, tmp_path)
        return tmp_path / "case.pcap"

    return write


CaptureOf = Callable[[Sequence[Timed]], Path]


def pipeline_of(*looks_for: Signature, **settings: Any) -> Pipeline:
    return Pipeline(Settings(**settings), compile_signatures(looks_for))


def sids(found: Sequence[Results]) -> list[tuple[int, int]]:
    """Which signature fired on which packet."""
    return [(alert.signature.sid, alert.packet_number) for results in found for alert in results.alerts]


def said(*parts: bytes) -> list[Timed]:
    """A client's segments, in packets 4 and following."""
    talk = Conversation()
    talk.handshake()
    for part in parts:
        talk.client.send(part)
    return talk.packets


@cache
def equal_plan() -> MatchPlan:
    return compile_signatures(load_signatures([SIGNATURES], builtin=False).signatures)


@pytest.mark.parametrize("path", captures(), ids=name_of)
def test_an_equal_plan_changes_nothing(path: Path) -> None:
    plans = (equal_plan(), golden_plan())

    def replace_plan(pipeline: Pipeline, number: int) -> None:
        pipeline.replace_plan(plans[number % 2])

    one, other = Pipeline(Settings(), golden_plan()), Pipeline(Settings(), golden_plan())
    assert seen(run(one, path, 2048)) == seen(run(other, path, 2048, replace_plan))
    assert one.counters == other.counters


def replaced_at(batch: int, *looks_for: Signature) -> Between:
    plan = compile_signatures(looks_for)

    def between(pipeline: Pipeline, number: int) -> None:
        if number == batch:
            pipeline.replace_plan(plan)

    return between


def test_another_plan_is_used_from_then_on(capture_of: CaptureOf) -> None:
    path = capture_of(said(b"alpha beta", b"alpha beta al", b"pha beta"))
    old, new = signature("alpha"), signature("beta", sid=2)
    found = run(pipeline_of(old), path, PACKET_BY_PACKET, replaced_at(4, new))
    assert sids(found) == [(1, 4), (2, 5)]


def test_a_keyword_across_the_moment_is_found(capture_of: CaptureOf) -> None:
    path = capture_of(said(b"some octets, then al", b"pha"))
    found = run(
        pipeline_of(signature("nothing")), path, PACKET_BY_PACKET, replaced_at(4, signature("alpha", sid=2))
    )
    assert sids(found) == [(2, 5)]


def test_what_has_fired_is_known_by_sid_and_rev(capture_of: CaptureOf) -> None:
    path = capture_of(said(b"alpha", b"alpha", b"alpha"))
    first, same, newer = signature("alpha"), signature("alpha"), signature("alpha", rev=2)
    other = signature("beta", sid=7)
    found = run(pipeline_of(first), path, PACKET_BY_PACKET, replaced_at(4, other, same))
    assert sids(found) == [(1, 4)]
    found = run(pipeline_of(first), path, PACKET_BY_PACKET, replaced_at(4, other, newer))
    assert sids(found) == [(1, 4), (1, 5)]


def test_no_old_tail_goes_before_later_octets(capture_of: CaptureOf) -> None:
    path = capture_of(said(b"xx al", b" ... ", b"pha"))
    pipeline = pipeline_of(signature("alpha"))
    nothing_in_payload = signature("a", buffers=(Buffer.HTTP_URI,))
    plans = {4: compile_signatures([nothing_in_payload]), 5: compile_signatures([signature("alpha")])}

    def between(pipeline: Pipeline, number: int) -> None:
        if number in plans:
            pipeline.replace_plan(plans[number])

    found = run(pipeline, path, PACKET_BY_PACKET, between)
    assert sids(found) == []


def test_regexes_go_on_if_they_are_the_same_and_start_anew_otherwise(capture_of: CaptureOf) -> None:
    path = capture_of(said(b"ab", b"cd"))
    regex = signature(regexes=("ab.*cd",))
    with_keyword = replaced_at(4, signature("other", sid=2), regex)
    pipeline = pipeline_of(regex)
    assert sids(run(pipeline, path, PACKET_BY_PACKET, with_keyword)) == [(1, 5)]
    assert pipeline.counters.regex_streams_evicted == 0
    pipeline = pipeline_of(regex)
    with_regex = replaced_at(4, signature(regexes=("xyz",), sid=2), regex)
    assert sids(run(pipeline, path, PACKET_BY_PACKET, with_regex)) == []
    assert pipeline.counters.regex_streams_evicted == 1
    pipeline = pipeline_of(regex)
    assert sids(run(pipeline, path, PACKET_BY_PACKET, replaced_at(4, signature("cd", sid=2)))) == [(2, 5)]


def exchanges(count: int, body: bytes = b"some secret body") -> list[Timed]:
    talk = Conversation()
    talk.handshake()
    for number in range(count):
        talk.client.send(request(f"/{number}"))
        talk.server.send(response(body))
    talk.close()
    return talk.packets


BODY = signature("secret", buffers=(Buffer.HTTP_RESPONSE_BODY,))


def test_open_flows_keep_bodies_once_a_signature_asks(capture_of: CaptureOf) -> None:
    path = capture_of(exchanges(2))
    found = run(pipeline_of(signature("nothing")), path, PACKET_BY_PACKET, replaced_at(5, BODY))
    assert sids(found) == [(1, 7)]
    found = run(pipeline_of(BODY), path, PACKET_BY_PACKET, replaced_at(5, signature("other", sid=3)))
    assert sids(found) == [(1, 5)]


def level_at(levels: dict[int, ShedLevel]) -> Between:
    def between(pipeline: Pipeline, number: int) -> None:
        pipeline.shed_level = levels.get(number, pipeline.shed_level)

    return between


def test_bodies_are_shed_and_counted_and_come_back(capture_of: CaptureOf) -> None:
    path = capture_of(exchanges(4))
    pipeline = pipeline_of(BODY)
    assert pipeline.shed_level is ShedLevel.NONE
    found = run(pipeline, path, PACKET_BY_PACKET, level_at({5: ShedLevel.BODIES, 9: ShedLevel.NONE}))
    assert sids(found) == [(1, 5), (1, 11)]
    assert pipeline.counters.shed_bodies == 2
    assert [event.transaction.response_body_len for results in found for event in results.http] == [16] * 4


def test_a_body_under_way_is_shed(capture_of: CaptureOf) -> None:
    talk = Conversation()
    talk.handshake()
    talk.client.send(request())
    talk.server.send(response(b"first half, then the secret"), split=100)
    path = capture_of(talk.packets)
    pipeline = pipeline_of(BODY)
    run(pipeline, path, PACKET_BY_PACKET, level_at({5: ShedLevel.BODIES}))
    assert pipeline.counters.shed_bodies == 1
    assert pipeline._http.shared.buffered == 0


def test_bodies_that_nobody_asks_for_are_not_shed(capture_of: CaptureOf) -> None:
    pipeline = pipeline_of(signature("x"))
    run(pipeline, capture_of(exchanges(2)), PACKET_BY_PACKET, level_at({0: ShedLevel.FLOWS_QUARTER}))
    assert pipeline.counters.shed_bodies == 0


@pytest.mark.parametrize("level", ShedLevel)
def test_every_packet_is_accounted_for_at_every_level(level: ShedLevel) -> None:
    shed = 0
    for path in captures():
        pipeline = Pipeline(Settings(), golden_plan())
        run(pipeline, path, 4096, level_at({1: level, 3: ShedLevel.NONE, 5: level}))
        counters = pipeline.counters
        assert counters.received == counters.decoded + sum(counters.rejected.values()) + sum(
            counters.shed.values()
        )
        assert counters.shed.keys() <= {"overload"}
        shed += sum(counters.shed.values())
    assert (shed > 0) is (level >= ShedLevel.FLOWS_QUARTER)


def test_a_flow_that_was_shed_goes_on_behind_a_gap(
    capture_of: CaptureOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = capture_of(exchanges(5))
    pipeline = pipeline_of(signature("secret"))
    monkeypatch.setattr(pipeline._shedder, "_eighth", lambda _packets, rows: 0 * rows)
    found = run(pipeline, path, PACKET_BY_PACKET, level_at({5: ShedLevel.FLOWS_QUARTER, 9: ShedLevel.NONE}))
    assert pipeline.counters.shed == {"overload": 4}
    pairs = [
        (event.transaction.target, event.transaction.status) for results in found for event in results.http
    ]
    assert pairs == [(b"/0", 200), (b"/3", 200), (b"/4", 200)]
    assert [flows.missed.sum() > 0 for results in found for flows in results.flows] == [True]


def tls(*bodies: bytes) -> list[bytes]:
    return [HELLO, *(b"\x17\x03\x03" + len(body).to_bytes(2, "big") + body for body in bodies)]


def test_ciphertext_is_bypassed_where_the_operator_asks_for_it(capture_of: CaptureOf) -> None:
    path = capture_of(said(*tls(b"alpha", b"alpha beta"), b"no record: alpha"))
    word = signature("alpha")
    assert sids(run(pipeline_of(word), path, PACKET_BY_PACKET)) == [(1, 5)]
    for window in (PACKET_BY_PACKET, 4 << 20):
        pipeline = pipeline_of(word, bypass_encrypted=True)
        assert sids(run(pipeline, path, window)) == [(1, 7)]
        assert pipeline.counters.bypassed_octets == 5 + 5 + 10
        assert pipeline.counters.reassembly_gaps == 0


def test_no_regex_matches_at_an_end_that_is_none(capture_of: CaptureOf) -> None:
    path = capture_of(said(*tls(b"alpha")))
    word = signature(regexes=(r"\x17\x03\x03\x00.$",))
    pipeline = pipeline_of(word, bypass_encrypted=True)
    assert sids(run(pipeline, path, PACKET_BY_PACKET)) == []
    assert pipeline.counters.bypassed_octets == 5


@pytest.mark.parametrize("first", [HELLO, b"SSH-2.0-x\r\n", b"GARBAGE"])
def test_long_lived_encrypted_flows_are_shed_and_come_back(capture_of: CaptureOf, first: bytes) -> None:
    path = capture_of(said(first, *[bytes(1400)] * 12, b"alpha", b"beta", b"al", b"pha"))
    pipeline = pipeline_of(signature("alpha"), signature("beta", sid=2))
    found = run(
        pipeline,
        path,
        PACKET_BY_PACKET,
        level_at({3: ShedLevel.ENCRYPTED, 17: ShedLevel.NONE}),
    )
    if first == b"GARBAGE":
        assert sids(found) == [(1, 17), (2, 18)]
        assert pipeline.counters.shed_payload_octets == 0
    else:
        assert sids(found) == [(2, 18), (1, 20)]
        assert pipeline.counters.shed_payload_octets == len(b"alpha")


def test_octets_past_every_depth_are_bypassed(capture_of: CaptureOf) -> None:
    path = capture_of(said(b"\x01\x02alpha", bytes(100), b"alpha", b"alpha"))
    shallow, deep = signature("alpha", depth=20), signature("alpha", sid=2)
    pipeline = pipeline_of(shallow)
    assert sids(run(pipeline, path, PACKET_BY_PACKET, replaced_at(6, deep))) == [(1, 4), (2, 7)]
    # The server never spoke, so that the flow might be HTTP: of that, nothing is bypassed.
    assert pipeline.counters.bypassed_octets == 0
    talk = Conversation()
    talk.handshake()
    talk.server.send(b"\x01\x02")
    for part in (b"\x01\x02alpha", bytes(100), b"alpha", b"alpha"):
        talk.client.send(part)
    path = capture_of(talk.packets)
    pipeline = pipeline_of(shallow)
    assert sids(run(pipeline, path, PACKET_BY_PACKET, replaced_at(7, deep))) == [(1, 5), (2, 8)]
    assert pipeline.counters.bypassed_octets == len(b"alpha")
    pipeline = pipeline_of(signature("x", buffers=(Buffer.HTTP_URI,)))
    run(pipeline, path, PACKET_BY_PACKET)
    assert pipeline.counters.bypassed_octets == 110


def test_a_quiet_line_ends_its_flows_and_fragments(capture_of: CaptureOf) -> None:
    path = capture_of(exchanges(1)[:-3])
    pipeline = pipeline_of(signature("x"))
    for capture in open_captures([str(path)]):
        for batch in capture:
            assert [results.flows for results in pipeline.process(batch)] == [[]]
    ended = [results for second in range(0, 700, 10) for results in pipeline.advance(second * 1_000_000_000)]
    assert [flows.reason for results in ended for flows in results.flows] == ["timeout"]
    assert pipeline.active_flows == 0
    assert list(pipeline.finish()) == []


@pytest.mark.parametrize("octets", [1, 3000])
def test_a_batch_too_large_goes_in_parts(capture_of: CaptureOf, octets: int) -> None:
    path = capture_of(exchanges(20))
    whole, parts = pipeline_of(BODY), pipeline_of(BODY, batch_octets=octets)
    found, batches = run(whole, path, 4 << 20), run(parts, path, 4 << 20)
    assert len(batches) > len(found)
    assert sids(batches) == sids(found)
    assert parts.counters == whole.counters
