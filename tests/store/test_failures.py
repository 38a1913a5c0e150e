"""A database that cannot be used is refused with one line that names it; what it holds stays."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.errors import StoreError
from sensor.store.queries import DetectionFilter, read_detection, read_detections, read_runs
from sensor.store.records import RunCounts, RunStatus
from sensor.store.replay import ReplayStore
from sensor.store.schema import APPLICATION_ID, MIGRATIONS
from tests.store.alerts import ALERT, make_alerts


def open_store(path: Path) -> str:
    """The line with which ``path`` is refused for writing."""
    with pytest.raises(StoreError) as refused, ReplayStore(path):
        pass
    return check_line(str(refused.value), path)


def read_store(path: Path) -> str:
    """The line with which ``path`` is refused for reading."""
    with pytest.raises(StoreError) as refused:
        read_runs(path)
    return check_line(str(refused.value), path)


def check_line(line: str, path: Path) -> str:
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


def fill(path: Path) -> None:
    with ReplayStore(path) as store:
        store.begin_run([], version="0", signatures_digest="")
        store.write(make_alerts(1000))
        store.end_run(RunStatus.COMPLETED, RunCounts())


def test_missing_database_is_not_made_by_reading(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    assert "no such database" in read_store(path)
    assert not path.exists()


def test_missing_directory(tmp_path: Path) -> None:
    assert "there is no directory" in open_store(tmp_path / "none" / "a.db")
    assert "there is no directory" in read_store(tmp_path / "none" / "a.db")


def test_directory(tmp_path: Path) -> None:
    assert "a directory" in open_store(tmp_path)
    assert "a directory" in read_store(tmp_path)


def test_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(b"\xd4\xc3\xb2\xa1" * 1000)
    assert "not a database" in open_store(path)
    assert "not a database" in read_store(path)
    assert path.read_bytes() == b"\xd4\xc3\xb2\xa1" * 1000
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    octets = bytearray(path.read_bytes())
    octets[4096:] = b"\xa5" * (len(octets) - 4096)
    path.write_bytes(octets)
    assert "damaged" in open_store(path)
    assert "damaged" in read_store(path)


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "places.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE bookmark (url TEXT)")
    db.close()
    before = path.read_bytes()
    assert "another program's" in open_store(path)
    assert "another program's" in read_store(path)
    assert path.read_bytes() == before


def test_newer_schema_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    before = path.read_bytes()
    assert "newer watchdog-sensor" in open_store(path)
    assert "newer watchdog-sensor" in read_store(path)
    assert path.read_bytes() == before


def test_empty_database_has_nothing_to_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.touch()
    assert "nothing was logged to it yet" in read_store(path)


@pytest.mark.posix
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert "not a regular file" in open_store(path)
    assert "not a regular file" in read_store(path)


def test_no_such_detection(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    fill(path)
    with pytest.raises(StoreError, match="no detection 1001"):
        read_detection(path, 1001)


def test_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    fill(path)
    monkeypatch.setattr("sensor.store.database._LOCK_TIMEOUT", 0.01)
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    assert "keeps it locked" in open_store(path)
    other.close()
    fill(path)


AS_NOBODY = """
import os, sys
from pathlib import Path
from sensor.errors import StoreError
from sensor.store.queries import DetectionFilter, read_detections
from sensor.store.replay import ReplayStore
if os.geteuid() == 0:
    os.setuid(65534)
path = Path(sys.argv[1])
try:
    print(sum(1 for _ in read_detections(path, DetectionFilter())))
except StoreError as error:
    print(error)
try:
    with ReplayStore(path):
        print("opened")
except StoreError as error:
    print(error)
"""


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user may read and only its owner may write."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def run_as_nobody(path: Path) -> list[str]:
    """What a program without root's rights says that reads ``path``, then opens it for writing."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines()


def test_read_only_directory(public_folder: Path) -> None:
    path = public_folder / "a.db"
    public_folder.chmod(0o555)
    assert run_as_nobody(path)[1] == f"{path}: Permission denied; choose another file with --db"


def test_database_that_may_only_be_read(public_folder: Path) -> None:
    path = public_folder / "a.db"
    fill(path)
    path.chmod(0o444)
    public_folder.chmod(0o555)
    count, refused = run_as_nobody(path)
    assert count == "1000"
    assert refused == f"{path}: Permission denied; choose another file with --db"


def test_database_that_may_not_be_read(public_folder: Path) -> None:
    path = public_folder / "a.db"
    fill(path)
    path.chmod(0o000)
    reading, writing = run_as_nobody(path)
    assert reading.startswith(f"{path}: cannot be opened; ")
    assert writing.startswith(f"{path}: Permission denied; ")


def can_mount() -> bool:
    """Whether a file system of a given size can be mounted here: root in most places, not in all."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        mount = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], capture_output=True, check=False
        )
        if mount.returncode == 0:
            subprocess.run(["umount", folder], check=True)
    return mount.returncode == 0


LIMIT = 512 * 1024
FULL_DISKS = ["file size limit", *(["small file system"] if can_mount() else [])]
UNTIL_FULL = """
import resource, sys
from pathlib import Path
from sensor.errors import StoreError
from sensor.store.replay import ReplayStore
from tests.store.alerts import make_alerts
if int(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
first = 0
try:
    with ReplayStore(Path(sys.argv[1]), batch_len=100) as store:
        store.begin_run([], version="0", signatures_digest="")
        while True:
            store.write(make_alerts(100, first))
            store.flush()
            first += 100
except StoreError as error:
    print(first)
    print(error)
"""


@pytest.fixture(params=FULL_DISKS)
def full_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A folder on a disk that gets full after half a MiB, and the limit to set for that, if any."""
    if request.param == "file size limit":
        yield tmp_path, LIMIT
    else:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={LIMIT}", "tmpfs", str(tmp_path)], check=True)
        yield tmp_path, 0
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_full_disk(full_disk: tuple[Path, int]) -> None:
    folder, limit = full_disk
    path = folder / "a.db"
    done = subprocess.run(
        [sys.executable, "-c", UNTIL_FULL, str(path), str(limit)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    committed, line = done.stdout.splitlines()
    assert done.stderr == ""
    assert int(committed) >= 100
    check_line(line, path)
    assert "space" in line
    numbers = [row.packet_number for row in read_detections(path, DetectionFilter(newest_first=False))]
    assert numbers == list(range(int(committed)))
    (run,) = read_runs(path)
    assert run.detections == int(committed)
    # The run's own row may still have found room.
    assert run.status in {"failed", "interrupted"}


def test_disk_that_is_full_from_the_start() -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        try:
            assert "space" in open_store(path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        fill(path)


def test_application_id_marks_our_files(tmp_path: Path) -> None:
    fill(tmp_path / "a.db")
    # Offset 68 of the header: https://www.sqlite.org/fileformat.html#application_id
    assert (tmp_path / "a.db").read_bytes()[68:72] == b"WDSN" == APPLICATION_ID.to_bytes(4, "big")


def test_error_of_a_batch_is_raised_once(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with ReplayStore(path, batch_len=1) as store:
        store.begin_run([], version="0", signatures_digest="")
        with sqlite3.connect(path) as db:
            db.execute("ALTER TABLE detection RENAME TO elsewhere")
        db.close()
        store.write([ALERT])
        with pytest.raises(StoreError, match="no such table"):
            store.flush()
        store.flush()
