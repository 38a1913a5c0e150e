"""A run that a signal ends: what was committed stays, and the log of runs tells."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.cli.command import DEMO, Sensor

COMMAND = ("replay", "--db", "a.db", "--eve", "a.json", "-")


@contextmanager
def running(sensor: Sensor) -> Iterator["subprocess.Popen[bytes]"]:
    """A replay of what its standard input brings, whatever becomes of it."""
    run = sensor.start(*COMMAND)
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


def alerts_so_far(sensor: Sensor) -> int:
    eve = sensor.home / "a.json"
    return eve.read_bytes().count(b'"event_type":"alert"') if eve.exists() else 0


def feed(sensor: Sensor, run: "subprocess.Popen[bytes]") -> None:
    """Bring all of the demo but its last packets, and wait until the run has come to the alerts in it."""
    assert run.stdin is not None
    run.stdin.write(DEMO.read_bytes()[:-5000])
    while alerts_so_far(sensor) < 20:
        assert run.poll() is None
        time.sleep(0.01)


def detections(sensor: Sensor) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(sensor("detections", "export", "--db", "a.db").out)
    return rows


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_a_run_in_order(sensor: Sensor, number: signal.Signals) -> None:
    with running(sensor) as run:
        feed(sensor, run)
        run.send_signal(number)
        _, err = run.communicate()
        assert run.returncode == 1
    assert err.decode() == "watchdog-sensor: interrupted; what was committed is kept\n"
    found = detections(sensor)
    assert len(found) >= alerts_so_far(sensor) >= 20, "what was detected is committed on the way out"
    line, reason = sensor("runs", "--db", "a.db").out.splitlines()[1:]
    assert reason.strip() == number.name
    _, _, _, status, packets, count, *_ = line.split()
    assert status == "interrupted"
    assert int(packets) > 300, "packets so far are logged"
    assert int(count) == len(found)
    for event in (sensor.home / "a.json").read_bytes().splitlines():
        json.loads(event)


def test_kill_loses_nothing_that_was_committed(sensor: Sensor) -> None:
    with running(sensor) as run:
        feed(sensor, run)
        assert run.stdin is not None
        # Detections are committed once a second, when the next packets come.
        rest = DEMO.read_bytes()[-5000:]
        time.sleep(1.1)
        run.stdin.write(rest[:4000])
        deadline = time.monotonic() + 30
        while not (committed := detections(sensor)):
            assert time.monotonic() < deadline
        assert "running" in sensor("runs", "--db", "a.db").out
        run.kill()
        run.communicate()
    assert detections(sensor)[: len(committed)] == committed
    assert len(committed) >= 20
    assert "interrupted" in sensor("runs", "--db", "a.db").out
    again = sensor("replay", "-q", "--db", "a.db", DEMO)
    assert (again.status, again.err) == (0, "")
    statuses = [line.split()[3] for line in sensor("runs", "--db", "a.db").out.splitlines()[1:]]
    assert statuses == ["completed", "interrupted"]


def test_reader_of_events_that_goes_away(sensor: Sensor) -> None:
    run = sensor.start("replay", "--db", "a.db", "--eve", "-", "-")
    assert run.stdin is not None
    assert run.stdout is not None
    octets = DEMO.read_bytes()
    run.stdin.write(octets[:30_000])
    assert run.stdout.read(1) == b"{", "events come while the input goes on"
    run.stdout.close()
    with suppress(BrokenPipeError):
        run.stdin.write(octets[30_000:])
    run.stdin.close()
    assert run.stderr is not None
    assert run.stderr.read() == b""
    run.stderr.close()
    assert run.wait() == 1
    assert "the reader of the EVE output went away" in sensor("runs", "--db", "a.db").out
