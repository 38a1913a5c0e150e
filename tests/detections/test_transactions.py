"""A signature fires once in a transaction, however many of its buffers it is found in."""

from pathlib import Path

import pytest

from fixtures.pcaps.build import Conversation
from signatures.model import Buffer
from tests.detections.windows import WINDOWS, alerts_of
from tests.signatures.build import signature

BUFFERS = (Buffer.HTTP_RESPONSE_BODY, Buffer.HTTP_USER_AGENT, Buffer.HTTP_HOST, Buffer.HTTP_URI)
HEAD = b"GET /%b HTTP/1.1\r\nHost: %b.example\r\nUser-Agent: %b\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n%b"


@pytest.mark.parametrize("window", WINDOWS)
def test_once_in_each_transaction(window: int, tmp_path: Path) -> None:
    talk = Conversation()
    talk.handshake()
    for words, body in (
        ((b"anydesk", b"anydesk", b"anydesk"), b"anydesk"),
        ((b"x", b"x", b"anydesk"), b"anydesk"),
        ((b"x", b"x", b"x"), b"anydesk"),
        ((b"x", b"x", b"x"), b"nothing"),
    ):
        talk.client.send(HEAD % words)
        talk.server.send(ANSWER % body)
    talk.close()
    both = [signature("anydesk", buffers=BUFFERS), signature("desk", sid=2, buffers=BUFFERS[:1])]
    found = [
        (alert.signature.sid, alert.tx_id, alert.buffer)
        for alert in alerts_of(talk.packets, both, window, tmp_path)
    ]
    assert sorted(found) == [
        (1, 0, "http.uri"),
        (1, 1, "http.user_agent"),
        (1, 2, "http.response_body"),
        (2, 0, "http.response_body"),
        (2, 1, "http.response_body"),
        (2, 2, "http.response_body"),
    ]
