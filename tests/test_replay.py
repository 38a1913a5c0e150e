"""Several captures in one replay, and what an unfinished replay has counted."""

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from fixtures.pcaps.build import exchange, framed, in_ethernet
from fixtures.pcaps.capture import formats
from fixtures.pcaps.catalogue import ROOT, captures, name_of
from sensor.capture.source import CaptureFile
from sensor.config import Settings
from sensor.errors import CaptureError
from sensor.replay import Outcome, Replay
from sensor.store.queries import DetectionFilter, read_detections, read_runs
from sensor.store.records import RunStatus
from sensor.store.replay import ReplayStore
from sensor.telemetry import Counters
from tests.golden.replay import golden_plan

DEMO = ROOT / "http" / "demo.pcapng"
CUT = ROOT / "capture" / "cut_record.pcap"


def replay(paths: Sequence[Path], **options: Any) -> tuple[Outcome, list[dict[str, Any]]]:
    """Replay ``paths`` in one run; what it did, and its events."""
    eve = BytesIO()
    outcome = Replay(Settings(), golden_plan(), eve=eve, **options).run([str(path) for path in paths])
    return outcome, [json.loads(line) for line in eve.getvalue().splitlines()]


def test_captures_of_other_times_do_not_touch_each_other() -> None:
    """Each capture starts before the one before it has ended, so it is a recording of its own."""
    times = {}
    for capture in captures():
        _, events = replay([capture])
        flows = [event["flow"] for event in events if event["event_type"] == "flow"]
        if flows:
            times[capture] = min(flow["start"] for flow in flows), max(flow["end"] for flow in flows)
    chosen: list[Path] = []
    for capture in sorted(times, key=lambda capture: times[capture], reverse=True):
        if not chosen or times[capture][0][:19] < times[chosen[-1]][1][:18]:
            chosen.append(capture)
    assert len(chosen) > 2
    _, together = replay(chosen)
    alone = []
    for capture in chosen:
        alone += [event | {"pcap_filename": str(capture)} for event in replay([capture])[1][:-1]]
    assert together[:-1] == alone


def test_a_record_that_is_no_packet_does_not_tell_another_time(tmp_path: Path) -> None:
    """A recording in two files is one flow, though the second begins with a record that has no time."""
    frames = list(framed(exchange(), in_ethernet).frames)
    first, second = tmp_path / "1.pcapng", tmp_path / "2.pcapng"
    packets = [formats.enhanced(frame.octets, frame.ts_ns // 1000) for frame in frames]
    head = formats.section() + formats.custom(b"x") + formats.interface()
    first.write_bytes(head + formats.joined(packets[:4]))
    second.write_bytes(head + formats.joined(packets[4:]))
    _, events = replay([first, second])
    assert [event["flow"]["conn_state"] for event in events if event["event_type"] == "flow"] == ["SF"]


def test_notes_name_the_damaged_capture_once() -> None:
    outcome, _ = replay([DEMO, CUT])
    (note,) = outcome.notes
    assert note.count(CUT.name) == 1
    assert outcome.captures == 2
    assert outcome.stats["received"] == outcome.counters.received > 622


def test_progress_is_told_of_every_batch() -> None:
    seen: list[tuple[str, int, int]] = []

    def progress(capture: CaptureFile, counters: Counters) -> None:
        seen.append((capture.name, capture.position, counters.received))

    eve = BytesIO()
    Replay(Settings(window=1024), golden_plan(), eve=eve, progress=progress).run([str(DEMO)])
    assert len(seen) > 50
    assert seen == sorted(seen)
    assert seen[-1] == (str(DEMO), DEMO.stat().st_size, 622)


def test_interrupted_replay_logs_its_packets_so_far(tmp_path: Path) -> None:
    database = tmp_path / "a.db"

    def stop(_capture: CaptureFile, counters: Counters) -> None:
        if counters.received > 300:
            raise KeyboardInterrupt

    def run() -> None:
        with ReplayStore(database) as store:
            store.begin_run([], version="0", signatures_digest="")
            Replay(Settings(window=1024), golden_plan(), store=store, progress=stop).run([str(DEMO)])

    with pytest.raises(KeyboardInterrupt):
        run()
    (logged,) = read_runs(database)
    assert logged.status == RunStatus.INTERRUPTED
    assert 300 < logged.received < 622
    assert logged.received == logged.decoded + sum(logged.rejected.values())
    assert logged.detections == len(list(read_detections(database, DetectionFilter()))) > 0


def test_detections_name_the_capture_of_their_packet(tmp_path: Path) -> None:
    keyword = ROOT / "keyword" / "across_two_segments.pcap"
    with ReplayStore(tmp_path / "a.db") as store:
        store.begin_run([], version="0", signatures_digest="")
        Replay(Settings(), golden_plan(), store=store).run([str(DEMO), str(keyword)])
        store.end_run(RunStatus.COMPLETED, store.counts)
    rows = list(read_detections(tmp_path / "a.db", DetectionFilter()))
    for path in (DEMO, keyword):
        found = {(row.packet_number, row.sid, row.flow_id) for row in rows if row.source == str(path)}
        _, events = replay([path])
        alerts = [event for event in events if event["event_type"] == "alert"]
        assert found == {(a["pcap_cnt"], a["alert"]["signature_id"], a["flow_id"]) for a in alerts} != set()


def test_nothing_is_read_if_one_path_is_wrong(tmp_path: Path) -> None:
    run = Replay(Settings(), golden_plan())
    with pytest.raises(CaptureError, match="does not exist"):
        run.run([str(DEMO), str(tmp_path / "none")])
    assert run.counters.received == 0


@pytest.mark.parametrize("capture", captures(), ids=name_of)
def test_app_proto_is_known_to_every_event_of_an_http_flow(capture: Path) -> None:
    _, events = replay([capture])
    http = {event["flow_id"] for event in events if event["event_type"] == "http"}
    for event in events:
        if event["event_type"] in ("http", "flow") and event["flow_id"] in http:
            assert event["app_proto"] == "http"
