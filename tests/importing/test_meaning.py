"""What rules find, and do not, when the octets pass the sensor's own stages."""

from dataclasses import replace

import pytest

from sensor.proof.samples import prove
from signatures.model import Buffer, Sample
from tests.importing.build import one

TCP = "alert tcp any any -> any any"
UDP = "alert udp any any -> any any"
HTTP = "alert http any any -> any any"


def request(target: bytes = b"/", fields: bytes = b"", method: bytes = b"GET", body: bytes = b"") -> bytes:
    host = b"" if b"Host:" in fields else b"Host: h.example\r\n"
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    return b"%s %s HTTP/1.1\r\n%s%s%s\r\n%s" % (method, target, host, fields, length, body)


def host(name: bytes) -> bytes:
    return request(fields=b"Host: %s\r\n" % name)


CASES = [
    (
        HTTP,
        (
            'flow:to_server; http.method; content:"POST"; http.uri; content:"/gate.php"; endswith; '
            'http.user_agent; content:"Bot"; startswith;'
        ),
        [request(b"/a/gate.php", b"User-Agent: Bot/1\r\n", b"POST", b"x")],
        [
            request(b"/a/gate.php", b"User-Agent: Bot/1\r\n"),
            request(b"/a/gate.php?x", b"User-Agent: Bot/1\r\n", b"POST", b"x"),
            request(b"/a/gate.php", b"User-Agent: aBot/1\r\n", b"POST", b"x"),
            request(b"/a/GATE.php", b"User-Agent: Bot/1\r\n", b"POST", b"x"),
        ],
    ),
    (
        HTTP,
        'http.uri; content:"/a"; http.referer; content:!"good.example";',
        [request(b"/a", b"Referer: http://bad.example/\r\n")],
        # Without the field, Suricata does not look for what must not be in it, and the rule does not match.
        [request(b"/a", b"Referer: http://good.example/\r\n"), request(b"/a")],
    ),
    (
        HTTP,
        'content:"/a"; http_uri; nocase; content:!"/ab"; http_uri;',
        [request(b"/A"), request(b"/a/AB")],
        [request(b"/a/ab"), request(b"/b")],
    ),
    (
        HTTP,
        'http.host; content:"evil.example"; bsize:12;',
        [host(b"evil.example"), host(b"EVIL.example:8080"), host(b"evil.example.")],
        [host(b"a.evil.example"), host(b"evil.example.org"), host(b"evil.example.org:80")],
    ),
    (
        HTTP,
        'http.host; dotprefix; content:".evil.example"; endswith;',
        [host(b"evil.example"), host(b"a.evil.example:80")],
        [host(b"notevil.example"), host(b"evil.example.org")],
    ),
    (
        HTTP,
        'http.host; content:"update."; startswith;',
        [host(b"update.example")],
        [host(b"update."), host(b"update.:80"), host(b"a.update.example")],
    ),
    (
        HTTP,
        'http.host; content:".example"; endswith;',
        [host(b"a.example"), host(b"a.EXAMPLE:81")],
        [host(b"a.example.org"), host(b"a.examples")],
    ),
    (
        HTTP,
        'http.host; pcre:"/^[a-z]{4}\\.(?:top|xyz)$/";',
        [host(b"abcd.top"), host(b"abcd.xyz:8080")],
        [host(b"abcd.top.org"), host(b"xabcd.top")],
    ),
    (
        HTTP,
        'http.uri; content:"a="; content:"b="; distance:1; within:4; content:".exe"; distance:0; endswith;',
        # "b=" counts behind any "a=", not behind the first alone.
        [request(b"/?a=1b=.exe"), request(b"/?a=---------a=12b=x.exe")],
        [
            request(b"/?a=b=.exe"),
            request(b"/?a=1234b=.exe"),
            request(b"/?a=1b=.exe1"),
            request(b"/?b=1a=.exe"),
        ],
    ),
    (
        HTTP,
        'http.uri; content:"x"; offset:3; depth:2;',
        [request(b"/..x"), request(b"/x..x")],
        [request(b"/.x"), request(b"/....x")],
    ),
    (
        HTTP,
        'http.uri; content:"id="; pcre:"/^\\d{4}$/R";',
        [request(b"/?id=1234")],
        [request(b"/?id=12345"), request(b"/?id=a1234")],
    ),
    (
        TCP,
        'flow:to_server; content:"|16 03|"; content:"abc"; nocase; distance:2; within:5; content:"x|3b|";',
        [b"\x16\x03..ABC.x;", b"x; .. \x16\x03....Abc"],
        [b"\x16\x03.ABC.x;", b"\x16\x03.....ABC.x;", b"\x16\x03..ABC.X;"],
    ),
    (
        TCP,
        'flow:to_server,only_stream; content:"RFB 003."; depth:8;',
        [b"RFB 003.008\n"],
        [b" RFB 003.008\n"],
    ),
    (
        UDP,
        'content:"|01 00|"; offset:2; depth:2; content:"|00 01|"; offset:4;depth:2;content:"evil";offset:8;',
        [b"id\x01\x00\x00\x01..evil", b"id\x01\x00\x00\x01........evil.."],
        [b"id\x01\x00\x00\x02..evil", b"id\x01\x00\x00\x01.evil", b".id\x01\x00\x00\x01..evil"],
    ),
    (UDP, 'content:"quit"; endswith;', [b"quit", b"... quit"], [b"quit\n", b"QUIT"]),
    (TCP, 'pcre:"/foo(bar|baz)\\x3b/i";', [b"..FooBAZ;.."], [b"foobar:", b"foo;"]),
    (TCP, 'content:"a\\;b|7c|c";', [b"..a;b|c"], [b"a\\;b|c", b"a;b7cc"]),
]


@pytest.mark.parametrize(("header", "options", "match", "no_match"), CASES)
def test_octets_on_a_line(header: str, options: str, match: list[bytes], no_match: list[bytes]) -> None:
    signature = one(options, header)
    samples = [Sample(Buffer.PAYLOAD, octets, True) for octets in match]
    samples += [Sample(Buffer.PAYLOAD, octets, False) for octets in no_match]
    failures = prove([replace(signature, samples=tuple(samples))])
    assert [(each.reason, samples[each.sample].octets) for each in failures] == []


def test_bodies() -> None:
    signature = one('flow:established,from_server; file.data; content:"<script>"; nocase;')
    samples = (
        Sample(Buffer.HTTP_RESPONSE_BODY, b"<html><SCRIPT>", True),
        Sample(Buffer.HTTP_RESPONSE_BODY, b"<html>", False),
    )
    assert prove([replace(signature, samples=samples)]) == []
