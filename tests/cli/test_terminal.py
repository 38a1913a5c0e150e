"""What a person at a terminal sees: widths, progress, languages and encodings, help."""

import fcntl
import os
import pty
import re
import struct
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.cli.command import DEMO, SMALL, Sensor

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(sensor: Sensor, columns: int, *args: str | Path, env: dict[str, str] | None = None) -> str:
    """All that the command writes to a terminal of so many columns."""
    child, terminal = pty.fork()
    if not child:
        try:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
            os.chdir(sensor.home)
            words = [str(word) for word in (sensor.command, *args)]
            os.execve(words[0], words, sensor.environment({"TERM": "xterm-256color"} | (env or {})))
        finally:
            os._exit(127)
    shown = b""
    try:
        while part := os.read(terminal, 65536):
            shown += part
    except OSError:
        pass  # Linux's way to say that the other end is closed
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert status == 0, shown.decode()
    return shown.decode()


def lines_of(shown: str) -> list[str]:
    """What is left on the screen: a line that was drawn over counts as its last state."""
    plain = ESCAPE.sub("", shown.replace("\r\n", "\n"))
    return [line.rsplit("\r", 1)[-1].rstrip() for line in plain.split("\n")]


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("columns", [80, 120])
def test_closing_table_fits_the_screen(sensor: Sensor, columns: int, language: str) -> None:
    shown = on_terminal(sensor, columns, "replay", "--db", "a.db", "--lang", language, DEMO)
    lines = lines_of(shown)
    assert max(map(cell_len, lines)) <= columns
    header = next(line for line in lines if line.split()[:1] in (["ID"], ["番号"]))
    label, second = {"ja": ("シグネチャ", "送信元"), "en": ("Signature", "From")}[language]
    for text, name in ((label, "遠隔操作" if language == "ja" else "Words:"), (second, "192.168.11.23")):
        at = cell_len(header[: header.index(text)])
        assert any(name in line and cell_len(line[: line.index(name)]) - at in (0, 2, 8) for line in lines)
    figures = lines[lines.index(next(line for line in lines if line.startswith(("Detections", "検知")))) :]
    indents = {cell_len(line) - cell_len(line.split("  ", 1)[1].lstrip()) for line in figures if line}
    assert len(indents) == 1, "the figures begin in one column, wide characters or not"
    assert "a.db" in "".join(figures)


def test_progress_is_shown_and_cleared(sensor: Sensor) -> None:
    shown = on_terminal(sensor, 100, "replay", "--no-db", "--window", "4k", *[DEMO] * 5)
    assert "demo.pcapng" in shown
    assert re.search(r"[\d,]+ packets, \d+ detections", shown)
    assert "━" not in "".join(lines_of(shown.split("\x1b[2K")[-1])), "nothing of it stays"
    quiet = on_terminal(sensor, 100, "replay", "--quiet", "--no-db", DEMO)
    assert quiet == ""


def test_lists_fit_the_screen(sensor: Sensor, filled: Path) -> None:
    for args in (
        ("runs", "--db", filled),
        ("signatures", "list", "--lang", "ja"),
        ("detections", "list", "--db", filled, "--lang", "ja"),
    ):
        assert max(map(cell_len, lines_of(on_terminal(sensor, 80, *args)))) <= 80


@pytest.mark.parametrize("columns", [30, 52])
def test_list_on_a_narrow_screen_shows_the_numbers(sensor: Sensor, filled: Path, columns: int) -> None:
    lines = lines_of(on_terminal(sensor, columns, "detections", "list", "--db", filled, "--limit", "3"))
    assert max(map(cell_len, lines)) <= columns
    assert sum(line[:4].strip().isdigit() for line in lines) == 3


@pytest.mark.parametrize(
    "env",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LANG": "ja_JP.UTF-8"},
        {"LANG": "ja_JP.eucJP"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "LC_ALL": "C"},
        {"PYTHONIOENCODING": "cp932", "LANG": "ja_JP.SJIS"},
    ],
    ids=lambda env: ",".join(f"{name}={value}" for name, value in env.items()),
)
def test_any_locale_shows_any_language(sensor: Sensor, filled: Path, env: dict[str, str]) -> None:
    for args in (
        ("replay", "--db", "a.db", DEMO),
        ("detections", "list", "--db", filled),
        ("detections", "show", "1", "--db", filled),
        ("signatures", "list"),
    ):
        encoding = env.get("PYTHONIOENCODING", "utf-8")
        done = sensor(*args, "--lang", "ja", env=env)
        assert (done.status, done.err) == (0, "")
        text = done.octets.decode("ascii" if env.get("PYTHONUTF8") == "0" else encoding)
        assert "遠隔" in text or "\\u9060\\u9694" in text


def test_tables_keep_their_width_where_lines_cannot_be_drawn(sensor: Sensor, filled: Path) -> None:
    args = ("detections", "list", "--db", filled, "--lang", "en", "--sid", "1001001")
    drawn = sensor(*args).out
    plain = sensor(*args, env={"PYTHONIOENCODING": "ascii"}).out
    assert plain == drawn.translate({ord("─"): "-", ord("→"): ">", ord("…"): "~"})


def test_terminal_without_escape_sequences(sensor: Sensor, filled: Path) -> None:
    args = ("detections", "list", "--db", filled)
    assert "\x1b[" in on_terminal(sensor, 80, *args)
    assert "\x1b" not in on_terminal(sensor, 80, *args, env={"TERM": "dumb"})


def test_home_that_nobody_knows(sensor: Sensor) -> None:
    done = sensor("replay", "--no-db", SMALL, env={"HOME": ""})
    assert (done.status, done.err) == (0, "")


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("replay",),
        ("detections",),
        ("detections", "list"),
        ("detections", "show"),
        ("detections", "export"),
        ("runs",),
        ("signatures",),
        ("signatures", "check"),
        ("signatures", "list"),
        ("config",),
        ("config", "check"),
        ("config", "show"),
        ("config", "example"),
        ("doctor",),
        ("install",),
        ("uninstall",),
    ],
    ids=" ".join,
)
def test_help_explains_every_option_and_gives_examples(sensor: Sensor, command: tuple[str, ...]) -> None:
    done = sensor(*command, "--help", env={"COLUMNS": "80"})
    assert (done.status, done.err) == (0, "")
    assert re.search(r"examples:\n  (sudo )?watchdog-sensor ", done.out)
    assert max(len(line) for line in done.out.splitlines() if str(sensor.home) not in line) <= 80
    for line in re.findall(r"^  (?:-\S, )?--\S+.*(?:\n {10,}.*)*", done.out, re.MULTILINE):
        assert re.search(r"(?:\s{2,}|\n\s+)[a-z]", line), f"{line} is not explained"


def test_version(sensor: Sensor) -> None:
    assert re.fullmatch(r"watchdog-sensor \d+\.\d+\S*\n", sensor("--version").out)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((), "COMMAND"),
        (("reply",), "invalid choice: 'reply'"),
        (("replay",), "required: PCAP"),
        (("replay", "--colour", "a.pcap"), "unrecognized arguments: --colour"),
        (("replay", "--window", "1", "a.pcap"), "'1' is not a size from 1k to 256M"),
        (("replay", "--window", "٣k", "a.pcap"), "'٣k' is not a size from 1k to 256M"),
        (("replay", "--window", "9" * 5000, "a.pcap"), "9…' is not a size from 1k to 256M"),
        (("replay", "--window", "9" * 5000 + "M", "a.pcap"), "9…' is not a size from 1k to 256M"),
        (("runs", "--limit", "9" * 5000), "9…' is not a whole number from 1"),
        (("runs", "--limit", "0" * 10 + "9" * 30), "' is not a whole number from 1"),
        (("replay", "--eve", "", str(SMALL)), "--eve names no file"),
        (("replay", "--lang", "fr", "a.pcap"), "invalid choice: 'fr'"),
        (("replay", "--eve"), "expected one argument"),
    ],
)
def test_bad_arguments(sensor: Sensor, args: tuple[str, ...], reason: str) -> None:
    done = sensor(*args)
    assert (done.status, done.octets) == (2, b"")
    assert reason in done.line
    assert len(done.line) < 300
    assert "--help" in done.line or "; write " in done.line
