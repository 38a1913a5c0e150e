"""Traffic of which every packet is known: each datagram is a flow of its own and makes one detection."""

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.netns import Line

NOBODY = bytes([198, 19, 255, 254])
WORD = "talker says hello"
SIGNATURES = f"""
[[signature]]
sid = 9000001
rev = 1
name = "talker"
category = "custom"
severity = "low"
buffers = ["payload"]
keywords = ["{WORD}"]
"""


def write_signatures(home: Path, text: str = SIGNATURES) -> Path:
    """A signature file that knows the talker's word, or says ``text``."""
    path = home / "talker.toml"
    path.write_text(text, encoding="utf-8")
    return path


def datagram(number: int, line: Line, word: str = WORD, length: int = 0) -> bytes:
    """An Ethernet frame from left to right, with addresses that nobody has and that tell its number.

    :param length: of its payload at least.
    """
    payload = f"{word} {number}".encode().ljust(length)
    udp = struct.pack("!4H", 40_000 + number % 1000, 4000, 8 + len(payload), 0) + payload
    return ethernet(line, ipv4(source_of(number), 17, udp, number))


def ethernet(line: Line, packet: bytes) -> bytes:
    """A frame from left to right."""
    return bytes.fromhex((line.right.mac + line.left.mac).replace(":", "")) + b"\x08\x00" + packet


def ipv4(source: bytes, protocol: int, payload: bytes, number: int = 0, fragment: int = 0) -> bytes:
    """A packet to an address that nobody has.

    :param fragment: flags and offset, as the header has them.
    """
    words = (0x45, 0, 20 + len(payload), number & 0xFFFF, fragment, 64, protocol, 0)
    header = struct.pack("!BBHHHBBH", *words)
    addresses = source + NOBODY
    total: int = sum(struct.unpack("!10H", header + addresses))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return header[:10] + checksum.to_bytes(2, "big") + addresses + payload


def source_of(number: int) -> bytes:
    """The datagram's source address."""
    return ((198 << 24 | 18 << 16) + number).to_bytes(4, "big")


class Talker:
    """Sends from the left side of a line until it is stopped."""

    def __init__(self, line: Line, rate: int = 1000, first: int = 0, length: int = 0) -> None:
        """:param rate: datagrams a second, at most 60,000 in all."""
        self._length = length
        self._line = line
        self._pause = 10 / rate
        self._first = first
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._talk)
        self.sent = 0
        """Datagrams so far."""
        with line.left.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.bind((line.left.device, 0))

    def say(self, count: int, word: str = WORD) -> None:
        """Send so many at once."""
        for _ in range(count):
            self._socket.send(datagram(self._first + self.sent, self._line, word, self._length))
            self.sent += 1

    def stop(self) -> None:
        """No more from now on."""
        self._end.set()
        if self._thread.ident is not None:
            self._thread.join()

    def close(self) -> None:
        """Stop, and let the socket go."""
        self.stop()
        self._socket.close()

    def start(self) -> None:
        """Begin to talk."""
        self._thread.start()

    def _talk(self) -> None:
        while not self._end.wait(self._pause) and self.sent < 60_000:
            self.say(10)


@contextlib.contextmanager
def talking(line: Line, rate: int = 1000, first: int = 0, length: int = 0) -> Iterator[Talker]:
    """A talker that talks."""
    talker = Talker(line, rate, first, length)
    try:
        talker.start()
        yield talker
    finally:
        talker.close()


@contextlib.contextmanager
def silent_talker(line: Line, first: int = 0) -> Iterator[Talker]:
    """A talker that says what it is told to."""
    talker = Talker(line, first=first)
    try:
        yield talker
    finally:
        talker.close()
