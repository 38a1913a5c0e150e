"""A killed process is told from one that goes on, also when its pid is used again."""

import os
import subprocess
import sys
import time

import pytest

from sensor.store import process
from sensor.store.process import is_gone, process_identity

CODE = """
from sensor.store.process import process_identity
print(process_identity(), flush=True)
input()
"""


def test_this_process_goes_on() -> None:
    assert not is_gone(process_identity())


def test_another_process_until_it_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        identity = other.stdout.readline().strip()
        assert int(identity.split()[1]) == other.pid
        assert not is_gone(identity)
        other.kill()
        deadline = time.monotonic() + 10
        while not is_gone(identity) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert is_gone(identity), "killed, though its parent has not waited for it yet"
    assert is_gone(identity)


def test_reused_pid_and_earlier_boot() -> None:
    boot, pid, start = process_identity().split()
    assert is_gone(f"{boot} {pid} {int(start) - 1}")
    assert is_gone(f"00000000-0000-0000-0000-000000000000 {pid} {start}")


def test_without_start_time_the_pid_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_boot", lambda: "-")
    monkeypatch.setattr(process, "_start_time", lambda _: "-")
    assert process_identity() == f"- {os.getpid()} -"
    assert not is_gone(process_identity())
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    assert is_gone(f"- {ended.pid} -")
