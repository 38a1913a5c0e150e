"""Captures that are missing, damaged or no captures: one line, the right status, and all that can be read."""

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.command import CUT, DEMO, DEMO_PACKETS, SMALL, Sensor, with_closed, without_override

CAPTURE = CUT.parent


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Path.exists, "does not exist; check the path"),
        (lambda path: path.mkdir(), "no pcap or pcapng capture in this directory; name another one"),
        (lambda path: path.write_bytes(b""), "is empty (0 octets)"),
        (lambda path: path.write_bytes(os.urandom(64).replace(b"\n", b"") * 100), "is not a pcap or pcapng"),
        (lambda path: path.write_text("GET / HTTP/1.1\n"), "is not a pcap or pcapng"),
        (lambda path: path.write_bytes(b"\x1f\x8bdamaged"), "is damaged gzip data"),
        (lambda path: path.symlink_to(path), "cannot be read"),
    ],
    ids=["missing", "directory", "empty", "garbage", "text", "gzip", "loop"],
)
def test_no_capture_is_refused_before_anything_is_written(
    sensor: Sensor, make: Callable[[Path], object], reason: str
) -> None:
    make(sensor.home / "it")
    done = sensor("replay", "--db", "a.db", "--eve", "a.json", SMALL, "it")
    assert (done.status, done.octets) == (1, b"")
    assert done.line.startswith("watchdog-sensor: it ") or done.line.startswith("watchdog-sensor: it:")
    assert reason in done.line
    assert not (sensor.home / "a.db").exists()
    assert not (sensor.home / "a.json").exists()


def test_permission_denied(sensor: Sensor) -> None:
    (sensor.home / "a.pcap").write_bytes(SMALL.read_bytes())
    (sensor.home / "a.pcap").chmod(0)
    done = sensor("replay", "--no-db", "a.pcap", before=without_override())
    assert done.status == 1
    assert "a.pcap cannot be read: permission denied; ask its owner" in done.line


@pytest.mark.parametrize("name", ["no_packets.pcap", "no_packets.pcapng"])
def test_capture_without_packets_is_read(sensor: Sensor, name: str) -> None:
    done = sensor("replay", "--no-db", "-q", "--eve", "-", CAPTURE / name)
    assert (done.status, done.err) == (0, "")
    (stats,) = done.events
    assert stats["stats"]["received"] == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cut_record.pcap", "ends early after record 7"),
        ("cut_header.pcap", "ends early after record 8"),
        ("corrupt_length.pcap", "claims 640034342 octets"),
        ("cut_block.pcapng", "ends early after record 7"),
        ("two_lengths.pcapng", "which it cannot have"),
        ("corrupt_cap_len.pcapng", "claims 131072 captured octets"),
        ("unknown_interface.pcapng", "interface"),
    ],
)
def test_damaged_capture_is_read_as_far_as_it_goes(sensor: Sensor, name: str, reason: str) -> None:
    done = sensor("replay", "--no-db", "-q", "--eve", "-", CAPTURE / name)
    assert done.status == 0
    assert reason in done.line
    assert done.line.count(name) == 1, "the name is said once"
    stats = done.events[-1]["stats"]
    assert stats["received"] == stats["decoded"] + sum(stats["rejected"].values()) > 0
    strict = sensor("replay", "--no-db", "-q", "--strict", "--eve", "-", CAPTURE / name)
    assert (strict.status, strict.octets) == (1, done.octets)
    assert reason in strict.line


def test_strict_is_content_with_a_sound_capture(sensor: Sensor) -> None:
    assert sensor("replay", "--no-db", "-q", "--strict", SMALL).status == 0


@pytest.mark.parametrize("octets", [1, 23, 24, 30, 100])
def test_capture_cut_anywhere(sensor: Sensor, octets: int) -> None:
    (sensor.home / "a.pcap").write_bytes(SMALL.read_bytes()[:octets])
    done = sensor("replay", "--no-db", "-q", "a.pcap")
    assert done.status == (1 if octets < 24 else 0)
    if octets != 24:
        assert "a.pcap" in done.line


def test_standard_input_that_ends_early(sensor: Sensor) -> None:
    done = sensor("replay", "--no-db", "-q", "--eve", "-", "-", stdin=CUT.read_bytes())
    assert done.status == 0
    assert "standard input" in done.line
    assert "ends early" in done.line


@pytest.mark.parametrize("before", [[], with_closed(0)], ids=["empty", "closed"])
def test_standard_input_without_a_capture(sensor: Sensor, before: list[str]) -> None:
    done = sensor("replay", "--db", "a.db", "-", before=before)
    assert done.status == 1
    assert "standard input" in done.line


@pytest.mark.parametrize("command", ["keywords add --stdin", "signatures import -"])
def test_words_of_no_standard_input(sensor: Sensor, command: str) -> None:
    done = sensor(*command.split(), before=with_closed(0))
    assert done.status == 2
    assert "standard input: is closed" in done.line


def test_standard_input_twice(sensor: Sensor) -> None:
    done = sensor("replay", "--no-db", "-", "-", stdin=SMALL.read_bytes())
    assert done.status == 2
    assert "can be read once only" in done.line


def test_file_that_grows_is_read_to_where_it_ends(sensor: Sensor) -> None:
    octets = DEMO.read_bytes()
    path = sensor.home / "a.pcapng"
    path.write_bytes(octets[:1000])
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab", buffering=0) as file:
            for at in range(1000, len(octets), 97):
                file.write(octets[at : at + 97])
                if stop.wait(0.0005):
                    return

    writer = threading.Thread(target=grow)
    writer.start()
    done = sensor("replay", "--no-db", "-q", "--window", "1k", "--eve", "-", "a.pcapng")
    stop.set()
    writer.join()
    assert done.status == 0
    assert "Traceback" not in done.err
    stats = done.events[-1]["stats"]
    assert 0 < stats["received"] == stats["decoded"] <= DEMO_PACKETS


def test_named_pipe(sensor: Sensor) -> None:
    os.mkfifo(sensor.home / "pipe")
    feed = f"cat '{DEMO}' > pipe"
    with subprocess.Popen(["/bin/sh", "-c", feed], cwd=sensor.home) as writer:
        done = sensor("replay", "-q", "--db", "a.db", "--eve", "-", "pipe")
    assert (done.status, done.err, writer.returncode) == (0, "", 0)
    assert done.events[-1]["stats"]["received"] == DEMO_PACKETS


def test_one_bad_capture_among_good_ones_in_a_directory(sensor: Sensor) -> None:
    for name, octets in (("a.pcap", CUT.read_bytes()), ("b.pcap", SMALL.read_bytes()), ("c.pcap", b"")):
        (sensor.home / name).write_bytes(octets)
    both = sensor("replay", "--no-db", "-q", "--eve", "-", Path())
    assert both.status == 0
    assert "a.pcap" in both.line
    received = [
        sensor("replay", "--no-db", "-q", "--eve", "-", name).events[-1]["stats"]["received"]
        for name in ("a.pcap", "b.pcap")
    ]
    assert both.events[-1]["stats"]["received"] == sum(received)
