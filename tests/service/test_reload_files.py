"""A watched directory, and sets that are not activated: by their samples, by whose they say they are."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import SIGNATURES, silent_talker

pytestmark = [pytest.mark.linux, pytest.mark.netns]

OTHER = SIGNATURES.replace("9000001", "9000002")
MISSES = '[signature.tests]\nmatch = ["nothing of the sort"]\n'
HOLDS = '[signature.tests]\nmatch = ["the talker says hello again"]\nno_match = ["nothing of the sort"]\n'


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def configure(home: Path, *, watch: bool = False) -> tuple[Path, Path]:
    """A configuration, and the directory that it names, with one file in it."""
    folder, path = home / "signatures", home / "config.toml"
    folder.mkdir()
    (folder / "a.toml").write_text(SIGNATURES, encoding="utf-8")
    path.write_text(
        f"[signatures]\nbuiltin = false\nwatch = {json.dumps(watch)}\npaths = [{json.dumps(str(folder))}]\n",
        encoding="utf-8",
    )
    return path, folder


def state(live: Live) -> tuple[int, int, int]:
    """Signatures in use, reloads taken, reloads refused."""
    status = live.status()["signatures"]
    return status["loaded"], status["reloads"], status["reload_failures"]


def test_a_watched_directory_is_reloaded_once_for_each_change(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    configuration, folder = configure(tmp_path, watch=True)
    with live_sensor(watchdog_sensor, line.right, tmp_path, "--config", configuration) as live:
        steps = [(OTHER, (2, 1, 0)), ("[[signature]\n", (2, 1, 1)), (None, (1, 2, 1)), (OTHER, (2, 3, 1))]
        for text, meant in steps:
            before = state(live)
            if text is None:
                (folder / "b.toml").unlink()
            else:
                (folder / "b.toml").write_text(text, encoding="utf-8")
            # What is in use is told of as it is taken; that it was, once every worker has it.
            await_(lambda: state(live)[1:] != before[1:], "the change is taken")  # noqa: B023
            assert state(live) == meant
        assert live.metric("watchdog_signatures_reload_failures_total") == 1
        assert live.events().count("signature_files_changed") == 4
        assert live.stop() == 0
    live.check_ledger()


def test_a_set_whose_samples_fail_is_not_activated(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    configuration, folder = configure(tmp_path)
    options = ("--config", configuration)
    with (
        live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live,
        silent_talker(line) as talker,
    ):
        (folder / "b.toml").write_text(OTHER + MISSES, encoding="utf-8")
        answer = live.ask("reload")
        assert (answer["reloaded"], answer["signatures"]) == (False, 1)
        assert "samples of 1 signature fail, the first of sid 9000002, number 1 (missed)" in answer["reason"]
        assert live.metric("watchdog_signatures_last_reload_successful") == 0
        assert live.metric("watchdog_signatures_rejected") == 1
        talker.say(10)
        await_(lambda: live.rows("SELECT count(*) FROM detection") == [(10,)], "what was known is found")
        (folder / "b.toml").write_text(OTHER + HOLDS, encoding="utf-8")
        answer = live.ask("reload")
        assert (answer["reloaded"], answer["signatures"], answer["reason"]) == (True, 2, "")
        assert live.metric("watchdog_signatures_last_reload_successful") == 1
        assert live.metric("watchdog_signatures_rejected") == 0
        assert live.stop() == 0
    (refused,) = [text for text in live.said.read_text().splitlines() if "reload_refused" in text]
    assert "sid 9000002" in refused
    live.check_ledger()


def test_who_asks_is_told_of_what_was_taken(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    configuration, folder = configure(tmp_path)
    with live_sensor(watchdog_sensor, line.right, tmp_path, "--config", configuration) as live:
        answers = [live.ask("reload") for _ in range(2)]
        assert [answer["generation"] for answer in answers] == [2, 3]
        assert answers[0]["files"] == [str(folder / "a.toml")]
        configuration.write_text(configuration.read_text() + '[capture]\nring = "8MiB"\n', encoding="utf-8")
        assert live.ask("reload")["needs_restart"] == ["capture.ring"]
        assert live.stop() == 0
    live.check_ledger()
