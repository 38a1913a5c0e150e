"""The worker's end of the socket: never waits, loses events before detections, and counts what it loses."""

import socket
from collections.abc import Iterator

import pytest

from sensor.worker.channel import ALERT_BOUND, EVE_BOUND, Channel, ParentGoneError
from sensor.worker.messages import (
    AlertRecord,
    Alerts,
    EveLines,
    Finished,
    MessageError,
    Stop,
    ToParent,
    Unframer,
    frame,
    to_parent,
)

LINES = b"x" * 999_999 + b"\n"
RECORD = AlertRecord(
    *(0, "payload", 1, 2, -1, "10.0.0.1", 1, "10.0.0.2", 2, "TCP", "", 1, 0, 4),
    *(b"e" * 4_096, 0, b"", b"", b""),
)


@pytest.fixture
def pair() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield Channel(theirs), ours
    ours.close()
    theirs.close()


def read_all(connection: socket.socket, channel: Channel) -> list[ToParent]:
    """Everything that the channel holds and the socket brings."""
    unframer, got = Unframer(), []
    connection.settimeout(0.2)
    while True:
        channel.flush()
        try:
            got += [to_parent.decode(body) for body in unframer.feed(connection.recv(1 << 20))]
        except TimeoutError:
            return got


def test_messages_go_both_ways(pair: tuple[Channel, socket.socket]) -> None:
    channel, parent = pair
    assert list(channel.receive()) == []
    parent.sendall(frame(Stop()) * 2)
    assert list(channel.receive()) == [Stop(), Stop()]
    channel.send(Finished())
    assert read_all(parent, channel) == [Finished()]


def test_a_parent_that_does_not_read_costs_events_first_then_detections(
    pair: tuple[Channel, socket.socket],
) -> None:
    channel, parent = pair
    sent = 0
    while not channel.eve_events_lost:
        channel.send(EveLines(LINES))
        sent += 1
    assert channel.eve_events_lost == 1
    assert channel.waiting_octets > EVE_BOUND
    alerts = 0
    while not channel.alerts_lost:
        channel.send(Alerts(1, [RECORD] * 250))
        alerts += 1
    assert channel.alerts_lost == 250
    assert channel.waiting_octets < ALERT_BOUND + 2 * len(LINES)
    got = read_all(parent, channel)
    assert sum(isinstance(message, EveLines) for message in got) == sent - 1
    assert sum(isinstance(message, Alerts) for message in got) == alerts - 1
    assert channel.waiting_octets == 0


def test_a_parent_that_is_gone_is_told_of(pair: tuple[Channel, socket.socket]) -> None:
    channel, parent = pair
    parent.close()
    with pytest.raises(ParentGoneError):
        list(channel.receive())
    with pytest.raises(ParentGoneError):
        channel.send(Finished())


def test_what_is_no_message_is_refused(pair: tuple[Channel, socket.socket]) -> None:
    channel, parent = pair
    parent.sendall((3).to_bytes(4, "big") + b"\x93\x01\x02")
    with pytest.raises(MessageError, match="another version"):
        list(channel.receive())
