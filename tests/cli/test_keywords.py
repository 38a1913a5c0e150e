"""``keywords`` and ``reload``, where no sensor runs and where one answers."""

import csv
import io
import itertools
import json
import socket
import subprocess
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.pcaps.catalogue import ROOT
from tests.cli.command import Done, Sensor, without_override

CAPTURE = ROOT / "http" / "demo.pcapng"
WORDS = "state/subscriber.toml"
Run = Callable[..., Done]


@pytest.fixture
def run(sensor: Sensor) -> Run:
    """The command, in English, with the words in a folder of the test's own."""

    def run_it(*arguments: str | bytes | Path, **options: Any) -> Done:
        state = {"STATE_DIRECTORY": str(sensor.home / "state"), "XDG_RUNTIME_DIR": str(sensor.home)}
        state["RUNTIME_DIRECTORY"] = str(sensor.home)
        return sensor(*arguments, env=state | options.pop("env", {}), **options)

    return run_it


def listed(run: Run, *options: str) -> list[dict[str, Any]]:
    """The words, as ``list`` says them to programs."""
    rows: list[dict[str, Any]] = json.loads(run("keywords", "list", "--format", "json", *options).out)
    return rows


def test_words_are_added_changed_listed_and_removed(run: Run, sensor: Sensor) -> None:
    done = run("keywords", "add", "機密", "社外秘")
    assert done.err == ""
    assert done.out == (
        "added: 機密 (sid 9000001)\nadded: 社外秘 (sid 9000002)\n"
        "no sensor runs; it counts from its next start on\n"
    )
    done = run("keywords", "add", "機密", "--in", "host,body", "--severity", "high", "--note", "覚え書き")
    assert done.out.startswith("changed: 機密 (sid 9000001, now rev 2)\n")
    assert run("keywords", "add", "機密").out == "is there already: 機密 (sid 9000001)\n"
    first, second = listed(run)
    assert first == {
        "sid": 9000001,
        "rev": 2,
        "keywords": ["機密"],
        "buffers": ["http.host", "tls.sni", "dns.query", "http.request_body", "http.response_body"],
        "category": "custom",
        "severity": "high",
        "fold": ["width", "case"],
        "note": "覚え書き",
    }
    assert (second["rev"], second["buffers"][-1]) == (1, "payload")
    done = run("keywords", "remove", "9000001")
    assert done.out.startswith("removed: 機密 (sid 9000001, which is not used again)\n")
    run("keywords", "add", "機密")
    assert [(row["sid"], row["keywords"]) for row in listed(run)] == [
        (9000002, ["社外秘"]),
        (9000003, ["機密"]),
    ]
    assert tomllib.loads((sensor.home / WORDS).read_text("utf-8"))["set"]["last_sid"] == 9000003


def test_lists_for_people_and_spreadsheets(run: Run) -> None:
    assert run("keywords", "list").out == "No words.\n"
    assert run("keywords", "list", "--lang", "ja").out == "登録された言葉はありません。\n"
    assert listed(run) == []
    run("keywords", "add", "=機密", "--in", "url", "--fold", "none")
    table = run("keywords", "list", "--lang", "ja").out.splitlines()
    assert table[0].split() == ["SID", "Rev", "重大度", "分類", "検査箇所", "言葉"]
    assert table[1].split() == ["9000001", "1", "中", "custom", "http.uri", "=機密"]
    (row,) = csv.DictReader(io.StringIO(run("keywords", "list", "--format", "csv").out))
    assert (row["sid"], row["keywords"], row["fold"]) == ("9000001", "'=機密", "")


def test_words_from_standard_input(run: Run) -> None:
    done = run("keywords", "add", "--stdin", stdin="\ufeff一つめ\r\n\n  二つめ \n".encode())
    assert [line.split()[1] for line in done.out.splitlines()[:2]] == ["一つめ", "二つめ"]
    assert run("keywords", "remove", "--stdin", stdin="二つめ\n".encode()).status == 0
    assert [row["keywords"] for row in listed(run)] == [["一つめ"]]
    run("keywords", "add", "--stdin", stdin="# 見出し\n三つめ\n".encode("cp932"))
    assert [row["keywords"] for row in listed(run)] == [["一つめ"], ["三つめ"]]
    done = run("keywords", "add", "--stdin", stdin=b"\xff\0\x81")
    assert (done.status, "is not UTF-8" in done.line) == (2, True)


def test_words_that_find_too_much_or_nothing_new(run: Run) -> None:
    done = run("keywords", "add", "の", "キーロガー", "ｷｰﾛｶﾞｰ")
    assert done.out.splitlines()[-2:] == [
        "note: の is common, or short: it is found where nobody means it, too",
        "note: ｷｰﾛｶﾞｰ finds the same as another of the words: each is detected twice",
    ]
    assert "note" not in run("keywords", "add", "遠隔操作ソフト").out


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("add",), 2, "no word"),
        (("add", "--stdin"), 2, "no word"),
        (("add", "a", "--stdin"), 2, "not both"),
        (("add", " "), 2, "empty"),
        (("add", b"\xff\xfe"), 2, "can't be printed"),
        (("add", "x\x1b[31m"), 2, "can't be printed"),
        (("add", "x"), 2, "not written: keyword 'x' is one octet"),
        (("add", "ab", "--in", "mail"), 2, "'mail' is no place; take of url, host"),
        (("add", "ab", "--fold", "size"), 2, "'size' is none; take of width"),
        (("add", "ab", "--category", "love"), 2, "category"),
        (("remove", "ab"), 2, "no such word"),
        (("remove", "9000001"), 2, "no such word"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_and_nothing_is_written(
    run: Run, sensor: Sensor, arguments: tuple[str | bytes, ...], status: int, reason: str
) -> None:
    done = run("keywords", *arguments)
    assert (done.status, done.out) == (status, "")
    assert reason in done.line
    assert not (sensor.home / WORDS).exists()


def test_a_file_with_a_mistake_is_left_as_it_is(run: Run, sensor: Sensor) -> None:
    run("keywords", "add", "機密")
    path = sensor.home / WORDS
    broken = path.read_text("utf-8").replace("rev = 1", "rev = 0")
    path.write_text(broken, encoding="utf-8")
    for command in (("add", "社外秘"), ("remove", "機密"), ("list",)):
        done = run("keywords", *command)
        assert (done.status, done.out) == (2, "")
        assert f"{WORDS}:13: rev must be from 1" in done.line
    assert path.read_text("utf-8") == broken


def test_another_file_and_what_the_configuration_says(run: Run, sensor: Sensor) -> None:
    config = sensor.home / "config.toml"
    config.write_text('[signatures]\nsubscriber = "words/mine.toml"\n', encoding="utf-8")
    run("keywords", "add", "機密", "--config", "config.toml")
    assert (sensor.home / "words" / "mine.toml").exists()
    assert [row["keywords"] for row in listed(run, "--config", "config.toml")] == [["機密"]]
    run("keywords", "add", "社外秘", "--file", "other.toml")
    assert [row["keywords"] for row in listed(run, "--file", "other.toml")] == [["社外秘"]]
    assert listed(run) == []
    config.write_text("[signatures]\nsubscriber = false\n", encoding="utf-8")
    assert "name a file with --file" in run("keywords", "add", "機密", "--config", "config.toml").line
    (sensor.home / "empty.toml").write_text("[set]\n", encoding="utf-8")
    assert "no file of words" in run("keywords", "add", "機密", "--file", "empty.toml").line


@pytest.mark.root
@pytest.mark.posix
def test_a_folder_that_is_another_s_takes_sudo(run: Run, sensor: Sensor) -> None:
    run("keywords", "add", "機密")
    (sensor.home / "state").chmod(0o500)
    done = run("keywords", "add", "社外秘", before=without_override())
    assert (done.status, "use sudo" in done.line) == (1, True)


def test_a_replay_looks_for_them_only_when_asked(run: Run) -> None:
    options = ("replay", "--no-db", "-q", "--no-builtin", "--eve", "-", CAPTURE)
    without = run(*options, "--subscriber")
    assert (without.status, "there are no words yet" in without.line) == (2, True)
    run("keywords", "add", "GET", "--in", "payload")
    alerts = [
        {event["alert"]["signature_id"] for event in run(*more).events if event["event_type"] == "alert"}
        for more in (options, (*options, "--subscriber"))
    ]
    assert alerts == [set(), {9000001}]


@pytest.mark.posix
def test_two_at_once_lose_nothing(run: Run, sensor: Sensor) -> None:
    words = [[f"word {number}" for number in range(start, start + 3)] for start in (0, 3, 6)]
    command: list[str | Path] = [sensor.command, "keywords", "add", "--file", "words.toml"]
    started = [
        subprocess.Popen([*command, *each], env=sensor.environment(), cwd=sensor.home, stdout=subprocess.PIPE)
        for each in words
    ]
    assert [bool(each.communicate()[0]) and each.returncode for each in started] == [0, 0, 0]
    rows = listed(run, "--file", "words.toml")
    assert sorted(row["keywords"][0] for row in rows) == sorted(itertools.chain(*words))
    assert [row["sid"] for row in rows] == list(range(9000001, 9000010))


ANSWER = {
    "reloaded": True,
    "reason": "",
    "generation": 2,
    "signatures": 7,
    "seconds": 0.25,
    "files": [],
    "needs_restart": [],
}


@pytest.fixture
def answering(sensor: Sensor) -> Iterator[dict[str, Any]]:
    """A sensor that answers as the test says, at the socket of the user's own."""
    answer = dict(ANSWER)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(sensor.home / "control.sock"))
        server.listen()

        def serve() -> None:
            while True:
                connection, _ = server.accept()
                with connection:
                    request = connection.recv(1000)
                    if not request:
                        return
                    assert json.loads(request) == {"command": "reload"}
                    connection.sendall(json.dumps(answer).encode() + b"\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield answer
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(sensor.home / "control.sock"))
        thread.join()


@pytest.mark.posix
def test_the_sensor_that_runs_takes_them_into_use(
    run: Run, sensor: Sensor, answering: dict[str, Any]
) -> None:
    answering["files"] = [str(sensor.home / "state" / "subscriber.toml")]
    done = run("keywords", "add", "機密")
    assert (done.status, done.out.splitlines()[1]) == (0, "in use now (signatures: 7; 0.2 s)")
    done = run("keywords", "remove", "機密", "--lang", "ja")
    assert done.out.splitlines()[1] == "適用しました: シグネチャ 7 件（0.2 秒）"


@pytest.mark.posix
def test_a_sensor_that_refuses_or_reads_another_file(run: Run, answering: dict[str, Any]) -> None:
    done = run("keywords", "add", "機密")
    assert (done.status, done.out) == (1, "added: 機密 (sid 9000001)\n")
    assert "does not read" in done.line
    answering |= {"reloaded": False, "reason": "mistakes in signature files: 1"}
    done = run("keywords", "add", "社外秘")
    assert (done.status, done.line) == (
        1,
        "watchdog-sensor: written, but not in use: mistakes in signature files: 1",
    )
    assert len(listed(run)) == 2


@pytest.mark.posix
def test_reload_says_what_became_of_it(run: Run, answering: dict[str, Any]) -> None:
    done = run("reload")
    assert (done.status, done.out, done.err) == (0, "in use now (signatures: 7; 0.2 s)\n", "")
    assert json.loads(run("reload", "--format", "json").out) == ANSWER
    answering["needs_restart"] = ["capture.ring"]
    assert run("reload").line == "restart the sensor for: capture.ring"
    answering |= {"reloaded": False, "reason": "config.toml:1: is not TOML"}
    done = run("reload")
    assert (done.status, done.out) == (1, "")
    assert done.line == (
        "watchdog-sensor: not reloaded, what was in use stays so: config.toml:1: is not TOML"
    )
    assert run("reload", "--format", "json").status == 1


def test_reload_without_a_sensor(run: Run) -> None:
    done = run("reload", "--socket", "none.sock")
    assert (done.status, done.out) == (1, "")
    assert "no sensor listens there" in done.line
