"""Near-valid HTTP/1 messages, and ways to split octets."""

from itertools import pairwise

from hypothesis import strategies as st

LINE_ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n"])
VALUE = st.sampled_from(
    [b"a.example", b"text/html", b"Mozilla/5.0 (X11)", b"http://a/", b"", b"x: y", b"\xe9\x81\xa0"]
)
PLAIN_NAMES = [
    b"Host",
    b"host",
    b"User-Agent",
    b"USER-AGENT",
    b"Referer",
    b"Content-Type",
    b"Accept",
    b"X-A",
    b"Cookie",
]
BODY = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"\n\n"]
    ),
)


@st.composite
def fields(draw: st.DrawFn) -> bytes:
    """Some field lines, folded now and then."""
    lines = b""
    for name in draw(st.lists(st.sampled_from(PLAIN_NAMES), max_size=5)):
        space = draw(st.sampled_from([b" ", b"", b" \t"]))
        fold = draw(st.sampled_from([b"", b"", b"", b"\r\n  more", b"\n\tmore"]))
        lines += name + b":" + space + draw(VALUE) + fold + draw(LINE_ENDS)
    return lines


@st.composite
def framed(draw: st.DrawFn) -> bytes:
    """The end of a head, from its framing fields on, and its body."""
    body, end = draw(BODY), draw(LINE_ENDS)
    if draw(st.booleans()):
        return b"Content-Length: %d" % len(body) + end + draw(LINE_ENDS) + body
    chunks = b""
    at = 0
    while at < len(body):
        size = draw(st.integers(1, len(body) - at))
        extension = draw(st.sampled_from([b"", b"", b";x=y", b" "]))
        chunks += b"%x" % size + extension + draw(LINE_ENDS) + body[at : at + size] + draw(LINE_ENDS)
        at += size
    trailer = draw(st.sampled_from([b"", b"", b"Sum: 1\r\n"]))
    return (
        b"Transfer-Encoding: Chunked"
        + end
        + draw(LINE_ENDS)
        + chunks
        + b"0"
        + end
        + trailer
        + draw(LINE_ENDS)
    )


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One request; GET stands for methods without a body."""
    method = draw(st.sampled_from([b"GET", b"GET", b"HEAD", b"POST", b"PUT", b"x-any"]))
    target = draw(st.sampled_from([b"/", b"/a?b=c", b"/%E9%81%A0", b"*", b"/with space", b"/\xe9"]))
    line = method + b" " + target + b" HTTP/1." + draw(st.sampled_from([b"0", b"1"])) + draw(LINE_ENDS)
    if method in (b"GET", b"HEAD"):
        return line + draw(fields()) + draw(LINE_ENDS)
    return line + draw(fields()) + draw(framed())


@st.composite
def responses(draw: st.DrawFn, request: bytes) -> bytes:
    """One final response to a request, after interim ones."""
    status = draw(st.sampled_from([200, 200, 206, 301, 404, 204, 304]))
    interim = draw(st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n"]))
    line = b"HTTP/1.1 %d What ever" % status + draw(LINE_ENDS)
    if request.startswith(b"HEAD") or status in (204, 304):
        return interim + line + draw(fields()) + b"Content-Length: 7\r\n" + draw(LINE_ENDS)
    return interim + line + draw(fields()) + draw(framed())


@st.composite
def turns(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    """A conversation: requests with their responses."""
    sent = draw(st.lists(requests(), min_size=1, max_size=4))
    return [(request, draw(responses(request))) for request in sent]


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """``data`` cut at the places that fall inside it."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(data)}), len(data)]
    return [data[a:b] for a, b in pairwise(places)]
