"""What has matched so far of signatures of several clauses, by flow and transaction. Bounded."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sensor.config import DetectionLimits
from sensor.detections.clauses import Found, trimmed
from sensor.detections.rules import Rule, RuleKey
from sensor.telemetry import Counters

FLOW = -1
"""In place of ``tx_id``: the whole flow."""

_STATE_COST = 512
"""Octets of a state without matches."""
_Key = tuple[int, int, RuleKey]
"""Slot, ``tx_id``, sid and rev."""


@dataclass(slots=True, eq=False)
class State:
    """A signature under way in a transaction or flow."""

    rule: Rule
    key: _Key
    found: list[list[Found]]
    """The matches of each clause."""
    done: bool = False
    """It has fired, and will not again."""
    octets: int = field(default=_STATE_COST)


class States:
    """The signatures under way."""

    def __init__(self, limits: DetectionLimits, counters: Counters) -> None:
        self._limits = limits
        self._counters = counters
        self._states: dict[_Key, State] = {}
        """The oldest first."""
        self._of_flow: dict[int, dict[_Key, None]] = {}
        """By slot, the oldest first."""
        self._octets = 0

    def __len__(self) -> int:
        return len(self._states)

    def of(self, slot: int, tx_id: int, rule: Rule) -> State:
        """How far ``rule`` is; a new state if nothing of it has matched yet."""
        key = slot, tx_id, rule.key
        state = self._states.get(key)
        if state is None:
            keys = self._of_flow.setdefault(slot, {})
            if len(keys) >= self._limits.clause_states:
                self._evict(next(iter(keys)))
                keys = self._of_flow.setdefault(slot, {})
            state = self._states[key] = State(rule, key, [[] for _ in rule.signature.clauses])
            keys[key] = None
            self._octets += state.octets
        return state

    def keep(self, state: State) -> None:
        """Keep of ``state``'s matches what the bounds allow, until more of it matches."""
        if self._states.get(state.key) is not state:
            return
        if state.done:
            state.found = [[] for _ in state.found]
        elif state.rule.shape is not None:
            for at, found in enumerate(state.found):
                if not state.rule.shape.needs_all[at]:
                    if len(found) > 1:
                        state.found[at] = [min(found, key=lambda one: one.at)]
                elif len(found) > self._limits.clause_positions:
                    self._counters.clause_positions_cut += len(found) - self._limits.clause_positions
                    state.found[at] = trimmed(found, self._limits.clause_positions)
        octets = _STATE_COST + sum(one.match.octets for found in state.found for one in found)
        self._octets += octets - state.octets
        state.octets = octets
        while self._octets > self._limits.clause_octets:
            self._evict(next(iter(self._states)))

    def end_transaction(self, slot: int, tx_id: int) -> list[State]:
        """The transaction is over: what was under way in it."""
        keys = [key for key in self._of_flow.get(slot, ()) if key[1] == tx_id]
        return [self._pop(key) for key in keys]

    def end_flow(self, slot: int) -> list[State]:
        """The flow is over: what was under way in it."""
        return [self._pop(key) for key in list(self._of_flow.get(slot, ()))]

    def replace_rules(self, rules: Iterable[Rule]) -> None:
        """Go on with other rules where sid, rev and clauses are the same; of others nothing is under way."""
        by_key = {rule.key: rule for rule in rules}
        for state in list(self._states.values()):
            rule = by_key.get(state.rule.key)
            old = state.rule
            if (
                rule is None
                or rule.signature.clauses != old.signature.clauses
                or rule.signature.ordered != old.signature.ordered
                or rule.in_transaction != old.in_transaction
            ):
                self._pop(state.key)
            else:
                state.rule = rule

    def _evict(self, key: _Key) -> None:
        self._counters.clause_states_evicted += 1
        self._pop(key)

    def _pop(self, key: _Key) -> State:
        state = self._states.pop(key)
        keys = self._of_flow[key[0]]
        del keys[key]
        if not keys:
            del self._of_flow[key[0]]
        self._octets -= state.octets
        return state
