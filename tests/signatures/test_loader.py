"""Files of signatures: what is read from them, and from which files."""

import os
import threading
from pathlib import Path

import pytest

from sensor.errors import SignatureError
from signatures import loader
from signatures.loader import BUILTIN, Checked, check_files, load_signatures
from signatures.model import Buffer, Clause, Direction, Fold, PortRange, SetInfo, Severity, Signature

GOOD = """\
[[signature]]
sid = {sid}
rev = 1
name = "remote control"
category = "custom"
severity = "low"
buffers = ["payload"]
keywords = ["anydesk"]
"""


def write(path: Path, *sids: int) -> Path:
    path.write_text("\n".join(GOOD.format(sid=sid) for sid in sids), encoding="utf-8")
    return path


def test_every_key(tmp_path: Path) -> None:
    path = tmp_path / "all.toml"
    path.write_text(
        """\
[set]
name = "Example"
version = "3"
license = "CC0-1.0"

[[signature]]
sid = 9000001
rev = 2
name = { ja = "遠隔操作", en = "remote control" }
category = "remote-operation"
severity = "high"
buffers = ["http.uri", "payload"]
keywords = ["遠隔操作", "anydesk"]
regexes = ['^/x[0-9]+']
case_sensitive = true
src_ports = 80
dst_ports = ["8000-8100", 443]
direction = "to_server"
depth = 64
references = ["https://example.com/"]
description = "what it means"

[[signature]]
sid = 9000002
rev = 1
name = "plain"
category = "custom"
severity = "low"
buffers = ["http.host"]
domains = ["example.com"]
""",
        encoding="utf-8",
    )
    signatures = load_signatures([path], builtin=False)
    assert signatures.files == (SetInfo(str(path), "Example", "3", "CC0-1.0"),)
    assert len(signatures) == 2
    first, second = signatures
    assert first == Signature(
        sid=9000001,
        rev=2,
        name={"ja": "遠隔操作", "en": "remote control"},
        category="remote-operation",
        severity=Severity.HIGH,
        clauses=(
            Clause(
                (Buffer.HTTP_URI, Buffer.PAYLOAD),
                keywords=("遠隔操作", "anydesk"),
                regexes=("^/x[0-9]+",),
                folds=(Fold.WIDTH,),
                case_sensitive=True,
                depth=64,
            ),
        ),
        src_ports=(PortRange(80, 80),),
        dst_ports=(PortRange(8000, 8100), PortRange(443, 443)),
        direction=Direction.TO_SERVER,
        references=("https://example.com/",),
        description={"ja": "what it means", "en": "what it means"},
        source=f"{path}:6",
    )
    assert second.clauses[0].domains == ("example.com",)
    assert second.title("ja") == second.title("en") == "plain"
    assert second.source == f"{path}:23"


def test_directory_is_read_in_order_of_name(tmp_path: Path) -> None:
    write(tmp_path / "b.toml", 2)
    write(tmp_path / "a.toml", 3, 1)
    (tmp_path / "notes.txt").write_text("not a signature file")
    assert [signature.sid for signature in load_signatures([tmp_path], builtin=False)] == [3, 1, 2]


@pytest.mark.posix
def test_what_editors_leave_in_a_directory_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path / "a.toml", 1)
    write(tmp_path / ".a.toml", 2)
    (tmp_path / ".#a.toml").symlink_to("somebody@somewhere.1")
    assert [signature.sid for signature in load_signatures([tmp_path], builtin=False)] == [1]


@pytest.mark.posix
def test_a_pipe_in_a_directory_is_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path / "a.toml", 1)
    os.mkfifo(tmp_path / "b.toml")
    found = [str(problem) for problem in check_files([tmp_path]).problems]
    assert found == [f"{tmp_path}/b.toml: can't be read: is no file"]


def test_shipped_sets_come_first(tmp_path: Path) -> None:
    alone = load_signatures([])
    both = load_signatures([write(tmp_path / "own.toml", 9000001)])
    assert both.signatures[:-1] == alone.signatures
    assert both.signatures[-1].sid == 9000001


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write(tmp_path / "own.toml", 9000001)
    assert len(load_signatures([path, tmp_path, path], builtin=False)) == 1
    shipped = sorted(BUILTIN.glob("*.toml"))
    assert check_files(shipped) == Checked([], len(load_signatures([])))


@pytest.mark.posix
def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    """As shells make them: ``signatures check <(generate)``."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    text = GOOD.format(sid=9000001).encode()
    writer = threading.Thread(target=path.write_bytes, args=(text,))
    writer.start()
    assert check_files([path]) == Checked([], 1)
    writer.join()


def test_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    path = tmp_path / "windows.toml"
    text = GOOD.format(sid=1) + "\n" + GOOD.format(sid=2).replace('"low"', '"lowest"')
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert [str(problem) for problem in check_files([path], builtin=False).problems] == [
        f"{path}:15: unknown severity 'lowest' (did you mean low?)"
    ]


def test_same_sid_in_two_files(tmp_path: Path) -> None:
    first = write(tmp_path / "a.toml", 1, 2)
    second = write(tmp_path / "b.toml", 3, 2)
    with pytest.raises(SignatureError) as raised:
        load_signatures([first, second], builtin=False)
    assert str(raised.value) == f"{second}:11: sid 2 is already used at {first}:10"
    assert raised.value.exit_status == 2


def test_sids_of_shipped_sets_are_taken(tmp_path: Path) -> None:
    shipped = load_signatures([]).signatures[0]
    path = write(tmp_path / "own.toml", shipped.sid)
    assert [problem.reason for problem in check_files([path]).problems] == [
        "sids from 1000000 to 1999999 are those of shipped signatures: take one from 2000000 on"
    ]


def test_an_error_lists_the_first_problems(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("[[signature]]\n" * 3)
    with pytest.raises(SignatureError) as raised:
        load_signatures([path], builtin=False)
    lines = str(raised.value).splitlines()
    assert len(lines) == 11
    assert lines[0] == f"{path}:1: sid is missing"
    assert lines[-1] == "and 11 more; run: watchdog-sensor signatures check"
    assert len(check_files([path], builtin=False).problems) == 21


def test_files_that_can_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.toml").write_text("# nothing yet\n")
    (tmp_path / "latin.toml").write_bytes(b"# 1\n# caf\xe9\n")
    names = ("missing.toml", "empty", "none.toml", "latin.toml")
    found = [
        str(problem) for problem in check_files([tmp_path / name for name in names], builtin=False).problems
    ]
    assert found == [
        f"{tmp_path}/missing.toml: can't be read: No such file or directory",
        f"{tmp_path}/empty: no *.toml files in this directory",
        f"{tmp_path}/none.toml: holds no [[signature]]",
        f"{tmp_path}/latin.toml:2: is not UTF-8 text; save it as UTF-8",
    ]
    assert check_files([Path("a\0b")], builtin=False).problems[0].reason.startswith("can't be read: ")
    monkeypatch.setattr(loader, "MAX_FILE", 100)
    path = write(tmp_path / "large.toml", 1)
    assert [problem.reason for problem in check_files([path], builtin=False).problems] == [
        "is larger than 100 octets"
    ]
