"""Each layer alone, and a system that lacks it."""

from pathlib import Path
from typing import Any

import pytest

from sensor.worker.landlock import landlock_abi
from sensor.worker.seccomp import add_rules, find_seccomp
from tests.worker.attempts import DEADLY
from tests.worker.neighbours import neighbours
from tests.worker.programs import run

pytestmark = pytest.mark.linux

DENIED_SINCE = {
    "read /etc/passwd": 1,
    "read own memory": 1,
    "read program": 1,
    "list program": 1,
    "list /": 1,
    "write /tmp": 1,
    "make directory": 1,
    "TCP": 4,
    "connect what is kept": 4,
    "abstract socket": 6,
    "ask after parent": 6,
}
"""Landlock's ABI from which on it denies something."""


def attempt_all(options: dict[str, Any], folder: Path) -> dict[str, str]:
    with neighbours(folder) as (around, fds):
        around["path"] = "/nowhere"
        return run("try_all", {**around, **options, "without": [*DEADLY, "signal all"]}, fds)


@pytest.mark.parametrize("abi", [0, 1, 4, 6])
def test_landlock_alone(abi: int, tmp_path: Path) -> None:
    abi = min(abi, landlock_abi())
    result = attempt_all({"landlock": abi, "seccomp": False}, tmp_path)
    held = result["held"].split(",")
    assert ("landlock" in held) == (abi > 0)
    assert "seccomp" not in held
    for name, since in DENIED_SINCE.items():
        assert result[name] == "done" if abi < since else result[name] in {"EACCES", "EPERM"}, name
    made = Path("/tmp") / f"watchdog-{result['pid']}"
    assert made.is_dir() == (abi < 1)
    if made.is_dir():
        made.rmdir()


def test_seccomp_alone(tmp_path: Path) -> None:
    result = attempt_all({"landlock": 0}, tmp_path)
    held = result["held"].split(",")
    assert "landlock" not in held
    assert "seccomp" in held
    assert {result[name] for name in DENIED_SINCE} == {"EPERM"}


@pytest.mark.parametrize("arch", ["X86_64", "AARCH64"])
def test_the_filter_can_be_made_for_every_architecture(arch: str, tmp_path: Path) -> None:
    pyseccomp = find_seccomp()
    assert pyseccomp is not None
    made = pyseccomp.SyscallFilter(pyseccomp.ERRNO(1))
    native = pyseccomp.system_arch()
    wanted = getattr(pyseccomp.Arch, arch)
    if wanted != native:
        made.add_arch(wanted)
        made.remove_arch(native)
    add_rules(pyseccomp, made, 42, [1, 2, 7], [5])
    with (tmp_path / "filter").open("w+") as file:
        made.export_pfc(file)
        file.seek(0)
        text = file.read()
    assert f"filter for arch {arch.lower()} (" in text
    assert text.count("filter for arch") == 1
    for name in ("mmap", "ppoll", "sendto", "futex", "exit_group", "clock_nanosleep"):
        assert f'syscall "{name}"' in text
    for name in ("openat", "socket", "clone", "newfstatat", "dup", "fcntl"):
        assert f'"{name}"' not in text
