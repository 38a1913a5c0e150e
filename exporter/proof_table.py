"""What ``signatures test`` found, for people: a line for each signature, and for each capture."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from exporter.columns import render_columns
from exporter.printable import printable

_WORDS = MappingProxyType(
    {
        "en": {
            "headers": ("SID", "Samples", "Result", "Name"),
            "ok": "ok",
            "failed": "FAILED",
            "missed": "{sample} does not match, and must",
            "matched": "{sample} matches, and must not",
            "unsendable": "{sample} can't be sent: no packet carries it in this buffer and these conditions",
            "captures": ("SID", "Alerts", "Result", "Capture"),
            "expected": "{n:,} alerts were expected",
            "some": "an alert was expected",
            "none": "no alert was expected",
            "all": "all",
            "unproved": "signatures without samples: {n:,}; give them [signature.tests]",
            "sum": "signatures: {signatures:,}, samples: {samples:,}, expectations of captures: {captures:,};"
            " failed: {failed:,}",
        },
        "ja": {
            "headers": ("SID", "見本", "結果", "名前"),
            "ok": "合格",
            "failed": "不合格",
            "missed": "{sample} は一致するはずですが、一致しません",
            "matched": "{sample} は一致しないはずですが、一致します",
            "unsendable": "{sample} は送れません（この検査箇所と条件では、どのパケットにも載りません）",
            "captures": ("SID", "検知", "結果", "キャプチャ"),
            "expected": "検知 {n:,} 件のはずです",
            "some": "検知があるはずです",
            "none": "検知はないはずです",
            "all": "全部",
            "unproved": "{n:,} 件のシグネチャに見本がありません。[signature.tests] を書いてください",
            "sum": "シグネチャ {signatures:,} 件、見本 {samples:,} 件、キャプチャでの確認 {captures:,} 件、"
            "不合格 {failed:,} 件",
        },
    }
)


@dataclass(frozen=True, slots=True)
class Proved:
    """A signature with its samples."""

    sid: int
    names: dict[str, str]
    samples: int
    failures: tuple[tuple[str, str], ...]
    """Sample (``match 2``), and why it failed: ``missed``, ``matched``, ``unsendable``."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a capture was expected to show, and did."""

    capture: str
    sid: int | None
    """None for all of the signatures."""
    alerts: int
    wanted: int | None
    """Alerts; None for one or more."""

    @property
    def is_met(self) -> bool:
        """Whether it showed that."""
        return self.alerts > 0 if self.wanted is None else self.alerts == self.wanted


def render_proof(
    proved: Sequence[Proved],
    expected: Sequence[Expected],
    language: str,
    *,
    unproved: int,
    width: int | None = None,
) -> str:
    """Make tables of both, whichever there are, and a closing line.

    :param unproved: signatures without samples; they have no line.
    :param width: cells of the terminal; without it nothing is folded.
    """
    words = _WORDS[language]
    parts = []
    if proved:
        rows = [_proved_row(each, language) for each in proved]
        parts.append(render_columns(words["headers"], rows, right=(0, 1), width=width))
    if expected:
        rows = [_expected_row(each, language) for each in expected]
        parts.append(render_columns(words["captures"], rows, right=(0, 1), width=width))
    failed = sum(bool(each.failures) for each in proved) + sum(not each.is_met for each in expected)
    closing = []
    if unproved:
        closing.append(str(words["unproved"]).format(n=unproved))
    closing.append(
        str(words["sum"]).format(
            signatures=len(proved) + unproved,
            samples=sum(each.samples for each in proved),
            captures=len(expected),
            failed=failed,
        )
    )
    return "\n".join([*parts, *(f"{line}\n" for line in closing)]) if parts else "\n".join(closing) + "\n"


def _proved_row(each: Proved, language: str) -> tuple[str, ...]:
    words = _WORDS[language]
    name = each.names.get(language) or next(iter(each.names.values()))
    lines = [printable(name), *(str(words[why]).format(sample=sample) for sample, why in each.failures)]
    held = each.samples - len(each.failures)
    result = str(words["failed" if each.failures else "ok"])
    return str(each.sid), f"{held:,}/{each.samples:,}", result, "\n".join(lines)


def _expected_row(each: Expected, language: str) -> tuple[str, ...]:
    words = _WORDS[language]
    lines = [printable(each.capture)]
    if not each.is_met:
        key = "some" if each.wanted is None else "expected" if each.wanted else "none"
        lines.append(str(words[key]).format(n=each.wanted))
    sid = str(words["all"]) if each.sid is None else str(each.sid)
    return sid, f"{each.alerts:,}", str(words["ok" if each.is_met else "failed"]), "\n".join(lines)
