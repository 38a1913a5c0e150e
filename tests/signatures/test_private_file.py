"""A file that is replaced whole or not at all, for its owner alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.errors import SensorError
from signatures import private_file
from signatures.private_file import locked, replace_private

COUNT = """
import sys
from pathlib import Path
from signatures.private_file import locked, replace_private
path = Path(sys.argv[1])
for _ in range(25):
    with locked(path):
        count = int(path.read_text()) if path.exists() else 0
        replace_private(path, str(count + 1).encode(), lambda new: None)
"""


def accept(_new: Path) -> None:
    """Nothing is wrong with it."""


def refuse(_new: Path) -> None:
    raise SensorError("no")


@pytest.mark.posix
def test_file_and_folder_are_their_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "it.toml"
    mask = os.umask(0)
    try:
        with locked(path):
            replace_private(path, b"text", accept)
    finally:
        os.umask(mask)
    modes = [(path.parent, 0o700), *((entry, 0o600) for entry in path.parent.iterdir())]
    assert [(entry, entry.stat().st_mode & 0o777) for entry, _ in modes] == modes
    assert path.read_bytes() == b"text"


@pytest.mark.posix
@pytest.mark.parametrize("name", ["pipe", "folder", "folder/..", ""])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    with pytest.raises(SensorError, match=r"is no file; name another one"), locked(Path(name)):
        pytest.fail("locked")
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["folder", "pipe"]


def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "it.toml"
    path.write_text("before")
    with pytest.raises(SensorError, match="no"):
        replace_private(path, b"after", refuse)
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("it.toml", "before")]


def test_the_check_sees_what_will_be_there_and_no_reader_does_before(tmp_path: Path) -> None:
    path = tmp_path / "it.toml"
    path.write_text("before")
    seen = []

    def check(new: Path) -> None:
        seen.append((new.read_text(), new.suffix == ".toml", path.read_text()))

    replace_private(path, b"after", check)
    assert seen == [("after", False, "before")]
    assert path.read_text() == "after"


@pytest.mark.posix
def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "count"
    writers = [subprocess.Popen([sys.executable, "-c", COUNT, str(path)], cwd=Path.cwd()) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert path.read_text() == "75"


@pytest.mark.posix
def test_a_writer_that_does_not_end_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_file, "_LOCK_SECONDS", 0.05)
    path = tmp_path / "it.toml"
    with (
        locked(path),
        pytest.raises(SensorError, match="another command is changing it"),
        locked(path),
    ):
        pytest.fail("two at once")


@pytest.mark.root
@pytest.mark.posix
def test_root_leaves_a_file_of_the_folder_s_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 23456)
    path = tmp_path / "it.toml"
    with locked(path):
        replace_private(path, b"text", accept)
    owners = {(entry.stat().st_uid, entry.stat().st_gid) for entry in tmp_path.iterdir()}
    assert owners == {(12345, 23456)}


def test_a_folder_that_can_not_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SensorError, match="--file"), locked(tmp_path / "file" / "it.toml"):
        pytest.fail("made")
