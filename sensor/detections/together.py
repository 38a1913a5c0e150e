"""Matches that can't be judged alone: of signatures of several clauses, and of those that flags bind.

Theory of operation. A batch is looked into buffer by buffer, and stream by stream; but a flag counts from
the packet on that it was set by, and a signature is complete with the packet that brought its last match. So
these matches wait for the end of the batch and are then taken in the order of packets, which gives the same
alerts however a capture is cut into batches. (A body is dated by the packet that completed its head, and
known when its transaction ends: where other streams' octets came between, a flag may count a batch later.)

A signature with clauses that must not match fires when its transaction or flow ends, and not before; the
others when they are complete.
"""

from typing import NamedTuple

from sensor.config import DetectionLimits
from sensor.detections.alert import Alert
from sensor.detections.clauses import Found, completed_by
from sensor.detections.detect import Detector, Mark
from sensor.detections.rules import Rule
from sensor.detections.states import FLOW, State, States
from sensor.protocols.transaction import HttpTransaction
from sensor.telemetry import Counters

_At = tuple[int, int, int, int]
_LAST = (1 << 62, 0, 0, 0)
_BEHIND = 1 << 62


class _Firing(NamedTuple):
    """A signature that fires, if the flow's flags allow it."""

    at: _At
    slot: int
    rule: Rule
    found: Found
    state: State | None
    """Of several clauses."""
    within: HttpTransaction | Mark
    """Of one clause: the transaction that it is in, or the place in its flow."""


class Together:
    """Collects such matches, and raises their alerts."""

    def __init__(self, detector: Detector, limits: DetectionLimits, counters: Counters) -> None:
        self._detector = detector
        self._states = States(limits, counters)
        self._most = limits.clause_octets
        self._waiting = 0
        """Octets of matches that were added since the last time that all were settled."""
        self._alerts: list[Alert] = []
        """Of a batch in which more matched than may wait."""
        self._single: list[_Firing] = []
        self._touched: dict[int, State] = {}
        self._ended: list[tuple[_At, int, int]] = []
        """When, slot, and transaction or FLOW."""

    def replace_rules(self, rules: tuple[Rule, ...]) -> None:
        """Use the rules of another plan; what is under way goes on where they are the same."""
        self._states.replace_rules(rules)

    def add(self, slot: int, rule: Rule, place: int, found: Found, within: HttpTransaction | Mark) -> None:
        """The clause ``place`` of ``rule`` matched.

        :param within: the HTTP transaction that it is in, or the place in the flow.
        """
        self._waiting += found.match.octets
        if self._waiting > self._most:
            self._alerts += self._settle()
        if rule.shape is None:
            self._single.append(_Firing(found.at, slot, rule, found, None, within))
            return
        tx_id = found.match.place.tx_id if rule.in_transaction else FLOW
        state = self._states.of(slot, tx_id, rule)
        if not state.done:
            state.found[place].append(found)
            self._touched[id(state)] = state

    def end_transaction(self, slot: int, tx_id: int, number: int) -> None:
        """All of it has been looked into; ``number`` is its last packet."""
        if self._states:
            self._ended.append(((number, _BEHIND, 0, 0), slot, tx_id))

    def end_flows(self, slots: list[int]) -> None:
        """No more octets of theirs come."""
        if self._states:
            self._ended += [(_LAST, slot, FLOW) for slot in slots]

    def settle(self) -> list[Alert]:
        """Alerts of what was collected since the last time."""
        if not (self._single or self._touched or self._ended or self._alerts):
            return []
        alerts, self._alerts = self._alerts, []
        return alerts + self._settle()

    def _settle(self) -> list[Alert]:
        self._waiting = 0
        firings, self._single = self._single, []
        for state in self._touched.values():
            assert state.rule.shape is not None
            if not state.rule.shape.exclusions:
                firings += _completed(state, None)
        for at, slot, tx_id in self._ended:
            over = self._states.end_flow(slot) if tx_id == FLOW else self._states.end_transaction(slot, tx_id)
            for state in over:
                if not state.done and state.rule.shape is not None and state.rule.shape.exclusions:
                    firings += _completed(state, at)
        firings.sort(key=lambda each: each.at)
        alerts = [alert for each in firings if (alert := self._fire(each)) is not None]
        for state in self._touched.values():
            self._states.keep(state)
        self._touched.clear()
        self._ended.clear()
        return alerts

    def _fire(self, firing: _Firing) -> Alert | None:
        _, slot, rule, found, state, within = firing
        detector, match = self._detector, found.match
        if state is None and (
            detector.has_fired_in_transaction(within, rule)
            if isinstance(within, HttpTransaction)
            else detector.has_fired_in_flow(slot, rule, within)
        ):
            return None
        if not detector.flags_allow(slot, rule):
            return None
        if state is not None:
            state.done = True
        elif isinstance(within, HttpTransaction):
            detector.note_in_transaction(within, rule)
        else:
            detector.note_in_flow(slot, rule, within)
        return detector.fire(slot, rule, match)


def _completed(state: State, at: _At | None) -> list[_Firing]:
    """What fires if ``state`` is complete: at ``at``, or when it became so."""
    assert state.rule.shape is not None
    found = completed_by(state.rule.shape, state.found)
    if found is None:
        return []
    return [_Firing(at or found.at, state.key[0], state.rule, found, state, found.match.sender.to_server)]
