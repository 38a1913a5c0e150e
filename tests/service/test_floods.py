"""Floods of what costs a sensor state: memory stays under its ceiling, and every packet is in the books."""

import struct
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import WORD, ethernet, ipv4, silent_talker, source_of, write_signatures

pytestmark = [pytest.mark.linux, pytest.mark.netns, pytest.mark.tcpreplay]

SYN, ACK, PUSH = 2, 16, 8
MEMORY = 256 << 20


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def write_pcap(path: Path, frames: Iterable[bytes]) -> int:
    """Write a capture; returns its packets."""
    count = 0
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1))
        for frame in frames:
            out.write(struct.pack("<IIII", count // 1_000_000, count % 1_000_000, len(frame), len(frame)))
            out.write(frame)
            count += 1
    return count


def segment(
    source_port: int, port: int, sequence: int, acked: int, flags: int, payload: bytes = b""
) -> bytes:
    """A TCP segment."""
    return (
        struct.pack("!HHIIHHHH", source_port, port, sequence, acked, 5 << 12 | flags, 65_535, 0, 0) + payload
    )


def syns(line: Line, count: int) -> Iterator[bytes]:
    """Connections that nobody goes on with, each from elsewhere."""
    for number in range(count):
        yield ethernet(line, ipv4(source_of(number), 6, segment(number % 60_000 + 1024, 80, number, 0, SYN)))


def fragments(line: Line, count: int) -> Iterator[bytes]:
    """First and middle pieces of datagrams that never become whole, of one and of many datagrams."""
    for number in range(count):
        last_of_all, more = number % 3 == 0, 0x2000
        offset = 0 if last_of_all else number % 5000 + 1
        source = source_of(number if last_of_all else 7)
        yield ethernet(line, ipv4(source, 17, bytes(64), number // 100, more | offset))


def connections(line: Line, count: int) -> Iterator[bytes]:
    """Connections that are all open at once; each then asks for something, with the word in it."""
    request = f"GET /{WORD.replace(' ', '-')} HTTP/1.1\r\nHost: example.org\r\n\r\n{WORD}".encode()
    for flags, acked, payload in ((SYN, 0, b""), (ACK, 1, b""), (ACK | PUSH, 1, request)):
        for number in range(count):
            sequence = 1000 if flags == SYN else 1001
            tcp = segment(40_000 + number % 20_000, 80, sequence, acked, flags, payload)
            yield ethernet(line, ipv4(source_of(number), 6, tcp))


def send(line: Line, live: Live, capture: Path, rate: int) -> int:
    """Replay a capture, and look at the worker's memory all the while; returns the most that it took."""
    words = ("tcpreplay", "-q", "--preload-pcap", f"--pps={rate}", "-i", line.left.device, str(capture))
    replay = line.left.popen(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0

    def over() -> bool:
        nonlocal most
        most = max(most, live.workers()[0]["memory_octets"])
        return replay.poll() is not None

    await_(over, "the capture is sent")
    assert replay.returncode == 0
    return most


def await_all(live: Live, packets: int) -> None:
    """Until all of them are accounted for."""

    def accounted() -> bool:
        ledger = live.interface()["ledger"]
        return bool(packets == ledger["received"] == ledger["delivered"] + sum(ledger["dropped"].values()))

    await_(accounted, f"{packets} packets are accounted for")


@pytest.mark.parametrize("flood", [syns, fragments])
def test_a_flood_does_not_outgrow_the_ceiling(
    watchdog_sensor: Path, tmp_path: Path, line: Line, flood: Callable[[Line, int], Iterator[bytes]]
) -> None:
    packets = write_pcap(tmp_path / "flood.pcap", flood(line, 300_000))
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--memory", str(MEMORY))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        talker.say(10)
        await_all(live, 10)
        most = send(line, live, tmp_path / "flood.pcap", 60_000)
        await_all(live, 10 + packets)
        most = max(most, live.workers()[0]["memory_octets"])
        assert most < MEMORY - (96 << 20), f"{most:,} octets"  # what is left of it for the one worker
        assert live.workers()[0]["restarts"] == 0
        counters = live.workers()[0]["counters"]
        await_(lambda: live.workers()[0]["shed_level"] == 0, "nothing is shed")
        talker.say(10)  # it looks as before
        await_(lambda: live.rows("SELECT count(*) FROM detection") == [(20,)], "detections")
        assert live.stop() == 0
    sums = live.check_ledger()
    assert sums["received"] == packets + 20
    assert counters["flows_evicted" if flood is syns else "fragments"] > 100_000


def test_ten_thousand_connections_at_once(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    packets = write_pcap(tmp_path / "many.pcap", connections(line, 10_000))
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--memory", str(MEMORY))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        most = send(line, live, tmp_path / "many.pcap", 10_000)
        await_all(live, packets)
        assert live.workers()[0]["flows_active"] == 10_000
        assert live.metric("watchdog_flows_active") == 10_000
        assert most < MEMORY - (96 << 20)
        await_(lambda: live.rows("SELECT count(*) FROM detection") == [(10_000,)], "all detections")
        assert live.stop() == 0
    sums = live.check_ledger()
    assert sums["received"] == sums["decoded"] == packets
    requests = [event for event in live.eve_events() if event["event_type"] == "http"]
    assert len(requests) == 10_000
