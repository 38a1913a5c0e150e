"""Signatures of several clauses and those with flags, however what matched is cut into batches."""

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from sensor.config import DetectionLimits
from sensor.detections.alert import Alert
from sensor.detections.clauses import Found, found_at
from sensor.detections.detect import Detector
from sensor.detections.match import Match, Place
from sensor.detections.rules import rule_of
from sensor.detections.together import Together
from sensor.protocols.transaction import HttpTransaction
from sensor.telemetry import Counters
from signatures.model import Buffer, Clause, Role, Scope, Signature
from tests.detections.senders import sender
from tests.reference.clauses import Seen, completed
from tests.signatures.build import signature

BUFFERS = (Buffer.HTTP_URI, Buffer.HTTP_USER_AGENT)


class Event(NamedTuple):
    """A clause of a signature matched."""

    number: int
    slot: int
    tx_id: int
    which: int
    """Of the signature."""
    clause: int
    buffer: Buffer
    start: int
    length: int

    @property
    def found(self) -> Found:
        place = Place(
            self.buffer, self.start, self.start + self.length, self.start, self.number, 0, self.tx_id
        )
        return found_at((self.buffer, 0, self.tx_id), Match(sender(), place, b"", 0, None))


class Bench:
    """`Together` with signatures, fed by hand."""

    def __init__(self, signatures: list[Signature], limits: DetectionLimits | None = None) -> None:
        self.counters = Counters()
        limits = limits or DetectionLimits()
        self.detector = Detector(limits, self.counters)
        self.together = Together(self.detector, limits, self.counters)
        self.use(signatures)

    def use(self, signatures: list[Signature]) -> None:
        self.rules = tuple(map(rule_of, signatures))
        self.together.replace_rules(self.rules)

    def batch(self, events: list[Event], ended: list[tuple[int, int]] | None = None) -> list[Alert]:
        """Feed matches, and ends of transactions (slot, tx_id)."""
        for event in events:
            within = HttpTransaction(event.tx_id) if event.tx_id >= 0 else True
            self.together.add(event.slot, self.rules[event.which], event.clause, event.found, within)
        for slot, tx_id in ended or []:
            self.together.end_transaction(slot, tx_id, 99)
        return self.together.settle()

    def end(self, *slots: int) -> list[Alert]:
        self.together.end_flows(list(slots))
        alerts = self.together.settle()
        self.detector.forget(list(slots))
        return alerts


def several(sid: int, *clauses: Clause, **values: object) -> Signature:
    return signature("x", sid=sid, clauses=clauses, **values)


def clause(role: Role = Role.ALL, distance: int | None = None, within: int | None = None) -> Clause:
    return Clause(BUFFERS, role, distance=distance, within=within)


SIGNATURES = [
    several(1, clause(), clause(), scope=Scope.TRANSACTION),
    several(2, clause(), clause(distance=1, within=4), scope=Scope.TRANSACTION),
    several(3, clause(), clause(), ordered=True, scope=Scope.FLOW),
    several(4, clause(Role.ANY), clause(Role.ANY), clause(), scope=Scope.FLOW),
    several(5, clause(), clause(Role.NONE), scope=Scope.TRANSACTION),
    several(6, clause(), clause(Role.NONE, within=3), scope=Scope.FLOW),
]
events = st.lists(
    st.builds(
        Event,
        st.integers(1, 9),
        st.integers(0, 1),
        st.integers(0, 1),
        st.integers(0, len(SIGNATURES) - 1),
        st.integers(0, 1),
        st.sampled_from(BUFFERS),
        st.integers(0, 6),
        st.integers(1, 2),
    ),
    max_size=20,
).map(sorted)


def expected_alerts(every: list[Event]) -> set[tuple[int, int, int, int]]:
    """(sid, slot, packet, offset) by whole transactions and flows."""
    whole: defaultdict[tuple[int, int, int], list[list[Seen]]] = defaultdict(lambda: [[], [], []])
    for event in every:
        one = SIGNATURES[event.which]
        tx_id = event.tx_id if one.scope is Scope.TRANSACTION else -1
        found = event.found
        whole[event.which, event.slot, tx_id][event.clause].append(Seen(*found.at, found.value))
    alerts = set()
    for (index, slot, _), seen in whole.items():
        at = completed(SIGNATURES[index], seen)
        if at is not None:
            alerts.add((SIGNATURES[index].sid, slot, at[0], at[3]))
    return alerts


@given(events, st.lists(st.integers(1, 10), max_size=4))
def test_any_cut_gives_what_the_whole_gives(every: list[Event], cuts: list[int]) -> None:
    bench = Bench(SIGNATURES)
    alerts = []
    for low, high in pairwise([0, *sorted(cuts), 10]):
        batch = [event for event in every if low <= event.number < high]
        for slot in (0, 1):
            of_slot = [event for event in reversed(batch) if event.slot == slot]
            alerts += [(slot, alert) for alert in bench.batch(of_slot)]
    for slot in (0, 1):
        alerts += [(slot, alert) for alert in bench.batch([], [(slot, 0), (slot, 1)]) + bench.end(slot)]
    got = [(alert.signature.sid, slot, alert.packet_number, alert.offset) for slot, alert in alerts]
    assert len(bench.together._states) == 0
    assert bench.together._states._octets == 0
    whole = {
        (one.sid, event.slot, event.tx_id if one.scope is Scope.TRANSACTION else -1)
        for event in every
        for one in [SIGNATURES[event.which]]
    }
    assert len(got) <= len(whole), "once in each"
    assert set(got) == expected_alerts(every)


def event(
    number: int, index: int = 0, at: int = 0, *, slot: int = 0, tx_id: int = 0, start: int = 0
) -> Event:
    return Event(number, slot, tx_id, index, at, Buffer.HTTP_URI, start, 1)


def sids(alerts: list[Alert]) -> list[int]:
    return [alert.signature.sid for alert in alerts]


def test_an_exclusion_waits_for_the_end() -> None:
    transaction, flow = SIGNATURES[4], several(6, clause(), clause(Role.NONE), scope=Scope.FLOW)
    bench = Bench([transaction, flow])
    assert bench.batch([event(1), event(1, 1)]) == []
    (alert,) = bench.batch([], [(0, 0)])
    assert (alert.signature.sid, alert.packet_number) == (5, 1)
    assert sids(bench.end(0)) == [6]
    assert bench.batch([event(2), event(3, 0, 1)], [(0, 0)]) == []


def test_flags_count_from_the_packet_that_set_them() -> None:
    sets = signature("x", sid=1, sets=("login",), silent=True)
    needs = signature("x", sid=2, needs=("login",))
    without = signature("x", sid=3, needs_not=("login",))
    for late, expected in ((3, [3]), (7, [2])):
        bench = Bench([sets, needs, without])
        assert sids(bench.batch([event(late, 1), event(late, 2), event(5, 0)])) == expected
        assert bench.counters.detections == 1
    bench = Bench([sets, needs])
    assert sids(bench.batch([event(1, 0)]) + bench.batch([event(2, 1, slot=1)])) == []
    assert sids(bench.batch([event(3, 1)])) == [2]
    bench.end(0)
    assert bench.batch([event(4, 1)]) == [], "another flow has the slot"


def test_flags_that_several_clauses_set() -> None:
    sets = several(1, clause(), clause(), sets=("both",), scope=Scope.FLOW)
    needs = several(2, clause(), clause(), needs=("both",), scope=Scope.FLOW)
    bench = Bench([sets, needs])
    assert bench.batch([event(1), event(1, 1), event(2, 1, 1)]) == []
    assert sids(bench.batch([event(3, 0, 1), event(4, 1, 1)])) == [1], "complete before the flag was set"
    assert sids(bench.batch([event(5, 1, 1)])) == [2]


def test_a_reload_goes_on_where_the_signature_is_the_same() -> None:
    one, two, three = (several(sid, clause(), clause(), scope=Scope.FLOW) for sid in (1, 2, 3))
    bench = Bench([one, two, three])
    bench.batch([event(1, index) for index in range(3)])
    bench.use([replace(two, rev=2), replace(one, name={"en": "renamed"})])
    (alert,) = bench.batch([event(2, index, 1) for index in range(2)])
    assert (alert.signature.sid, alert.signature.title()) == (1, "renamed")
    assert alert.signature is bench.rules[1].signature
    assert sids(bench.batch([event(3, 0, 0), event(3, 1, 0), event(3, 1, 1)])) == [2], "1 has fired"
    bench.use([three])
    assert bench.batch([event(4, 0, 1)]) == [], "what it knew went with it"


def test_clauses_that_changed_under_the_same_revision_begin_anew() -> None:
    bench = Bench([several(1, clause(), clause())])
    bench.batch([event(1)])
    bench.use([several(1, clause(), clause(distance=5))])
    assert bench.batch([event(2, 0, 1, start=50)]) == []
    assert len(bench.batch([event(3)])) == 1


def test_of_more_matches_than_are_remembered_the_latest_count() -> None:
    bench = Bench([several(1, clause(), clause(distance=0, within=1), scope=Scope.FLOW)])
    for number in range(1, 102):
        assert bench.batch([event(number, start=10 * number)]) == []
    assert bench.counters.clause_positions_cut == 101 - DetectionLimits().clause_positions
    assert bench.batch([event(200, 0, 1, start=11)]) == []
    assert len(bench.batch([event(201, 0, 1, start=1011)])) == 1


def test_a_flow_with_too_many_under_way_gives_up_its_own_oldest() -> None:
    one = several(1, clause(), clause(), scope=Scope.TRANSACTION)
    bench = Bench([one], DetectionLimits(clause_states=2))
    bench.batch([event(1, slot=1)])
    for tx_id in range(3):
        bench.batch([event(2 + tx_id, tx_id=tx_id)])
    assert bench.counters.clause_states_evicted == 1
    assert len(bench.batch([event(9, 0, 1, slot=1)])) == 1, "another flow's is not touched"
    got = [len(bench.batch([event(9, 0, 1, tx_id=tx_id)])) for tx_id in (2, 1, 0)]
    assert got == [1, 1, 0]


def test_past_the_octets_the_oldest_of_all_are_given_up() -> None:
    most = 20_000
    bench = Bench([several(1, clause(), clause())], DetectionLimits(clause_octets=most))
    for slot in range(100):
        bench.batch([event(slot + 1, slot=slot)])
        assert bench.together._states._octets <= most
    assert bench.counters.clause_states_evicted > 80
    assert len(bench.batch([event(200, 0, 1, slot=99)])) == 1
    assert bench.batch([event(200, 0, 1, slot=0)]) == []


def test_a_batch_with_more_than_may_wait_is_settled_meanwhile() -> None:
    bench = Bench([several(1, clause(), clause())], DetectionLimits(clause_octets=20_000))
    every = [event(1, 0, at, slot=slot) for slot in range(100) for at in (0, 1)]
    assert len(bench.batch(every)) == 100
