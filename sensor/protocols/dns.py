"""The names that DNS queries ask for: RFC 1035, section 4; over TCP section 4.2.2; RFC 6762, RFC 4795.

A name is given as Suricata gives it in ``dns.query``: labels as they are, octet for octet, with a dot between
two of them and none at the end. (A dot inside a label looks like one between two; Suricata and Zeek don't
escape it either.) Of responses nothing is read: what a response is about was asked before.
"""

from dataclasses import dataclass

import numpy as np

from sensor.arrays import I64, U8, Bool

PORTS = (53, 5353, 5355)
"""DNS, mDNS and LLMNR."""
MAX_NAMES = 4_096
"""Octets of the names of one message that are read, pointers included. Servers answer one question, of 255
octets at most; mDNS asks for some dozen at once. Pointers let a message of 64 KiB ask for 10,000 names of 255
octets."""
MAX_MESSAGE = 4_096
"""Octets of a message over TCP that are read: its questions come first."""

HEADER = 12
_MAX_NAME = 255
_LEAST = HEADER + 1 + 4  # the root's name, QTYPE, QCLASS
_POINTER = 0xC0
_MAX_HOPS = 127
"""Pointers of one name: as many as it may have labels. Further ones go round in a circle."""
_HOST_OCTETS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_CLASSES = frozenset({1, 3, 4, 255})  # IN, CH, HS, ANY
_OPT = 41


@dataclass(frozen=True, slots=True)
class Questions:
    """What a message asks for."""

    names: tuple[bytes, ...] = ()
    """Of each question that could be read, in order; the root is empty."""
    cut: bool = False
    """Whether there were more than are read."""


_NONE = Questions()


def read_questions(message: bytes, *, strict: bool = False) -> Questions:
    """The names that ``message`` asks for; none if it is no query.

    :param strict: it may be anything: answer only if every octet is as resolvers send it.
    """
    if len(message) < _LEAST or message[2] & 0x80:
        return _NONE
    count = message[4] << 8 | message[5]
    names: list[bytes] = []
    pos, octets = HEADER, 0
    for _ in range(count):
        if octets > MAX_NAMES:
            return Questions(tuple(names), cut=True)
        read = _read_name(message, pos)
        if read is None:
            break
        labels, pos, cost = read
        if pos + 4 > len(message):
            break
        if strict and not _is_plain(message, labels, pos):
            return _NONE
        pos += 4
        name = b".".join(labels)
        names.append(name)
        octets += cost
    if strict and (len(names) != count or not _ends_plainly(message, pos)):
        return _NONE
    return Questions(tuple(names))


def _read_name(message: bytes, pos: int) -> tuple[list[bytes], int, int] | None:
    """Labels of the name at ``pos``, where it ends, and how many octets it took; None if it is malformed.

    A pointer should lead to "a prior occurrence" of a name; some servers take those that lead anywhere.
    """
    labels: list[bytes] = []
    end, hops, octets = -1, 0, 1
    while pos < len(message):
        length = message[pos]
        if not length:
            return labels, (pos + 1 if end < 0 else end), octets + 2 * hops
        if length >= _POINTER:
            if pos + 1 >= len(message) or hops == _MAX_HOPS:
                return None
            end = pos + 2 if end < 0 else end
            pos = (length & 0x3F) << 8 | message[pos + 1]
            hops += 1
            continue
        octets += 1 + length
        if length > 63 or octets > _MAX_NAME or pos + 1 + length > len(message):
            return None
        labels.append(message[pos + 1 : pos + 1 + length])
        pos += 1 + length
    return None


def _is_plain(message: bytes, labels: list[bytes], pos: int) -> bool:
    """Whether a question is one that resolvers ask; its type is at ``pos``."""
    kind = message[pos] << 8 | message[pos + 1]
    return (
        len(labels) > 1
        and all(_HOST_OCTETS.issuperset(label) for label in labels)
        and kind != 0
        and (message[pos + 2] << 8 | message[pos + 3]) in _CLASSES
    )


def _ends_plainly(message: bytes, pos: int) -> bool:
    """Whether nothing follows the questions but what the header says: at most an OPT record (RFC 6891)."""
    if not message[11]:
        return pos == len(message)
    rest = message[pos:]
    return (
        len(rest) >= 11
        and not rest[0]
        and (rest[1] << 8 | rest[2]) == _OPT
        and len(rest) == 11 + (rest[9] << 8 | rest[10])
    )


def find_queries(data: U8, offset: I64, length: I64, known: Bool) -> tuple[I64, Bool]:
    """Datagrams that may be queries.

    :param data: octets that the datagrams are in.
    :param offset: (n,) where each starts.
    :param length: (n,) octets of each.
    :param known: (n,) whether the receiver's port is one of `PORTS`.
    :returns: their indices, ascending, and of each whether its port is known; others must be read strictly.
    """
    long = np.flatnonzero(length >= _LEAST)
    at = offset[long]
    named = known[long]
    # QR is 0. Of any other port also: one question, no answer, no authority, at most an additional record;
    # and neither opcode, AA, TC, Z nor RCODE.
    keep = ((data[at + 2] & 0x80) == 0) & (named | ((data[at + 4] == 0) & (data[at + 5] == 1)))
    long, at, named = long[keep], at[keep], named[keep]
    plain = (data[at + 2] & 0xFE) == 0
    plain &= (data[at + 3] & 0xCF) == 0
    for place in range(6, 11):
        plain &= data[at + place] == 0
    plain &= data[at + 11] <= 1
    keep = named | plain
    return long[keep], named[keep]


class MessageReader:
    """Cuts one direction of a connection into messages, each behind its length in two octets."""

    __slots__ = ("_held", "_rest")

    def __init__(self) -> None:
        self._held = bytearray()  # the length, then what has come of the message's first octets
        self._rest = 0  # octets of the message that are passed over

    def __len__(self) -> int:
        """Octets held."""
        return len(self._held)

    def feed(self, data: bytes | memoryview) -> list[bytes]:
        """Read the next octets.

        :returns: the messages that they complete: of each the first `MAX_MESSAGE` octets.
        """
        messages: list[bytes] = []
        held, pos = self._held, 0
        while pos < len(data):
            if self._rest:
                step = min(self._rest, len(data) - pos)
                self._rest -= step
                pos += step
                continue
            want = 2
            if len(held) >= 2:
                length = held[0] << 8 | held[1]
                want += min(length, MAX_MESSAGE)
            step = min(want - len(held), len(data) - pos)
            held += data[pos : pos + step]
            pos += step
            if len(held) >= 2 and len(held) == 2 + min(held[0] << 8 | held[1], MAX_MESSAGE):
                length = held[0] << 8 | held[1]
                self._rest = length - (len(held) - 2)
                if length:
                    messages.append(bytes(held[2:]))
                held.clear()
        return messages
