"""Messages between worker and parent: any split of the octets, and nothing taken on trust."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.detections.alert import Alert
from sensor.matching.reading import Reading
from sensor.worker.messages import (
    MAX_CONFIGURE,
    MAX_MESSAGE,
    Alerts,
    Configure,
    Configured,
    EveLines,
    Finished,
    MessageError,
    Ready,
    ToParent,
    Unframer,
    alert_of,
    frame,
    record_of,
    to_parent,
    to_worker,
)
from signatures.loader import load_signatures

SIGNATURES = load_signatures([], builtin=True).signatures
MESSAGES: list[ToParent] = [
    Ready(["user", "seccomp"]),
    Configured(3, 0.25, "too long"),
    EveLines(b'{"event_type":"http"}\n' * 3),
    Finished(),
]
ALERT = Alert(
    signature=SIGNATURES[0],
    buffer="http.uri",
    ts_ns=1_700_000_000_123_456_789,
    flow_id=(1 << 53) - 1,
    tx_id=-1,
    src_ip="2001:db8::1",
    src_port=50_000,
    dst_ip="2001:db8::2",
    dst_port=80,
    proto="TCP",
    app_proto="http",
    packet_number=17,
    offset=4,
    length=12,
    excerpt=bytes(range(256)),
    excerpt_offset=40,
    http_method="GET",
    http_host="例え.jp",
    http_url="/\udcff\udc80?q=遠隔",
    capture="eth0",
)


@given(st.lists(st.integers(1, 40)))
def test_any_split_gives_the_same_messages(cuts: list[int]) -> None:
    octets = b"".join(map(frame, MESSAGES))
    unframer, got, start = Unframer(), [], 0
    for length in [*cuts, len(octets)]:
        got += [to_parent.decode(body) for body in unframer.feed(octets[start : start + length])]
        start += length
    assert got == MESSAGES


def test_an_alert_arrives_as_it_was_sent() -> None:
    (body,) = Unframer().feed(frame(Alerts(1, [record_of(ALERT, 0)])))
    message = to_parent.decode(body)
    assert isinstance(message, Alerts)
    assert alert_of(message.alerts[0], SIGNATURES[0], "eth0") == ALERT


@given(st.text(max_size=1024), st.lists(st.sampled_from(("width", "kana")), max_size=2))
def test_a_reading_arrives_as_it_was_sent(text: str, folds: list[str]) -> None:
    reading = Reading("遠隔", "base64 utf-16le", tuple(folds), text, len(text) // 3, len(text) // 2)
    alert = replace(ALERT, reading=reading)
    (body,) = Unframer().feed(frame(Alerts(1, [record_of(alert, 0)])))
    message = to_parent.decode(body)
    assert isinstance(message, Alerts)
    assert alert_of(message.alerts[0], SIGNATURES[0], "eth0") == alert


@pytest.mark.parametrize(
    "values",
    [
        {"text": 1025 * "x"},
        {"form": 257 * "x"},
        {"folds": 17 * ("x",)},
        {"text_start": -1},
        {"text_end": 1025},
    ],
)
def test_a_reading_too_long_is_not_taken(values: dict[str, Any]) -> None:
    record = record_of(replace(ALERT, reading=Reading("x", "utf-8", (), "x", 0, 1)), 0)
    assert record.reading is not None
    made = msgspec.structs.replace(record, reading=msgspec.structs.replace(record.reading, **values))
    with pytest.raises(msgspec.ValidationError):
        to_parent.decode(frame(Alerts(1, [made]))[4:])


def test_signatures_arrive_as_they_were_loaded() -> None:
    message = Configure(1, list(SIGNATURES), [b"database", b""])
    (body,) = Unframer().feed(frame(message))
    assert to_worker.decode(body) == message


def test_databases_may_be_longer_than_what_a_worker_says() -> None:
    message = Configure(1, [], [bytes(MAX_MESSAGE)])
    (body,) = Unframer(MAX_CONFIGURE).feed(frame(message))
    assert to_worker.decode(body) == message
    with pytest.raises(MessageError, match="claims"):
        next(Unframer().feed(frame(message)))


def test_a_length_that_cannot_be_ends_the_conversation() -> None:
    unframer = Unframer()
    whole = frame(Finished())
    got = unframer.feed(whole + (MAX_MESSAGE + 1).to_bytes(4, "big") + b"rest")
    assert next(got) == whole[4:]
    with pytest.raises(MessageError, match="claims"):
        next(got)


def test_a_message_too_long_is_not_sent() -> None:
    with pytest.raises(MessageError, match="too long"):
        frame(EveLines(bytes(MAX_MESSAGE)))
