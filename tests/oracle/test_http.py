"""tshark and the sensor find the same HTTP requests and responses in every fixture."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fixtures.pcaps.catalogue import captures, name_of
from tests.golden.replay import replay
from tests.oracle.exceptions import HTTP_DIFFERENCES
from tests.oracle.tshark import Ends, HttpMessage, dissect

pytestmark = pytest.mark.tshark

Request = tuple[Ends, str, bytes, bytes, bytes, bytes]
"""Client and server, method, target, host, User-Agent, Referer."""
Response = tuple[Ends, int]
"""Client and server, status. Interim responses (1xx but 101) are no transactions of the sensor's."""


def is_final(status: int) -> bool:
    """RFC 9110, section 15.2; 101 ends the exchange."""
    return status == 101 or status >= 200


def host_only(host: bytes) -> bytes:
    """A host without its port, which EVE's ``hostname`` leaves out."""
    return re.sub(rb":\d*$", b"", host)


def octets_of(http: dict[str, Any], name: str) -> bytes:
    """A text of an EVE event as the octets that were on the wire."""
    if f"{name}_hex" in http:
        return bytes.fromhex(http[f"{name}_hex"])
    return str(http.get(name, "")).encode()


def theirs(capture: Path) -> tuple[Counter[Request], Counter[Response]]:
    """What tshark finds."""
    messages = [message for packet in dissect(capture) for message in packet.messages]
    requests = Counter(
        (m.ends, m.method.decode(), m.uri, host_only(m.host), m.user_agent, m.referer)
        for m in messages
        if m.method
    )
    return requests, Counter((client_first(m), m.status) for m in messages if is_final(m.status))


def client_first(message: HttpMessage) -> Ends:
    """A response's ends as its request would have them."""
    server, server_port, client, client_port = message.ends
    return client, client_port, server, server_port


def ours(capture: Path) -> tuple[Counter[Request], Counter[Response]]:
    """What the sensor finds."""
    requests: Counter[Request] = Counter()
    responses: Counter[Response] = Counter()
    for event in replay(capture):
        if event["event_type"] != "http":
            continue
        ends = (event["src_ip"], event["src_port"], event["dest_ip"], event["dest_port"])
        http = event["http"]
        if "http_method" in http:
            names = ("url", "hostname", "http_user_agent", "http_refer")
            target, host, user_agent, referer = (octets_of(http, name) for name in names)
            requests[ends, http["http_method"], target, host, user_agent, referer] += 1
        if "status" in http:
            responses[ends, http["status"]] += 1
    return requests, responses


@pytest.mark.parametrize("capture", captures(), ids=name_of)
def test_same_requests_and_responses(capture: Path) -> None:
    their_requests, their_responses = theirs(capture)
    our_requests, our_responses = ours(capture)
    expected = HTTP_DIFFERENCES.get(name_of(capture))
    if expected is None:
        assert our_requests == their_requests
        assert our_responses == their_responses
        return
    # Only what the table says differs, and all of it.
    more, fewer = our_requests - their_requests, their_requests - our_requests
    assert sorted(request[1:] for request in more.elements()) == sorted(expected.requests_here)
    assert sorted(request[1:] for request in fewer.elements()) == sorted(expected.requests_there)
    more_responses, fewer_responses = our_responses - their_responses, their_responses - our_responses
    assert sorted(status for _, status in more_responses.elements()) == sorted(expected.responses_here)
    assert sorted(status for _, status in fewer_responses.elements()) == sorted(expected.responses_there)


def test_differences_are_of_fixtures_that_exist() -> None:
    assert HTTP_DIFFERENCES.keys() <= {name_of(capture) for capture in captures()}


def test_there_is_something_to_compare() -> None:
    found = [theirs(capture) for capture in captures()]
    assert sum(requests.total() for requests, _ in found) > 150
    assert sum(responses.total() for _, responses in found) > 150
