"""Plain columns for people: wide characters count two cells, and the last column is folded to fit."""

from collections.abc import Collection, Sequence

from rich.cells import cell_len, chop_cells

_GAP = "  "
_LEAST = 20
"""Cells that the last column has however narrow the terminal is."""


def render_columns(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    width: int | None = None,
) -> str:
    """Make lines of ``rows`` under ``headers``.

    :param rows: printable cells; the last of a row may have several lines.
    :param right: columns whose cells stand at their right end.
    :param width: cells of the terminal; without it nothing is folded.
    """
    widths = [max(cell_len(row[at]) for row in (headers, *rows)) for at in range(len(headers) - 1)]
    indent = sum(widths) + len(_GAP) * len(widths)
    room = None if width is None else max(width - indent, _LEAST)
    lines = []
    for row in (headers, *rows):
        cells = [_pad(cell, widths[at], at in right) for at, cell in enumerate(row[:-1])]
        texts = row[-1].split("\n")
        folded = [part for text in texts for part in (chop_cells(text, room) if room else [text]) or [""]]
        first = _GAP.join([*cells, folded[0]])
        lines += [first, *(" " * indent + part for part in folded[1:])]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _pad(cell: str, width: int, right: bool) -> str:
    blanks = " " * (width - cell_len(cell))
    return blanks + cell if right else cell + blanks
