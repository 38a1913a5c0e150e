"""Matches become alerts: once each, where flags allow it, past suppression and threshold.

A signature of one clause fires once in each direction of a flow for ``payload``, and once in each transaction
for all other buffers of HTTP together; in the names of TLS and DNS once in a flow for each name, since one is
often asked for twice, for addresses of IPv4 and of IPv6. One of several clauses fires once in each
transaction, or flow.
"""

from hashlib import blake2b

from sensor.addresses import address_text
from sensor.config import DetectionLimits
from sensor.detections.alert import Alert
from sensor.detections.match import PROTO_NAMES, Match
from sensor.detections.rules import Rule, RuleKey
from sensor.detections.threshold import Thresholds
from sensor.protocols.transaction import HttpTransaction
from sensor.telemetry import Counters

Mark = bool | bytes
"""Where in a flow: whether in the payload to the server; or in which name (:func:`name_mark`)."""
_NO_FLAGS: frozenset[str] = frozenset()


class Detector:
    """Remembers what has fired, and raises alerts."""

    def __init__(self, limits: DetectionLimits, counters: Counters) -> None:
        self._limits = limits
        self._counters = counters
        self._thresholds = Thresholds(limits, counters)
        self._fired: dict[int, set[tuple[int, int, Mark]]] = {}
        """By slot: sid, rev and mark; so that signatures may be replaced meanwhile."""
        self._fired_count = 0
        self._flags: dict[int, frozenset[str]] = {}
        """By slot, of flows in which a signature with flags fired."""
        self._flag_sets: dict[frozenset[str], frozenset[str]] = {}
        """Each combination of flags once: as many as the signatures make."""

    def has_fired_in_flow(self, slot: int, rule: Rule, mark: Mark) -> bool:
        """Whether ``rule`` has fired in this payload, or name, of the flow."""
        fired = self._fired.get(slot)
        return fired is not None and (*rule.key, mark) in fired

    def note_in_flow(self, slot: int, rule: Rule, mark: Mark) -> None:
        """``rule`` fires in this payload, or name, of the flow, and will not again."""
        if self._fired_count < self._limits.fired:
            self._fired.setdefault(slot, set()).add((*rule.key, mark))
            self._fired_count += 1
        else:
            self._counters.alerts_forgotten += 1

    def has_fired_in_transaction(self, transaction: HttpTransaction, rule: Rule) -> bool:
        """Whether ``rule`` has fired in ``transaction``."""
        return transaction.fired is not None and rule.key in transaction.fired

    def note_in_transaction(self, transaction: HttpTransaction, rule: Rule) -> None:
        """``rule`` fires in ``transaction``, and will not again."""
        if transaction.fired is None:
            transaction.fired = set[RuleKey]()
        transaction.fired.add(rule.key)

    def flags_allow(self, slot: int, rule: Rule) -> bool:
        """Whether the flow's flags are as ``rule`` asks."""
        signature = rule.signature
        flags = self._flags.get(slot, _NO_FLAGS)
        return flags.issuperset(signature.needs) and flags.isdisjoint(signature.needs_not)

    def fire(self, slot: int, rule: Rule, match: Match) -> Alert | None:
        """``rule`` fires: set its flags; the alert, if it goes through."""
        signature, sender = rule.signature, match.sender
        if signature.sets:
            flags = self._flags.get(slot, _NO_FLAGS).union(signature.sets)
            self._flags[slot] = self._flag_sets.setdefault(flags, flags)
        if signature.silent:
            return None
        if rule.suppresses(sender):
            self._counters.alerts_suppressed += 1
            return None
        threshold = signature.threshold
        if threshold is not None and not self._thresholds.lets_through(
            signature.sid, threshold, sender, match.place.ts_ns
        ):
            self._counters.alerts_thresholded += 1
            return None
        self._counters.detections += 1
        return _alert(rule, match)

    def forget(self, slots: list[int]) -> None:
        """Flows ended."""
        if self._flags:
            for slot in slots:
                self._flags.pop(slot, None)
        if self._fired:
            for slot in slots:
                fired = self._fired.pop(slot, None)
                if fired is not None:
                    self._fired_count -= len(fired)


def name_mark(name: bytes) -> bytes:
    """What tells a name from others, whatever its case and however long it is."""
    return blake2b(name.lower(), digest_size=16).digest()


def _alert(rule: Rule, match: Match) -> Alert:
    sender, place = match.sender, match.place
    return Alert(
        signature=rule.signature,
        buffer=place.buffer,
        ts_ns=place.ts_ns,
        flow_id=sender.flow_id,
        tx_id=place.tx_id,
        src_ip=address_text(sender.version, *sender.src),
        src_port=sender.src_port,
        dst_ip=address_text(sender.version, *sender.dst),
        dst_port=sender.dst_port,
        proto=PROTO_NAMES.get(sender.proto, str(sender.proto)),
        app_proto=sender.app_proto,
        packet_number=place.number,
        offset=place.position,
        length=place.end - place.start,
        excerpt=match.excerpt,
        excerpt_offset=match.excerpt_offset,
        http_method=place.http_method,
        http_host=place.http_host,
        http_url=place.http_url,
        reading=match.reading,
    )
