"""What ``signatures explain`` shows: flows and transactions, their clauses, the conditions that failed."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.detection_cells import endpoint, local_time, render
from exporter.printable import printable, printable_octets
from sensor.detections.alert import Alert
from sensor.proof.explain import Case, ClauseCase, Explanation
from signatures.model import PortRange, Role, Schedule, Signature, Threshold

_UNBOUNDED = 10_000
_LISTED = 5
"""Ports or networks of a condition that are named."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_WORDS = MappingProxyType(
    {
        "en": {
            "nothing": "Nothing of this signature stands in the capture: none of its clauses matches, in any"
            " way of writing.",
            "fired": "fired",
            "nearly": "nearly",
            "place": "packet {number:,}, {time}, {ends}, {proto}",
            "tx": ", transaction {tx}",
            "clause": "clause {n}",
            "matches": "{buffer}, octets {start:,} to {end:,}: ",
            "until": "{buffer}, up to octet {end:,}: ",
            "form": "written as {form}",
            "folds": ", with fold {folds}",
            "near": "nearly, with fold {folds}: {where}",
            "case": "nearly, in other case: {where}",
            "absent": "does not match",
            "barred": "matches, and must not",
            "was": ", was {value}",
            "without": "would have fired without {what}",
            "together": "its clauses do not match together as they must",
            "more": "… and {n:,} more, {fired:,} of them fired; --limit {all} shows all",
            "cut": "there are more than these",
            "sum": "{fired:,} fired, {nearly:,} nearly",
            "none": "clause {n}, which must not match",
            "of": "{key} of clause {n}",
        },
        "ja": {
            "nothing": "このシグネチャに当たるものはキャプチャにありません。"
            "どの条項も、どの表記でも一致しません。",
            "fired": "検知",
            "nearly": "一部該当",
            "place": "パケット {number:,}、{time}、{ends}、{proto}",
            "tx": "、トランザクション {tx}",
            "clause": "条項 {n}",
            "matches": "{buffer} のオクテット {start:,} から {end:,}: ",
            "until": "{buffer} のオクテット {end:,} まで: ",
            "form": "符号化 {form}",
            "folds": "、表記の違い {folds}",
            "near": "表記の違い {folds} を許せば一致: {where}",
            "case": "大文字と小文字を区別しなければ一致: {where}",
            "absent": "一致しません",
            "barred": "一致してはならないのに一致します",
            "was": "、実際は {value}",
            "without": "{what} がなければ検知しました",
            "together": "条項どうしの組み合わせが成り立ちません",
            "more": "… ほか {n:,} 件（うち検知 {fired:,} 件）。--limit {all} ですべて表示",
            "cut": "これより多くあります",
            "sum": "検知 {fired:,} 件、一部該当 {nearly:,} 件",
            "none": "条項 {n}（一致してはならない）",
            "of": "条項 {n} の {key}",
        },
    }
)


def render_explanation(
    explanation: Explanation, language: str, *, limit: int, width: int | None = None, color: bool = False
) -> str:
    """Make the account of the first ``limit`` cases, at most ``width`` cells wide."""
    words, signature = _WORDS[language], explanation.signature
    cases = explanation.cases
    parts: list[RenderableType] = [
        Text(f"{signature.sid} rev {signature.rev}: {printable(signature.title(language))}", style="bold"),
        Text(),
    ]
    if not cases:
        parts.append(Text(words["nothing"]))
    for case in cases[:limit]:
        parts += [_case(case, signature, language), Text()]
    rest = cases[limit:]
    if rest:
        fired = sum(case.fired is not None for case in rest)
        parts.append(Text(words["more"].format(n=len(rest), fired=fired, all=len(cases))))
    if explanation.is_cut:
        parts.append(Text(words["cut"]))
    if cases:
        fired = sum(case.fired is not None for case in cases)
        parts.append(Text(words["sum"].format(fired=fired, nearly=len(cases) - fired)))
    return render(Group(*parts), width or _UNBOUNDED, color)


def _case(case: Case, signature: Signature, language: str) -> RenderableType:
    words, first = _WORDS[language], case.fired or case.first
    time, _, offset = local_time(first.ts_ns)
    verdict = "nearly" if case.fired is None else "fired"
    ends = f"{endpoint(first.src_ip, first.src_port)} → {endpoint(first.dst_ip, first.dst_port)}"
    proto = " ".join(filter(None, (first.proto, first.app_proto)))
    place = words["place"].format(number=first.packet_number, time=f"{time} {offset}", ends=ends, proto=proto)
    if first.tx_id >= 0:
        place += words["tx"].format(tx=first.tx_id)
    if first.capture:
        place = f"{printable(first.capture)}: {place}"
    head = Text.assemble((words[verdict], "bold green" if case.fired else "bold yellow"), "  ", place)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for each in case.clauses:
        label = f"  {words['clause'].format(n=each.clause + 1)} ({each.role})"
        for at, line in enumerate(_clause(each, signature, language)):
            grid.add_row("" if at else label, line)
    for line in _together(case, signature, language):
        grid.add_row("", line)
    return Group(head, grid)


def _clause(case: ClauseCase, signature: Signature, language: str) -> Iterator[Text]:
    words, alert = _WORDS[language], case.match
    if alert is None:
        if case.near is None:
            yield Text(words["absent"], style="dim")
            return
        reading = case.near.reading
        folds = (
            [fold for fold in reading.folds if fold not in signature.clauses[case.clause].folds]
            if reading
            else []
        )
        lead, where = words["near"] if folds else words["case"], _where(case.near, language)
        before, _, after = lead.partition("{where}")
        yield Text.assemble((before.format(folds=", ".join(folds)), "yellow"), where, after)
        return
    yield _where(alert, language)
    if alert.reading is not None:
        needed = ", ".join(alert.reading.folds)
        form = words["form"].format(form=printable(alert.reading.form))
        yield Text(form + (words["folds"].format(folds=needed) if needed else ""), style="dim")
    if case.role is Role.NONE:
        yield Text(f"✗ {words['barred']}", style="red")
    for key in case.failed:
        wanted = getattr(signature if hasattr(signature, key) else signature.clauses[case.clause], key)
        text = f"✗ {key} = {_value(wanted)}"
        if actual := _actual(key, alert):
            text += words["was"].format(value=actual)
        yield Text(text, style="red")


def _together(case: Case, signature: Signature, language: str) -> Iterator[Text]:
    """What keeps clauses that all match from firing together."""
    words = _WORDS[language]
    if case.fired is not None:
        return
    for key, clause in case.without:
        if key == "none":
            what = words["none"].format(n=clause + 1)
        else:
            owner = signature if clause < 0 else signature.clauses[clause]
            what = f"{key} = {_value(getattr(owner, key))}"
            if clause >= 0:
                what = words["of"].format(key=what, n=clause + 1)
        yield Text(f"✗ {words['without'].format(what=what)}", style="red")
    required = [each for each in case.clauses if each.role is Role.ALL]
    others = [each for each in case.clauses if each.role is Role.ANY]
    stand = all(each.match for each in required) and (not others or any(each.match for each in others))
    if stand and not case.without and not any(each.failed for each in case.clauses):
        yield Text(f"✗ {words['together']}", style="red")


def _where(alert: Alert, language: str) -> Text:
    """Where a match stands, and what stands there."""
    words, reading = _WORDS[language], alert.reading
    end = alert.offset + alert.length
    lead = words["matches" if alert.length else "until"].format(
        buffer=alert.buffer, start=alert.offset, end=end
    )
    if reading is not None:
        text = reading.text
        parts = [
            text[: reading.text_start],
            text[reading.text_start : reading.text_end],
            text[reading.text_end :],
        ]
        shown = [printable(part) for part in parts]
    else:
        start, stop = alert.excerpt_offset, alert.excerpt_offset + alert.length
        octets = [alert.excerpt[:start], alert.excerpt[start:stop], alert.excerpt[stop:]]
        shown = [printable_octets(part) for part in octets]
    return Text.assemble(lead, shown[0], (shown[1], "bold reverse"), shown[2])


def _actual(key: str, alert: Alert) -> str:
    """What ``key`` asks about, as it was."""
    match key:
        case "offset" | "at_start":
            return f"{alert.offset:,}" if alert.length else ""
        case "depth":
            return f"{alert.offset + alert.length:,}"
        case "src_ports":
            return str(alert.src_port)
        case "dst_ports":
            return str(alert.dst_port)
        case "src_networks":
            return alert.src_ip
        case "dst_networks":
            return alert.dst_ip
        case "protocols":
            return alert.proto.lower()
        case "schedule":
            time, _, offset = local_time(alert.ts_ns)
            return f"{time} {offset}"
        case _:
            return ""


def _value(value: Any) -> str:
    """A condition as its file has it, or nearly."""
    match value:
        case bool():
            return str(value).lower()
        case PortRange():
            return str(value.first) if value.first == value.last else f"{value.first}-{value.last}"
        case Threshold():
            return f"{value.kind} {value.count} in {value.seconds} s {value.track}"
        case Schedule():
            days = " ".join(_DAYS[day] for day in value.weekdays)
            hours = " ".join(f"{_clock(start)}-{_clock(end)}" for start, end in value.hours)
            sign, offset = "-" if value.utc_offset < 0 else "+", abs(value.utc_offset)
            return " ".join(filter(None, (days, hours, f"{sign}{_clock(offset)}")))
        case tuple():
            more = ", …" if len(value) > _LISTED else ""
            return ", ".join(_value(each) for each in value[:_LISTED]) + more
        case _:
            networks = getattr(value, "networks", None)
            return printable(str(value)) if networks is None else f"{value.track} {_value(networks)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
