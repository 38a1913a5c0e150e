"""Names that flows carry in the clear before all else: TLS ClientHellos and DNS queries.

Theory of operation. Only the first octets of a stream can be a ClientHello, and only streams to a DNS port
carry DNS: so numpy picks, of all pieces of a batch, those that begin so, and those of streams that are being
read; of all datagrams those whose header may be a query's. Only these cost a step of Python each. A stream
whose hello has been read, or that turns out to be neither, is over and costs nothing any more; so is one with
a gap, behind which no message's start is known.
"""

from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from sensor.arrays import I64, Bool
from sensor.config import NameLimits
from sensor.flow.table import FlowTable
from sensor.protocols.dns import PORTS, MessageReader, find_queries, read_questions
from sensor.protocols.probe import Verdict
from sensor.protocols.tls_client_hello import HelloReader
from sensor.reassembly.pieces import Pieces
from sensor.telemetry import Counters

_UNKNOWN, _HELLO, _MESSAGES, _OVER = 0, 1, 2, 3
_HANDSHAKE, _MAJOR = 22, 3
_READER_COST = 512
"""Octets of a reader and its place, apart from what it holds."""


@dataclass(frozen=True, slots=True, eq=False)
class NameTransaction:
    """A ClientHello, or a question of a query, by the name in it."""

    app_proto: str
    """``tls`` or ``dns``."""
    slot: int
    direction: int
    """Who sent it: the client."""
    tx_id: int
    """Number of it in its flow, from 0."""
    name: bytes
    """As sent; never empty."""
    number: int
    """Packet that completed it."""
    ts_ns: int


class Names:
    """Reads names, and knows of each stream (2 * slot + direction) whether it may carry any."""

    def __init__(self, table: FlowTable, limits: NameLimits, counters: Counters) -> None:
        """Look for nothing until :meth:`want` says what for."""
        self._table = table
        self._limits = limits
        self._counters = counters
        self._hellos = False
        self._queries = False
        self._kind = np.zeros(2 * table.capacity, np.uint8)
        self._count = np.zeros(table.capacity, np.int64)
        """Transactions so far, by slot."""
        self._readers: dict[int, HelloReader | MessageReader] = {}
        """By stream, the oldest first."""
        self._held = 0

    def want(self, hellos: bool, queries: bool) -> None:
        """Say which names anybody looks into: those of TLS, those of DNS."""
        if not hellos or not queries:
            for stream, reader in list(self._readers.items()):
                if not (hellos if isinstance(reader, HelloReader) else queries):
                    self._end(stream)
        self._hellos, self._queries = hellos, queries

    def read(self, pieces: Pieces, datagrams: Pieces, octets: memoryview) -> list[NameTransaction]:
        """The names in a batch's pieces and datagrams, in the order of packets.

        :param octets: the batch's, which both point into.
        """
        found: list[NameTransaction] = []
        if len(pieces) and (self._hellos or self._queries):
            self._read_streams(pieces, octets, found)
        if len(datagrams) and self._queries:
            self._read_datagrams(datagrams, octets, found)
        found.sort(key=attrgetter("number"))
        return found

    def forget(self, slots: I64) -> None:
        """Flows have left the table: their slots are for others."""
        for streams in (2 * slots, 2 * slots + 1):
            if self._readers:
                for stream in streams[self._is_open(streams)].tolist():
                    self._drop(stream)
            self._kind[streams] = _UNKNOWN
        self._count[slots] = 0

    def _read_streams(self, pieces: Pieces, octets: memoryview, found: list[NameTransaction]) -> None:
        stream = pieces.stream
        first = np.flatnonzero(
            (pieces.position == 0) & (self._kind[stream] == _UNKNOWN) & (pieces.length > 0)
        )
        if first.shape[0]:
            self._begin(pieces, first, octets)
        if not self._readers:
            return
        rows = np.flatnonzero(self._is_open(stream))
        columns = (pieces.stream, pieces.offset, pieces.length, pieces.gap, pieces.number, pieces.ts_ns)
        for key, offset, length, gap, number, ts_ns in zip(
            *(column[rows].tolist() for column in columns), strict=True
        ):
            reader = self._readers.get(key)
            if reader is None:
                continue  # over since an earlier piece of this batch
            if gap:
                self._end(key)
                continue
            data = octets[offset : offset + length] if offset >= 0 else pieces.stored[-1 - offset]
            self._held -= len(reader)
            if isinstance(reader, MessageReader):
                for message in reader.feed(data):
                    self._ask(key, message, True, number, ts_ns, found)
                self._held += len(reader)
                continue
            verdict = reader.feed(data)
            self._held += len(reader)
            if verdict is Verdict.UNSURE:
                continue
            self._counters.hellos_too_long += reader.is_too_long
            if reader.name:
                self._add("tls", key, reader.name, number, ts_ns, found)
            self._end(key)
        while self._held > self._limits.held_octets:
            self._counters.names_evicted += 1
            self._end(next(iter(self._readers)))

    def _begin(self, pieces: Pieces, first: I64, octets: memoryview) -> None:
        """Open the streams whose first octets, at the pieces ``first``, may tell a name."""
        stream, offset = pieces.stream[first], pieces.offset[first]
        asks = self._is_to_dns(stream)
        hello = np.ones(first.shape[0], np.bool_)  # where the octets lie elsewhere, the reader tells
        near = np.flatnonzero(offset >= 0)
        if near.shape[0]:
            data, at = np.frombuffer(octets, np.uint8), offset[near]
            second = np.minimum(at + 1, data.shape[0] - 1)
            short = pieces.length[first[near]] < 2
            hello[near] = (data[at] == _HANDSHAKE) & (short | (data[second] == _MAJOR))
        for row in np.flatnonzero(offset < 0).tolist():
            hello[row] = pieces.stored[-1 - int(offset[row])][0] == _HANDSHAKE
        # A query behind its length does not begin as a record does: it would have 5,632 octets or more.
        self._kind[stream] = np.where(hello, _HELLO, np.where(asks, _MESSAGES, _OVER))
        for key, is_hello in zip(stream.tolist(), hello.tolist(), strict=True):
            if self._kind[key] == _OVER:
                continue
            if not (self._hellos if is_hello else self._queries):
                self._kind[key] = _OVER
                continue
            self._readers[key] = HelloReader() if is_hello else MessageReader()
            self._held += _READER_COST

    def _read_datagrams(self, datagrams: Pieces, octets: memoryview, found: list[NameTransaction]) -> None:
        known = self._is_to_dns(datagrams.stream)
        data = np.frombuffer(octets, np.uint8)
        rows, plain = find_queries(data, datagrams.offset, datagrams.length, known)
        columns = (datagrams.stream, datagrams.offset, datagrams.length, datagrams.number, datagrams.ts_ns)
        for key, offset, length, number, ts_ns, is_known in zip(
            *(column[rows].tolist() for column in columns), plain.tolist(), strict=True
        ):
            self._ask(key, bytes(octets[offset : offset + length]), is_known, number, ts_ns, found)

    def _ask(
        self, stream: int, message: bytes, known: bool, number: int, ts_ns: int, found: list[NameTransaction]
    ) -> None:
        questions = read_questions(message, strict=not known)
        self._counters.questions_cut += questions.cut
        for name in questions.names:
            if name:
                self._add("dns", stream, name, number, ts_ns, found)

    def _add(
        self, app_proto: str, stream: int, name: bytes, number: int, ts_ns: int, found: list[NameTransaction]
    ) -> None:
        slot, direction = stream >> 1, stream & 1
        tx_id = int(self._count[slot])
        self._count[slot] += 1
        found.append(NameTransaction(app_proto, slot, direction, tx_id, name, number, ts_ns))

    def _is_to_dns(self, stream: I64) -> Bool:
        port = self._table.ports[1 - (stream & 1), stream >> 1]
        return np.isin(port, PORTS)

    def _is_open(self, stream: I64) -> Bool:
        kind = self._kind[stream]
        is_open: Bool = (kind == _HELLO) | (kind == _MESSAGES)
        return is_open

    def _end(self, stream: int) -> None:
        """Nothing more is read of ``stream``."""
        self._kind[stream] = _OVER
        self._drop(stream)

    def _drop(self, stream: int) -> None:
        reader = self._readers.pop(stream, None)
        if reader is not None:
            self._held -= _READER_COST + len(reader)
