"""What parent and workers may do, as the kernel tells it of those that run."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import Line, veth_line
from tests.service.live import await_, live_sensor
from tests.service.talker import silent_talker, write_signatures

pytestmark = [pytest.mark.linux, pytest.mark.netns]

READ = "+dac_read_search"
"""No right to capture, but to reach an interpreter that lies in root's home."""
NET_RAW_AND_READ = 1 << 13 | 1 << 2
UNPRIVILEGED = 12345
"""An id that nobody has."""


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A folder that others may reach, too."""
    made = Path("/tmp") / f"watchdog-{os.getpid()}-{tmp_path.name}"
    made.mkdir(mode=0o755)
    os.chown(made, UNPRIVILEGED, UNPRIVILEGED)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def status_of(pid: int) -> dict[str, str]:
    """/proc/PID/status."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return {key: value.strip() for key, _, value in (row.partition(":") for row in text.splitlines())}


def open_files(pid: int) -> list[str]:
    """What it has open."""
    return sorted(str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir())


def test_workers_of_root_are_nobody_and_can_do_nothing(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    options = ("--no-builtin", "--signatures", write_signatures(tmp_path), "--workers", "2")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        for worker in live.workers():
            told = status_of(worker["pid"])
            assert set(told["Uid"].split()) == {"65534"}
            assert "0" not in told["Gid"].split() + told["Groups"].split()
            for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(told[capabilities], 16) == 0, capabilities
            assert (told["NoNewPrivs"], told["Seccomp"], told["Threads"]) == ("1", "2", "1")
            assert {"user", "no_new_privs", "capabilities", "seccomp"} <= set(worker["confined_by"])
            # The parent's other files stay the parent's: database, control socket, metrics, log of events.
            kinds = [name.split(":")[0] for name in open_files(worker["pid"])]
            assert kinds.count("socket") == 2, open_files(worker["pid"])  # the packets, and the parent
            rest = {name for name in open_files(worker["pid"]) if not name.startswith(("socket:", "pipe:"))}
            assert rest <= {"/dev/null", f"/proc/{worker['pid']}/statm"}, rest
            environment = Path(f"/proc/{worker['pid']}/environ").read_bytes()
            assert b"HOME" not in environment
        (parent,) = {name for name in open_files(live.pid) if name == str(live.db)}
        assert parent
        assert live.stop() == 0
    live.check_ledger()


def run_as(capabilities: str) -> tuple[str, ...]:
    """A command line before that of a program, to run it as somebody with these rights alone."""
    ids = (f"--reuid={UNPRIVILEGED}", f"--regid={UNPRIVILEGED}", "--clear-groups")
    kinds = ("inh-caps", "ambient-caps", "bounding-set")
    return ("setpriv", *ids, *(f"--{kind}=-all,{capabilities}" for kind in kinds), "--")


def test_the_right_to_capture_is_enough(watchdog_sensor: Path, home: Path, line: Line) -> None:
    """Of all capabilities, CAP_NET_RAW; promiscuous too."""
    options = ("--no-builtin", "--signatures", write_signatures(home))
    with (
        live_sensor(watchdog_sensor, line.right, home, *options, before=run_as(f"+net_raw,{READ}")) as live,
        silent_talker(line) as talker,
    ):
        told = status_of(live.pid)
        assert int(told["CapEff"], 16) == NET_RAW_AND_READ
        assert set(told["Uid"].split()) == {str(UNPRIVILEGED)}
        (worker,) = live.workers()
        assert int(status_of(worker["pid"])["CapEff"], 16) == int(status_of(worker["pid"])["CapPrm"], 16) == 0
        assert "promiscuity 1" in line.right.run("ip", "-d", "link", "show", line.right.device)
        talker.say(100)
        await_(lambda: live.rows("SELECT count(*) FROM detection") == [(100,)], "detections")
        os.kill(worker["pid"], 9)  # a successor gets no more than it had
        await_(lambda: live.workers()[0]["restarts"], "it is started again")
        live.await_running()
        talker.say(100)
        await_(lambda: live.rows("SELECT count(*) FROM detection") == [(200,)], "detections")
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] == 200
    assert "promiscuity 0" in line.right.run("ip", "-d", "link", "show", line.right.device)


def test_without_rights_one_line_says_what_to_do(watchdog_sensor: Path, home: Path, line: Line) -> None:
    files = ("--db", f"{home}/a.db", "--socket", f"{home}/c.sock", "--no-metrics")
    process = line.right.popen(
        *run_as(READ),
        *(str(watchdog_sensor), "run", "-i", line.right.device, *files),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )
    out, said = process.communicate(timeout=60)
    assert process.returncode == 1
    (told,) = said.splitlines()
    command = told.partition("(CAP_NET_RAW): ")[2]
    assert command == f"sudo {watchdog_sensor.resolve()} run -i {line.right.device}"
    assert out == ""
    assert not (home / "c.sock").exists()
