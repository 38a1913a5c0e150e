"""Packet numbers through several captures, and back to the numbers that each capture has.

Packets of several captures are numbered on and on, so that one number names one packet whatever flow it
is of. People and their tools look a packet up by its number in its own file.
"""

from bisect import bisect_right


class PacketNumbers:
    """Which capture each packet is of."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._starts: list[int] = []

    def begin(self, name: str, first_number: int) -> None:
        """Packets from ``first_number`` on are those of the capture ``name``."""
        self._names.append(name)
        self._starts.append(first_number)

    def locate(self, number: int) -> tuple[str, int]:
        """Name of the capture that holds packet ``number``, and its number there, from 1."""
        at = bisect_right(self._starts, number) - 1
        return self._names[at], number - self._starts[at] + 1
