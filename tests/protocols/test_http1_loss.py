"""Octets that the capture missed, and bounds that hostile senders reach."""

import pytest

from sensor.protocols.http1 import Http1Limits, Http1Parser, Http1Shared
from sensor.protocols.transaction import HttpTransaction
from tests.protocols.http1_cases import GET, OK


class Flow:
    """A parser with its sink, fed whole byte strings."""

    def __init__(self, limits: Http1Limits | None = None, shared: Http1Shared | None = None) -> None:
        self.sink: list[HttpTransaction] = []
        self.shared = shared or Http1Shared(limits or Http1Limits())
        self.parser = Http1Parser(self.shared.limits, self.sink, True, True, self.shared)

    def client(self, data: bytes) -> None:
        self.parser.feed(True, data, 0, len(data))

    def server(self, data: bytes) -> None:
        self.parser.feed(False, data, 0, len(data))

    def rows(self) -> list[tuple[bytes, int, int]]:
        self.parser.finish()
        assert self.shared.buffered == 0
        return [(tx.target, tx.status, tx.response_body_len) for tx in self.sink]


def get(target: bytes) -> bytes:
    return GET.replace(b"/ ", target + b" ")


def test_a_gap_inside_a_body_counts_as_body() -> None:
    flow = Flow()
    flow.client(get(b"/1") + get(b"/2"))
    flow.server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    flow.parser.gap(False, 5)
    flow.server(b"de" + OK)
    assert flow.rows() == [(b"/1", 200, 10), (b"/2", 200, 2)]
    assert flow.sink[0].response_body == b"abc"
    assert flow.shared.counters.bodies_cut == 1


def test_after_a_gap_past_a_body_the_next_request_is_found() -> None:
    flow = Flow()
    flow.client(b"POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nab")
    flow.parser.gap(True, 500)
    flow.client(b"rest of a body}" + get(b"/3") + b"more\r\n" + get(b"/4"))
    assert [target for target, _, _ in flow.rows()] == [b"/1", b"/3", b"/4"]


def test_a_torn_request_line_is_not_believed() -> None:
    flow = Flow()
    flow.client(get(b"/1"))
    flow.parser.gap(True, 100)
    flow.client(b"ST /torn HTTP/1.1\r\nHost: h\r\n\r\n" + get(b"/3"))
    assert [target for target, _, _ in flow.rows()] == [b"/1", b"/3"]


def test_a_head_cut_by_a_gap_is_reported() -> None:
    flow = Flow()
    flow.client(b"GET /1 HTTP/1.1\r\nHost: h\r\nUser-")
    flow.parser.gap(True, 9)
    flow.client(b"x\r\n\r\n" + get(b"/2"))
    assert [target for target, _, _ in flow.rows()] == [b"/1", b"/2"]
    assert flow.sink[0].host == b"h"
    assert flow.sink[0].anomalies == ("http.request_head_cut",)


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        (b"Host: www.exam", (b"www.exam", b"", b"")),
        (b"Host:", (b"", b"", b"")),
        (b"Host", (b"", b"", b"")),
        (b"Host: h\r\nUSER-agent: Mozilla/5", (b"h", b"Mozilla/5", b"")),
        (b"Host: h\nUser-Agent: x\nReferer: http://h/a\r", (b"h", b"x", b"http://h/a")),
        (b"Host: h\r\nContent-Length: 1", (b"h", b"", b"")),
        (b"Host: h\r\nX-Broken", (b"h", b"", b"")),
    ],
)
def test_a_value_cut_short_is_told_as_far_as_it_goes(cut: bytes, told: tuple[bytes, ...]) -> None:
    flow = Flow()
    flow.client(b"GET /1 HTTP/1.1\r\n" + cut)
    flow.parser.finish()
    (tx,) = flow.sink
    assert (tx.host, tx.user_agent, tx.referer) == told
    assert tx.anomalies == ("http.request_head_cut",)


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (b"GET /slow HTTP/1.1\r\nHost: h\r\nUser-", (b"/slow", 408, 0)),
        (b"GET /slow HTTP/1.1\r\n", (b"/slow", 408, 0)),
        (b"GET /slow HTTP/1.1", (b"", 408, 0)),  # no line that is known to be one
        (b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HT", (b"/1", 408, 0)),
    ],
)
def test_a_response_belongs_to_a_head_whose_end_never_came(head: bytes, row: tuple[bytes, int, int]) -> None:
    flow = Flow()
    flow.client(head)
    flow.server(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    assert flow.rows()[0] == row


def test_after_an_early_answer_the_next_request_is_found() -> None:
    flow = Flow()
    flow.client(b"GET /1 HTTP/1.1\r\nHost: h\r\nX: ")
    flow.server(OK)
    flow.client(b"cut\r\n\r\n" + get(b"/2"))
    flow.server(OK)
    assert flow.rows() == [(b"/1", 200, 2), (b"/2", 200, 2)]
    assert flow.shared.counters.orphan_responses == 0


def test_an_interim_response_does_not_end_a_head() -> None:
    flow = Flow()
    flow.client(b"GET /1 HTTP/1.1\r\nHost: ")
    flow.server(b"HTTP/1.1 102 Processing\r\n\r\n")
    flow.client(b"h\r\n\r\n")
    flow.server(OK)
    assert flow.rows() == [(b"/1", 200, 2)]
    assert flow.sink[0].anomalies == ()


def test_a_client_that_waits_for_responses_is_paired_after_lost_ones() -> None:
    flow = Flow()
    flow.client(get(b"/1"))
    flow.server(OK)
    flow.client(get(b"/2"))
    flow.parser.gap(False, 700)
    flow.client(get(b"/3"))
    flow.server(OK)
    assert flow.rows() == [(b"/1", 200, 2), (b"/2", 0, 0), (b"/3", 200, 2)]


def test_a_tail_of_a_lost_response_is_passed_over() -> None:
    flow = Flow()
    flow.client(get(b"/1"))
    flow.parser.gap(False, 700)
    flow.server(b"tail of a body, HTTP/1.1 maybe" + OK)
    assert flow.rows() == [(b"/1", 200, 2)]


def test_a_head_without_end_is_reported_at_the_limit() -> None:
    flow = Flow(Http1Limits(head_octets=200))
    flow.client(b"GET /long HTTP/1.1\r\nHost: h\r\n" + b"X: y\r\n" * 100 + b"\r\n" + GET)
    assert [target for target, _, _ in flow.rows()] == [b"/long", b"/"]
    assert "http.request_head_too_long" in flow.sink[0].anomalies
    assert flow.shared.counters.heads_too_long == 1


def test_a_request_line_without_end_is_reported_at_the_limit() -> None:
    flow = Flow()
    for _ in range(100):
        flow.client(b"GET /" + b"a" * 2000)
    assert len(flow.rows()) == 1
    assert len(flow.sink[0].target) < flow.shared.limits.head_octets


def test_a_status_line_without_end_ends() -> None:
    flow = Flow()
    flow.client(GET + GET)
    flow.server(b"HTTP/1.1 200 " + b"a" * 70_000 + b"\r\n" + OK)
    assert flow.rows() == [(b"/", 200, 2), (b"/", 0, 0)]


def test_requests_that_are_never_answered_are_bounded() -> None:
    flow = Flow(Http1Limits(pending_octets=20_000))
    for i in range(1000):
        flow.client(get(b"/%d" % i))
    assert flow.shared.counters.requests_evicted > 900
    assert [target for target, _, _ in flow.rows()] == [b"/%d" % i for i in range(1000)]


def test_a_response_after_eviction_is_not_given_to_a_later_request() -> None:
    flow = Flow(Http1Limits(pending_octets=2000))
    for i in range(10):
        flow.client(get(b"/%d" % i))
    flow.server(OK)
    assert flow.shared.counters.requests_evicted > 0
    assert [row for row in flow.rows() if row[1]] == [(b"", 200, 2)]


def test_kept_bodies_are_bounded_in_one_flow_and_over_all() -> None:
    flow = Flow(Http1Limits(body_octets=10, buffered_octets=12))
    flow.client(get(b"/1"))
    flow.server(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 50)
    other: list[HttpTransaction] = []
    parser = Http1Parser(flow.shared.limits, other, False, True, flow.shared)
    response = OK.replace(b"Length: 2", b"Length: 9") + b"1234567"
    parser.feed(False, response, 0, len(response))
    parser.finish()
    assert other[0].response_body == b"ok"
    assert other[0].response_body_len == 9
    assert flow.rows() == [(b"/1", 200, 50)]
    assert flow.sink[0].response_body == b"x" * 10
    assert flow.shared.counters.bodies_cut == 2


def test_the_memo_stays_bounded() -> None:
    limits = Http1Limits(memo_entries=16)
    flow = Flow(limits)
    for i in range(200):
        flow.client(b"GET / HTTP/1.1\r\nHost: h%d\r\nX-%d: y\r\n\r\n" % (i, i))
        flow.server(b"HTTP/1.1 200 OK %d\r\nContent-Length: 0\r\nETag: %d\r\n\r\n" % (i, i))
    assert [tx.host for tx in flow.sink] == [b"h%d" % i for i in range(200)]
    assert len(flow.shared.requests.sections) <= limits.memo_entries
    assert len(flow.shared.status_lines) <= limits.memo_entries


def test_waiting_requests_of_all_flows_have_one_bound() -> None:
    shared = Http1Shared(Http1Limits(total_pending_octets=10_000))
    sink: list[HttpTransaction] = []
    parsers = [Http1Parser(shared.limits, sink, shared=shared) for _ in range(8)]
    octets = get(b"/") * 10
    for parser in parsers:
        parser.feed(True, octets, 0, len(octets))
        assert shared.pending <= 10_000 + 8 * 600  # each flow keeps its newest request
    assert shared.counters.requests_evicted > 40
    parsers[-1].feed(False, OK, 0, len(OK))
    for parser in parsers:
        parser.finish()
    assert len(sink) == 81  # the answer to an evicted request stands alone
    assert shared.pending == 0


@pytest.mark.parametrize("end", [b"\r\n", b" HTTP/1.1\n\n", b" HTTP/1.1\r\nA: b\n\n", b" HTTP/1.1\r\n\r\n"])
def test_heads_of_every_form_before_a_far_empty_line(end: bytes) -> None:
    """The empty line is looked for once for all of them: their number costs no more than their octets."""
    flow = Flow()
    flow.client((b"GET /" + end) * 3000 + get(b"/last"))
    assert [target for target, _, _ in flow.rows()] == [b"/"] * 3000 + [b"/last"]


@pytest.mark.parametrize("length", range(8176, 8194))
def test_resynchronisation_finds_long_targets_in_every_split(length: int) -> None:
    """After lost octets a request line is looked back for from its end, as far as in one piece."""
    octets = b"x" * 20_000 + b"}" + get(b"/" + b"a" * length)
    line_end = octets.index(b" HTTP/1.1")

    def found(cut: int) -> list[bytes]:
        flow = Flow()
        flow.parser.gap(True, 100)
        flow.client(octets[:cut])
        flow.client(octets[cut:])
        return [target for target, _, _ in flow.rows()]

    whole = found(0)
    for cut in range(line_end, line_end + 12):
        assert found(cut) == whole
