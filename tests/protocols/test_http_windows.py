"""How much of a capture is read at once changes no transaction: at 64 octets each packet is a batch."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures.pcaps.build import Conversation, ethernet, write_cases
from tests.golden.replay import replay

WINDOWS = (64, 1024, 4 << 20)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n"


def opened(*, joined: bool = False) -> Conversation:
    talk = Conversation()
    if not joined:
        talk.handshake()
    return talk


def answered_once() -> Conversation:
    """A connection that has carried one exchange."""
    talk = opened()
    talk.client.send(get(b"/1"))
    talk.server.send(OK)
    return talk


def answered_after_its_end() -> Conversation:
    """The client's head has no end when it stops; the server answers that."""
    talk = answered_once()
    talk.client.send(b"GET /2 HTTP/1.1")
    talk.client.flag("FA")
    talk.server.send(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")
    return talk


def answered_after_its_end_the_first() -> Conversation:
    """As above, where nothing told before that the flow is HTTP."""
    talk = opened()
    talk.client.send(b"GET /2 HTTP/1.0")
    talk.client.flag("FA")
    talk.server.send(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n")
    return talk


def asked_after_the_server_s_end() -> Conversation:
    """A response that was cut short belongs to no request that was sent after it."""
    talk = answered_once()
    talk.server.send(b"HTTP/1.1 408 Timeout\r\nServer: x\r\n")
    talk.server.flag("FA")
    talk.client.send(get(b"/2"))
    return talk


def hole_behind_an_answer() -> Conversation:
    """A request that waited for a lost one comes when the loss is known: after the answer before it."""
    talk = answered_once()
    talk.client.send(get(b"/2"))
    acknowledged = talk.client.seq
    talk.client.send(get(b"/lost"), drop=True)
    talk.client.send(get(b"/4"))
    talk.server.emit("PA", OK, ack=acknowledged)
    talk.server.advance(len(OK))
    talk.server.flag("A")
    talk.server.send(OK, drop=True)
    talk.server.send(b"tail\n")
    talk.client.flag("A")
    talk.client.send(get(b"/5"))
    talk.server.send(b"HTTP/1.1 205 five\r\nContent-Length: 0\r\n\r\n")
    return talk


def long_first_line() -> Conversation:
    """A first line that is longer than any server takes."""
    talk = opened()
    talk.client.send(get(b"/" + b"b" * 70_000) + get(b"/2"), split=1400)
    talk.server.send(b"HTTP/1.1 414 Too Long\r\nContent-Length: 0\r\n\r\n")
    return talk


def odd_separator() -> Conversation:
    """White space other than a space behind the method."""
    talk = opened()
    talk.client.send(b"GET\x0b")
    talk.client.send(b"/vt HTTP/1.1\r\nHost: h\r\n\r\n")
    talk.server.send(OK)
    return talk


def joined_in_a_response() -> Conversation:
    """Packets of a connection joined in its middle that may begin a message until the next one comes."""
    talk = opened(joined=True)
    for octets in (b"POST ", b"HTTP/1.0 200 ", b"OK\r\nContent-Length: 0\r\n\r\n"):
        talk.server.send(octets)
    return talk


def joined_in_a_text() -> Conversation:
    """The middle of a text is no request of an unknown method."""
    talk = opened(joined=True)
    talk.client.send(b"the quick brown fox")
    talk.server.send(OK)
    talk.client.send(get(b"/found"))
    talk.server.send(OK)
    return talk


def tunnel_ended_by_noise() -> Conversation:
    """The client's octets end a tunnel, and with it a response's head."""
    talk = opened()
    talk.client.send(b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n")
    talk.server.send(b"HTTP/1.1 200 OK\r\n\r\n")
    talk.client.send(get(b"/inside"))
    talk.server.send(b"HTTP/1.1 200 OK\r\nServer: q\r\n")
    talk.client.send(b"\x01\x02\x03\n")
    return talk


def without_a_head() -> Conversation:
    """A response of HTTP/0.9 that begins as a status line does."""
    talk = opened()
    talk.client.send(b"GET /old\r\n")
    talk.server.send(b"HT")
    talk.server.send(b"ML text")
    talk.close()
    return talk


CASES: dict[Callable[[], Conversation], list[tuple[str | None, int | None]]] = {
    answered_after_its_end: [("/1", 200), ("/2", 400)],
    answered_after_its_end_the_first: [("/2", 400)],
    asked_after_the_server_s_end: [("/1", 200), (None, 408), ("/2", None)],
    hole_behind_an_answer: [("/1", 200), ("/2", 200), ("/4", None), ("/5", 205)],
    long_first_line: [(None, 414)],
    odd_separator: [("/vt", 200)],
    joined_in_a_response: [(None, 200)],
    joined_in_a_text: [(None, 200), ("/found", 200)],
    tunnel_ended_by_noise: [("h:1", 200), ("/inside", 200)],
    without_a_head: [("/old", None)],
}
"""What is said, and the targets and statuses in it."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_same_in_every_window(case: Callable[[], Conversation], tmp_path: Path) -> None:
    write_cases({"case": ethernet(case().packets)}, tmp_path)
    found = {}
    for window in WINDOWS:
        events = replay(tmp_path / "case.pcap", window)
        found[window] = [event for event in events if event["event_type"] == "http"]
    assert _rows(found[WINDOWS[0]]) == CASES[case]
    for window in WINDOWS[1:]:
        assert found[window] == found[WINDOWS[0]]
    for event in found[WINDOWS[0]]:
        answered = event["http"].keys() & {"status", "http_content_type"} or "url" not in event["http"]
        assert "response_pcap_cnt" in event["http"] or not answered


def _rows(events: list[dict[str, Any]]) -> list[tuple[str | None, int | None]]:
    rows = [(event["http"].get("url"), event["http"].get("status"), event["pcap_cnt"]) for event in events]
    return [(url, status) for url, status, _ in sorted(rows, key=lambda row: row[2])]
