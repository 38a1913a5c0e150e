"""SIGHUP: what is said anew is taken whole or not at all, and no packet is lost by it."""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.netns import Line, veth_line
from tests.service.live import Live, await_, live_sensor
from tests.service.talker import SIGNATURES, WORD, Talker, silent_talker, talking, write_signatures

pytestmark = [pytest.mark.linux, pytest.mark.netns]


@pytest.fixture
def line() -> Iterator[Line]:
    """A line of the test's own."""
    with veth_line() as made:
        yield made


def write_configuration(home: Path, text: str = "") -> Path:
    """A configuration that knows the talker's word, and ``text`` in it."""
    signatures = write_signatures(home)
    path = home / "config.toml"
    path.write_text(f'{text}\n[signatures]\nbuiltin = false\npaths = ["{signatures}"]\n', encoding="utf-8")
    return path


def reload(live: Live) -> dict[str, int]:
    """SIGHUP, and wait until it was taken or refused; returns what the status then says of it."""
    before = live.status()["signatures"]
    live.reload()

    def told() -> dict[str, int]:
        now: dict[str, int] = live.status()["signatures"]
        counts = ("reloads", "reload_failures")
        return now if sum(now[key] for key in counts) > sum(before[key] for key in counts) else {}

    return dict(await_(told, "the reload is told of"))


def detections(live: Live) -> int:
    """How many are stored."""
    return int(live.rows("SELECT count(*) FROM detection")[0][0])


def test_reloads_under_traffic_lose_no_packet(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    """More of them than generations are kept, some at once, and the signatures change each time."""
    options = ("--config", write_configuration(tmp_path), "--workers", "2")
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, talking(line) as talker:
        await_(lambda: detections(live) > 50, "detections")
        for revision in range(2, 8):
            write_signatures(tmp_path, SIGNATURES.replace("rev = 1", f"rev = {revision}"))
            for _ in range(revision % 3):
                live.reload()
            assert not reload(live)["last_reload_failed"]
            more = detections(live) + 50
            await_(lambda: detections(live) > more, "detections")  # noqa: B023
        talker.stop()
        live.await_seen(talker.sent)
        assert live.metric("watchdog_signatures_reloads_total") >= 6
        assert all(worker["restarts"] == 0 for worker in live.workers())
        assert live.stop() == 0
    sums = live.check_ledger()
    assert sums["received"] == sums["decoded"] == detections(live) == talker.sent
    revisions = [rev for (rev,) in live.rows("SELECT DISTINCT rev FROM detection ORDER BY rev")]
    assert revisions == [1, 2, 3, 4, 5, 6, 7]


def test_new_signatures_are_found_from_then_on(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    options = ("--config", write_configuration(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live, silent_talker(line) as talker:
        talker.say(10, "another word")
        talker.say(10)
        await_(lambda: detections(live) == 10, "what is known is found")
        new = SIGNATURES.replace("9000001", "9000002").replace(WORD, "another word").replace("custom", "scan")
        write_signatures(tmp_path, SIGNATURES + new)
        status = reload(live)
        assert (status["loaded"], status["last_reload_failed"]) == (2, False)
        assert status["reload_seconds"] > 0
        assert live.metric("watchdog_signatures_loaded") == 2
        talker.say(10, "another word")
        await_(lambda: detections(live) == 20, "what is new is found")
        assert live.stop() == 0
    assert live.rows("SELECT sid, count(*) FROM detection GROUP BY sid") == [(9000001, 10), (9000002, 10)]
    assert live.check_ledger()["decoded"] == 30


BAD_SIGNATURE = SIGNATURES.replace('severity = "low"', 'severity = "hardly"')


@pytest.mark.parametrize(
    ("configuration", "signatures", "web", "said"),
    [
        ("[capture\n", SIGNATURES, "", "is not TOML"),
        ("[capture]\nringg = 1\n", SIGNATURES, "", "ring"),
        ("[capture]\ninterfaces = []\n", SIGNATURES, "", "no interface"),
        ("", BAD_SIGNATURE, "", "talker.toml:7"),
        ("", SIGNATURES, "basic_auth_users: [", "web.yml"),
    ],
    ids=["syntax", "unknown-key", "no-interface", "signature", "web"],
)
def test_what_is_broken_is_refused_whole(
    watchdog_sensor: Path,
    tmp_path: Path,
    line: Line,
    configuration: str,
    signatures: str,
    web: str,
    said: str,
) -> None:
    """The old one stays in use, and log, metrics and status say so, until one comes that is whole."""
    (tmp_path / "web.yml").write_text("", encoding="utf-8")
    interfaces = f'[capture]\ninterfaces = ["{line.right.device}"]\n'
    metrics = f'[metrics]\nweb_config = "{tmp_path / "web.yml"}"\n'
    options = ("--config", write_configuration(tmp_path, interfaces + metrics))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options, named=False) as live:
        before = live.status()["signatures"]
        write_configuration(tmp_path, metrics + (configuration or interfaces))
        write_signatures(tmp_path, signatures)
        (tmp_path / "web.yml").write_text(web, encoding="utf-8")
        after = reload(live)
        assert after["last_reload_failed"]
        assert after["digest"] == before["digest"]
        assert after["loaded"] == before["loaded"] == 1
        assert live.metric("watchdog_signatures_last_reload_successful") == 0
        assert live.metric("watchdog_signatures_reload_failures_total") == 1
        with silent_talker(line) as talker:
            talker.say(10)
            await_(lambda: detections(live) == 10, "what was known is found")
            (refused,) = [text for text in live.said.read_text().splitlines() if "reload_refused" in text]
            assert said in refused
            write_configuration(tmp_path, interfaces + metrics)
            (tmp_path / "web.yml").write_text("", encoding="utf-8")
            assert not reload(live)["last_reload_failed"]
            assert live.metric("watchdog_signatures_last_reload_successful") == 1
            talker.say(10)
            await_(lambda: detections(live) == 20, "and found again")
        assert live.stop() == 0
    assert live.check_ledger()["decoded"] == 20
    assert live.rows("SELECT count(*) FROM log WHERE event = 'reload_refused'") == [(1,)]


def test_an_interface_is_added_and_dropped(watchdog_sensor: Path, tmp_path: Path, line: Line) -> None:
    line.right.run("ip", "link", "add", "more0", "type", "veth", "peer", "name", "far0")
    device = line.right.device
    options = ("--config", write_configuration(tmp_path, f'[capture]\ninterfaces = ["{device}"]\n'))
    numbers = itertools.count(0, 1000)
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options, named=False) as live:
        for names in ([device, "more0"], ["more0"], [device], [device, "more0"]):
            write_configuration(tmp_path, f"[capture]\ninterfaces = {json.dumps(names)}\n")
            with silent_talker(line, next(numbers)) as talker:
                talker.say(20)
                time.sleep(0.2)  # into a block of the ring, or nobody's
                reload(live)
                assert [interface["name"] for interface in live.status()["interfaces"]] == names
                await_(lambda: all(running(live)), "all workers read")
                if device in names:
                    say_and_see(live, talker, 10)
        assert live.stop() == 0
    # Twenty came while nobody looked there: before the third reload.
    assert live.check_ledger()["decoded"] == detections(live) == 3 * 20 + 3 * 10
    assert live.events().count("interface_dropped") == 2
    stretches = live.rows("SELECT started_ns, ended_ns FROM ledger WHERE interface = ? ORDER BY 1", device)
    assert len([1 for before, after in itertools.pairwise(stretches) if after[0] > before[1]]) == 1


def say_and_see(live: Live, talker: Talker, count: int) -> None:
    """Send, and wait until the first interface's worker has seen it."""
    before = live.interface()["ledger"]["delivered"]
    talker.say(count)
    await_(lambda: live.interface()["ledger"]["delivered"] >= before + count, "it is seen")


def running(live: Live) -> list[bool]:
    """Of each worker of each interface, whether it reads."""
    return [
        worker["state"] == "running"
        for interface in live.status()["interfaces"]
        for worker in interface["workers"]
    ]


def test_what_needs_a_restart_is_named_until_it_is_done(
    watchdog_sensor: Path, tmp_path: Path, line: Line
) -> None:
    options = ("--config", write_configuration(tmp_path))
    with live_sensor(watchdog_sensor, line.right, tmp_path, *options) as live:
        changed = (
            f'[capture]\nring = "8MiB"\n[metrics]\nweb_config = "{tmp_path}/w.yml"\n[log]\nlevel = "debug"\n'
        )
        write_configuration(tmp_path, changed)
        for _ in range(2):
            assert not reload(live)["last_reload_failed"]
        assert live.stop() == 0
    told = [text for text in live.said.read_text().splitlines() if "restart_needed" in text]
    assert len(told) == 2
    assert all(f'settings="{name}"' in told[0] for name in ["capture.ring metrics.web_config log.level"])
    live.check_ledger()
