"""Feed a conversation to the HTTP/1 parser in pieces, and note all that can be seen of it."""

from collections.abc import Iterable
from dataclasses import fields

from sensor.protocols.http1 import Http1Limits, Http1Parser, Http1Shared
from sensor.protocols.transaction import HttpTransaction

Piece = tuple[bool, bytes]
Seen = tuple[list[dict[str, object]], list[tuple[int, bool, int]]]
_PAD = b"GET /padding HTTP/1.1\r\n\r\n"  # stands around each piece, and must not be read
_PLACES = ("request_at", "response_at")


def read(
    pieces: Iterable[Piece], limits: Http1Limits | None = None, shared: Http1Shared | None = None
) -> Seen:
    """Transactions as dicts, and completed heads as (tx_id, is_response, place in the direction's octets)."""
    shared = shared or Http1Shared(limits or Http1Limits())
    sink: list[HttpTransaction] = []
    parser = Http1Parser(shared.limits, sink, want_request_body=True, want_response_body=True, shared=shared)
    place = {True: 0, False: 0}
    heads = []
    for to_server, octets in pieces:
        data = _PAD + octets + _PAD
        parser.feed(to_server, data, len(_PAD), len(_PAD) + len(octets))
        base = place[to_server] - len(_PAD)
        for tx in shared.new_requests:
            is_cut = "http.request_head_cut" in tx.anomalies
            assert is_cut is (tx.request_at < 0)
            heads.append((tx.tx_id, False, -1 if is_cut else tx.request_at + base))
        for tx in shared.new_responses:
            is_cut = "http.response_head_cut" in tx.anomalies
            assert is_cut is (tx.response_at < 0)
            heads.append((tx.tx_id, True, -1 if is_cut else tx.response_at + base))
        _forget(shared)
        place[to_server] += len(octets)
    parser.finish()
    _forget(shared)
    assert parser.client_done
    assert parser.server_done
    assert shared.buffered == 0
    return [row(tx) for tx in sink], sorted(heads)


def _forget(shared: Http1Shared) -> None:
    shared.new_requests.clear()
    shared.new_responses.clear()


def row(tx: HttpTransaction) -> dict[str, object]:
    """A transaction without the indexes, which depend on the pieces."""
    return {item.name: getattr(tx, item.name) for item in fields(tx) if item.name not in _PLACES}


def octets(to_server: bool, data: bytes) -> list[Piece]:
    """One piece an octet."""
    return [(to_server, data[i : i + 1]) for i in range(len(data))]
