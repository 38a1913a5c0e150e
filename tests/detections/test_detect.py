"""What has fired does not fire again; flags; and what the bounds tell."""

from dataclasses import replace

from sensor.config import DetectionLimits
from sensor.detections.detect import Detector
from sensor.detections.match import Match, Place
from sensor.detections.rules import Rule
from sensor.detections.rules import rule_of as rule
from sensor.protocols.transaction import HttpTransaction
from sensor.telemetry import Counters
from signatures.model import Signature, Suppression, Track
from tests.detections.senders import sender
from tests.signatures.build import signature


def match(to_server: bool = True) -> Match:
    return Match(sender(to_server=to_server), Place("payload", 0, 4, 0, 7, 1), b"word", 0, None)


def fires_in_flow(detector: Detector, slot: int, one: Rule, to_server: bool = True) -> bool:
    if detector.has_fired_in_flow(slot, one, to_server):
        return False
    detector.note_in_flow(slot, one, to_server)
    return True


def test_once_in_each_direction_until_the_flow_ends() -> None:
    detector, one = Detector(DetectionLimits(), Counters()), rule(signature("word"))

    def fires(slot: int, to_server: bool) -> bool:
        return fires_in_flow(detector, slot, one, to_server)

    assert [fires(3, True), fires(3, False), fires(4, True)] == [True] * 3
    assert [fires(3, True), fires(3, False), fires(4, True)] == [False] * 3
    detector.forget([3])
    assert [fires(3, True), fires(4, True)] == [True, False]


def test_once_in_each_transaction() -> None:
    detector = Detector(DetectionLimits(), Counters())
    first, second = HttpTransaction(), HttpTransaction(tx_id=1)
    one = signature("word")
    newer = replace(one, rev=2)

    def fires(transaction: HttpTransaction, one: Signature) -> bool:
        if detector.has_fired_in_transaction(transaction, rule(one)):
            return False
        detector.note_in_transaction(transaction, rule(one))
        return True

    assert [fires(first, one), fires(first, one)] == [True, False]
    assert [fires(first, newer), fires(second, one)] == [True, True]


def test_past_the_bound_alerts_are_not_lost_but_may_come_again() -> None:
    counters = Counters()
    detector, one = Detector(DetectionLimits(fired=2), counters), rule(signature("word"))
    for _ in range(2):
        fired = [fires_in_flow(detector, slot, one) for slot in range(3)]
        assert fired[2]
    assert counters.alerts_forgotten == 2
    detector.forget([0])
    assert fires_in_flow(detector, 2, one)
    assert not fires_in_flow(detector, 2, one)


def test_flags_are_the_flow_s_and_end_with_it() -> None:
    detector = Detector(DetectionLimits(), Counters())
    sets = rule(signature("word", sets=("a", "b"), silent=True))
    needs = rule(signature("word", needs=("a", "b")))
    without = rule(signature("word", needs_not=("b",)))
    assert not detector.flags_allow(3, needs)
    assert detector.flags_allow(3, without)
    assert detector.fire(3, sets, match()) is None
    assert detector.flags_allow(3, needs)
    assert not detector.flags_allow(3, without)
    assert not detector.flags_allow(4, needs)
    detector.forget([3])
    assert not detector.flags_allow(3, needs)


def test_suppression_silences_and_counts_but_sets_flags() -> None:
    for track, silent in (
        (Track.BY_SRC, (True, False)),
        (Track.BY_DST, (False, True)),
        (Track.BY_BOTH, (True, True)),
    ):
        counters = Counters()
        detector = Detector(DetectionLimits(), counters)
        suppressed = rule(
            signature("word", sets=("a",), suppressions=(Suppression(track, ("192.0.2.1/32",)),))
        )
        alerts = [detector.fire(3, suppressed, match(to_server)) for to_server in (True, False)]
        assert tuple(alert is None for alert in alerts) == silent
        assert counters.alerts_suppressed == sum(silent)
        assert counters.detections == 2 - sum(silent)
        assert detector.flags_allow(3, rule(signature("word", needs=("a",))))
