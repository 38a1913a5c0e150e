"""Options of a rule that say when it holds, and what it is called.

As Suricata's documentation has them (rules/flow-keywords, rules/thresholding, rules/meta).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import MappingProxyType

from signatures.importing.result import RefusedError
from signatures.importing.rule_text import Option
from signatures.model import Direction, Threshold, ThresholdKind, Track

_IGNORED = frozenset({"target", "fast_pattern", "prefilter", "rem"})
"""Say how to look, or are for people."""
_DIRECTIONS = MappingProxyType(
    {
        "to_server": Direction.TO_SERVER,
        "from_client": Direction.TO_SERVER,
        "to_client": Direction.TO_CLIENT,
        "from_server": Direction.TO_CLIENT,
    }
)
_SYSTEMS = MappingProxyType({"url": "http://", "cve": "CVE-"})


@dataclass(slots=True)
class Conditions:
    """What was read so far."""

    msg: str = ""
    sid: int = 0
    rev: int = 1
    classtype: str = ""
    priority: int | None = None
    stated_severity: str = ""
    references: list[str] = field(default_factory=list)
    direction: Direction = Direction.ANY
    established: bool = False
    only_stream: bool = False
    threshold: Threshold | None = None
    sets: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    needs_not: list[str] = field(default_factory=list)
    silent: bool = False
    service: str = ""

    def take(self, option: Option) -> bool:
        """Whether the option is one of these; then it is read.

        :raises RefusedError: if it is one, but can't be taken.
        """
        if option.name in _IGNORED:
            return True
        reader = _READERS.get(option.name)
        if reader is None:
            return False
        reader(self, option)
        return True


def _text(option: Option) -> str:
    value = option.value
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return re.sub(r'\\([;:"\\])', r"\1", value).strip()


def _number(option: Option, least: int = 1) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", option.value) or int(option.value) < least:
        raise RefusedError(option.name, f"{option.value[:64]!r} is no number from {least} on")
    return int(option.value)


def _msg(into: Conditions, option: Option) -> None:
    into.msg = _text(option)


def _sid(into: Conditions, option: Option) -> None:
    into.sid = _number(option)


def _rev(into: Conditions, option: Option) -> None:
    into.rev = max(_number(option, 0), 1)


def _gid(_: Conditions, option: Option) -> None:
    if option.value != "1":
        raise RefusedError("gid", f"{option.value[:64]}: a signature has only a sid")


def _classtype(into: Conditions, option: Option) -> None:
    into.classtype = option.value


def _priority(into: Conditions, option: Option) -> None:
    into.priority = _number(option)


def _metadata(into: Conditions, option: Option) -> None:
    for part in option.parts():
        key, _, value = part.partition(" ")
        if key == "signature_severity":
            into.stated_severity = value.strip()


def _reference(into: Conditions, option: Option) -> None:
    system, _, value = _text(option).partition(",")
    system, value = system.strip().lower(), value.strip()
    known = _SYSTEMS.get(system)
    if known is None:
        text = f"{system}:{value}"
    elif value.lower().startswith(known.lower()) or "://" in value:
        text = value
    else:
        text = known + value
    if value and text not in into.references:
        into.references.append(text)


def _flow(into: Conditions, option: Option) -> None:
    for word in option.parts():
        if word in _DIRECTIONS:
            if into.direction not in (Direction.ANY, _DIRECTIONS[word]):
                raise RefusedError("flow", "two directions")
            into.direction = _DIRECTIONS[word]
        elif word == "established":
            into.established = True
        elif word == "only_stream":
            into.only_stream = True
        elif word != "stateless":
            raise RefusedError(f"flow:{word[:32]}", "there is no such condition")


def _flowbits(into: Conditions, option: Option) -> None:
    action, *names = option.parts() or [""]
    if action == "noalert" and not names:
        into.silent = True
        return
    lists = {"set": into.sets, "isset": into.needs, "isnotset": into.needs_not}
    if action not in lists:
        raise RefusedError(f"flowbits:{action[:32]}", "flags can be set and asked for only")
    if len(names) != 1:
        raise RefusedError(f"flowbits:{action}", "takes one name; groups of flags can't be said")
    if "|" in names[0]:
        raise RefusedError(f"flowbits:{action}", "one of several flags: signatures need all of theirs")
    for name in names[0].split("&"):
        if name.strip() not in lists[action]:
            lists[action].append(name.strip())


def _noalert(into: Conditions, option: Option) -> None:
    if option.value:
        raise RefusedError("noalert", "takes no value")
    into.silent = True


def _threshold(into: Conditions, option: Option) -> None:
    words = dict(re.split(r"\s+", part, maxsplit=1) for part in option.parts() if " " in part)
    if set(words) != {"type", "track", "count", "seconds"} or into.threshold is not None:
        raise RefusedError("threshold", "takes type, track, count and seconds, once")
    kind, track = words["type"].strip(), words["track"].strip()
    if kind not in tuple(ThresholdKind) or track not in tuple(Track):
        raise RefusedError("threshold", f"type {kind[:32]}, track {track[:32]}: there is no such")
    if not all(re.fullmatch(r"[1-9][0-9]{0,8}", words[name].strip()) for name in ("count", "seconds")):
        raise RefusedError("threshold", "count and seconds are numbers from 1 on")
    into.threshold = Threshold(ThresholdKind(kind), Track(track), int(words["count"]), int(words["seconds"]))


def _service(into: Conditions, option: Option) -> None:
    into.service = option.value


_READERS: MappingProxyType[str, Callable[[Conditions, Option], None]] = MappingProxyType(
    {
        "msg": _msg,
        "sid": _sid,
        "rev": _rev,
        "gid": _gid,
        "classtype": _classtype,
        "priority": _priority,
        "metadata": _metadata,
        "reference": _reference,
        "flow": _flow,
        "flowbits": _flowbits,
        "noalert": _noalert,
        "threshold": _threshold,
        "service": _service,
    }
)
