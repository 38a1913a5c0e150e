"""What tables and single detections share: labels, and facts as people read them."""

import io
import re
from datetime import UTC, datetime
from types import MappingProxyType

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from exporter.printable import printable, printable_octets
from exporter.severity import severity_name
from sensor.store.records import Detection

_NS = 1_000_000_000
_FIRST = re.compile(r"\\x..|\\u....|\\U.{8}|.")
"""The first character of a printable text, or its escape."""
_STYLES = MappingProxyType(
    {"low": "cyan", "medium": "yellow", "high": "red", "critical": "bold white on red"}
)

# Label by language, Japanese first.
_LABELS = MappingProxyType(
    {
        "id": ("番号", "ID"),
        "time": ("日時", "Time"),
        "severity": ("重大度", "Severity"),
        "signature": ("シグネチャ", "Signature"),
        "buffer": ("検査箇所", "Buffer"),
        "from_to": ("送信元 → 宛先", "From → To"),
        "match": ("一致した内容", "Match"),
        "category": ("分類", "Category"),
        "flow": ("フロー", "Flow"),
        "transaction": ("トランザクション", "Transaction"),
        "packet": ("パケット", "Packet"),
        "source": ("キャプチャ", "Capture"),
        "where": ("位置", "Where"),
        "request": ("リクエスト", "Request"),
        "excerpt": ("抜粋", "Excerpt"),
        "run": ("実行", "Run"),
        "form": ("表記", "Form"),
        "folds": ("同じとみなした違い", "Folded"),
        "text": ("読み取った文字列", "Text"),
        "none": ("検知はありません。", "No detections."),
        "octets": (
            "{buffer} のオフセット {offset} から {length} オクテット",
            "{length} octets at offset {offset} of {buffer}",
        ),
        "no_start": (
            "{buffer} のオフセット {offset} まで（一致の始まりは不明）",
            "up to offset {offset} of {buffer} (where the match starts is not known)",
        ),
    }
)


def label(key: str, language: str) -> str:
    """What a fact is called; ``language`` is ``ja`` or ``en``."""
    ja, en = _LABELS[key]
    return ja if language == "ja" else en


def local_time(ts_ns: int) -> tuple[str, str, str]:
    """Return date with time, nine digits of the second, and offset, in local time."""
    seconds, fraction = divmod(ts_ns, _NS)
    local = datetime.fromtimestamp(seconds, UTC).astimezone()
    offset = f"{local:%z}"
    return f"{local:%Y-%m-%d %H:%M:%S}", f"{fraction:09d}", f"{offset[:3]}:{offset[3:5]}"


def endpoint(address: str, port: int) -> str:
    """``192.0.2.1:80``, ``[2001:db8::1]:80``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def severity_cell(row: Detection, language: str) -> Text:
    """The severity's name, in its colour."""
    return Text(severity_name(row.severity, language), style=_STYLES.get(row.severity, ""))


_FOLDS = MappingProxyType(
    {
        "width": ("全角・半角", "width"),
        "case": ("大文字・小文字", "case"),
        "kana": ("ひらがな・カタカナ", "kana"),
        "kanji": ("新旧の字体", "old and new kanji"),
        "long-vowel": ("長音", "long vowel"),
        "small-kana": ("小書き仮名", "small kana"),
    }
)


def fold_names(row: Detection, language: str) -> str:
    """What was taken for the same in a keyword, for people; empty if it was written as stated."""
    return ", ".join(
        _FOLDS[name][language != "ja"] if name in _FOLDS else printable(name) for name in row.folds
    )


def marked_text(row: Detection, lead_width: int | None = None) -> Text:
    """What was read where a keyword matched, as `marked_excerpt`; else the excerpt."""
    if row.text is None:
        return marked_excerpt(row, lead_width)
    start, end = row.text_start or 0, row.text_end or 0
    parts = row.text[:start], row.text[start:end], row.text[end:]
    return _marked(lead_width, *map(printable, parts))


def marked_excerpt(row: Detection, lead_width: int | None = None) -> Text:
    """The excerpt with its match marked, and of what stands before that the last ``lead_width`` cells."""
    start, end = match_span(row)
    parts = row.excerpt[:start], row.excerpt[start:end], row.excerpt[end:]
    return _marked(lead_width, *map(printable_octets, parts))


def _marked(lead_width: int | None, lead: str, match: str, rest: str) -> Text:
    if lead_width is not None and cell_len(lead) > lead_width:
        while cell_len(lead) >= lead_width:
            lead = _FIRST.sub("", lead, count=1)
        lead = f"…{lead}"
    return Text.assemble(lead, (match, "bold reverse"), rest)


def match_span(row: Detection) -> tuple[int, int]:
    """Find the match in the excerpt; empty where its start is not known."""
    start = min(max(row.excerpt_offset, 0), len(row.excerpt))
    return start, min(start + max(row.length, 0), len(row.excerpt))


def render(renderable: RenderableType, width: int, color: bool) -> str:
    """Lines for a terminal ``width`` cells wide, without blanks at their ends."""
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(renderable)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().split("\n")[:-1])
