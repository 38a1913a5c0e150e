"""The loss ledger for people: a line for each step of time and interface, and one for each gap."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from exporter.detection_cells import render
from exporter.durations import duration, local_span
from exporter.ledger_totals import LedgerTotals, floor_percent
from exporter.printable import printable
from sensor.store.gaps import GapReason
from sensor.store.ledger_steps import Gap, LedgerItem, Looked

_GAP: Final = "  "
_UNBOUNDED: Final = 10_000
_FIGURES: Final = ("received", "dropped", "delivered", "waiting", "decoded", "rejected", "shed")
_ALARMING: Final = frozenset({"dropped", "shed"})

_WORDS = MappingProxyType(
    {
        "en": {
            "time": "Time",
            "interface": "Interface",
            "received": "Received",
            "dropped": "Dropped",
            "delivered": "Delivered",
            "waiting": "Waiting",
            "decoded": "Decoded",
            "rejected": "Rejected",
            "shed": "Left out",
            "covered": "Covered",
            "sums": "received {received:,} = dropped {dropped:,} + delivered {delivered:,}"
            " (waiting: {waiting:,})\n"
            "delivered {delivered:,} = decoded {decoded:,} + rejected {rejected:,} + left out {shed:,}",
            "gap": "not looking {time}: {reason}",
            "error": "does not add up by {error:,} packets: a fault of the sensor, please report it",
            "nothing": "Nothing is in the ledger: no live run was logged to this database.",
            GapReason.OFF: "sensor off",
            GapReason.KILLED: "sensor killed or crashed",
            GapReason.MISSING: "interface missing or unconfigured, or asleep",
            GapReason.UNRECORDED: "sensor runs, but has not written its ledger",
        },
        "ja": {
            "time": "時間",
            "interface": "インターフェース",
            "received": "受信",
            "dropped": "破棄",
            "delivered": "受け渡し",
            "waiting": "待ち",
            "decoded": "解読",
            "rejected": "解読不能",
            "shed": "見送り",
            "covered": "監視率",
            "sums": "受信 {received:,} = 破棄 {dropped:,} + 受け渡し {delivered:,}（待ち: {waiting:,}）\n"
            "受け渡し {delivered:,} = 解読 {decoded:,} + 解読不能 {rejected:,} + 見送り {shed:,}",
            "gap": "{time} 監視なし: {reason}",
            "error": "{error:,} パケット合いません（センサーの不具合です。ご報告ください）",
            "nothing": "台帳は空です。このデータベースにはライブ監視の記録がありません。",
            GapReason.OFF: "センサー停止中",
            GapReason.KILLED: "センサーが異常終了",
            GapReason.MISSING: "インターフェースがないか設定外、またはスリープ中",
            GapReason.UNRECORDED: "センサーは動作中、台帳は未記録",
        },
    }
)


def render_table(
    items: Iterable[LedgerItem],
    totals: LedgerTotals,
    language: str = "en",
    *,
    width: int | None = None,
    color: bool = False,
) -> str:
    """Make a table of ``items``, which ``totals`` watch, and a closing sentence. Times are local.

    :param width: cells of the terminal. Where the columns don't fit, the figures of a step stand below
        its time as the two sums that they are. Without it (a pipe) every item is one line.
    """
    words = _WORDS[language]
    listed = list(items)
    if not listed:
        return f"{words['nothing']}\n"
    rows = [_row(item, language) for item in listed]
    headers = [words[name] for name in ("time", "interface", *_FIGURES, "covered")]
    whole = [row for row in rows if len(row) == len(headers)]
    widths = [max(cell_len(line[at]) for line in (headers, *whole)) for at in range(len(headers))]
    for at in (0, 1):
        widths[at] = max(widths[at], *(cell_len(row[at]) for row in rows))
    is_wide = width is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= width
    lines: list[Text] = []
    if is_wide:
        lines.append(Text(_GAP.join(_pad(cell, widths[at], at > 1) for at, cell in enumerate(headers))))
        lines.append(Text("─" * (sum(widths) + len(_GAP) * (len(widths) - 1)), style="dim"))
    for item, row in zip(listed, rows, strict=True):
        if is_wide:
            lines.append(_gap_line(row, widths) if isinstance(item, Gap) else _step_line(row, widths))
        else:
            lines += _stacked(item, row, words)
        if isinstance(item, Looked) and item.error:
            lines.append(Text(f"{_GAP}{words['error'].format(error=item.error)}", style="bold red"))
    verdict = Text(totals.verdict(language), style="green" if totals.is_whole else "bold yellow")
    return render(Group(*lines, Text(), verdict), width or _UNBOUNDED, color)


def _row(item: LedgerItem, language: str) -> list[str]:
    """Cells of a step; of a gap, its time, interface, and what there is to say."""
    words = _WORDS[language]
    lead = [local_span(item.started_ns, item.ended_ns), printable(item.interface)]
    if isinstance(item, Gap):
        time = duration(item.ended_ns - item.started_ns, language)
        return [*lead, words["gap"].format(time=time, reason=words[item.reason])]
    length_ns = item.ended_ns - item.started_ns
    covered = floor_percent(item.covered_ns / length_ns if length_ns else 0.0)
    return [*lead, *(f"{count:,}" for count in _figures(item).values()), f"{covered}%"]


def _figures(step: Looked) -> dict[str, int]:
    counts = step.counts
    values = (
        counts.received,
        step.dropped,
        counts.delivered,
        step.waiting,
        counts.decoded,
        step.rejected,
        step.shed,
    )
    return dict(zip(_FIGURES, values, strict=True))


def _step_line(row: Sequence[str], widths: Sequence[int]) -> Text:
    line = Text()
    for at, cell in enumerate(row):
        alarming = 2 <= at < len(row) - 1 and _FIGURES[at - 2] in _ALARMING and cell != "0"
        line.append(_pad(cell, widths[at], at > 1), style="bold red" if alarming else "")
        line.append(_GAP if at < len(row) - 1 else "")
    return line


def _gap_line(row: Sequence[str], widths: Sequence[int]) -> Text:
    cells = [*(_pad(cell, widths[at], False) for at, cell in enumerate(row[:2])), row[2]]
    return Text(_GAP.join(cells), style="yellow")


def _stacked(item: LedgerItem, row: Sequence[str], words: Mapping[str, str]) -> list[Text]:
    """Time and interface, and below them what there is to say."""
    if isinstance(item, Gap):
        return [Text(line, style="yellow") for line in (_GAP.join(row[:2]), _GAP + row[2])]
    figures = _figures(item)
    style = "bold red" if any(figures[name] for name in _ALARMING) else "dim"
    below = words["sums"].format(**figures).split("\n")
    lead = Text(_GAP.join((*row[:2], f"{words['covered']} {row[-1]}")))
    return [lead, *(Text(_GAP + line, style=style) for line in below)]


def _pad(cell: str, width: int, right: bool) -> str:
    blanks = " " * (width - cell_len(cell))
    return blanks + cell if right else cell + blanks
