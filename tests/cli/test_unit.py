"""The service within the walls that its unit puts up, without systemd itself.

What systemd would do is done by a launcher: the unit's system-call filter, address families, no memory both
writable and executable, an ordinary user with one capability. Then the real service captures real packets.
"""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from sensor.install.unit import service_command, unit_text
from tests.cli.command import Sensor

pytestmark = [pytest.mark.systemd, pytest.mark.netns]

_LAUNCHER = """
import json, os, sys, pyseccomp as s
walls = json.loads(sys.argv[1])
deny = s.SyscallFilter(s.ERRNO(1))
for name in walls["allowed"]:
    known = s.resolve_syscall(s.Arch.NATIVE, name) != -1
    if known and name not in ("mmap", "mprotect", "pkey_mprotect", "socket"):
        deny.add_rule(s.ALLOW, name)
for at in (0, 2, 4):  # all pairs of PROT_WRITE and PROT_EXEC but both
    deny.add_rule(s.ALLOW, "mmap", s.Arg(2, s.MASKED_EQ, 6, at))
for name in ("mprotect", "pkey_mprotect"):
    deny.add_rule(s.ALLOW, name, s.Arg(2, s.MASKED_EQ, 4, 0))
for family in walls["families"]:
    deny.add_rule(s.ALLOW, "socket", s.Arg(0, s.EQ, family))
deny.load()
os.execv(sys.argv[2], sys.argv[2:])
"""
_FETCH = """
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:9477/metrics", timeout=10).read().decode())
"""
_USER = "65534"
# The tester's own Python may lie in a closed home, which the unit's never does.
_CAPABILITIES = "+net_raw,+dac_read_search"


def settings(name: str) -> list[str]:
    """Values of a directive of the unit, in order."""
    return re.findall(rf"^{name}=(.*)$", unit_text(service_command()), re.MULTILINE)


def members(name: str) -> Iterator[str]:
    """System calls of one of systemd's sets, those of sets within it too."""
    if not name.startswith("@"):
        yield name
        return
    shown = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True, check=True
    )
    for line in shown.stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            yield from members(word)


def allowed() -> set[str]:
    """What the unit's filter lets through: always @default, then each line adds or takes away."""
    calls = set(members("@default"))
    for value in settings("SystemCallFilter"):
        taken = {call for word in value.removeprefix("~").split() for call in members(word)}
        calls = calls - taken if value.startswith("~") else calls | taken
    return calls | {"execve"}  # never denied by systemd itself, which has yet to start the program


def confined() -> list[str]:
    """Words before a command that put the unit's walls around it."""
    families = [int(socket.AddressFamily[name]) for name in settings("RestrictAddressFamilies")[0].split()]
    walls = json.dumps({"allowed": sorted(allowed()), "families": families})
    drop = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "--no-new-privs"]
    drop += [f"--{kind}=-all,{_CAPABILITIES}" for kind in ("bounding-set", "inh-caps", "ambient-caps")]
    inside = 'ip link set lo up && exec "$0" "$@"'
    return ["unshare", "--net", "sh", "-c", inside, *drop, sys.executable, "-c", _LAUNCHER, walls]


def ask(path: Path) -> dict[str, Any] | None:
    """The service's status, if it answers yet."""
    with socket.socket(socket.AF_UNIX) as channel:
        try:
            channel.connect(str(path))
        except OSError:
            return None
        channel.sendall(b'{"command":"status"}\n')
        with channel.makefile("rb") as stream:
            answer: dict[str, Any] = json.loads(stream.readline())
            return answer


def status_when(path: Path, settled: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The status of the one interface, once it is as wished."""
    for _ in range(300):
        status = ask(path)
        if status and status["interfaces"] and settled(interface := status["interfaces"][0]):
            return dict(interface)
        time.sleep(0.1)
    raise AssertionError(f"the service did not come so far: {ask(path)}")


def within(service: "subprocess.Popen[bytes]", script: str) -> str:
    """What a Python script prints in the service's network."""
    words = ["nsenter", "--net", f"--target={service.pid}", sys.executable, "-c", script]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_service_runs_within_its_unit(watchdog_sensor: Path) -> None:
    with TemporaryDirectory(prefix="wd", dir="/tmp") as name:
        home = Path(name)
        home.chmod(0o777)
        sensor = Sensor(watchdog_sensor, home)
        with (home / "err").open("wb") as err:
            service = subprocess.Popen(
                [*confined(), sensor.command, "run", "-i", "lo", "--db", "a.db", "--socket", "control.sock"],
                cwd=home,
                env=sensor.environment(),
                stdin=subprocess.DEVNULL,
                stdout=err,
                stderr=err,
            )
        try:
            status_when(home / "control.sock", lambda found: found["workers"][0]["state"] == "running")
            metrics = within(service, _FETCH)
            seen = status_when(home / "control.sock", lambda found: found["ledger"]["decoded"] >= 5)
        finally:
            service.send_signal(signal.SIGTERM)
            status = service.wait(30)
        said = (home / "err").read_text("utf-8", "replace")
        assert status == 0, said
        assert not re.search(r"Traceback|not permitted|died", said), said
        assert "watchdog_build_info" in metrics
        (worker,) = seen["workers"]
        assert {"user", "no_new_privs", "capabilities", "landlock", "seccomp"} <= set(worker["confined_by"])
        assert worker["restarts"] == 0
        assert (home / "a.db").stat().st_uid == int(_USER)


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket(31, socket.SOCK_RAW)",  # AF_BLUETOOTH
        "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
        "os.chroot('/')",
        "os.setuid(0)",
        "socket.sethostname('x')",
    ],
)
def test_the_walls_hold(attempt: str) -> None:
    """Else the test above would tell nothing."""
    words = [*confined(), sys.executable, "-c", f"import os, mmap, socket\n{attempt}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert "PermissionError" in done.stderr
