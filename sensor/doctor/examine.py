"""All checks, one after the other. None ends the examination: one that can't be made says so."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sensor.doctor.clock import check_clock
from sensor.doctor.finding import Check, Finding, Subject, Words, describe, warning
from sensor.doctor.interfaces import check_interfaces
from sensor.doctor.matching import check_processor, check_signatures
from sensor.doctor.network import check_control, check_metrics
from sensor.doctor.rights import check_rights
from sensor.doctor.storage import check_database, check_disk
from sensor.doctor.system import check_kernel, check_memory, check_versions


@dataclass(frozen=True, slots=True)
class Examined:
    """A finding, and what check it is of."""

    name: str
    """For programs."""
    title: Words
    finding: Finding


_CHECKS: Final[tuple[tuple[str, Words, Check], ...]] = (
    ("versions", Words("Versions", "版"), check_versions),
    ("rights", Words("Rights", "権限"), check_rights),
    ("interfaces", Words("Interfaces", "インターフェース"), check_interfaces),
    ("kernel", Words("Kernel", "カーネル"), check_kernel),
    ("memory", Words("Memory", "メモリ"), check_memory),
    ("clock", Words("Clock", "時計"), check_clock),
    ("disk", Words("Disk", "ディスク"), check_disk),
    ("database", Words("Database", "データベース"), check_database),
    ("processor", Words("Processor", "CPU"), check_processor),
    ("signatures", Words("Signatures", "シグネチャ"), check_signatures),
    ("control", Words("Service", "サービス"), check_control),
    ("metrics", Words("Metrics", "メトリクス"), check_metrics),
)


def examine(subject: Subject) -> Iterator[Examined]:
    """Make every check."""
    for name, title, check in _CHECKS:
        try:
            for finding in check(subject):
                yield Examined(name, title, finding)
        except Exception as error:  # noqa: BLE001  # a machine may be broken in ways that nobody thought of
            yield Examined(name, title, _not_made(error))


def _not_made(error: Exception) -> Finding:
    reason = f"{type(error).__name__}: {describe(error)}"
    return warning(
        f"this check could not be made ({reason})",
        f"この項目は確認できませんでした（{reason}）",
        "please report this line",
        "この行を報告してください",
    )
