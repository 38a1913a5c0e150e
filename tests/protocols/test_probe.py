from collections.abc import Callable

import pytest

from sensor.protocols.probe import MAX_FIRST_LINE, Verdict, probe_request, probe_response

REQUESTS = [
    b"GET / HTTP/1.1\r\n",
    b"\r\n\r\nPOST /x HTTP/1.0\n",
    b"FOO-bar /x HTTP/1.1\r\n",
    b"GET /old\r\n",
    b"OPTIONS * HTTP/1.1\r\n",
    b"GET http://a/ HTTP/1.1\r\n",
    b"CONNECT a:443 HTTP/1.1\r\n",
    b"get / HTTP/1.1\r\n",
    b"GET / HTTP/1.\r\n",
    b"GET http://a/old\r\n",
    b"GET\x0b/vt HTTP/1.1\r\n",
    b"GET\t/ HTTP/1.1\r\n",
    b"GET\r/ HTTP/1.1\r\n",
]
OTHERS = [
    b"HELO x\r\n",
    b"EHLO mail.example\r\n",
    b"MAIL FROM:<a@b>\r\n",
    b"USER x\r\n",
    b"RETR file\r\n",
    b"RETR /file\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"NICK me\r\n",
    b"USER a 0 * :Real Name\r\n",
    b"PRIVMSG #c :GET / HTTP\r\n",
    b"INVITE sip:a@b SIP/2.0\r\n",
    b"OPTIONS rtsp://a/b RTSP/1.0\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"\x03\x00\x00\x13\x0e\xe0",
    b"\0\0\0\x0c\n",
    b"GET \n",
    b"T /zeek.html\n",
    b"GET/ HTTP/1.1\n",
    b"LOGIN a b\r\n",
    b"\x0bGET / HTTP/1.1\r\n",
    b"a001 LOGIN x y\r\n",
    b"STAT\r\n",
    b"220 ready\r\n",
    b"x" * 200,
]


@pytest.mark.parametrize("octets", REQUESTS)
def test_requests(octets: bytes) -> None:
    assert probe_request(b"??" + octets + b"??", 2, 2 + len(octets)) is Verdict.CERTAIN
    for end in range(len(octets) - 1):
        assert probe_request(octets, 0, end) is not Verdict.NO


@pytest.mark.parametrize("octets", OTHERS)
def test_other_protocols(octets: bytes) -> None:
    assert probe_request(octets, 0, len(octets)) is Verdict.NO
    assert probe_response(octets, 0, len(octets)) is Verdict.NO


def test_responses() -> None:
    for octets in (b"HTTP/1.1 200 OK\r\n", b"\r\nHTTP/1.0 404\n", b"ICY 200 OK\r\n"):
        assert probe_response(octets, 0, len(octets)) is Verdict.CERTAIN
        for end in range(6):
            assert probe_response(octets, 0, end) is not Verdict.NO
    assert probe_response(b"RTSP/1.0 200 OK\r\n", 0, 17) is Verdict.NO
    assert probe_response(b"HTTP/1.1 what\r\n", 0, 15) is Verdict.NO


def test_an_endless_line_is_given_up() -> None:
    octets = b"GET /" + b"a" * 70_000
    assert probe_request(octets, 0, 60_000) is Verdict.UNSURE
    assert probe_request(octets, 0, len(octets)) is Verdict.NO


@pytest.mark.parametrize(("probe", "begin"), [(probe_request, b"GET /"), (probe_response, b"HTTP/1.1 ")])
def test_a_first_line_has_a_limit_wherever_its_end_is(
    probe: Callable[[bytes, int, int], Verdict], begin: bytes
) -> None:
    line = begin + b"b" * MAX_FIRST_LINE + b" HTTP/1.1\r\n"
    assert probe(line, 0, len(line)) is Verdict.NO
    assert probe(line, 0, MAX_FIRST_LINE) is Verdict.NO
    assert probe(line, 0, MAX_FIRST_LINE - 1) is Verdict.UNSURE
