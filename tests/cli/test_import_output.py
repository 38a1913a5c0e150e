"""``signatures import``: the file that is written, and what is never written over."""

import json
import os
from pathlib import Path

import pytest

from sensor.cli.import_output import MARK
from tests.cli.command import Sensor, with_file_limit

RULE = b'alert http any any -> any any (msg:"x"; http.uri; content:"/x"; sid:%d;)\n'
REFUSED = b'alert tcp any any -> any any (msg:"y"; dsize:9; content:"/x"; sid:3000002;)\n'
IMPORT = ("signatures", "import", "-", "--type", "rules", "--lang", "en")


def test_a_file_of_an_import_is_replaced(sensor: Sensor, tmp_path: Path) -> None:
    out = tmp_path / "o.toml"
    assert sensor(*IMPORT, "-o", out, stdin=RULE % 3000001).status == 0
    assert out.read_text().startswith(f"{MARK}\n[set]\n")
    out.chmod(0o640)
    assert sensor(*IMPORT, "-o", out, stdin=RULE % 3000002).status == 0
    assert "sid = 3000002" in out.read_text()
    assert out.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir() if "o.toml" in each.name] == ["o.toml"]


@pytest.mark.parametrize("text", [b"", b"[set]\n", b"#\n", f" {MARK}\n".encode(), b"\xff\n" * 9])
@pytest.mark.parametrize("stdin", [RULE % 3000001, REFUSED])
def test_no_other_file_is_replaced(sensor: Sensor, tmp_path: Path, text: bytes, stdin: bytes) -> None:
    out = tmp_path / "mine.toml"
    out.write_bytes(text)
    done = sensor(*IMPORT, "-o", out, stdin=stdin)
    assert (done.status, done.octets) == (2, b"")
    assert done.line == f"watchdog-sensor: {out}: is there, and not of an import; name another file with -o"
    assert out.read_bytes() == text


def test_what_is_no_file(sensor: Sensor, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for out in (tmp_path, tmp_path / "pipe", Path("/dev/null")):
        done = sensor(*IMPORT, "-o", out, stdin=RULE % 3000001)
        assert (done.status, done.line) == (2, f"watchdog-sensor: {out}: is no file; name another with -o")


def test_a_link_stays_one(sensor: Sensor, tmp_path: Path) -> None:
    out = tmp_path / "o.toml"
    out.write_text(f"{MARK}\n")
    (tmp_path / "link").symlink_to("o.toml")
    assert sensor(*IMPORT, "-o", tmp_path / "link", stdin=RULE % 3000001).status == 0
    assert (tmp_path / "link").is_symlink()
    assert "sid = 3000001" in out.read_text()


def test_a_full_disk_leaves_the_old_file(sensor: Sensor, tmp_path: Path) -> None:
    out = tmp_path / "o.toml"
    out.write_text(f"{MARK}\n")
    done = sensor(*IMPORT, "-o", out, stdin=RULE % 3000001, before=with_file_limit(50))
    assert (done.status, done.octets) == (1, b"")
    assert done.line == f"watchdog-sensor: {out}: File too large; free space or choose another file"
    assert out.read_text() == f"{MARK}\n"
    assert [each.name for each in tmp_path.iterdir() if "o.toml" in each.name] == ["o.toml"]


@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_written_of_nothing(sensor: Sensor, tmp_path: Path, there: bool) -> None:
    out = tmp_path / "o.toml"
    if there:
        out.write_text(f"{MARK}\n[set]\n")
    done = sensor(*IMPORT, "-o", out, stdin=REFUSED)
    assert done.status == 1
    assert "Written      nothing, since nothing came in\n" in done.out
    assert done.line == f"watchdog-sensor: -: nothing came in; {out} is not written"
    assert out.exists() is there
    assert not there or out.read_text() == f"{MARK}\n[set]\n"


def test_nothing_to_standard_output(sensor: Sensor) -> None:
    done = sensor(*IMPORT, "--format", "json", stdin=b"# alert\n")
    assert (done.status, done.octets) == (1, b"")
    summary = json.loads(done.err)
    assert (summary["read"], summary["imported"], summary["written"]) == (0, 0, None)
    assert "nothing, since nothing came in" in sensor(*IMPORT, stdin=b"").err


def test_a_folder_that_is_not_there(sensor: Sensor, tmp_path: Path) -> None:
    out = tmp_path / "none" / "o.toml"
    done = sensor(*IMPORT, "-o", out, stdin=RULE % 3000001)
    assert (done.status, done.line) == (
        1,
        f"watchdog-sensor: {out}: No such file or directory; choose another file",
    )
