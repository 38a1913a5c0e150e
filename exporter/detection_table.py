"""Detections for people: a table, and one detection explained."""

import io
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import accumulate
from types import MappingProxyType

from rich import box
from rich.cells import cell_len, chop_cells
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.printable import printable, printable_octets
from exporter.severity import severity_name
from sensor.store.records import Detection

_NS = 1_000_000_000
_WIDE = 110
"""Columns from which each fact gets its own column."""
_NARROW = 70
"""Columns below which all that is said of a detection stands under each other, beside its number."""
_UNBOUNDED = 10_000
_GAP = 2
"""Cells between columns; the box itself draws one of them."""
_ADDRESS_WIDTH = 26
"""Holds any IPv4 address with its port; a long IPv6 address is folded."""
_SIGNATURE_WIDTH = 30
_LEAST_WIDTH = 12
_MATCH_LEN = 160
"""Cells of a URL or excerpt that a list shows; ``show`` has it all."""
_MATCH_LINES = 2
_LEAD_WIDTH = 16
"""Cells before the match that a list shows: the match itself must have room."""
_UNKNOWN_START_WIDTH = 48
"""The same before the end of a match whose start is not known."""
_DUMP_LEN = 16
_DUMP_WIDTH = 6 + 3 * _DUMP_LEN + 1 + _DUMP_LEN

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


def _label(key: str, language: str) -> str:
    ja, en = _LABELS[key]
    return ja if language == "ja" else en


def _local(ts_ns: int) -> tuple[str, str, str]:
    """Return date with time, nine digits of the second, and offset, in local time."""
    seconds, fraction = divmod(ts_ns, _NS)
    local = datetime.fromtimestamp(seconds, UTC).astimezone()
    offset = f"{local:%z}"
    return f"{local:%Y-%m-%d %H:%M:%S}", f"{fraction:09d}", f"{offset[:3]}:{offset[3:5]}"


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _severity(row: Detection, language: str) -> Text:
    return Text(severity_name(row.severity, language), style=_STYLES.get(row.severity, ""))


def _match(row: Detection) -> Text:
    """Show the request if there is one, else what stood around the match."""
    if row.http_url:
        text = Text(printable(f"{row.http_method} {row.http_host}{row.http_url}".strip()))
    else:
        text = _marked_excerpt(row, _LEAD_WIDTH if row.length else _UNKNOWN_START_WIDTH)
    text.truncate(_MATCH_LEN, overflow="ellipsis")
    return text


def _marked_excerpt(row: Detection, lead_width: int | None = None) -> Text:
    """The excerpt with its match marked, and of what stands before that the last ``lead_width`` cells."""
    start, end = _match_span(row)
    lead = printable_octets(row.excerpt[:start])
    if lead_width is not None and cell_len(lead) > lead_width:
        while cell_len(lead) >= lead_width:
            lead = _FIRST.sub("", lead, count=1)
        lead = f"…{lead}"
    return Text.assemble(
        lead,
        (printable_octets(row.excerpt[start:end]), "bold reverse"),
        printable_octets(row.excerpt[end:]),
    )


def _match_span(row: Detection) -> tuple[int, int]:
    """Find the match in the excerpt; empty where its start is not known."""
    start = min(max(row.excerpt_offset, 0), len(row.excerpt))
    return start, min(start + max(row.length, 0), len(row.excerpt))


def _render(renderable: RenderableType, width: int, color: bool) -> str:
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


def render_table(
    rows: Iterable[Detection], language: str = "en", *, width: int | None = None, color: bool = False
) -> str:
    """Make a table of ``rows``, with times in local time, ``width`` cells wide (wide characters count two).

    Without ``width`` (output to a pipe) every detection is one line, and nothing is cut but long matches.
    From 110 cells on the match has a column of its own; below, it stands under the signature, and below 70
    everything does. Numbers are never cut.
    """
    rows = list(rows)
    keys: tuple[str, ...]
    if not rows:
        return _label("none", language) + "\n"
    if width is None:
        keys = ("id", "time", "severity", "signature", "buffer", "from_to", "match")
        cells = [_one_line(row, language) for row in rows]
    elif width < _NARROW:
        keys = ("id", "signature")
        cells = [_stacked(_two_lines(row, language)) for row in rows]
    else:
        keys = ("id", "time", "signature", "from_to", "match")[: None if width >= _WIDE else -1]
        cells = [_two_lines(row, language) for row in rows]
    headers = [Text(_label(key, language)) for key in keys]
    widths = [
        max(map(_cell_width, column))
        for column in zip(headers, *(row[: len(keys)] for row in cells), strict=True)
    ]
    if width is not None and width < _NARROW:
        widths[1] = max(width - widths[0] - _GAP, _LEAST_WIDTH)
        width = max(width, widths[0] + _GAP + widths[1])
        cells = [[at, _fit_lines(facts, widths[1])] for at, facts in cells]
    elif width is not None:
        _fit_widths(widths, keys, width)
        cells = [_fit_cells(row, widths) for row in cells]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    for key, header, cell_width in zip(keys, headers, widths, strict=True):
        # All widths are given, because Rich shrinks every column alike when a table is too wide.
        table.add_column(
            header, width=cell_width, justify="right" if key == "id" else "left", overflow="fold"
        )
    for row in cells:
        table.add_row(*row)
    return _render(table, width or _UNBOUNDED, color)


def _stacked(row: list[Text]) -> list[Text]:
    """Cells of `_two_lines`, all but the number in one."""
    at, time, signature, from_to, match = row
    return [at, Text("\n").join([signature, time, from_to, match])]


def _fit_lines(facts: Text, width: int) -> Text:
    """The lines of ``facts``, folded to ``width``; of the match, the last, as much as a list shows."""
    *lines, match = facts.split("\n")
    match.truncate(_MATCH_LINES * width - 1, overflow="ellipsis")
    return Text("\n").join(_fold(line, width) for line in [*lines, match])


def _fit_cells(row: list[Text], widths: list[int]) -> list[Text]:
    """Cut the cells of `_two_lines` to ``widths``; a match without a column goes below the signature."""
    at, time, signature, from_to, match = row
    width = widths[2]
    lines = list(signature.split("\n"))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    has_column = len(widths) == len(row)
    room = widths[-1] if has_column else width
    match.truncate(_MATCH_LINES * room - 1, overflow="ellipsis")
    match = _fold(match, room)
    if has_column:
        return [at, time, Text("\n").join(lines), from_to, match]
    return [at, time, Text("\n").join([*lines, match]), from_to]


def _fold(text: Text, width: int) -> Text:
    """Break ``text`` where a line is full: Rich would break at blanks, and need more lines."""
    ends = list(accumulate(map(len, chop_cells(text.plain, width))))
    return Text("\n").join(text.divide(ends[:-1]))


def _fit_widths(widths: list[int], keys: tuple[str, ...], width: int) -> None:
    """Change ``widths`` so that a table of ``keys`` is ``width`` cells wide: the last text takes the rest."""
    for key, most in (("from_to", _ADDRESS_WIDTH), ("signature", max(_SIGNATURE_WIDTH, width // 4))):
        at = keys.index(key)
        widths[at] = min(widths[at], most)
    at = keys.index("match" if "match" in keys else "signature")
    others = sum(widths) - widths[at] + _GAP * (len(keys) - 1)
    widths[at] = max(width - others, _LEAST_WIDTH)
    # A number of many digits takes its room from the addresses, which are folded.
    widths[keys.index("from_to")] -= max(others + widths[at] - width, 0)


def _cell_width(cell: Text) -> int:
    return max(cell_len(line) for line in cell.plain.split("\n"))


def _time_and_severity(row: Detection, language: str) -> Text:
    time, _, offset = _local(row.ts_ns)
    return Text.assemble(time, "\n", (offset, "dim"), " ", _severity(row, language))


def _signature_and_buffer(row: Detection, language: str) -> Text:
    return Text.assemble((printable(row.title(language)), "bold"), "\n", (f"{row.sid} {row.buffer}", "dim"))


def _from_to(row: Detection, separator: str) -> Text:
    return Text(f"{_endpoint(row.src_ip, row.src_port)}{separator}→ {_endpoint(row.dst_ip, row.dst_port)}")


def _one_line(row: Detection, language: str) -> list[Text]:
    time, _, offset = _local(row.ts_ns)
    return [
        Text(str(row.id)),
        Text(f"{time} {offset}"),
        _severity(row, language),
        Text(printable(row.title(language)), style="bold"),
        Text(row.buffer),
        _from_to(row, " "),
        _match(row),
    ]


def _two_lines(row: Detection, language: str) -> list[Text]:
    return [
        Text(str(row.id)),
        _time_and_severity(row, language),
        _signature_and_buffer(row, language),
        _from_to(row, "\n"),
        _match(row),
    ]


def render_one(row: Detection, language: str = "en", *, width: int = 80, color: bool = False) -> str:
    """Explain one detection, ending with the octets around the match."""
    time, fraction, offset = _local(row.ts_ns)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")

    def add(key: str, value: str | Text) -> None:
        grid.add_row(_label(key, language), value)

    add("id", str(row.id))
    add(
        "signature",
        Text.assemble((printable(row.title(language)), "bold"), f" (sid {row.sid}, rev {row.rev})"),
    )
    add("severity", _severity(row, language))
    add("category", printable(row.category))
    add("time", f"{time}.{fraction} {offset}")
    add("from_to", f"{_endpoint(row.src_ip, row.src_port)} → {_endpoint(row.dst_ip, row.dst_port)}")
    add("flow", " ".join(filter(None, (row.proto, row.app_proto, str(row.flow_id)))))
    if row.tx_id is not None:
        add("transaction", str(row.tx_id))
    if row.http_url or row.http_method or row.http_host:
        add("request", printable(f"{row.http_method} {row.http_host}{row.http_url}".strip()))
    add("run", str(row.run_id))
    add("source", printable(row.source))
    add("packet", str(row.packet_number))
    where = _label("octets" if row.length else "no_start", language)
    add("where", where.format(buffer=row.buffer, offset=row.offset, length=row.length))
    if not row.excerpt:
        return _render(grid, width, color)
    add("excerpt", _marked_excerpt(row))
    return f"{_render(grid, width, color)}\n{_render(_dump(row), max(width, _DUMP_WIDTH), color)}"


def _dump(row: Detection) -> Text:
    """Hex and text of the excerpt, 16 octets a line; a line of ^ points at the match below each."""
    start, end = _match_span(row)
    dump = Text(no_wrap=True)
    for at in range(0, len(row.excerpt), _DUMP_LEN):
        octets = row.excerpt[at : at + _DUMP_LEN]
        inside = [start <= at + i < end for i in range(len(octets))]
        dump.append(f"{at:04x}  ", "dim")
        for octet, is_match in zip(octets, inside, strict=True):
            dump.append(f"{octet:02x}", "bold reverse" if is_match else "").append(" ")
        dump.append("   " * (_DUMP_LEN - len(octets)) + " ")
        for octet, is_match in zip(octets, inside, strict=True):
            dump.append(chr(octet) if 0x20 <= octet < 0x7F else ".", "bold reverse" if is_match else "")
        dump.append("\n")
        if any(inside):
            hex_marks = "".join("^^ " if is_match else "   " for is_match in inside).ljust(3 * _DUMP_LEN)
            dump.append(
                f"      {hex_marks} {''.join('^' if is_match else ' ' for is_match in inside)}\n", "dim"
            )
    dump.right_crop(1)
    return dump
