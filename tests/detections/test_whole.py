"""Signatures with clauses, conditions, flags and thresholds over conversations, however they are read."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pytest

from fixtures.pcaps.build import Conversation, Timed, ethernet, write_cases
from sensor.capture.source import open_captures
from sensor.config import Settings
from sensor.detections.alert import Alert
from sensor.matching.compile import compile_signatures
from sensor.pipeline import Pipeline
from signatures.model import (
    Buffer,
    Clause,
    Direction,
    Role,
    Scope,
    Signature,
    Suppression,
    Threshold,
    ThresholdKind,
    Track,
)
from tests.detections.windows import WINDOWS, alerts_of, conversation
from tests.signatures.build import signature

every_window = pytest.mark.parametrize("window", WINDOWS)
REQUEST = b"%b /%b HTTP/1.1\r\nHost: a.example\r\nUser-Agent: %b\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b"


def clause(
    word: str,
    *buffers: Buffer,
    role: Role = Role.ALL,
    distance: int | None = None,
    within: int | None = None,
) -> Clause:
    return Clause(
        buffers or (Buffer.PAYLOAD,), role, contents=(word.encode(),), distance=distance, within=within
    )


def several(sid: int, *clauses: Clause, **values: object) -> Signature:
    return signature(sid=sid, clauses=clauses, **values)


def browsing(*exchanges: tuple[bytes, bytes, bytes], close: bool = True) -> list[Timed]:
    """Requests with a path and a User-Agent, each answered by a body; packets 4 and 5, 6 and 7, …"""
    talk = Conversation()
    talk.handshake()
    for path, agent, body in exchanges:
        talk.client.send(REQUEST % (b"GET", path, agent))
        talk.server.send(ANSWER % (len(body), body))
    if close:
        talk.close()
    return talk.packets


def told(alerts: Sequence[Alert]) -> list[tuple[int, int, str, int]]:
    """(sid, transaction, buffer, packet) of each."""
    return sorted((each.signature.sid, each.tx_id, each.buffer, each.packet_number) for each in alerts)


@every_window
def test_clauses_match_together_in_one_transaction(window: int, tmp_path: Path) -> None:
    uri, agent, body = Buffer.HTTP_URI, Buffer.HTTP_USER_AGENT, Buffer.HTTP_RESPONSE_BODY
    in_transaction = {"scope": Scope.TRANSACTION}
    made = [
        several(1, clause("login", uri), clause("tool", agent), **in_transaction),
        several(2, clause("login", uri), clause("done", body), **in_transaction),
        several(3, clause("login", uri), clause("done", body, role=Role.NONE), **in_transaction),
        several(
            4,
            clause("login", uri),
            clause("tool", agent, role=Role.ANY),
            clause("done", body, role=Role.ANY),
            **in_transaction,
        ),
    ]
    packets = browsing(
        (b"login", b"tool", b"nothing"),
        (b"login", b"other", b"it is done"),
        (b"start", b"tool", b"it is done"),
    )
    assert told(alerts_of(packets, made, window, tmp_path)) == [
        (1, 0, "http.user_agent", 4),
        (2, 1, "http.response_body", 7),
        (3, 0, "http.uri", 4),
        (4, 0, "http.user_agent", 4),
        (4, 1, "http.response_body", 7),
    ]


@every_window
def test_clauses_match_together_in_both_directions_of_a_flow(window: int, tmp_path: Path) -> None:
    talk = Conversation(dport=7000)
    talk.handshake()
    for side, octets in ((talk.client, b"hello "), (talk.server, b"RFB 003."), (talk.client, b"bye")):
        side.send(octets)
    talk.close()
    made = [
        several(1, clause("hello"), clause("RFB")),
        several(2, clause("RFB"), clause("hello"), ordered=True),
        several(3, clause("hello"), clause("RFB"), clause("bye"), ordered=True),
        several(4, clause("hello"), clause("bye", distance=1, within=4)),
        several(5, clause("hello"), clause("bye", distance=2)),
        several(6, clause("hello"), clause("never", role=Role.NONE)),
        several(7, clause("hello"), clause("bye", role=Role.NONE)),
        several(8, clause("hello"), clause("RFB"), direction=Direction.TO_SERVER),
    ]
    assert told(alerts_of(talk.packets, made, window, tmp_path)) == [
        (1, -1, "payload", 5),
        (3, -1, "payload", 6),
        (4, -1, "payload", 6),
        (6, -1, "payload", 4),
    ]


@every_window
def test_a_flow_that_stays_open_ends_with_the_capture(window: int, tmp_path: Path) -> None:
    made = [several(1, clause("hello"), clause("bye", role=Role.NONE))]
    (alert,) = alerts_of(conversation(b"hello", b"you"), made, window, tmp_path)
    assert (alert.packet_number, alert.offset, alert.excerpt[:5]) == (4, 0, b"hello")


@every_window
def test_clauses_in_payload_and_transactions_of_a_flow(window: int, tmp_path: Path) -> None:
    made = [
        several(1, clause("first", Buffer.HTTP_URI), clause("second", Buffer.HTTP_URI)),
        several(2, clause("second", Buffer.HTTP_URI), clause("first", Buffer.HTTP_URI), ordered=True),
        several(3, clause("first", Buffer.HTTP_URI), clause("HTTP/1.1 200"), ordered=True),
        several(
            4, clause("first", Buffer.HTTP_URI), clause("second", Buffer.HTTP_URI), scope=Scope.TRANSACTION
        ),
    ]
    packets = browsing((b"first", b"x", b""), (b"second", b"x", b""))
    assert told(alerts_of(packets, made, window, tmp_path)) == [
        (1, 1, "http.uri", 6),
        (3, -1, "payload", 5),
    ]


@every_window
def test_flags_go_from_one_signature_to_another(window: int, tmp_path: Path) -> None:
    made = [
        signature("login", buffers=(Buffer.HTTP_URI,), sid=1, sets=("in",), silent=True),
        signature("secret", buffers=(Buffer.HTTP_USER_AGENT,), sid=2, needs=("in",)),
        signature("secret", buffers=(Buffer.HTTP_USER_AGENT,), sid=3, needs_not=("in",)),
    ]
    packets = browsing((b"x", b"secret", b""), (b"login", b"x", b""), (b"x", b"secret", b""))
    assert told(alerts_of(packets, made, window, tmp_path)) == [
        (2, 2, "http.user_agent", 8),
        (3, 0, "http.user_agent", 4),
    ]


@every_window
def test_thresholds_and_suppression(window: int, tmp_path: Path) -> None:
    limit = Threshold(ThresholdKind.LIMIT, Track.BY_SRC, 2, 60)
    every = Threshold(ThresholdKind.THRESHOLD, Track.BY_DST, 2, 60)
    of_uri = {"buffers": (Buffer.HTTP_URI,)}
    made = [
        signature("word", sid=1, threshold=limit, **of_uri),
        signature("word", sid=2, threshold=every, **of_uri),
        signature("word", sid=3, suppressions=(Suppression(Track.BY_SRC, ("192.0.2.0/24",)),), **of_uri),
        signature("word", sid=4, suppressions=(Suppression(Track.BY_DST, ("192.0.2.0/24",)),), **of_uri),
    ]
    packets = browsing(*[(b"word", b"x", b"")] * 4)
    found = alerts_of(packets, made, window, tmp_path)
    assert [
        (each.signature.sid, each.tx_id) for each in sorted(found, key=lambda one: one.signature.sid)
    ] == [
        (1, 0),
        (1, 1),
        (2, 1),
        (2, 3),
        *((4, tx_id) for tx_id in range(4)),
    ]


def test_what_is_under_way_and_counted_outlives_a_reload(tmp_path: Path) -> None:
    both = several(1, clause("hello"), clause("bye"))
    once = signature("see", sid=2, threshold=Threshold(ThresholdKind.LIMIT, Track.BY_RULE, 1, 60))
    renamed = signature("see", sid=2, rev=2, threshold=once.threshold)
    packets = conversation(b"hello see", b"see", b"bye see")
    write_cases({"case": ethernet(packets)}, tmp_path)
    pipeline = Pipeline(Settings(), compile_signatures([both, once]))
    found: list[Alert] = []
    captures = open_captures([str(tmp_path / "case.pcap")], 64)
    for number, batch in enumerate(chain.from_iterable(captures), 1):
        found += [alert for results in pipeline.process(batch) for alert in results.alerts]
        if number == 4:
            pipeline.replace_plan(compile_signatures([renamed, both]))
    assert told(found) == [(1, -1, "payload", 6), (2, -1, "payload", 4)]
    assert pipeline.counters.alerts_thresholded == 1


def test_transactions_and_flows_that_ended_leave_nothing(tmp_path: Path) -> None:
    packets = browsing(*[(b"first", b"x", b"")] * 9)
    write_cases({"case": ethernet(packets)}, tmp_path)
    made = [
        several(
            1, clause("first", Buffer.HTTP_URI), clause("second", Buffer.HTTP_URI), scope=Scope.TRANSACTION
        ),
        several(2, clause("first", Buffer.HTTP_URI), clause("second", Buffer.HTTP_URI), sets=("x",)),
        signature("first", sid=3, sets=("y",)),
    ]
    pipeline = Pipeline(Settings(), compile_signatures(made))
    states = pipeline._inspector._together._states
    for batch in chain.from_iterable(open_captures([str(tmp_path / "case.pcap")])):
        for _ in pipeline.process(batch):
            assert len(states) == 1, "the flow's; each transaction's went with it"
    list(pipeline.finish())
    assert len(states) == states._octets == 0
    assert not states._of_flow
    assert not pipeline._inspector._detector._flags
