"""``install`` and ``uninstall`` into a root of their own; the unit as systemd reads it."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sensor.install.environment import environment_paths, find_obstacles
from sensor.install.unit import UNIT_NAME, service_command, unit_text
from tests.cli.command import SMALL, Sensor

pytestmark = pytest.mark.linux

CONFIGURATION = Path("etc/watchdog-sensor/config.toml")
UNIT = Path("etc/systemd/system") / UNIT_NAME


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def test_install_writes_unit_and_configuration(sensor: Sensor, root: Path) -> None:
    done = sensor("install", "--prefix", root, "-i", "eth0", "-i", "wlan0", "--lang", "en")
    assert (done.status, done.err) == (0, "")
    configuration = tomllib.loads((root / CONFIGURATION).read_text("utf-8"))
    assert configuration["capture"]["interfaces"] == ["eth0", "wlan0"]
    assert sensor("config", "check", root / CONFIGURATION).status == 0
    unit = (root / UNIT).read_text("utf-8")
    (command,) = re.findall(r"^ExecStart=(.*) run$", unit, re.MULTILINE)
    assert Path(command) == sensor.command
    assert (root / UNIT).stat().st_mode & 0o777 == 0o644
    assert "systemctl daemon-reload" in done.out
    assert f"wrote {root / UNIT}" in done.out
    assert [path.name for path in (root / UNIT).parent.iterdir()] == [UNIT_NAME]


def test_what_is_there_is_left_alone(sensor: Sensor, root: Path) -> None:
    (root / CONFIGURATION).parent.mkdir(parents=True)
    (root / CONFIGURATION).write_text("# mine\n")
    first = sensor("install", "--prefix", root, "-i", "eth0", "--lang", "ja")
    assert "変更していません" in first.out
    assert (root / CONFIGURATION).read_text() == "# mine\n"
    before = (root / UNIT).stat()
    again = sensor("install", "--prefix", root, "--lang", "en")
    assert f"{root / UNIT} is as it should be" in again.out
    assert (root / UNIT).stat().st_ino == before.st_ino
    (root / UNIT).write_text("# older\n")
    sensor("install", "--prefix", root)
    assert "older" not in (root / UNIT).read_text("utf-8")


def test_without_an_interface_it_says_where_to_name_one(sensor: Sensor, root: Path) -> None:
    done = sensor("install", "--prefix", root, "--lang", "en")
    assert f"name the interfaces to watch in {root / CONFIGURATION}" in done.out
    assert sensor("config", "check", root / CONFIGURATION).status == 0


def test_dry_run_writes_nothing(sensor: Sensor, root: Path) -> None:
    done = sensor("install", "--prefix", root, "--dry-run", "-i", "eth0")
    assert (done.status, done.err) == (0, "")
    assert "ExecStart=" in done.out
    assert 'interfaces = ["eth0"]' in done.out
    assert not root.exists()


def test_bad_interface_is_refused(sensor: Sensor, root: Path) -> None:
    done = sensor("install", "--prefix", root, "-i", "a/b")
    assert done.status == 2
    assert "-i holds 'a/b'" in done.line
    assert not root.exists()


def test_uninstall_keeps_the_data(sensor: Sensor, root: Path) -> None:
    sensor("install", "--prefix", root)
    enabled = root / UNIT.parent / "multi-user.target.wants" / UNIT_NAME
    enabled.parent.mkdir()
    enabled.symlink_to("/etc/systemd/system/watchdog-sensor.service")
    done = sensor("uninstall", "--prefix", root)
    assert done.status == 1
    assert "systemctl disable --now watchdog-sensor" in done.line
    assert (root / UNIT).exists()
    enabled.unlink()
    done = sensor("uninstall", "--prefix", root, "--lang", "en")
    assert (done.status, done.err) == (0, "")
    assert not (root / UNIT).exists()
    assert (root / CONFIGURATION).exists()
    assert str(root / CONFIGURATION) in done.out
    assert str(root / "var/lib/watchdog-sensor") in done.out
    assert "not installed" in sensor("uninstall", "--prefix", root, "--lang", "en").out


def test_place_that_cannot_be_written(sensor: Sensor, tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file")
    done = sensor("install", "--prefix", tmp_path)
    assert done.status == 1
    assert "run it with sudo" in done.line


def test_words_of_the_command_survive_systemd() -> None:
    text = unit_text(["/opt/a b/50%/$x", "-m", 'a"b\\c'])
    assert r'ExecStart="/opt/a b/50%%/$$x" -m "a\"b\\c" run' in text
    assert "@command@" not in text


@pytest.fixture
def open_folder() -> Generator[Path]:
    """A folder that everybody can reach, which pytest's are not."""
    with TemporaryDirectory(dir="/var/tmp") as name:
        path = Path(name).resolve()
        path.chmod(0o755)
        yield path


def test_obstacles_to_a_user_without_rights(open_folder: Path) -> None:
    folder = open_folder / "opt"
    folder.mkdir()
    folder.chmod(0o755)
    file = folder / "it"
    file.write_text("")
    file.chmod(0o644)
    assert not list(find_obstacles([folder, file], hidden=[]))
    file.chmod(0o640)
    assert list(find_obstacles([folder, file], [])) == [f"{file}: closed to users without rights"]
    folder.chmod(0o754)
    assert list(find_obstacles([folder, file], [])) == [f"{folder}: closed to users without rights"]
    assert list(find_obstacles([folder / "none"], [])) == [f"{folder}: closed to users without rights"]
    missing = open_folder / "none"
    assert list(find_obstacles([missing], [])) == [f"{missing}: No such file or directory"]
    assert list(find_obstacles([folder], hidden=[open_folder])) == [
        f"{folder}: the service does not see {open_folder}"
    ]


def test_the_environment_is_more_than_one_folder() -> None:
    paths = environment_paths()
    assert Path(sys.executable) in paths
    assert Path(sys.executable).resolve() in paths
    assert Path(pytest.__file__).parent.parent in paths, "where libraries are installed"


@pytest.mark.systemd
def test_unit_is_sound_and_closed(tmp_path: Path) -> None:
    unit = tmp_path / UNIT_NAME
    unit.write_text(unit_text(service_command()), encoding="utf-8")
    for words in (("verify", "--man=no", unit), ("security", "--offline=true", "--threshold=20", unit)):
        done = subprocess.run(
            [shutil.which("systemd-analyze") or "", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        # Whatever it has to say about the unit; of other units on this machine it may complain.
        assert UNIT_NAME not in done.stderr


_CONFINED = """
import os, sys, pyseccomp as s
filter = s.SyscallFilter(s.ALLOW)
W_AND_X, X = 0x2 | 0x4, 0x4
filter.add_rule(s.ERRNO(1), "mmap", s.Arg(2, s.MASKED_EQ, W_AND_X, W_AND_X))
filter.add_rule(s.ERRNO(1), "mprotect", s.Arg(2, s.MASKED_EQ, X, X))
filter.add_rule(s.ERRNO(1), "pkey_mprotect", s.Arg(2, s.MASKED_EQ, X, X))
filter.add_rule(s.ERRNO(1), "shmat", s.Arg(2, s.MASKED_EQ, 0o100000, 0o100000))
filter.load()
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_no_memory_need_be_writable_and_executable(sensor: Sensor) -> None:
    """What MemoryDenyWriteExecute= forbids (systemd.exec(5)) is missed by nothing that matches."""
    done = sensor("replay", "--no-db", "--eve", "-", SMALL, before=[sys.executable, "-c", _CONFINED])
    assert (done.status, done.err.count("Traceback")) == (0, 0)
    assert done.events[-1]["stats"]["decoded"] > 0
    rigid = [sys.executable, "-c", _CONFINED, sys.executable, "-c"]
    probe = "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)"
    refused = subprocess.run([*rigid, probe], capture_output=True, text=True, check=False)
    assert "PermissionError" in refused.stderr
