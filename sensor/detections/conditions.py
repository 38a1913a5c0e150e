"""What must hold of a packet beside the octets that matched: direction, ports, networks, protocol, time."""

from dataclasses import dataclass

from sensor.detections.match import PROTO_NAMES, Sender
from sensor.detections.networks import Networks, compile_networks
from signatures.model import Direction, PortRange, Schedule, Signature

_MINUTE_NS = 60_000_000_000
_DAY = 1440
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday."""
_NUMBERS = {name.lower(): number for number, name in PROTO_NAMES.items()}


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of one signature; what is None or empty holds always."""

    to_server: bool | None
    src_ports: tuple[PortRange, ...]
    dst_ports: tuple[PortRange, ...]
    src_networks: Networks | None
    dst_networks: Networks | None
    protocols: frozenset[int]
    schedule: Schedule | None

    def hold(self, sender: Sender, ts_ns: int) -> bool:
        """Whether they hold of octets that ``sender`` sent at ``ts_ns``."""
        return (
            (self.to_server is None or self.to_server is sender.to_server)
            and (not self.protocols or sender.proto in self.protocols)
            and _in_ranges(sender.src_port, self.src_ports)
            and _in_ranges(sender.dst_port, self.dst_ports)
            and (self.src_networks is None or (sender.version, *sender.src) in self.src_networks)
            and (self.dst_networks is None or (sender.version, *sender.dst) in self.dst_networks)
            and (self.schedule is None or in_schedule(self.schedule, ts_ns))
        )


def compile_conditions(signature: Signature) -> Conditions | None:
    """The conditions of ``signature``; None if it has none."""
    way = signature.direction
    made = Conditions(
        None if way is Direction.ANY else way is Direction.TO_SERVER,
        signature.src_ports,
        signature.dst_ports,
        compile_networks(signature.src_networks) if signature.src_networks else None,
        compile_networks(signature.dst_networks) if signature.dst_networks else None,
        frozenset(_NUMBERS[name.lower()] for name in signature.protocols),
        signature.schedule,
    )
    return None if made == _ALWAYS else made


_ALWAYS = Conditions(None, (), (), None, None, frozenset(), None)


def in_schedule(schedule: Schedule, ts_ns: int) -> bool:
    """Whether ``ts_ns`` (since 1970, UTC) is one of the schedule's hours, on one of its weekdays."""
    day, minute = divmod(ts_ns // _MINUTE_NS + schedule.utc_offset, _DAY)
    if not schedule.hours:
        return _on_weekday(schedule, day)
    for start, end in schedule.hours:
        if start < end:
            if start <= minute < end and _on_weekday(schedule, day):
                return True
        elif (minute >= start and _on_weekday(schedule, day)) or (
            minute < end and _on_weekday(schedule, day - 1)
        ):
            return True
    return False


def _on_weekday(schedule: Schedule, day: int) -> bool:
    """:param day: days since 1970 in the schedule's local time."""
    return not schedule.weekdays or (day + _EPOCH_WEEKDAY) % 7 in schedule.weekdays


def _in_ranges(port: int, ranges: tuple[PortRange, ...]) -> bool:
    return not ranges or any(each.first <= port <= each.last for each in ranges)
