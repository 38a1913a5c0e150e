"""Fuzz target: any octets as both directions of an HTTP/1 flow.

    python -m tests.fuzz.fuzz_http1 -max_total_time=600

Input: a count n, n step sizes, the length of the client's octets in two octets, these, the server's.
Invariant: the parser raises nothing, ends with both directions done and no octet buffered, and gives the
same transactions and heads from pieces of the given sizes as from each direction whole.
"""

from sensor.protocols.http1 import Http1Limits
from tests.fuzz.run import fuzz
from tests.protocols.conversation import Piece, read

LIMITS = Http1Limits(head_octets=256, line_octets=64, body_octets=128, memo_entries=8, head_lines=8)
"""Small, so that short inputs reach them."""


def one(data: bytes) -> None:
    """Hold the invariant for one input."""
    count = data[0] if data else 0
    steps = [step or 1 for step in data[1 : 1 + count]] or [1]
    rest = data[1 + count :]
    size = int.from_bytes(rest[:2])
    client, server = rest[2 : 2 + size], rest[2 + size :]
    whole = read([(True, client), (False, server)], LIMITS)
    assert read(_pieces(True, client, steps) + _pieces(False, server, steps), LIMITS) == whole


def _pieces(to_server: bool, octets: bytes, steps: list[int]) -> list[Piece]:
    pieces = []
    at = turn = 0
    while at < len(octets):
        step = steps[turn % len(steps)]
        pieces.append((to_server, octets[at : at + step]))
        at += step
        turn += 1
    return pieces


if __name__ == "__main__":
    fuzz(one)
