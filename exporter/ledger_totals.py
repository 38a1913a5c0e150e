"""What a time's ledger comes to: whether "no detections" may be trusted for it, in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import MappingProxyType

from exporter.durations import duration
from sensor.status import LedgerCounts
from sensor.store.ledger_steps import Gap, LedgerItem

_WORDS = MappingProxyType(
    {
        "en": {
            "whole": (
                '"No detections" may be trusted for this time: it was looked at throughout, '
                "and no packet was lost."
            ),
            "none": 'Nothing was looked at in this time: "no detections" says nothing.',
            "partly": '"No detections" does not mean that there was nothing: {reasons}.',
            "and": "; ",
            "gaps": "not looking for {time} in all ({percent}% of the time covered)",
            "lost": "{lost:,} of {received:,} packets lost ({percent}%): {dropped:,} dropped by the kernel, "
            "{shed:,} left out",
            "left_out": "{bodies:,} response bodies and {octets:,} octets of encrypted payload not looked "
            "into, because of overload",
            "error": "the ledger does not add up by {error:,} packets, which is a fault of the sensor: "
            "please report it",
        },
        "ja": {
            "whole": (
                "この期間の「検知なし」は信頼できます。途切れなく監視し、取りこぼしたパケットはありません。"
            ),
            "none": "この期間は監視していません。「検知なし」に意味はありません。",
            "partly": "この期間の「検知なし」は、何もなかったことを意味しません: {reasons}。",
            "and": "、",
            "gaps": "監視していない時間が合計 {time}（監視できた割合 {percent}%）",
            "lost": "{received:,} パケット中 {lost:,} を取りこぼし（{percent}%、カーネルで破棄 {dropped:,}、"
            "見送り {shed:,}）",
            "left_out": "過負荷のため応答本文 {bodies:,} 件と"
            "暗号化ペイロード {octets:,} オクテットを検査せず",
            "error": "台帳が {error:,} パケット合いません（センサーの不具合です。ご報告ください）",
        },
    }
)


@dataclass(slots=True)
class LedgerTotals:
    """Sums of the items that were watched."""

    since_ns: int
    until_ns: int
    """The time asked for, up to now at most."""
    counts: LedgerCounts = field(default_factory=LedgerCounts)
    error: int = 0
    shed_bodies: int = 0
    shed_payload_octets: int = 0
    bypassed_octets: int = 0
    missed_ns: dict[str, int] = field(default_factory=dict)
    """By interface, of all that are known."""

    def watch(self, items: Iterable[LedgerItem]) -> Iterator[LedgerItem]:
        """Yield ``items``, having added each."""
        for item in items:
            self.missed_ns.setdefault(item.interface, 0)
            if isinstance(item, Gap):
                self.missed_ns[item.interface] += item.ended_ns - item.started_ns
            else:
                self.counts += item.counts
                self.error += item.error
                self.shed_bodies += item.shed_bodies
                self.shed_payload_octets += item.shed_payload_octets
                self.bypassed_octets += item.bypassed_octets
            yield item

    @property
    def dropped(self) -> int:
        """Packets that the kernel dropped."""
        return sum(self.counts.dropped.values())

    @property
    def shed(self) -> int:
        """Packets left out because of overload, or lost with a worker."""
        return sum(self.counts.shed.values())

    @property
    def covered(self) -> float:
        """Share of the time in which it was looked, over all interfaces."""
        whole = (self.until_ns - self.since_ns) * len(self.missed_ns)
        return max(1 - sum(self.missed_ns.values()) / whole, 0.0) if whole else 0.0

    @property
    def has_gap(self) -> bool:
        """Whether some interface was not looked at for some time, or none is known at all."""
        return not self.missed_ns or any(self.missed_ns.values())

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing: no gap, no loss, and the counts add up."""
        lost = self.dropped + self.shed + self.shed_bodies + self.shed_payload_octets
        return not (self.has_gap or lost or self.error)

    def verdict(self, language: str = "en") -> str:
        """Whether "no detections" may be trusted, in a sentence."""
        words = _WORDS[language]
        if self.is_whole:
            return words["whole"]
        if not self.covered and not self.counts.received:
            return words["none"]
        reasons = []
        if self.has_gap:
            missed = duration(sum(self.missed_ns.values()), language)
            reasons.append(words["gaps"].format(time=missed, percent=floor_percent(self.covered)))
        if lost := self.dropped + self.shed:
            received = self.counts.received
            percent = _loss_percent(lost / max(received, 1))
            reasons.append(
                words["lost"].format(
                    lost=lost, received=received, percent=percent, dropped=self.dropped, shed=self.shed
                )
            )
        if self.shed_bodies or self.shed_payload_octets:
            reasons.append(words["left_out"].format(bodies=self.shed_bodies, octets=self.shed_payload_octets))
        if self.error:
            reasons.append(words["error"].format(error=self.error))
        return words["partly"].format(reasons=words["and"].join(reasons))


def floor_percent(share: float) -> str:
    """``share`` in percent, never rounded up to 100."""
    return "100" if share >= 1 else f"{int(share * 10_000) / 100:.2f}"


def _loss_percent(share: float) -> str:
    """``share`` in percent, never rounded down to 0."""
    return f"{share * 100:.2f}" if share >= 0.0001 else "<0.01"
