"""Rules of Suricata and Snort made into signatures, or refused by the name of what can't be said exactly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from signatures.contradictions import default_scope
from signatures.importing.addresses import Variables
from signatures.importing.classes import category_of, severity_of
from signatures.importing.clauses import make_clauses
from signatures.importing.conditions import Conditions
from signatures.importing.flags import check_flags
from signatures.importing.result import Imported, Refusal, RefusedError
from signatures.importing.rule_text import Rule, RuleText, parse_rule, split_rules
from signatures.importing.tables import check_signature
from signatures.importing.terms import TermReader
from signatures.model import Buffer, Direction, PortRange, Signature, ThresholdKind
from signatures.values import LANGUAGES

_PROTOCOLS = MappingProxyType(
    {
        "tcp": "tcp",
        "tcp-stream": "tcp",
        "udp": "udp",
        "ip": "ip",
        "http": "http",
        "http1": "http",
        "tls": "tls",
        "ssl": "tls",
        "dns": "dns",
    }
)
_FLAGS_SET = re.compile(r"flowbits\s*:\s*set\s*,([^;,]+)")


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """How rules are taken."""

    variables: tuple[tuple[str, str], ...] = ()
    """What variables of the header stand for, beside the defaults."""
    sid_offset: int = 0
    """Added to each sid."""
    stream_start: bool = False
    """Take places in the payload of TCP as counted from the stream's start alone. Suricata and Snort count
    them from the start of each packet too, so that such a rule matches less here."""


def import_rules(text: str, name: str, options: RuleOptions) -> Imported:
    """Signatures of the rules in ``text``.

    :param name: of the file, for ``Signature.source``.
    """
    variables = Variables(dict(options.variables))
    signatures: dict[int, Signature] = {}
    lines: dict[int, int] = {}
    first_lines: dict[int, int] = {}
    refusals: list[Refusal] = []
    unset: set[str] = set()
    passed_over = 0
    for rule_text in split_rules(text):
        if rule_text is None:
            passed_over += 1
            continue
        conditions = Conditions()
        try:
            signature = _signature(rule_text, name, options, variables, conditions, first_lines)
        except RefusedError as error:
            unset.update(_flags_set(rule_text.text))
            refusals.append(
                Refusal(rule_text.line, conditions.sid, error.option, error.reason, rule_text.lines)
            )
            continue
        signatures[signature.sid] = signature
        lines[signature.sid] = rule_text.lines
        first_lines[signature.sid] = rule_text.line
    imported = Imported(
        tuple(signatures.values()),
        tuple(lines.values()),
        tuple(refusals),
        passed_over,
        "rules",
        tuple(variables.used.items()),
    )
    places = {sid: (first_lines[sid], lines[sid]) for sid in signatures}
    return check_flags(imported, unset, places)


def _signature(
    rule_text: RuleText,
    name: str,
    options: RuleOptions,
    variables: Variables,
    into: Conditions,
    taken: Mapping[int, int],
) -> Signature:
    """:param taken: the line of each sid that came in so far."""
    rule = parse_rule(rule_text.text)
    terms = TermReader(rule)
    # The sid first, so that a refusal can name it.
    ordered = sorted(rule.options, key=lambda option: option.name != "sid")
    for option in ordered:
        if not into.take(option) and not terms.take(option):
            raise RefusedError(option.name, "has no counterpart in a signature")
    if rule.action != "alert":
        raise RefusedError(f"(action {rule.action})", "a signature can only alert")
    protocol = _PROTOCOLS.get(rule.protocol)
    if protocol is None:
        raise RefusedError(f"(protocol {rule.protocol})", "is not looked into")
    if not into.sid:
        raise RefusedError("sid", "there is none")
    if line := taken.get(into.sid + options.sid_offset):
        raise RefusedError("sid", f"is used on line {line} already")
    if into.established and protocol in ("udp", "dns", "ip"):
        raise RefusedError("flow:established", "of UDP, where it means that the other side has answered")
    clauses = make_clauses(
        terms.terms,
        protocol,
        into.direction is not Direction.ANY,
        into.only_stream or rule.protocol == "tcp-stream" or options.stream_start,
    )
    buffers = {buffer for clause in clauses for buffer in clause.buffers}
    if into.service and (into.service != "http" or Buffer.PAYLOAD in buffers):
        raise RefusedError("service", f"{into.service[:64]}: which protocol it is can't be asked")
    src, src_ports, dst, dst_ports = _ends(rule, variables)
    if into.threshold and into.threshold.kind is not ThresholdKind.LIMIT and Buffer.PAYLOAD in buffers:
        raise RefusedError("threshold", "counts packets; a signature of payload counts once in a stream")
    signature = Signature(
        sid=into.sid + options.sid_offset,
        rev=into.rev,
        name=dict.fromkeys(LANGUAGES, into.msg or f"sid {into.sid}"),
        category=category_of(into.classtype).value,
        severity=severity_of(into.classtype, into.priority, into.stated_severity),
        clauses=clauses,
        scope=default_scope(clauses),
        src_ports=src_ports,
        dst_ports=dst_ports,
        src_networks=src,
        dst_networks=dst,
        direction=into.direction,
        protocols=(protocol,) if protocol in ("tcp", "udp") else (),
        threshold=into.threshold,
        sets=tuple(into.sets),
        needs=tuple(into.needs),
        needs_not=tuple(into.needs_not),
        silent=into.silent,
        references=tuple(into.references),
        source=f"{name}:{rule_text.line}",
    )
    return check_signature(signature)


def _flags_set(text: str) -> list[str]:
    """Flags that a rule sets which was refused before all of it was read."""
    names = [match[1].split("&") for match in _FLAGS_SET.finditer(text)]
    return [name.strip() for group in names for name in group]


def _ends(
    rule: Rule, variables: Variables
) -> tuple[tuple[str, ...], tuple[PortRange, ...], tuple[str, ...], tuple[PortRange, ...]]:
    if rule.direction not in ("->", "<>"):
        raise RefusedError(f"(direction {rule.direction})", "is not known")
    src, dst = (
        (variables.networks(networks), variables.ports(ports)) for networks, ports in (rule.src, rule.dst)
    )
    if rule.direction == "<>" and src != dst:
        raise RefusedError("(direction <>)", "with two different ends: make two rules of it")
    return *src, *dst
