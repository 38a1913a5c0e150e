"""What ``signatures profile`` measured, for people: the expensive signatures first."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from exporter.columns import render_columns
from exporter.printable import printable

_WORDS = MappingProxyType(
    {
        "en": {
            "headers": ("SID", "Time", "Share", "Matches", "Alerts", "Name"),
            "below": "< {ms:,.1f} ms",
            "took": "{ms:,.1f} ms",
            "more": "… and {n:,} more: --limit {all}",
            "sum": "{packets:,} packets, {octets:,} octets; all stages take {whole:,.1f} ms of CPU time with"
            " these signatures, {idle:,.1f} ms with one that never matches.",
            "how": "Each signature's time is that of a run with it alone above a run without: the least of"
            " {runs} runs, ±{error:,.1f} ms.\n“<”: timed within a group, which takes no more than that"
            " together. Times don't add up: in a set, signatures share a scan. Share: of the time with"
            " the one that never matches.",
            "cut": "The captures hold more; this is of their first {octets:,} octets.",
        },
        "ja": {
            "headers": ("SID", "時間", "割合", "一致", "検知", "名前"),
            "below": "< {ms:,.1f} ms",
            "took": "{ms:,.1f} ms",
            "more": "… ほか {n:,} 件: --limit {all}",
            "sum": "{packets:,} パケット、{octets:,} オクテット。全段の CPU 時間は、"
            "これらのシグネチャで {whole:,.1f} ms、何にも一致しない 1 件で {idle:,.1f} ms。",
            "how": "各シグネチャの時間は、それだけを加えた実行と加えない実行の差です"
            "（{runs} 回の最小、±{error:,.1f} ms）。\n「<」は組で測ったもので、組の合計がその値以下です。"
            "走査は共有されるので、時間の和は全体の時間になりません。"
            "割合は、何にも一致しない 1 件のときの時間に対するものです。",
            "cut": "キャプチャはこれより長く、はじめの {octets:,} オクテットだけを測りました。",
        },
    }
)


@dataclass(frozen=True, slots=True)
class Cost:
    """A line of the table."""

    sid: int
    names: dict[str, str]
    seconds: float
    is_bound: bool
    matches: int
    alerts: int


@dataclass(frozen=True, slots=True)
class Costs:
    """What holds of all lines."""

    packets: int
    octets: int
    is_cut: bool
    idle_seconds: float
    whole_seconds: float
    error_seconds: float
    runs: int


def render_costs(
    rows: Sequence[Cost], costs: Costs, language: str, *, limit: int, width: int | None = None
) -> str:
    """Make a table of the first ``limit`` of ``rows``, and say how it was measured.

    :param width: cells of the terminal; without it nothing is folded.
    """
    words = _WORDS[language]
    cells = [_row(row, costs, language) for row in rows[:limit]]
    parts = [render_columns(words["headers"], cells, right=(0, 1, 2, 3, 4), width=width)] if cells else []
    closing = []
    if len(rows) > limit:
        closing.append(str(words["more"]).format(n=len(rows) - limit, all=len(rows)))
    closing.append(
        str(words["sum"]).format(
            packets=costs.packets,
            octets=costs.octets,
            whole=1000 * costs.whole_seconds,
            idle=1000 * costs.idle_seconds,
        )
    )
    closing.append(str(words["how"]).format(runs=costs.runs, error=1000 * costs.error_seconds))
    if costs.is_cut:
        closing.append(str(words["cut"]).format(octets=costs.octets))
    return "\n".join([*parts, *(f"{line}\n" for line in closing)])


def _row(row: Cost, costs: Costs, language: str) -> tuple[str, ...]:
    words = _WORDS[language]
    time = str(words["below" if row.is_bound else "took"]).format(ms=1000 * row.seconds)
    share = "" if row.is_bound or not costs.idle_seconds else f"{row.seconds / costs.idle_seconds:.1%}"
    name = row.names.get(language) or next(iter(row.names.values()))
    return str(row.sid), time, share, f"{row.matches:,}", f"{row.alerts:,}", printable(name)
