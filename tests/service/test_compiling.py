"""A reload of a large set: compiled beside the traffic, and by nobody who has anything else to do."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bench.keywords import make_keywords, write_signatures
from tests.netns import Line, veth_line
from tests.service import talker as talkers
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import SIGNATURES, silent_talker, talking
from tests.service.test_signals import Systemd

pytestmark = [pytest.mark.linux, pytest.mark.netns]

MANY = 2_000
"""Keywords that take longer to compile than a quiet line's ring lasts."""


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def compiler_of(live: Live) -> int:
    """The process that compiles, 0 if none does."""
    for child in Path(f"/proc/{live.pid}/task/{live.pid}/children").read_text().split():
        try:
            if b"sensor.worker.compiler" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        except FileNotFoundError:
            continue
    return 0


def confined(pid: int) -> dict[str, str]:
    """/proc/PID/status, once it can do nothing any more; empty if it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return {"Seccomp": "gone"}
    told = {key: value.strip() for key, _, value in (row.partition(":") for row in text.splitlines())}
    return told if told["Seccomp"] == "2" else {}


def signatures(live: Live) -> dict[str, Any]:
    """What the status says of them."""
    return dict(live.status()["signatures"])


def detections(live: Live, where: str = "1") -> int:
    """How many are stored."""
    return int(live.rows(f"SELECT count(*) FROM detection WHERE {where}")[0][0])


def begin_large_reload(live: Live, home: Path, keywords: int = MANY) -> int:
    """Have a larger set loaded; returns the compiler."""
    write_signatures(home / "sets" / "many.toml", keywords)
    talkers.write_signatures(home / "sets", SIGNATURES.replace("rev = 1", "rev = 2"))
    live.reload()
    return int(await_(lambda: compiler_of(live), "it compiles"))


@pytest.fixture
def options(tmp_path: Path) -> tuple[str | Path, ...]:
    """Signatures that know the talker's word, in a folder of which all is loaded."""
    (tmp_path / "sets").mkdir()
    talkers.write_signatures(tmp_path / "sets")
    return ("--no-builtin", "--signatures", tmp_path / "sets")


def test_a_large_set_is_compiled_beside_the_traffic(
    watchdog_sensor: Path, tmp_path: Path, line: Line, options: tuple[str | Path, ...]
) -> None:
    """Everything goes on with the old set until the new one is in use, and no packet is lost by it."""
    word = make_keywords(MANY)[-1]
    arguments = (*options, "--workers", "2")
    with (
        contextlib.closing(Systemd(tmp_path / "notify")) as systemd,
        live_sensor(
            watchdog_sensor, line.right, tmp_path, *arguments, environment=systemd.environment
        ) as live,
        talking(line) as talker,
        silent_talker(line, 60_000) as other,
    ):
        systemd.hear("READY=1")
        await_(lambda: detections(live) > 50, "detections")
        before = signatures(live)
        compiler = begin_large_reload(live, tmp_path)
        told = await_(lambda: confined(compiler), "it has given up its rights")
        assert set(told["Uid"].split()) == {"65534"}
        assert (told["CapEff"], told["NoNewPrivs"]) == ("0" * 16, "1")
        assert os.getpriority(os.PRIO_PROCESS, compiler) == 5
        os.kill(compiler, signal.SIGSTOP)  # so that all that follows comes before its end
        other.say(10, word)
        seen = detections(live)
        await_(lambda: detections(live) > seen + 100, "detections of the old set")
        assert "RELOADING=1" in systemd.hear("EXTEND_TIMEOUT_USEC=")
        heard = systemd.hear("WATCHDOG=1") + systemd.hear("WATCHDOG=1")
        assert "READY=1" not in heard
        assert live.metric("watchdog_signatures_reloads_total") == 0
        assert signatures(live) == before
        os.kill(compiler, signal.SIGCONT)
        await_(lambda: signatures(live)["reloads"], "the reload is done")
        assert compiler_of(live) == 0
        after = signatures(live)
        assert (after["loaded"], after["last_reload_failed"]) == (1 + MANY // 10, False)
        other.say(10, word)
        await_(lambda: detections(live, "rev = 2") > 100, "detections of the new set")
        talker.stop()
        live.await_seen(talker.sent + other.sent)
        assert all(worker["restarts"] == worker["shed_level"] == 0 for worker in live.workers())
        assert live.stop() == 0
    sums = live.check_ledger()
    assert sums["dropped"] == sums["shed"] == 0
    assert sums["received"] == sums["decoded"] == talker.sent + 20
    assert detections(live, "sid = 9000001") == talker.sent
    assert detections(live, "sid > 9100000") == 10


@pytest.mark.parametrize(
    ("more", "keywords", "killed", "said"),
    [
        ((), MANY, True, "signal 9"),
        (("--memory", "224MiB"), 3 * MANY, False, "224 MiB of memory are too little"),
    ],
    ids=["killed", "out-of-memory"],
)
def test_a_compiler_that_fails_keeps_the_old_set(
    watchdog_sensor: Path,
    tmp_path: Path,
    line: Line,
    options: tuple[str | Path, ...],
    more: tuple[str, ...],
    keywords: int,
    killed: bool,
    said: str,
) -> None:
    with (
        live_sensor(watchdog_sensor, line.right, tmp_path, *options, *more) as live,
        silent_talker(line) as talker,
    ):
        before = signatures(live)
        compiler = begin_large_reload(live, tmp_path, keywords)
        if killed:
            os.kill(compiler, signal.SIGKILL)
        await_(lambda: signatures(live)["reload_failures"], "the reload is refused")
        after = signatures(live)
        assert (after["digest"], after["loaded"], after["reloads"]) == (before["digest"], 1, 0)
        assert after["last_reload_failed"]
        (refused,) = [text for text in live.said.read_text().splitlines() if "reload_refused" in text]
        assert said in refused
        talker.say(10)
        await_(lambda: detections(live, "rev = 1") == 10, "what was known is found")
        (tmp_path / "sets" / "many.toml").unlink()
        live.reload()
        await_(lambda: signatures(live)["reloads"], "a smaller set is taken")
        talker.say(10)
        await_(lambda: detections(live, "rev = 2") == 10, "what is new is found")
        assert live.workers()[0]["restarts"] == 0
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] == 20


def test_a_set_that_does_not_compile_at_the_start_is_told_in_one_line(
    watchdog_sensor: Path, tmp_path: Path, line: Line, options: tuple[str | Path, ...]
) -> None:
    write_signatures(tmp_path / "sets" / "many.toml", 3 * MANY)
    arguments = (*options, "--memory", "224MiB")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *arguments, wait=False) as live:
        assert live.process.wait(60) == 2
    (told,) = live.said.read_text().splitlines()
    assert "memory are too little" in told


def test_no_signature_at_all(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    """From the start, and by a reload."""
    config = tmp_path / "config.toml"
    config.write_text("[signatures]\nbuiltin = false\n", encoding="utf-8")
    with (
        live_sensor(watchdog_sensor, line.right, tmp_path, "--config", config) as live,
        silent_talker(line) as talker,
    ):
        assert signatures(live)["loaded"] == 0
        for reloads, builtin in enumerate((True, False), start=1):
            talker.say(10)
            config.write_text(f"[signatures]\nbuiltin = {str(builtin).lower()}\n", encoding="utf-8")
            live.reload()
            await_(lambda: signatures(live)["reloads"] == reloads, "the reload is done")  # noqa: B023
            assert bool(signatures(live)["loaded"]) is builtin
        live.await_seen(20)
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] == 20
