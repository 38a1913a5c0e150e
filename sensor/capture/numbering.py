"""Packet numbers through several captures: a number names one packet, whatever flow it is of.

The capture's place among the captures stands in the high bits, the packet's number in its capture, which
people and their tools look it up by, in the low ones.
"""

_NUMBER_BITS = 40
"""A capture of 2 to the 40th packets would hold 70 TB; 8 million captures fit beside it in an int64."""
NUMBER_MASK = (1 << _NUMBER_BITS) - 1
"""The bits of the packet's number in its own capture."""


class PacketNumbers:
    """Which capture each packet is of."""

    def __init__(self) -> None:
        self._names: list[str] = []

    def begin(self, name: str) -> int:
        """Go on to the capture ``name``.

        :returns: what to add to the numbers of its packets.
        """
        self._names.append(name)
        return len(self._names) - 1 << _NUMBER_BITS

    def locate(self, number: int) -> tuple[str, int]:
        """Name of the capture that holds packet ``number``, and its number there, from 1."""
        return self._names[number >> _NUMBER_BITS], number & NUMBER_MASK
