"""HTTP/1 conversations and the transactions in them: each is read whole, and at every split."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Case:
    """What a client and a server sent, and what is in it.

    Rows are (method, target, host, status, length of the request's body, of the response's).
    """

    name: str
    client: bytes
    server: bytes
    rows: list[tuple[bytes, bytes, bytes, int, int, int]]
    anomalies: set[str] = field(default_factory=set)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HOST = b"Host: h\r\n"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"

CASES = [
    Case("plain", GET, OK, [(b"GET", b"/", b"h", 200, 0, 2)]),
    Case(
        "pipelined",
        GET.replace(b"/ ", b"/1 ") + GET.replace(b"/ ", b"/2 "),
        OK + OK.replace(b"200", b"404"),
        [(b"GET", b"/1", b"h", 200, 0, 2), (b"GET", b"/2", b"h", 404, 0, 2)],
    ),
    Case(
        "request body",
        b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + GET,
        OK + OK,
        [(b"POST", b"/p", b"h", 200, 5, 2), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "extra line end after a body",
        b"POST /p HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n" + GET,
        OK + OK,
        [(b"POST", b"/p", b"", 200, 3, 2), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "chunked both ways, extension and trailer",
        b"PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n" + GET,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: identity, Chunked\r\n\r\n"
        b"A\r\n0123456789\r\n2\r\nxy\r\n000\r\nX-Sum: 1\r\nY: 2\r\n\r\n" + OK,
        [(b"PUT", b"/c", b"h", 200, 3, 12), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "chunk sizes with CR before them",
        GET,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\rf\r\n0123456789abcde\r\n\r0\r\n\r\n" + OK,
        [(b"GET", b"/", b"h", 200, 0, 15), (b"", b"", b"", 200, 0, 2)],
        {"http.unable_to_match_response_to_request"},
    ),
    Case(
        "chunk sizes with many zeros, blank lines before them",
        GET,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"\r\n \n\n0000000000000000000002\r\nok\r\n\n00000000000000000000\r\n\r\n" + OK,
        [(b"GET", b"/", b"h", 200, 0, 2), (b"", b"", b"", 200, 0, 2)],
        {"http.unable_to_match_response_to_request"},
    ),
    Case(
        "an empty list of transfer codings",
        b"POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: ,\r\nContent-Length: 2\r\n\r\nok" + GET,
        OK + OK,
        [(b"POST", b"/p", b"h", 200, 2, 2), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "chunk without its line end, trailer without its empty line",
        GET + GET,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n" + OK,
        [(b"GET", b"/", b"h", 200, 0, 3), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "bad chunk size",
        GET + GET,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\nlost\r\n" + OK,
        [(b"GET", b"/", b"h", 200, 0, 3), (b"GET", b"/", b"h", 200, 0, 2)],
        {"http.invalid_response_chunk_len"},
    ),
    Case(
        "HEAD, 204 and 304 have no body",
        b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + GET + GET + GET,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" + OK,
        [
            (b"HEAD", b"/", b"h", 200, 0, 0),
            (b"GET", b"/", b"h", 204, 0, 0),
            (b"GET", b"/", b"h", 304, 0, 0),
            (b"GET", b"/", b"h", 200, 0, 2),
        ],
    ),
    Case(
        "interim responses",
        b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK,
        [(b"POST", b"/", b"h", 200, 1, 2)],
    ),
    Case(
        "until close",
        GET,
        b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHTTP/1.1 200 is text here",
        [(b"GET", b"/", b"h", 200, 0, 25)],
    ),
    Case(
        "target forms",
        b"GET http://user@a.example:8080/x HTTP/1.1\r\nHost: b\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: c\r\n\r\n",
        OK + OK,
        [
            (b"GET", b"http://user@a.example:8080/x", b"a.example:8080", 200, 0, 2),
            (b"OPTIONS", b"*", b"c", 200, 0, 2),
        ],
    ),
    Case(
        "CONNECT granted",
        b"CONNECT a:443 HTTP/1.1\r\nHost: z\r\n\r\n\x16\x03\x01\0\0GET / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 Connection established\r\n\r\n\x16\x03\x03" + OK,
        [(b"CONNECT", b"a:443", b"a:443", 200, 0, 0)],
    ),
    Case(
        "CONNECT granted, HTTP inside",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n" + GET,
        b"HTTP/1.1 200 OK\r\n\r\n" + OK,
        [(b"CONNECT", b"a:80", b"a:80", 200, 0, 0), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "CONNECT refused",
        b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n" + GET,
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 3\r\n\r\nno!" + OK,
        [(b"CONNECT", b"a:443", b"a:443", 407, 0, 3), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "WebSocket",
        b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n\x81\x85GET / HTTP/1.1\r\n\r\n" + GET,
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello" + OK,
        [(b"GET", b"/ws", b"h", 101, 0, 0)],
    ),
    Case(
        "Upgrade to HTTP/2",
        b"GET /u HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        [(b"GET", b"/u", b"h", 101, 0, 0)],
    ),
    Case(
        "Upgrade refused",
        b"GET /u HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n" + GET,
        OK + OK,
        [(b"GET", b"/u", b"h", 200, 0, 2), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\x12\x04\0\0\0\0\0", []),
    Case(
        "folded fields",
        b"GET / HTTP/1.1\r\nUser-Agent: a\r\n \tb\r\nHost:\r\n  h\r\n\r\n",
        b"HTTP/1.1 200 ok\r\nContent-Length:\r\n 2\r\n\r\nok",
        [(b"GET", b"/", b"h", 200, 0, 2)],
        {"http.invalid_request_field_folding", "http.invalid_response_field_folding"},
    ),
    Case(
        "bare LF",
        b"GET /a HTTP/1.1\nHost: h\n\nGET /b HTTP/1.1\r\nHost: h\n\r\nGET /c HTTP/1.1\nHost: h\r\n\nx",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok" + OK + OK,
        [
            (b"GET", b"/a", b"h", 200, 0, 2),
            (b"GET", b"/b", b"h", 200, 0, 2),
            (b"GET", b"/c", b"h", 200, 0, 2),
        ],
    ),
    Case(
        "no Host",
        b"GET / HTTP/1.1\r\nA: b\r\n\r\n",
        OK,
        [(b"GET", b"/", b"", 200, 0, 2)],
        {"http.missing_host_header"},
    ),
    Case(
        "no fields",
        b"GET / HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\n\n",
        OK + OK,
        [(b"GET", b"/", b"", 200, 0, 2), (b"GET", b"/2", b"", 200, 0, 2)],
    ),
    Case(
        "two Hosts",
        b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n",
        OK,
        [(b"GET", b"/", b"a", 200, 0, 2)],
        {"http.host_header_ambiguous"},
    ),
    Case(
        "two User-Agents",
        b"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: x\r\nUser-Agent: y\r\n\r\n",
        OK,
        [(b"GET", b"/", b"a", 200, 0, 2)],
        {"http.request_header_repetition"},
    ),
    Case(
        "length and chunked: chunked wins",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 50\r\n\r\n0\r\n\r\n"
        + GET,
        OK + OK,
        [(b"POST", b"/", b"h", 200, 0, 2), (b"GET", b"/", b"h", 200, 0, 2)],
        {"http.request_length_with_transfer_encoding"},
    ),
    Case(
        "bad length",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n" + GET,
        OK + OK,
        [(b"POST", b"/", b"h", 200, 0, 2), (b"GET", b"/", b"h", 200, 0, 2)],
        {"http.invalid_content_length_field_in_request"},
    ),
    Case(
        "a length with leading zeros",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + b"0" * 5000 + b"3\r\n\r\nabc" + GET,
        OK + OK,
        [(b"POST", b"/", b"h", 200, 3, 2), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "a length with a sign is read, and noted",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc" + GET,
        OK + OK,
        [(b"POST", b"/", b"h", 200, 3, 2), (b"GET", b"/", b"h", 200, 0, 2)],
        {"http.invalid_content_length_field_in_request"},
    ),
    Case(
        "two lengths: the first",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx" + GET,
        OK + OK,
        [(b"POST", b"/", b"h", 200, 1, 2), (b"GET", b"/", b"h", 200, 0, 2)],
        {"http.invalid_content_length_field_in_request"},
    ),
    Case(
        "one length twice",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nx",
        OK,
        [(b"POST", b"/", b"h", 200, 1, 2)],
    ),
    Case(
        "space before the colon, missing colon, odd name",
        b"POST / HTTP/1.1\r\nHost : h\r\nContent-Length : 2\r\njunk\r\n(x): y\r\n\r\nab" + GET,
        OK + OK,
        [(b"POST", b"/", b"h", 200, 2, 2), (b"GET", b"/", b"h", 200, 0, 2)],
        {"http.request_field_missing_colon", "http.request_header_invalid"},
    ),
    Case("HTTP/0.9", b"GET /zeek.html\n", b"<html>\nhi</html>\n", [(b"GET", b"/zeek.html", b"", 0, 0, 17)]),
    Case(
        "HTTP/0.9 twice",
        b"GET /a\r\nGET /b\r\n",
        b"\nHTML",
        [(b"GET", b"/a", b"", 0, 0, 5), (b"GET", b"/b", b"", 0, 0, 0)],
    ),
    Case(
        "no version, yet fields",
        b"POST /HTTP/1.1\nHost: h\nContent-Length: 2\n\nab" + GET,
        OK + OK,
        [(b"POST", b"/HTTP/1.1", b"h", 200, 2, 2), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "odd request lines",
        b"GET  /a  HTTP/1.1\r\nHost: h\r\n\r\nGET\t/b\tHTTP/1.\r\nHost: h\r\n\r\n"
        b"GET /c d HTTP/1.1\r\nHost: h\r\n\r\n"
        b"XyZ /e HTTP/1.1 \r\nHost: h\r\n\r\nGET /f HTTP/1.1 junk\r\nHost: h\r\n\r\n",
        OK * 5,
        [
            (b"GET", b"/a", b"h", 200, 0, 2),
            (b"GET", b"/b", b"h", 200, 0, 2),
            (b"GET", b"/c d", b"h", 200, 0, 2),
            (b"XyZ", b"/e", b"h", 200, 0, 2),
            (b"GET", b"/f", b"h", 200, 0, 2),
        ],
        {"http.uri_delim_non_compliant"},
    ),
    Case("line ends before a request", b"\r\n\n\r\n" + GET, b"\r\n" + OK, [(b"GET", b"/", b"h", 200, 0, 2)]),
    Case(
        "garbage between messages",
        GET + b'{"left": over}GET /2 HTTP/1.1\r\nHost: h\r\n\r\nnoise\r\n\0\xff\r\n' + GET,
        OK + b"more than was said" + OK + OK,
        [(b"GET", b"/", b"h", 200, 0, 2), (b"GET", b"/2", b"h", 200, 0, 2), (b"GET", b"/", b"h", 200, 0, 2)],
    ),
    Case(
        "response before the request's body",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab",
        b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
        [(b"POST", b"/", b"h", 413, 2, 0)],
    ),
    Case(
        "response alone", b"", OK, [(b"", b"", b"", 200, 0, 2)], {"http.unable_to_match_response_to_request"}
    ),
    Case("request alone", GET, b"", [(b"GET", b"/", b"h", 0, 0, 0)]),
    Case(
        "head cut by the end",
        b"GET /x HTTP/1.1\r\nHost: h\r\nUser-Ag",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        [(b"GET", b"/x", b"h", 200, 0, 0)],
        {"http.request_head_cut", "http.response_head_cut"},
    ),
    Case(
        "shoutcast",
        b"GET /live HTTP/1.0\r\nHost: h\r\n\r\n",
        b"ICY 200 OK\r\nicy-name: x\r\n\r\nmusic",
        [(b"GET", b"/live", b"h", 200, 0, 5)],
    ),
    Case(
        "transfer coding that is not chunked",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n" + GET,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nuntil close",
        [(b"POST", b"/", b"h", 200, 0, 11), (b"GET", b"/", b"h", 0, 0, 0)],
        {
            "http.invalid_transfer_encoding_value_in_request",
            "http.invalid_transfer_encoding_value_in_response",
            "http.response_length_with_transfer_encoding",
        },
    ),
]
