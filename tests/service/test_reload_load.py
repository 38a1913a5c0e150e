"""Signatures replaced under load, in every way that there is: nothing is lost, nothing is found twice."""

import contextlib
import json
import socket
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import Line, Namespace, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import silent_talker
from tests.service.web_talker import web_talking

pytestmark = [pytest.mark.linux, pytest.mark.netns]

WORD = "機密"
URI = """
[[signature]]
sid = 9000001
rev = {rev}
name = "in the target"
category = "custom"
severity = "low"
buffers = ["http.uri"]
keywords = ["機密"]

[[signature]]
sid = 9000002
rev = {rev}
name = "elsewhere, and another one each time"
category = "custom"
severity = "low"
buffers = ["payload"]
keywords = ["nobody says {rev}"]
"""
PAYLOAD = URI.replace('["http.uri"]', '["payload"]')


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def configure(home: Path, text: str) -> tuple[Path, Path]:
    """A configuration that watches its signature file; both."""
    signatures, path = home / "mine.toml", home / "config.toml"
    signatures.write_text(text, encoding="utf-8")
    path.write_text(
        f"[signatures]\nbuiltin = false\nwatch = true\npaths = [{json.dumps(str(signatures))}]\n",
        encoding="utf-8",
    )
    return path, signatures


def passed(side: Namespace) -> int:
    """Packets that the kernel has counted on a device, both ways."""
    (link,) = json.loads(side.run("ip", "-s", "-j", "link", "show", "dev", side.device))
    return int(link["stats64"]["rx"]["packets"] + link["stats64"]["tx"]["packets"])


def told(live: Live) -> tuple[int, int]:
    """Reloads that were taken, and that were refused."""
    status = live.status()["signatures"]
    return status["reloads"], status["reload_failures"]


def refuse(live: Live, signatures: Path) -> None:
    """Ask for a set with a mistake: what is in use stays so."""
    digest = live.status()["signatures"]["digest"]
    signatures.write_text(URI.format(rev='"none"'), encoding="utf-8")
    answer = live.ask("reload")
    assert (answer["reloaded"], answer["signatures"]) == (False, 2)
    assert live.status()["signatures"]["digest"] == digest


def of_revision(live: Live, revision: int) -> int:
    """Detections of a signature of this revision."""
    return int(live.rows("SELECT count(*) FROM detection WHERE rev = ?", revision)[0][0])


def found(live: Live) -> list[int]:
    """Numbers of the requests that were detected, in order."""
    urls = [url for (url,) in live.rows("SELECT http_url FROM detection WHERE sid = 9000001")]
    return sorted(int((url.decode() if isinstance(url, bytes) else url).rpartition("=")[2]) for url in urls)


def test_every_request_is_detected_once_however_often_signatures_are_replaced(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    configuration, signatures = configure(tmp_path, URI.format(rev=1))
    options = ("--config", configuration, "--workers", "2")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        before = passed(line.right)
        with web_talking(line, f"/?w={urllib.parse.quote(WORD)}&n=") as talker:
            for revision, way in enumerate((*("signal", "control", "bad") * 3, "file"), 2):
                before_it = told(live)
                if way == "bad":
                    refuse(live, signatures)
                    continue
                signatures.write_text(URI.format(rev=revision), encoding="utf-8")
                if way == "signal":
                    live.reload()
                elif way == "control":
                    answer = live.ask("reload")
                    assert (answer["reloaded"], answer["signatures"]) == (True, 2)
                await_(lambda: told(live) > before_it, f"{way} is followed by a reload")  # noqa: B023
                assert told(live)[1] == before_it[1]
                await_(lambda: of_revision(live, revision) > 10, "detections of the new set")  # noqa: B023
            talker.stop()
            await_(lambda: len(found(live)) >= talker.asked, "all are detected")
        assert all(worker["restarts"] == worker["shed_level"] == 0 for worker in live.workers())
        live.await_seen(passed(line.right) - before)
        packets = passed(line.right) - before
        assert live.stop() == 0
    sums = live.check_ledger()
    assert found(live) == list(range(talker.asked))
    assert (sums["dropped"], sums["shed"], sums["rejected"]) == (0, 0, 0)
    assert sums["received"] == sums["decoded"] == packets
    asked = [event for event in live.eve_events() if event["event_type"] == "http"]
    assert len(asked) == talker.asked
    assert len(live.rows("SELECT DISTINCT rev FROM detection")) == 1 + 7


def test_a_word_that_comes_half_before_and_half_after_is_found_once(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    """One that was found before is not found again, and a stream that goes on keeps its offsets."""
    configuration, signatures = configure(tmp_path, PAYLOAD.format(rev=1))
    with (
        live_sensor(watchdog_sensor, line.right, tmp_path, "--config", configuration) as live,
        silent_talker(line) as talker,
        contextlib.ExitStack() as stack,
    ):
        with line.right.entered():
            sink = stack.enter_context(socket.create_server((line.right.address, 4000)))
        with line.left.entered():
            client = stack.enter_context(socket.create_connection((line.right.address, 4000)))
        stack.enter_context(sink.accept()[0])
        octets = WORD.encode()
        for revision, (first, rest) in enumerate([(b"", octets), (octets[:4], octets[4:])], 2):
            client.sendall(b"some text " + first)
            seen = detections(live)
            talker.say(1, WORD)  # behind it, on the same line
            await_(lambda: detections(live) > seen, "the datagram is found")  # noqa: B023
            signatures.write_text(PAYLOAD.format(rev=revision), encoding="utf-8")
            assert live.ask("reload")["reloaded"]
            client.sendall(rest + b" and more")
            talker.say(1, WORD)
            await_(lambda: detections(live) > seen + 2, "the word is found")  # noqa: B023
        assert live.stop() == 0
    rows = live.rows("SELECT rev, offset FROM detection WHERE proto = 'TCP' ORDER BY id")
    assert rows == [(2, 10), (3, len(b"some text ") + len(octets) + len(b" and more") + 10)]
    live.check_ledger()


def detections(live: Live) -> int:
    """How many are stored."""
    return int(live.rows("SELECT count(*) FROM detection")[0][0])
