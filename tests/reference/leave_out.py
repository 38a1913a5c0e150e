"""What stays of streams of which some octets are left out: one piece at a time."""

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets of a stream at a position, and how many are missing before them."""

    stream: int
    position: int
    data: bytes
    gap: int


class LeftOut:
    """As ``sensor.reassembly.leave_out.LeftOut``."""

    def __init__(self) -> None:
        self.owed: dict[int, int] = {}

    def take(self, pieces: list[Piece], out: list[bool]) -> list[Piece]:
        """Pieces that stay, with what was left out before them in their gaps."""
        stay = []
        for piece, is_out in zip(pieces, out, strict=True):
            gap = self.owed.pop(piece.stream, 0) + piece.gap
            if is_out:
                self.owed[piece.stream] = gap + len(piece.data)
            else:
                stay.append(Piece(piece.stream, piece.position, piece.data, gap))
        return stay


def split(pieces: list[Piece], cuts: list[tuple[int, int]]) -> list[Piece]:
    """Pieces cut at (piece, octets before the cut)."""
    parts = []
    for at, piece in enumerate(pieces):
        wheres = [0, *(where for row, where in cuts if row == at), len(piece.data)]
        for start, stop in pairwise(wheres):
            gap = 0 if start else piece.gap
            parts.append(Piece(piece.stream, piece.position + start, piece.data[start:stop], gap))
    return parts
