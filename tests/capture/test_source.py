"""Paths in, open captures out: directories, pipes, compression, files that grow, and what can be wrong."""

import os
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fixtures.pcaps.capture import formats
from fixtures.pcaps.capture.make import cases, gzipped
from sensor.capture.source import open_captures
from sensor.errors import CaptureError
from tests.capture.rows import Rows, rows_of

CASES = cases()
SOUND = CASES["us_little.pcap"]
NOBODY = 65534


def read(path: Path | str, window: int = 4096) -> Rows:
    """Everything of the one capture at ``path``."""
    (rows,) = [rows_of(capture) for capture in open_captures([str(path)], window)]
    return rows


def refused(*paths: Path | str) -> str:
    """The one line with which ``paths`` are refused, before anything is read."""
    with pytest.raises(CaptureError) as caught:
        open_captures([str(path) for path in paths])
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_every_file_is_made_by_its_script() -> None:
    """The files in fixtures/pcaps/capture are what make.py makes."""
    folder = Path(__file__).parents[2] / "fixtures/pcaps/capture"
    assert {path.name: path.read_bytes() for path in folder.glob("*.pcap*")} == CASES


def test_files_come_in_the_order_given(tmp_path: Path) -> None:
    """Each is closed when the next is asked for."""
    paths = [tmp_path / "b", tmp_path / "a"]
    for path in paths:
        path.write_bytes(SOUND)
    captures = open_captures([str(path) for path in paths])
    first = next(captures)
    assert [first.name, first.size] == [str(paths[0]), len(SOUND)]
    assert rows_of(first).received == 8
    assert first.position == len(SOUND)
    assert next(captures).name == str(paths[1])
    assert first._stream.closed
    assert next(captures, None) is None


def test_directory_is_searched_for_captures_by_content(tmp_path: Path) -> None:
    """Recursively, sorted, whatever the names; what is no capture is passed over."""
    (tmp_path / "z").mkdir()
    for name, octets in {
        "z/no suffix": CASES["big.pcapng"],
        "b.pcap": SOUND,
        "a.gz": CASES["gzip.pcap.gz"],
        "notes.pcap": b"not a capture",
        "notes.gz": gzipped(b"not a capture"),
        "empty.pcap": b"",
    }.items():
        (tmp_path / name).write_bytes(octets)
    os.mkfifo(tmp_path / "pipe.pcap")
    (tmp_path / "dangling.pcap").symlink_to(tmp_path / "nowhere")
    names = [capture.name for capture in open_captures([str(tmp_path)])]
    assert names == [str(tmp_path / name) for name in ("a.gz", "b.pcap", "z/no suffix")]


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    """Size and position count what lies on the disk."""
    path = tmp_path / "capture"
    path.write_bytes(CASES["gzip.pcap.gz"])
    for capture in open_captures([str(path)]):
        assert rows_of(capture).received == 8
        assert capture.position == capture.size == len(CASES["gzip.pcap.gz"])


@pytest.mark.parametrize("window", [64, 4096])
def test_damaged_gzip_is_read_as_far_as_it_goes(tmp_path: Path, window: int) -> None:
    """Cut off, and with a wrong checksum."""
    path = tmp_path / "capture"
    path.write_bytes(CASES["gzip.pcap.gz"][:-60])
    rows = read(path, window)
    assert rows.received == 7
    assert "its compression is damaged (Compressed file ended" in rows.notes[0]
    path.write_bytes(CASES["gzip.pcap.gz"][:-8] + bytes(8))
    rows = read(path, window)
    assert rows.received == 8
    assert "its compression is damaged (CRC check failed" in rows.notes[0]


def test_garbage_within_gzip(tmp_path: Path) -> None:
    """What a decompressor has handed over before it is read; it keeps its last step to itself."""
    path = tmp_path / "capture"
    records = formats.pcap_record(bytes(1000)) * 50
    stored = struct.pack("<BHH", 0, len(records), len(records) ^ 0xFFFF) + records
    head = gzipped(formats.pcap_header())[:10] + struct.pack("<BHH", 0, 24, 24 ^ 0xFFFF)
    reserved_type = b"\x07"
    path.write_bytes(head + formats.pcap_header() + stored * 40 + reserved_type * 100)
    rows = read(path)
    assert 1000 < rows.received < 2000
    assert "its compression is damaged (Error -3" in rows.notes[0]


def test_standard_input_streams() -> None:
    """A pipe much longer than the window, that cannot seek, written in odd pieces."""
    script = (
        "from sensor.capture.source import open_captures\n"
        "for c in open_captures(['-'], 1 << 16):\n"
        "    print(c.name, c.size, sum(len(b) for b in c), c.position, c.notes)\n"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    )
    assert process.stdin is not None
    header, records = SOUND[:24], SOUND[24:] * 1000
    octets = header + records
    for start in range(0, len(octets), 10_007):
        process.stdin.write(octets[start : start + 10_007])
        process.stdin.flush()
    output, _ = process.communicate()
    assert output.decode() == f"standard input None 8000 {len(octets)} []\n"


@pytest.mark.parametrize("octets", [SOUND, gzipped(SOUND)], ids=["plain", "gzip"])
def test_pipe_that_pauses_within_the_first_octets(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            for start in range(12):
                pipe.write(octets[start : start + 1])
                time.sleep(0.01)
            pipe.write(octets[12:])

    writer = threading.Thread(target=write)
    writer.start()
    rows = read(path)
    writer.join()
    assert rows.received == 8


def test_named_pipe_is_opened_once(tmp_path: Path) -> None:
    """It is not looked into beforehand: what was looked at would be lost."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(SOUND,))
    writer.start()
    rows = read(path)
    writer.join()
    assert rows.received == 8


@pytest.mark.posix
@pytest.mark.parametrize("records", [1, 100])
def test_pipe_that_pauses_hands_on_what_it_has_brought(tmp_path: Path, records: int) -> None:
    """Otherwise the first packets of a quiet line would be seen when the line is no longer quiet."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    record = formats.pcap_record(bytes(100))
    seen = threading.Event()

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            pipe.write(formats.pcap_header() + record * records)
            assert seen.wait(30)
            pipe.write(record)

    writer = threading.Thread(target=write)
    writer.start()
    for capture in open_captures([str(path)]):
        batches = iter(capture)
        first = len(next(batches))
        while first < records:
            first += len(next(batches))
        seen.set()
        assert sum(len(batch) for batch in batches) == 1
    writer.join()


def test_file_that_grows_is_read_as_far_as_it_is_there(tmp_path: Path) -> None:
    """What is added before the end is reached belongs to it; a record half written is noted."""
    path = tmp_path / "capture"
    record = formats.pcap_record(bytes(100))
    path.write_bytes(formats.pcap_header() + record * 2)
    for capture in open_captures([str(path)], 128):
        batches = iter(capture)
        assert len(next(batches)) == 1
        with path.open("ab") as file:
            file.write(record * 3 + record[:50])
        assert sum(len(batch) for batch in batches) == 4
        assert capture.notes == [
            f"{path}: ends early after record 5: the last record is cut short; 50 octets left over"
        ]


def test_missing_file_is_refused_before_the_first_is_read(tmp_path: Path) -> None:
    """Whichever argument it is."""
    (tmp_path / "a").write_bytes(SOUND)
    assert refused(tmp_path / "a", tmp_path / "b") == f"{tmp_path}/b does not exist; check the path"


def test_file_that_is_no_capture_is_refused_before_the_first_is_read(tmp_path: Path) -> None:
    """Also if it comes last."""
    (tmp_path / "a").write_bytes(SOUND)
    (tmp_path / "b").write_bytes(b"\x7fELF....")
    assert refused(tmp_path / "a", tmp_path / "b").startswith(
        f"{tmp_path}/b is not a pcap or pcapng capture: starts with 7f 45 4c 46"
    )


def test_directory_without_captures(tmp_path: Path) -> None:
    """One line that names it."""
    (tmp_path / "readme").write_text("nothing here")
    assert refused(tmp_path) == f"{tmp_path}: no pcap or pcapng capture in this directory; name another one"


@pytest.mark.parametrize("inside", [False, True])
def test_unreadable_file(inside: bool) -> None:
    """By itself and in a directory; root, who may read everything, tries as somebody else."""
    user = os.geteuid()
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "a.pcap"
        path.write_bytes(SOUND)
        path.chmod(0)
        if not user:
            os.seteuid(NOBODY)
        try:
            line = refused(folder if inside else path)
        finally:
            os.seteuid(user)
    assert line == f"{path} cannot be read: permission denied; ask its owner or change its mode"


def test_name_with_control_characters_stays_on_one_line(tmp_path: Path) -> None:
    """And is shown as Python would write it."""
    assert refused(tmp_path / "a\nb").endswith("a\\nb' does not exist; check the path")


def test_file_that_the_system_cannot_read() -> None:
    """The operating system's own reason is passed on."""
    assert refused("/proc/self/mem").startswith("/proc/self/mem cannot be read: ")
