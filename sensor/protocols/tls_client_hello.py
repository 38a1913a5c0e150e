"""The name of the server in a TLS ClientHello: RFC 8446, section 4.1.2; RFC 6066, section 3.

A ClientHello is the first handshake message of a connection. Records may split it anywhere (RFC 8446,
section 5.1), and segments split records; so it is put together octet by octet, and read when it is whole.
What is encrypted of it (ECH) is not seen: then the name is the one that the client shows to anybody.
"""

from sensor.protocols.probe import Verdict

MAX_HELLO = 16 << 10
"""Octets of a ClientHello that are read, the records' headers included: as many as BoringSSL takes. With keys
of post-quantum algorithms it has some 2 KiB."""

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_MAJOR = 3
_MAX_MINOR = 4
_RECORD_HEADER = 5
_MESSAGE_HEADER = 4
_MAX_FRAGMENT = 1 << 14
_BEFORE_SESSION_ID = 2 + 32  # legacy_version, random
_SERVER_NAME = 0
_HOST_NAME = 0


class HelloReader:
    """Puts one direction's first handshake message together, in whatever parts its octets come."""

    __slots__ = ("_header", "_message", "_rest", "_taken", "name", "verdict")

    def __init__(self) -> None:
        self.verdict = Verdict.UNSURE
        """CERTAIN when a whole ClientHello has been read; NO if these octets are none."""
        self.name = b""
        """The server's name as it was sent; empty where the hello has none."""
        self._header = b""  # of a record, as far as it has come
        self._rest = 0  # octets of the record to come
        self._message = bytearray()
        self._taken = 0

    def __len__(self) -> int:
        """Octets held."""
        return len(self._header) + len(self._message)

    @property
    def is_too_long(self) -> bool:
        """Whether it was given up for its length alone."""
        return self.verdict is Verdict.NO and self._taken >= MAX_HELLO

    def feed(self, data: bytes | memoryview) -> Verdict:
        """Read the next octets, up to the hello's end; what follows it is not looked at."""
        pos, end = 0, len(data)
        while pos < end and self.verdict is Verdict.UNSURE:
            if self._taken >= MAX_HELLO:
                self._give_up()
            elif self._rest:
                pos = self._take_fragment(data, pos, min(end, pos + MAX_HELLO - self._taken))
            else:
                pos = self._take_header(data, pos)
        return self.verdict

    def _take_header(self, data: bytes | memoryview, pos: int) -> int:
        part = bytes(data[pos : pos + _RECORD_HEADER - len(self._header)])
        self._header += part
        self._taken += len(part)
        header = self._header
        if (
            header[0] != _HANDSHAKE
            or (len(header) > 1 and header[1] != _MAJOR)
            or (len(header) > 2 and header[2] > _MAX_MINOR)
        ):
            self._give_up()
        elif len(header) == _RECORD_HEADER:
            self._rest = header[3] << 8 | header[4]
            self._header = b""
            # "Implementations MUST NOT send zero-length fragments of Handshake types".
            if not 0 < self._rest <= _MAX_FRAGMENT:
                self._give_up()
        return pos + len(part)

    def _take_fragment(self, data: bytes | memoryview, pos: int, end: int) -> int:
        end = min(end, pos + self._rest)
        self._message += data[pos:end]
        self._rest -= end - pos
        self._taken += end - pos
        message = self._message
        if message[0] != _CLIENT_HELLO:
            self._give_up()
        elif len(message) >= _MESSAGE_HEADER:
            stop = _MESSAGE_HEADER + int.from_bytes(message[1:4], "big")
            if stop > MAX_HELLO:
                self._taken = MAX_HELLO
                self._give_up()
            elif len(message) >= stop:
                name = server_name(bytes(message[_MESSAGE_HEADER:stop]))
                self._give_up()
                if name is not None:
                    self.verdict, self.name = Verdict.CERTAIN, name
        return end

    def _give_up(self) -> None:
        self.verdict = Verdict.NO
        self._message.clear()
        self._header = b""


def server_name(hello: bytes) -> bytes | None:
    """The server's name in the body of a ClientHello: empty if it has none; None if it is malformed.

    Octets that are missing at the end, or too many there, make it malformed; a server would refuse it, too.
    """
    pos = _skip(hello, _skip(hello, _skip(hello, _BEFORE_SESSION_ID, 1), 2), 1)
    if pos == len(hello):
        return b""  # before TLS 1.3, extensions may be missing
    if _skip(hello, pos, 2) != len(hello):
        return None
    pos += 2
    while pos < len(hello):
        kind, start = int.from_bytes(hello[pos : pos + 2], "big"), pos + 4
        pos = _skip(hello, pos + 2, 2)
        if pos > len(hello):
            return None
        if kind == _SERVER_NAME:
            return _host_name(hello[start:pos])
    return b""


def _host_name(names: bytes) -> bytes | None:
    """The first host name of a ServerNameList."""
    if _skip(names, 0, 2) != len(names):
        return None
    pos = 2
    while pos < len(names):
        kind, start = names[pos], pos + 3
        # Whatever kind it is of, a name stands behind its length in two octets.
        pos = _skip(names, pos + 1, 2)
        if pos > len(names):
            return None
        if kind == _HOST_NAME:
            return names[start:pos]
    return b""


def _skip(data: bytes, pos: int, size: int) -> int:
    """Past a vector at ``pos`` whose length has ``size`` octets; past the end if it is not whole."""
    start = pos + size
    if start > len(data):
        return len(data) + 1
    return start + int.from_bytes(data[pos:start], "big")
