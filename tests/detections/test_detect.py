"""What becomes an alert: conditions, once each, and what the bounds tell."""

from dataclasses import replace

import pytest

from sensor.config import DetectionLimits
from sensor.detections.detect import Detector, Sender
from sensor.protocols.transaction import HttpTransaction
from sensor.telemetry import Counters
from signatures.model import Direction, PortRange, Signature
from tests.signatures.build import signature

CLIENT = (0, 0xFFFF_C000_0201)
SERVER = (0, 0xFFFF_C000_0202)


def sender(*, to_server: bool = True, port: int = 80) -> Sender:
    ends = (CLIENT, 40000, SERVER, port) if to_server else (SERVER, port, CLIENT, 40000)
    return Sender(7, 4, *ends, proto=6, to_server=to_server, app_proto="http")


@pytest.mark.parametrize(
    ("conditions", "requests", "responses"),
    [
        ({}, True, True),
        ({"direction": Direction.TO_SERVER}, True, False),
        ({"direction": Direction.TO_CLIENT}, False, True),
        ({"dst_ports": (PortRange(80, 88),)}, True, False),
        ({"src_ports": (PortRange(80, 80),)}, False, True),
        ({"dst_ports": (PortRange(1, 79), PortRange(81, 39999))}, False, False),
    ],
)
def test_conditions(conditions: dict[str, object], requests: bool, responses: bool) -> None:
    detector = Detector(DetectionLimits(), Counters())
    one = signature("word", **conditions)
    for ends, expected in ((sender(), requests), (sender(to_server=False), responses)):
        assert detector.fires_in_flow(0, one, ends) is expected
        assert detector.fires_in_transaction(HttpTransaction(), one, ends) is expected


def test_once_in_each_direction_until_the_flow_ends() -> None:
    detector = Detector(DetectionLimits(), Counters())

    def fires(slot: int, to_server: bool) -> bool:
        return detector.fires_in_flow(slot, signature("word"), sender(to_server=to_server))

    assert [fires(3, True), fires(3, False), fires(4, True)] == [True] * 3
    assert [fires(3, True), fires(3, False), fires(4, True)] == [False] * 3
    detector.forget([3])
    assert [fires(3, True), fires(4, True)] == [True, False]


def test_once_in_each_transaction_if_the_conditions_hold() -> None:
    detector = Detector(DetectionLimits(), Counters())
    first, second = HttpTransaction(), HttpTransaction(tx_id=1)
    responses = signature("word", direction=Direction.TO_CLIENT)
    newer = replace(responses, rev=2)

    def fires(transaction: HttpTransaction, one: Signature, to_server: bool) -> bool:
        return detector.fires_in_transaction(transaction, one, sender(to_server=to_server))

    seen = [fires(first, responses, True), fires(first, responses, False), fires(first, responses, False)]
    assert seen == [False, True, False]
    assert [fires(first, newer, False), fires(second, responses, False)] == [True, True]


def test_past_the_bound_alerts_are_not_lost_but_may_come_again() -> None:
    counters = Counters()
    detector = Detector(DetectionLimits(fired=2), counters)
    for _ in range(2):
        fired = [detector.fires_in_flow(slot, signature("word"), sender()) for slot in range(3)]
        assert fired[2]
    assert counters.alerts_forgotten == 2
    detector.forget([0])
    assert detector.fires_in_flow(2, signature("word"), sender())
    assert not detector.fires_in_flow(2, signature("word"), sender())
