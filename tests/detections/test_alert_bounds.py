"""What an alert holds is bounded, however long its match and its request are."""

from pathlib import Path

from sensor.config import DetectionLimits
from sensor.worker.messages import Alerts, frame, record_of, to_parent
from signatures.model import Buffer
from tests.detections.windows import WINDOWS, alerts_of, conversation
from tests.signatures.build import signature

LIMITS = DetectionLimits()


def test_a_long_request_and_a_long_match_are_cut(tmp_path: Path) -> None:
    target = b"/begin" + 50_000 * b"x" + b"end"
    packets = conversation(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, 5_000 * b"h"))
    long = signature(regexes=("begin.*end",), buffers=(Buffer.HTTP_URI,))
    for window in WINDOWS:
        (alert,) = alerts_of(packets, [long], window, tmp_path)
        assert len(alert.http_url) == len(alert.http_host) == LIMITS.request
        assert target.startswith(alert.http_url.encode())
        assert len(alert.excerpt) <= LIMITS.excerpt_before + LIMITS.excerpt_match + LIMITS.excerpt_after


def test_as_many_alerts_as_go_into_one_message_fit(tmp_path: Path) -> None:
    packets = conversation(b"GET /word%b HTTP/1.1\r\nHost: a\r\n\r\n" % (15_000 * "遠".encode()))
    (alert,) = alerts_of(packets, [signature("word", buffers=(Buffer.HTTP_URI,))], WINDOWS[-1], tmp_path)
    message = Alerts(1, [record_of(alert, 0)] * 1000)
    assert to_parent.decode(frame(message)[4:]) == message
