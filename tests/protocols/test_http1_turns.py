"""What depends on who spoke when: refusals, tunnels that end, responses that were lost."""

from sensor.protocols.http1 import Http1Limits, Http1Shared
from tests.protocols.conversation import Piece, read
from tests.protocols.http1_cases import GET, OK
from tests.protocols.test_http1_loss import Flow, get

ASKING = b"POST /up HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
BODY = b"POST it to the notice board\nof the house"


def rows(pieces: list[Piece]) -> list[tuple[object, ...]]:
    """Target, status and length of the request's body, the same however the client's octets are split."""
    whole = read(pieces)
    octets = [(to_server, data[i : i + 1]) for to_server, data in pieces for i in range(len(data))]
    assert read(octets) == whole
    return [(row["target"], row["status"], row["request_body_len"]) for row in whole[0]]


def test_after_a_refusal_the_body_may_be_left_out() -> None:
    assert rows([(True, ASKING), (False, REFUSED), (True, get(b"/2")), (False, OK)]) == [
        (b"/up", 401, 0),
        (b"/2", 200, 0),
    ]


def test_after_a_refusal_the_body_may_come_nonetheless() -> None:
    assert rows([(True, ASKING), (False, REFUSED), (True, BODY + get(b"/2")), (False, OK)]) == [
        (b"/up", 401, 40),
        (b"/2", 200, 0),
    ]


def test_a_body_that_was_asked_for_is_one_whatever_is_in_it() -> None:
    body = GET + b"x" * (40 - len(GET))
    go_on = b"HTTP/1.1 100 Continue\r\n\r\n"
    assert rows([(True, ASKING), (False, go_on), (True, body), (False, OK)]) == [(b"/up", 200, 40)]


def test_a_refused_body_that_is_lost_or_cut_short_is_counted() -> None:
    flow = Flow()
    flow.client(ASKING)
    flow.server(REFUSED)
    flow.client(b"notes")
    flow.parser.gap(True, 35)
    flow.client(get(b"/2"))
    assert flow.rows() == [(b"/up", 401, 0), (b"/2", 0, 0)]
    assert flow.sink[0].request_body_len == 40
    assert flow.sink[0].request_body == b"notes"


def test_pairing_recovers_after_evicted_requests_whose_responses_were_lost() -> None:
    flow = Flow(Http1Limits(pending_octets=4096))
    for i in range(40):
        flow.client(get(b"/lost%d" % i))
    assert flow.shared.counters.requests_evicted > 20
    flow.parser.gap(False, 40 * len(OK))
    for i in range(60):
        flow.client(get(b"/%d" % i))
        flow.server(OK)
    assert flow.rows()[-60:] == [(b"/%d" % i, 200, 2) for i in range(60)]
    assert flow.shared.counters.orphan_responses == 0


def test_waiting_upgrades_are_bounded() -> None:
    flow = Flow(Http1Limits(pending_octets=4096))
    for _ in range(500):
        flow.client(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\n\r\n")
    assert len(flow.parser._pairing._switching) < 20
    # Nor do they pile up where one request always waits.
    flow = Flow()
    flow.client(GET)
    for _ in range(500):
        flow.client(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\n\r\n")
        flow.server(OK)
    assert len(flow.parser._pairing._switching) < 3


def test_the_bound_of_all_flows_counts_what_waits_not_what_has_been_answered() -> None:
    shared = Http1Shared(Http1Limits(total_pending_octets=200_000))
    flows = [Flow(shared=shared) for _ in range(10)]
    for flow in flows:
        flow.client(GET)
    for _ in range(100):
        for flow in flows:  # a request always waits
            flow.client(GET)
            flow.server(OK)
    assert shared.counters.requests_evicted == 0
    assert shared.pending < 200_000


def test_a_cut_switch_of_protocols_ends_http() -> None:
    asks = b"GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n"
    flow = Flow()
    flow.client(asks)
    flow.server(b"HTTP/1.1 101 Switching\r\nUpgrade: web")
    flow.parser.close(False)
    flow.client(get(b"/not-http"))
    assert flow.rows() == [(b"/ws", 101, 0)]


def test_a_tunnel_asked_for_with_a_path_ends_at_what_is_not_http() -> None:
    def said(target: bytes) -> list[tuple[bytes, int, int]]:
        flow = Flow()
        flow.client(b"\x01noise\n")
        flow.client(b"CONNECT " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n\x02noise\n" + get(b"/inside"))
        flow.server(b"HTTP/1.1 200 OK\r\n\r\n")
        return flow.rows()

    assert said(b"/x") == [(b"/x", 200, 0)]
    assert said(b"x:1") == [(b"x:1", 200, 0)]
