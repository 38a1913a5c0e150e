"""What all HTTP flows together may hold: past it the oldest give way, and the others are read as ever."""

import gzip
from pathlib import Path

from fixtures.pcaps.build import Conversation, Timed, ethernet, write_cases
from sensor.capture.source import open_captures
from sensor.config import Http1Limits, Settings
from sensor.detections.results import Results
from sensor.matching.compile import compile_signatures
from sensor.pipeline import Pipeline
from signatures.model import Buffer
from tests.signatures.build import signature

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Line:
    """Some connections at once, through a pipeline, a packet at a time."""

    def __init__(
        self, folder: Path, count: int, limits: Http1Limits, buffer: Buffer = Buffer.HTTP_URI
    ) -> None:
        self.folder = folder
        self.pipeline = Pipeline(
            Settings(http=limits), compile_signatures([signature("secret", buffers=(buffer,))])
        )
        self.talks = [Conversation(sport=50_000 + number) for number in range(count)]
        self.results: list[Results] = []
        for talk in self.talks:
            talk.handshake()

    def client(self, number: int, octets: bytes) -> None:
        self.talks[number].client.send(octets)
        self._send(self.talks[number].packets)

    def server(self, number: int, octets: bytes) -> None:
        self.talks[number].server.send(octets)
        self._send(self.talks[number].packets)

    def _send(self, packets: list[Timed]) -> None:
        write_cases({"case": ethernet(packets)}, self.folder)
        packets.clear()
        for capture in open_captures([str(self.folder / "case.pcap")]):
            for batch in capture:
                self.results += self.pipeline.process(batch)

    def finish(self) -> list[tuple[bytes, int, tuple[str, ...]]]:
        """Target, status and anomalies of every transaction, in order."""
        self.results += self.pipeline.finish()
        seen = [event.transaction for results in self.results for event in results.http]
        return [(each.target, each.status, each.anomalies) for each in seen]


def test_the_head_that_waits_for_longest_is_given_up(tmp_path: Path) -> None:
    line = Line(tmp_path, 3, Http1Limits(held_octets=10_000))
    for number in range(3):
        line.client(number, b"GET /%d HTTP/1.1\r\nHost: a\r\n" % number)
    line.client(0, b"X: " + b"x" * 4000)
    line.client(1, b"X: " + b"x" * 4000)
    assert line.pipeline.http_counters.heads_evicted == 0
    line.client(2, b"X: " + b"x" * 4000)
    assert line.pipeline.http_counters.heads_evicted == 1
    for number in range(3):
        line.client(number, b"\r\n\r\n")
        line.server(number, OK)
    cut = ("http.request_head_cut",)
    assert line.finish() == [(b"/0", 200, cut), (b"/1", 200, ()), (b"/2", 200, ())]
    assert line.pipeline._http._held == 0


def test_the_flow_that_was_silent_for_longest_is_given_up(tmp_path: Path) -> None:
    line = Line(tmp_path, 3, Http1Limits(held_octets=2 * 1024 + 100))
    for number in range(3):
        line.client(number, b"GE")
    assert line.pipeline.http_counters.heads_evicted == 1
    for number in range(3):
        line.client(number, b"T /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
    assert [target for target, _, _ in line.finish()] == [b"/1", b"/2"]
    assert line.pipeline._http._probe.cost == 0


def test_what_was_held_is_given_back(tmp_path: Path) -> None:
    line = Line(tmp_path, 2, Http1Limits())
    line.client(0, b"GET / HTTP/1.1\r\nHo")
    line.client(1, b"GET /old\r\n")
    line.client(1, b"Host: a\r\nX")
    held = line.pipeline._http._held
    assert held == 2 * 256 + len(b"GET / HTTP/1.1\r\nHo") + len(b"Host: a\r\nX")
    line.client(0, b"st: a\r\n\r\n")
    assert line.pipeline._http._held < held
    line.finish()
    assert line.pipeline._http._held == 0


def test_past_the_bound_the_oldest_flow_is_read_no_further(tmp_path: Path) -> None:
    line = Line(tmp_path, 3, Http1Limits(flows=2))
    for number in range(3):
        line.client(number, b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
    assert line.pipeline.http_counters.flows_evicted == 1
    for number in range(3):
        line.server(number, OK)
    line.client(0, b"GET /again HTTP/1.1\r\nHost: a\r\n\r\n")
    assert line.finish() == [(b"/0", 0, ()), (b"/1", 200, ()), (b"/2", 200, ())]
    assert [flows.http.tolist() for results in line.results for flows in results.flows] == [[True] * 3]


def test_bodies_decoded_in_one_batch_share_a_bound(tmp_path: Path) -> None:
    limits = Http1Limits(body_octets=1000, buffered_octets=2500)
    line = Line(tmp_path, 1, limits, Buffer.HTTP_RESPONSE_BODY)
    body = gzip.compress(b"x" * 990 + b"secret", mtime=0)
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    line.client(0, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 4)
    line.server(0, answer * 3)
    assert len([alert for results in line.results for alert in results.alerts]) == 2
    assert line.pipeline.http_counters.bodies_cut == 1
    line.server(0, answer)
    assert len([alert for results in line.results for alert in results.alerts]) == 3
