"""Interfaces that go, come, change their name or give it to another: every stretch of looking is told."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import Line, Namespace, run, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import silent_talker, write_signatures

pytestmark = [pytest.mark.linux, pytest.mark.netns]


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def ip(side: Namespace, *command: str) -> None:
    """Change a link."""
    run("ip", "-n", side.name, "link", *command)


def join(line: Line) -> None:
    """Make the line anew, after it was removed."""
    left, right = line.left, line.right
    peer = ("peer", "name", right.device, "address", right.mac, "netns", right.name)
    ip(left, "add", left.device, "address", left.mac, "type", "veth", *peer)
    for side in (left, right):
        ip(side, "set", side.device, "up")


def await_state(live: Live, state: str, index: int = 0) -> None:
    """Until the interface is so."""
    await_(lambda: live.interface(index)["state"] == state, f"the interface is {state}")


def up(live: Live) -> list[float]:
    """``watchdog_interface_up`` of each interface."""
    lines = live.metrics().splitlines()
    return [float(line.rpartition(" ")[2]) for line in lines if line.startswith("watchdog_interface_up{")]


def send(live: Live, line: Line, numbers: Iterator[int], count: int = 20) -> None:
    """So many packets, each with a word, and until they were seen."""
    before = live.interface()["ledger"]["delivered"]
    with silent_talker(line, next(numbers) * 1000) as talker:
        talker.say(count)
    live.await_seen(before + count)


def test_an_interface_that_goes_down_and_up(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    numbers = itertools.count()
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        for _ in range(2):
            send(live, line, numbers)
            assert up(live) == [1]
            ip(line.right, "set", line.right.device, "down")
            await_state(live, "down")
            assert up(live) == [0]
            ip(line.right, "set", line.right.device, "up")
            await_state(live, "up")
        send(live, line, numbers)
        assert len({worker["pid"] for worker in live.workers()}) == 1
        assert live.workers()[0]["restarts"] == 0
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] == 60
    assert live.rows("SELECT count(*) FROM detection") == [(60,)]
    events = [event for event in live.events() if event.startswith("interface_")]
    assert events == ["interface_down", "interface_up"] * 2


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interface_that_is_removed_and_made_anew(
    watchdog_sensor: Path, tmp_path: Path, line: Line, workers: str
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--workers", workers)
    numbers = itertools.count()
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        for _ in range(2):
            send(live, line, numbers)
            with silent_talker(line, next(numbers) * 1000) as talker:
                talker.say(20)  # what waits in the ring when the device goes is read
                ip(line.left, "delete", line.left.device)
            await_state(live, "missing")
            assert up(live) == [0]
            await_(lambda: live.workers()[0]["state"] == "stopped", "what waits was read")
            assert sum(worker["counters"]["decoded"] for worker in live.workers()) >= 40  # they stay
            join(line)
            live.await_running()
            await_state(live, "up")
        send(live, line, numbers)
        assert up(live) == [1]
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] == 100
    assert live.rows("SELECT count(*) FROM detection") == [(100,)]
    events = [event for event in live.events() if event in {"interface_gone", "capture_started"}]
    assert events == ["capture_started", *["interface_gone", "capture_started"] * 2]
    stretches = live.rows("SELECT started_ns, ended_ns FROM ledger ORDER BY started_ns")
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(stretches)]
    assert len([gap for gap in gaps if gap > 0]) == 2, stretches


def test_an_interface_that_is_renamed_is_followed(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    numbers = itertools.count()
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        send(live, line, numbers)
        ip(line.right, "set", line.right.device, "name", "other0")
        await_(lambda: live.interface()["device"] == "other0", "the new name is told")
        send(live, line, numbers)
        assert live.interface()["name"] == line.right.device
        assert up(live) == [1]
        # Another device takes the name: that is the one that is meant from now on.
        ip(line.right, "add", line.right.device, "type", "veth", "peer", "name", "far0")
        ip(line.right, "set", line.right.device, "up")
        ip(line.right, "set", "far0", "up")
        await_(
            lambda: "interface_gone" in live.events() and live.interface()["device"] == "", "it is taken up"
        )
        live.await_running()
        before = live.interface()["ledger"]["delivered"]
        with silent_talker(line) as talker:
            talker.say(20)  # to the old one: nobody listens there
        line.right.run("python3", "-c", _SEND_ON_FAR)
        live.await_seen(before + 1)
        assert live.stop() == 0
    assert live.check_ledger()["delivered"] == 41
    assert "interface_renamed" in live.events()


_SEND_ON_FAR = """
import socket
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
    out.bind(("far0", 0))
    out.send(bytes.fromhex("ffffffffffff0200000000030800" "4500001400000000401151d9c6120001c613fffe"))
"""


def test_an_interface_that_is_missing_at_start_is_waited_for(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    options = ("-i", "late0", "--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options, wait=False) as live:
        await_(lambda: live.interface(1), "the service answers")
        live.await_running()
        assert (live.interface(0)["state"], live.interface(1)["state"]) == ("up", "missing")
        assert up(live) == [1, 0]
        send(live, line, itertools.count())
        ip(line.right, "add", "late0", "type", "veth", "peer", "name", "far0")
        ip(line.right, "set", "far0", "up")
        ip(line.right, "set", "late0", "up")
        await_state(live, "up", 1)
        await_(lambda: live.interface(1)["workers"][0]["state"] == "running", "its worker reads")
        before = live.interface(1)["ledger"]["delivered"]
        line.right.run("python3", "-c", _SEND_ON_FAR)
        await_(lambda: live.interface(1)["ledger"]["delivered"] > before, "its packets are seen")
        assert up(live) == [1, 1]
        assert live.stop() == 0
    assert live.events().count("interface_missing") == 1
    assert live.check_ledger()["delivered"] >= 21
    assert live.rows("SELECT count(DISTINCT interface) FROM ledger") == [(2,)]


@pytest.mark.parametrize("names", [["none0"], ["none0", "none1"]])
def test_no_interface_at_all_ends_with_one_line(
    watchdog_sensor: Path, tmp_path: Path, line: Line, names: list[str]
) -> None:
    arguments = [word for name in names for word in ("-i", name)]
    home = str(tmp_path)
    done = line.right.popen(
        *(str(watchdog_sensor), "run", *arguments, "--db", f"{home}/a.db", "--socket", f"{home}/c.sock"),
        stderr=-1,
        text=True,
        env={"HOME": home, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
    )
    _, said = done.communicate(timeout=60)
    assert done.returncode == 1
    (told,) = [text for text in said.splitlines() if "none0" in text]
    assert "ip -brief link" in told
    assert said.splitlines()[-1] == told
    assert not (tmp_path / "c.sock").exists()


def test_interfaces_that_come_and_go_leave_nothing_open(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        before = live.open_files()
        for _ in range(20):
            ip(line.left, "delete", line.left.device)
            join(line)
        await_state(live, "up")
        live.await_running()
        await_(lambda: live.open_files() == before, f"{before} are open again, and nothing else")
        send(live, line, itertools.count())
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] >= 20
