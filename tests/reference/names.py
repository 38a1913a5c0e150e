"""Names of ClientHellos and of DNS queries, read in the plainest way: taken from the front."""

MAX_HELLO = 16 << 10
MAX_NAMES = 4_096
Read = tuple[bool, bytes]
"""Whether the octets are a whole ClientHello, and the name in it."""
NO: Read = (False, b"")


class _OverError(Exception):
    """The octets end too early."""


class _Octets:
    """Octets that are taken from the front."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def take(self, count: int) -> bytes:
        if count > len(self.octets):
            raise _OverError
        taken, self.octets = self.octets[:count], self.octets[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> "_Octets":
        return _Octets(self.take(self.number(size)))


def client_hello(stream: bytes) -> Read:
    """The name of the ClientHello that ``stream`` begins with."""
    message = _handshake(stream[:MAX_HELLO])
    if message is None or 4 + int.from_bytes(message[1:4]) > MAX_HELLO:
        return NO
    rest = _Octets(message)
    try:
        return True, _name(rest)
    except _OverError:
        return NO


def _handshake(stream: bytes) -> bytes | None:
    """The first handshake message in the records of ``stream``, if it is a whole ClientHello."""
    rest, message = _Octets(stream), b""
    try:
        while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4]):
            kind, major, minor = rest.take(3)
            length = rest.number(2)
            if kind != 22 or major != 3 or minor > 4 or not 0 < length <= 1 << 14:
                return None
            # A record need not be whole, if the message in it is.
            message += rest.take(min(length, len(rest.octets)))
            if message and message[0] != 1:
                return None
    except _OverError:
        return None
    return message[: 4 + int.from_bytes(message[1:4])]


def _name(message: _Octets) -> bytes:
    message.take(4 + 2 + 32)
    for size in (1, 2, 1):
        message.vector(size)
    if not message.octets:
        return b""
    extensions = message.vector(2)
    if message.octets:
        raise _OverError
    while extensions.octets:
        kind, extension = extensions.number(2), extensions.vector(2)
        if kind == 0:
            names = extension.vector(2)
            if extension.octets:
                raise _OverError
            while names.octets:
                kind, name = names.number(1), names.vector(2)
                if kind == 0:
                    return name.octets
            return b""
    return b""


def dns_names(message: bytes) -> list[bytes]:
    """The names that a query asks for, as far as they can be read."""
    if len(message) < 17 or message[2] >> 7:
        return []
    names: list[bytes] = []
    pos, octets = 12, 0
    for _ in range(int.from_bytes(message[4:6])):
        if octets > MAX_NAMES:
            break
        labels: list[bytes] = []
        at, end, hops = pos, None, 0
        while True:
            length = message[at] if at < len(message) else None
            if length is None or 64 <= length < 192:
                return names
            if length >= 192:
                hops += 1
                if at + 2 > len(message) or hops > 127:
                    return names
                end = at + 2 if end is None else end
                at = int.from_bytes(message[at : at + 2]) & 0x3FFF
                continue
            if not length:
                break
            labels.append(message[at + 1 : at + 1 + length])
            at += 1 + length
            if at > len(message) or sum(map(len, labels)) + len(labels) + 1 > 255:
                return names
        pos = (at + 1 if end is None else end) + 4
        if pos > len(message):
            return names
        names.append(b".".join(labels))
        octets += sum(map(len, labels)) + len(labels) + 1 + 2 * hops
    return names
