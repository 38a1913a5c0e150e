"""Fuzz target: any octets as a ClientHello, as a DNS message, and as messages over TCP.

    python -m tests.fuzz.fuzz_names -max_total_time=600

Input: a count n, n step sizes, octets. Invariant: nothing raises; the names are the scalar reference's;
pieces of the given sizes give what the whole gives; and no more is held than the bounds say.
"""

from sensor.protocols.dns import MAX_MESSAGE, MAX_NAMES, MessageReader, read_questions
from sensor.protocols.probe import Verdict
from sensor.protocols.tls_client_hello import MAX_HELLO, HelloReader
from tests.fuzz.run import fuzz
from tests.reference.names import client_hello, dns_names


def one(data: bytes) -> None:
    """Hold the invariant for one input."""
    count = data[0] if data else 0
    steps = [step or 1 for step in data[1 : 1 + count]] or [1]
    octets = data[1 + count :]
    whole, parts = HelloReader(), HelloReader()
    whole.feed(octets)
    cut, cut_whole = MessageReader(), MessageReader().feed(octets)
    messages = []
    for piece in _pieces(octets, steps):
        parts.feed(piece)
        messages += cut.feed(piece)
        assert len(parts) <= MAX_HELLO
        assert len(cut) <= 2 + MAX_MESSAGE
    assert (parts.verdict, parts.name) == (whole.verdict, whole.name)
    assert (whole.verdict is Verdict.CERTAIN, whole.name) == client_hello(octets)
    assert messages == cut_whole
    for message in (octets, *messages):
        names = read_questions(message).names
        assert list(names) == dns_names(message)
        assert sum(map(len, names)) <= MAX_NAMES + 255
        assert read_questions(message, strict=True).names in (names, ())


def _pieces(octets: bytes, steps: list[int]) -> list[bytes]:
    pieces = []
    at = turn = 0
    while at < len(octets):
        step = steps[turn % len(steps)]
        pieces.append(octets[at : at + step])
        at += step
        turn += 1
    return pieces


if __name__ == "__main__":
    fuzz(one)
