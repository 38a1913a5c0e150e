"""A process that gave up its rights, tried from inside and looked at from outside."""

import os
import re
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from sensor.worker.landlock import landlock_abi
from tests.worker.attempts import DEADLY, HARMLESS
from tests.worker.neighbours import neighbours
from tests.worker.programs import finish, run, run_to_death, start

pytestmark = pytest.mark.linux

LAYERS = ["no_new_privs", "capabilities", "rlimits", "landlock", "seccomp"]
AS_ROOT = {"user": "nobody"}
AS_NOBODY = {"start_as_nobody": True}
WITH_CAPABILITIES = {"start_as_nobody": True, "with_capabilities": True}
BEGINNINGS = [
    pytest.param({}, id="as-it-is"),
    pytest.param(AS_ROOT, id="root", marks=pytest.mark.root),
    pytest.param(AS_NOBODY, id="nobody", marks=pytest.mark.root),
    pytest.param(WITH_CAPABILITIES, id="net-raw", marks=pytest.mark.root),
]


def held_by(options: dict[str, Any]) -> list[str]:
    is_user = options or os.geteuid() != 0
    return (["user"] if is_user else []) + [
        layer for layer in LAYERS if layer != "landlock" or landlock_abi() > 0
    ]


@pytest.mark.parametrize("options", BEGINNINGS)
def test_everything_else_is_refused(options: dict[str, Any], tmp_path: Path) -> None:
    with neighbours(tmp_path) as (around, fds):
        result = run("try_all", {**around, **options, "without": DEADLY}, fds)
    assert result.pop("pid")
    held = result.pop("held").split(",")
    assert held == held_by(options)
    assert {name: result.pop(name) for name in HARMLESS} == dict.fromkeys(HARMLESS, "done")
    assert result.pop("inherited file") == "EBADF"
    assert len(result) > 25
    assert result == dict.fromkeys(result, "EPERM")


@pytest.mark.parametrize("attempt", DEADLY)
def test_what_only_an_intruder_does_ends_the_process(attempt: str, tmp_path: Path) -> None:
    with neighbours(tmp_path) as (around, fds):
        status, said = run_to_death("try_one", {**around, "attempt": attempt}, fds)
    assert status == -signal.SIGSYS, said


@pytest.mark.parametrize("options", BEGINNINGS)
def test_seen_from_outside(options: dict[str, Any]) -> None:
    ours, theirs = socket.socketpair()
    spare = os.memfd_create("spare")
    before = _status(os.getpid())
    with ours, theirs:
        number = theirs.fileno()
        more = {"control": number, "keep_fds": [number], "address_space": 3 << 30}
        program = start("wait", {**options, **more}, [number, spare])
        os.close(spare)
        try:
            theirs.close()
            assert ours.recv(1) == b"!"
            status = _status(program.pid)
            for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert int(status[name], 16) == 0
            if options == AS_ROOT:
                assert int(status["CapBnd"], 16) == 0
            assert status["NoNewPrivs"] == "1"
            assert status["Seccomp"] == "2"
            if options:
                assert status["Uid"].split() == status["Gid"].split() == ["65534"] * 4
                assert status["Groups"] == ""
            else:
                assert [status[name] for name in ("Uid", "Gid")] == [before[name] for name in ("Uid", "Gid")]
            limits = _limits(program.pid)
            for name in ("core file size", "file size", "processes"):
                assert limits[name] == ("0", "0")
            assert limits["address space"] == (str(3 << 30), str(3 << 30))
            assert number < int(limits["open files"][1]) < number + 10
            # Not dumpable: its files in /proc are root's, whoever it is.
            assert Path(f"/proc/{program.pid}/mem").stat().st_uid == 0
        finally:
            ours.close()
            result = finish(program)
    assert result["held"] == held_by(options)


@pytest.mark.root
def test_only_what_is_kept_is_open() -> None:
    ours, theirs = socket.socketpair()
    spare = os.memfd_create("spare")
    with ours, theirs:
        number = theirs.fileno()
        program = start(
            "wait", {**AS_ROOT, "control": number, "keep_fds": [number]}, [number, spare, ours.fileno()]
        )
        os.close(spare)
        theirs.close()
        assert ours.recv(1) == b"!"
        opened = {int(fd.name): fd.readlink() for fd in Path(f"/proc/{program.pid}/fd").iterdir()}
        assert opened.keys() == {0, 1, 2, number}
        assert opened[0] == opened[1] == Path(os.devnull)
        ours.close()
        finish(program)


def test_it_dies_with_its_parent() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        parent = start("start_another", {"control": number, "keep_fds": [number]}, [number])
        theirs.close()
        assert ours.recv(1) == b"!"
        parent.kill()
        parent.communicate()
        ours.settimeout(60)
        assert ours.recv(1) == b""  # It waits for us, and we have said nothing.


def test_rights_that_remain_are_found() -> None:
    error = run("unconfined", {})["error"]
    assert "NoNewPrivs" in error
    if os.geteuid() == 0:
        for name in ("CapPrm", "CapEff", "Uid", "Gid"):
            assert name in error


def test_a_process_with_another_thread_is_refused() -> None:
    result = run("with_thread", {})
    assert "has 2 threads" in result["error"]
    assert "OPENBLAS_NUM_THREADS=1" in result["error"]


@pytest.mark.root
@pytest.mark.parametrize(("user", "said"), [("no-such-user", "useradd"), ("root", "is root")])
def test_an_account_that_will_not_do_is_refused(user: str, said: str) -> None:
    assert said in run("refused", {"user": user})["error"]


@pytest.mark.root
def test_the_account_is_of_no_concern_to_a_process_without_rights() -> None:
    assert run("refused", {**AS_NOBODY, "user": "no-such-user"})["held"][0] == "user"


def _status(pid: int) -> dict[str, str]:
    lines = (line.partition(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {name: value.strip() for name, _, value in lines}


def _limits(pid: int) -> dict[str, tuple[str, str]]:
    """Soft and hard."""
    text = Path(f"/proc/{pid}/limits").read_text()
    return {name: (soft, hard) for name, soft, hard in re.findall(r"Max (.+?) {2,}(\S+) +(\S+)", text)}
