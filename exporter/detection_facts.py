"""One detection explained, for people."""

from rich.table import Table
from rich.text import Text

from exporter.detection_cells import (
    endpoint,
    fold_names,
    label,
    local_time,
    marked_excerpt,
    marked_text,
    match_span,
    render,
    severity_cell,
)
from exporter.printable import printable
from sensor.store.records import Detection

_DUMP_LEN = 16
_DUMP_WIDTH = 6 + 3 * _DUMP_LEN + 1 + _DUMP_LEN


def render_one(row: Detection, language: str = "en", *, width: int = 80, color: bool = False) -> str:
    """Explain one detection, ending with the octets around the match."""
    time, fraction, offset = local_time(row.ts_ns)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")

    def add(key: str, value: str | Text) -> None:
        grid.add_row(label(key, language), value)

    add("id", str(row.id))
    add(
        "signature",
        Text.assemble((printable(row.title(language)), "bold"), f" (sid {row.sid}, rev {row.rev})"),
    )
    add("severity", severity_cell(row, language))
    add("category", printable(row.category))
    add("time", f"{time}.{fraction} {offset}")
    add("from_to", f"{endpoint(row.src_ip, row.src_port)} → {endpoint(row.dst_ip, row.dst_port)}")
    add("flow", " ".join(filter(None, (row.proto, row.app_proto, str(row.flow_id)))))
    if row.tx_id is not None:
        add("transaction", str(row.tx_id))
    if row.http_url or row.http_method or row.http_host:
        add("request", printable(f"{row.http_method} {row.http_host}{row.http_url}".strip()))
    add("run", str(row.run_id))
    add("source", printable(row.source))
    add("packet", str(row.packet_number))
    where = label("octets" if row.length else "no_start", language)
    add("where", where.format(buffer=row.buffer, offset=row.offset, length=row.length))
    if row.text is not None:
        add("form", printable(row.form or ""))
        if row.folds:
            add("folds", fold_names(row, language))
        add("text", marked_text(row))
    if not row.excerpt:
        return render(grid, width, color)
    add("excerpt", marked_excerpt(row))
    return f"{render(grid, width, color)}\n{render(_dump(row), max(width, _DUMP_WIDTH), color)}"


def _dump(row: Detection) -> Text:
    """Hex and text of the excerpt, 16 octets a line; a line of ^ points at the match below each."""
    start, end = match_span(row)
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
