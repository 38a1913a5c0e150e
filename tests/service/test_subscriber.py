"""The subscriber's words: in use at once, and told to nobody."""

import json
import os
import subprocess
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import silent_talker
from tests.service.web_talker import web_talking

pytestmark = [pytest.mark.linux, pytest.mark.netns]

WORD = "合言葉zyxwv"
FORMS = (WORD, "zyxwv", "合言葉", WORD.encode().hex(), urllib.parse.quote("合言葉"), ascii("合言葉")[1:-1])
FILE = """
[set]
scope = "subscriber"
[[signature]]
sid = 9000001
rev = 1
name = "n"
category = "custom"
severity = "low"
buffers = ["payload"]
keywords = ["{word}"]
"""
SOUND = FILE.format(word=WORD)
MISTAKES = {
    "twice": SOUND.replace(f'["{WORD}"]', f'["{WORD}", "{WORD}"]'),
    "too-long": FILE.format(word=WORD * 50),
    "not-TOML": SOUND + f"{WORD} = = 1\n",
    "unknown-key": SOUND + f'"{WORD}" = 1\n',
    "wrong-value": SOUND.replace('"low"', f'"{WORD}"'),
    "bad-regex": SOUND + f'regexes = ["({WORD}"]\n',
    "sample": SOUND + f'[signature.tests]\nno_match = ["{WORD}"]\n',
    "operator-s": SOUND.replace('scope = "subscriber"', f'name = "{WORD}"'),
    "taken-sid": SOUND + SOUND[SOUND.index("[[") :],
}


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def keywords(command: Path, live: Live, *arguments: str) -> str:
    """The command as the subscriber runs it; what it said."""
    done = subprocess.run(
        [command, "keywords", *arguments, "--lang", "en", "--socket", live.control],
        env={**os.environ, "HOME": str(live.home), "STATE_DIRECTORY": str(live.home / "state")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def detected(live: Live) -> set[int]:
    """Numbers of the requests that were."""
    urls = live.rows("SELECT http_url FROM detection WHERE http_url != ''")
    return {int((url.decode() if isinstance(url, bytes) else url).rpartition("=")[2]) for (url,) in urls}


def log_of(live: Live) -> str:
    """What it said of itself, on standard error and in the store."""
    return live.said.read_text() + repr(live.rows("SELECT level, event, detail FROM log"))


def told_by(live: Live) -> str:
    """Everything that others may read: metrics, status, log."""
    return live.metrics() + json.dumps(live.status(), ensure_ascii=False) + log_of(live)


def test_a_word_is_found_from_when_it_is_added_until_it_is_removed(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    target = f"/?q={urllib.parse.quote(WORD)}&n="
    with (
        live_sensor(watchdog_sensor, line.right, tmp_path, "--no-builtin") as live,
        web_talking(line, target) as talker,
    ):
        await_(lambda: talker.asked > 20, "requests")
        assert detected(live) == set()
        said = keywords(watchdog_sensor, live, "add", WORD)
        assert said.startswith(f"added: {WORD} (sid 9000001)\nin use now (signatures: 1;")
        added = talker.asked
        await_(lambda: talker.asked > added + 20, "more requests")
        assert (live.words.stat().st_mode & 0o777, live.words.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        names = "SELECT DISTINCT name_en, name_ja FROM detection"
        await_(lambda: live.rows(names) == [("Word 1", "登録した言葉 1")], "what was found, in the store")
        removing = talker.asked
        said = keywords(watchdog_sensor, live, "remove", WORD)
        assert said.splitlines()[1].startswith("in use now (signatures: 0;")
        removed = talker.asked
        await_(lambda: talker.asked > removed + 20, "more requests")
        talker.stop()
        assert live.stop() == 0
    found = detected(live)
    # One may have been on its way.
    assert set(range(added + 1, removing)) <= found <= set(range(removed + 1))
    assert live.rows("SELECT count(*) FROM detection WHERE sid != 9000001") == [(0,)]
    live.check_ledger()


def test_a_mistake_is_told_without_the_word(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    with live_sensor(watchdog_sensor, line.right, tmp_path, "--no-builtin") as live:
        live.words.parent.mkdir(exist_ok=True)
        live.words.write_text(SOUND, encoding="utf-8")
        assert live.ask("reload")["reloaded"]
        for name, text in MISTAKES.items():
            live.words.write_text(text, encoding="utf-8")
            answer = live.ask("reload")
            assert (answer["reloaded"], answer["signatures"]) == (False, 1), name
            assert not any(form in json.dumps(answer, ensure_ascii=False) for form in FORMS), name
        told = told_by(live)
        assert live.stop() == 0
    told += log_of(live)
    assert log_of(live).count("reload_refused") == 2 * len(MISTAKES), "in the store and on standard error"
    assert [form for form in FORMS if form in told] == []


@pytest.mark.parametrize("name", ["twice", "sample"])
def test_so_it_is_at_the_start(watchdog_sensor: Path, tmp_path: Path, line: Line, name: str) -> None:
    words = tmp_path / "state" / "subscriber.toml"
    words.parent.mkdir()
    words.write_text(MISTAKES[name], encoding="utf-8")
    with live_sensor(watchdog_sensor, line.right, tmp_path, "--no-builtin", wait=False) as live:
        assert live.process.wait(60) == 2
    (said,) = live.said.read_text().splitlines()
    assert "signatures" in said
    assert [form for form in FORMS if form in said] == []


def test_a_word_in_use_is_told_to_nobody(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    """Nor can it be guessed from the digest of what is in use: that takes the device's key."""
    digests = []
    for home in (tmp_path / "one", tmp_path / "other"):
        home.mkdir()
        with (
            live_sensor(watchdog_sensor, line.right, home, "--no-builtin") as live,
            silent_talker(line) as talker,
        ):
            keywords(watchdog_sensor, live, "add", WORD)
            talker.say(10, WORD)
            await_(lambda: live.rows("SELECT count(*) FROM detection") == [(10,)], "the word is found")
            told = told_by(live)
            digests.append(live.status()["signatures"]["digest"])
            assert live.stop() == 0
        assert [form for form in FORMS if form in told] == []
        assert (home / "state" / "digest.key").stat().st_mode & 0o777 == 0o600
        live.check_ledger()
    assert digests[0] != digests[1]
