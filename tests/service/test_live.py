"""What the service reports live is what replay reports of the same traffic, recorded by tcpdump."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from fixtures.pcaps.catalogue import ROOT
from tests.netns import Line, Namespace, veth_line
from tests.service.live import PATIENCE, await_, live_sensor

pytestmark = [pytest.mark.linux, pytest.mark.netns, pytest.mark.tcpdump]

DEMO = ROOT / "http" / "demo.pcapng"


class Recorder:
    """tcpdump on the same interface."""

    def __init__(self, side: Namespace, path: Path) -> None:
        self.path = path
        self._process = side.popen(
            *("tcpdump", "-i", side.device, "-U", "-s", "0", "-B", "65536", "-w", str(path)),
            "--time-stamp-precision=nano",
            "--immediate-mode",
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        while "listening on" not in (line := self._process.stderr.readline()):
            assert line, "tcpdump did not start"

    def stop(self) -> None:
        """End it, once it has written everything; it must not have dropped a packet."""
        size = -1
        while size != (size := self.path.stat().st_size):
            time.sleep(0.5)
        self._process.send_signal(signal.SIGINT)
        _, said = self._process.communicate(timeout=PATIENCE)
        assert "\n0 packets dropped by kernel" in said, said


def replay_events(command: Path, home: Path, capture: Path) -> list[dict[str, Any]]:
    """EVE JSON of a replay."""
    eve = home / "replay.json"
    subprocess.run(
        [command, "replay", "-q", "--no-db", "--eve", eve, capture],
        check=True,
        env={"HOME": str(home), "PATH": "/usr/bin"},
    )
    return [json.loads(line) for line in eve.read_text().splitlines()]


_OF_THE_READER = {
    "timestamp",
    "response_timestamp",
    "start",
    "end",
    "age",
    "flow_id",
    "pcap_cnt",
    "response_pcap_cnt",
}
"""Keys of what each packet socket finds for itself: the kernel asks the clock for each reader in turn, some
microseconds apart, and a flow's id is made of its first packet's time."""


_OF_THE_BATCH = {"excerpt", "excerpt_offset", "text", "text_start", "text_end"}
"""Keys of what is shown around a match in a stream: no more than had come when its batch was taken. What the
stream's protocol is may not be known by then either."""


def comparable(events: list[dict[str, Any]]) -> list[str]:
    """Events without their order and without what differs between two readers of one line."""
    for event in events:
        if event["event_type"] == "alert" and event["alert"]["buffer"] == "payload":
            event.pop("app_proto", None)
            for name in _OF_THE_BATCH:
                event["alert"].pop(name, None)
    return sorted(
        json.dumps(_without(event), sort_keys=True) for event in events if event["event_type"] != "stats"
    )


def _without(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without(inner) if isinstance(inner, dict) else inner
        for key, inner in value.items()
        if key not in _OF_THE_READER
    }


def send(line: Line, capture: Path, tmp_path: Path, *options: str) -> int:
    """Send a capture across the line from its left side; returns its packets."""
    plain = tmp_path / "sent.pcap"
    subprocess.run(
        ["tcpdump", "-r", capture, "-w", plain], check=True, capture_output=True
    )  # tcpreplay reads no pcapng with several sections
    said = line.left.run("tcpreplay", "-q", "-i", line.left.device, *options, str(plain))
    return int(said.split("Actual: ")[1].split()[0])


@pytest.mark.tcpreplay
@pytest.mark.parametrize("backend", ["af_packet", "libpcap"])
def test_a_capture_sent_across_a_line_is_seen_as_replayed(
    watchdog_sensor: Path, tmp_path: Path, backend: str
) -> None:
    with veth_line(mtu=65_535) as line:
        with live_sensor(watchdog_sensor, line.right, tmp_path, "--backend", backend) as live:
            recorder = Recorder(line.right, tmp_path / "recorded.pcap")
            sent = send(line, DEMO, tmp_path, "--mbps", "40")
            live.await_seen(sent)
            recorder.stop()
            assert live.stop() == 0
        expected = replay_events(watchdog_sensor, tmp_path, recorder.path)
        assert comparable(live.eve_events()) == comparable(expected)
        alerts = sum(event["event_type"] == "alert" for event in expected)
        assert live.rows("SELECT count(*) FROM detection") == [(alerts,)]
        assert alerts > 30
        sums = live.check_ledger()
        assert sums["received"] == sums["decoded"] == sent
        assert live.rows("SELECT status, received, decoded FROM run") == [("completed", sent, sent)]


@pytest.mark.curl
@pytest.mark.nginx
def test_programs_talk_across_a_line(watchdog_sensor: Path, tmp_path: Path) -> None:
    """Real curl and nginx: superframes, keep-alive, gzip, and a word that no packet holds in one piece."""
    with veth_line() as line:
        serve = _nginx(line.left, tmp_path)
        try:
            with live_sensor(watchdog_sensor, line.right, tmp_path) as live:
                recorder = Recorder(line.right, tmp_path / "recorded.pcap")
                url = f"http://{line.left.address}:8080"
                line.right.run(
                    "curl",
                    "-sS",
                    "-o",
                    "/dev/null",
                    f"{url}/large.bin",
                    f"{url}/?q=%E9%81%A0%E9%9A%94%E6%93%8D%E4%BD%9C",
                )
                line.right.run("curl", "-sS", "--compressed", "-o", "/dev/null", f"{url}/page.html")
                await_(
                    lambda: sum(event["event_type"] == "alert" for event in live.eve_events()) >= 1,
                    "an alert",
                )
                time.sleep(0.5)  # the last acknowledgement is on its way to both readers
                recorder.stop()
                assert live.stop() == 0
        finally:
            serve.terminate()
            serve.wait()
        expected = replay_events(watchdog_sensor, tmp_path, recorder.path)
        assert comparable(live.eve_events()) == comparable(expected)
        requests = [event for event in live.eve_events() if event["event_type"] == "http"]
        assert [event["http"]["status"] for event in requests] == [200, 200, 200]
        live.check_ledger()


def test_detections_are_stored_soon(watchdog_sensor: Path, tmp_path: Path) -> None:
    """A request's detection is in the database while the service runs, and the metrics say so."""
    with veth_line() as line, live_sensor(watchdog_sensor, line.right, tmp_path, eve=False) as live:
        _ask(line)
        await_(lambda: live.rows("SELECT count(*) FROM detection")[0][0], "a stored detection")
        await_(lambda: live.metric("watchdog_detections_total") >= 1, "the metric counts it")
        assert live.metric("watchdog_detection_latency_seconds_count") >= 1
        assert live.metric("watchdog_ledger_error_packets_total") == 0
        assert live.stop() == 0


def _ask(line: Line) -> None:
    """A request with a word of the shipped signatures, to nobody."""
    script = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        f"s.sendto('GET /?q=遠隔操作 HTTP/1.1\\r\\n\\r\\n'.encode(), ('{line.right.address}', 80))"
    )
    line.left.run("python3", "-c", script)


def _nginx(side: Namespace, home: Path) -> "subprocess.Popen[bytes]":
    root = home / "www"
    root.mkdir()
    (root / "large.bin").write_bytes(bytes(range(256)) * 8192)
    (root / "page.html").write_text("<p>遠隔操作 のページ</p>" * 200, encoding="utf-8")
    (root / "index.html").write_text("<p>index</p>", encoding="utf-8")
    configuration = home / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/error.log;"
        "events {} http { gzip on; access_log off; gzip_types text/html; types { text/html html; }"
        f"client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;"
        f"uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;"
        f"server {{ listen {side.address}:8080; root {root}; }} }}",
        encoding="utf-8",
    )
    process = side.popen("nginx", "-c", str(configuration), "-e", str(home / "error.log"))
    await_(lambda: (home / "nginx.pid").exists() and (home / "nginx.pid").read_text().strip(), "nginx runs")
    return process
