"""Detections in a table, for people."""

from collections.abc import Iterable
from itertools import accumulate

from rich import box
from rich.cells import cell_len, chop_cells
from rich.table import Table
from rich.text import Text

from exporter.detection_cells import (
    endpoint,
    fold_names,
    label,
    local_time,
    marked_text,
    render,
    severity_cell,
)
from exporter.printable import printable
from sensor.store.records import Detection

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
_FORM_WIDTH = 20
_LEAST_WIDTH = 12
_MATCH_LEN = 160
"""Cells of a URL or excerpt that a list shows; ``show`` has it all."""
_MATCH_LINES = 2
_LEAD_WIDTH = 16
"""Cells before the match that a list shows: the match itself must have room."""
_UNKNOWN_START_WIDTH = 48
"""The same before the end of a match whose start is not known."""


def _match(row: Detection) -> Text:
    """What was read of a keyword; else the request if there is one, else what stood around the match."""
    if row.http_url and row.text is None:
        text = Text(printable(f"{row.http_method} {row.http_host}{row.http_url}".strip()))
    else:
        known = row.length or row.text is not None
        text = marked_text(row, _LEAD_WIDTH if known else _UNKNOWN_START_WIDTH)
    text.truncate(_MATCH_LEN, overflow="ellipsis")
    return text


def render_table(
    rows: Iterable[Detection], language: str = "en", *, width: int | None = None, color: bool = False
) -> str:
    """Make a table of ``rows``, with times in local time, ``width`` cells wide (wide characters count two).

    Without ``width`` (output to a pipe) every detection is one line, and nothing is cut but long matches.
    From 110 cells on the match has a column of its own, and so has the form of keywords where one matched;
    below, the match stands under the signature, and below 70 everything does. Numbers are never cut.
    """
    rows = list(rows)
    keys: tuple[str, ...]
    if not rows:
        return label("none", language) + "\n"
    if width is None:
        keys = ("id", "time", "severity", "signature", "buffer", "from_to", "form", "match")
        cells = [_one_line(row, language) for row in rows]
    elif width < _NARROW:
        keys = ("id", "signature")
        cells = [_stacked(_two_lines(row, language)) for row in rows]
    else:
        keys = ("id", "time", "signature", "from_to", "form", "match")[: None if width >= _WIDE else -2]
        cells = [_two_lines(row, language) for row in rows]
    if "form" in keys and all(row.form is None for row in rows):
        at = keys.index("form")
        keys = keys[:at] + keys[at + 1 :]
        cells = [row[:at] + row[at + 1 :] for row in cells]
    headers = [Text(label(key, language)) for key in keys]
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
    return render(table, width or _UNBOUNDED, color)


def _stacked(row: list[Text]) -> list[Text]:
    """Cells of `_two_lines`, all but the number in one."""
    at, time, signature, from_to, _, match = row
    return [at, Text("\n").join([signature, time, from_to, match])]


def _fit_lines(facts: Text, width: int) -> Text:
    """The lines of ``facts``, folded to ``width``; of the match, the last, as much as a list shows."""
    *lines, match = facts.split("\n")
    match.truncate(_MATCH_LINES * width - 1, overflow="ellipsis")
    return Text("\n").join(_fold(line, width) for line in [*lines, match])


def _fit_cells(row: list[Text], widths: list[int]) -> list[Text]:
    """Cut the cells of `_two_lines` to ``widths``; a match without a column goes below the signature."""
    at, time, signature, from_to, *form, match = row
    width = widths[2]
    lines = list(signature.split("\n"))
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    has_column = len(widths) == len(row)
    room = widths[-1] if has_column else width
    match.truncate(_MATCH_LINES * room - 1, overflow="ellipsis")
    match = _fold(match, room)
    if has_column:
        return [at, time, Text("\n").join(lines), from_to, *form, match]
    return [at, time, Text("\n").join([*lines, match]), from_to]


def _fold(text: Text, width: int) -> Text:
    """Break ``text`` where a line is full: Rich would break at blanks, and need more lines."""
    ends = list(accumulate(map(len, chop_cells(text.plain, width))))
    return Text("\n").join(text.divide(ends[:-1]))


def _fit_widths(widths: list[int], keys: tuple[str, ...], width: int) -> None:
    """Change ``widths`` so that a table of ``keys`` is ``width`` cells wide: the last text takes the rest."""
    most_of = (
        ("from_to", _ADDRESS_WIDTH),
        ("signature", max(_SIGNATURE_WIDTH, width // 4)),
        ("form", _FORM_WIDTH),
    )
    for key, most in most_of:
        if key not in keys:
            continue
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
    time, _, offset = local_time(row.ts_ns)
    return Text.assemble(time, "\n", (offset, "dim"), " ", severity_cell(row, language))


def _signature_and_buffer(row: Detection, language: str) -> Text:
    return Text.assemble((printable(row.title(language)), "bold"), "\n", (f"{row.sid} {row.buffer}", "dim"))


def _from_to(row: Detection, separator: str) -> Text:
    return Text(f"{endpoint(row.src_ip, row.src_port)}{separator}→ {endpoint(row.dst_ip, row.dst_port)}")


def _form(row: Detection, language: str, separator: str) -> Text:
    """How a keyword was encoded, and what was taken for the same."""
    folds = fold_names(row, language)
    return Text.assemble(printable(row.form or ""), (f"{separator}{folds}" if folds else "", "dim"))


def _one_line(row: Detection, language: str) -> list[Text]:
    time, _, offset = local_time(row.ts_ns)
    return [
        Text(str(row.id)),
        Text(f"{time} {offset}"),
        severity_cell(row, language),
        Text(printable(row.title(language)), style="bold"),
        Text(row.buffer),
        _from_to(row, " "),
        _form(row, language, " / "),
        _match(row),
    ]


def _two_lines(row: Detection, language: str) -> list[Text]:
    return [
        Text(str(row.id)),
        _time_and_severity(row, language),
        _signature_and_buffer(row, language),
        _from_to(row, "\n"),
        _form(row, language, "\n"),
        _match(row),
    ]
