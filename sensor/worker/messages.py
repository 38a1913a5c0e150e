"""What parent and worker, parent and compiler say to each other: MessagePack, each message after its length.

The worker parses hostile input, so the parent takes nothing from it on trust: every message is checked
against its type when it is read, and its length against `MAX_MESSAGE` before that. What the parent says, and
what is made of signatures alone, may be longer.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from sensor.detections.alert import Alert
from sensor.errors import SensorError
from sensor.matching.reading import Reading
from signatures.model import Signature

MAX_MESSAGE: Final = 16 << 20
"""Octets that a worker may say at once. The largest is a block of EVE lines."""
MAX_PART: Final = 128 << 20
"""Octets of signatures, or of their databases: some 200,000 keywords that are looked for in two buffers."""
MAX_CONFIGURE: Final = 2 * MAX_PART
"""Octets of both."""
_PREFIX: Final = 4


class MessageError(SensorError):
    """The other side sent what is no message."""


_Name = Annotated[str, msgspec.Meta(max_length=64)]
"""An address, a protocol, a buffer."""
_Number = Annotated[int, msgspec.Meta(ge=-1, le=(1 << 63) - 1)]
"""What SQLite holds."""
_Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
_Octets = Annotated[bytes, msgspec.Meta(max_length=4096)]
"""Of an excerpt or a part of a request ``DetectionLimits`` lets pass less."""


class RingPlace(msgspec.Struct, tag=True, frozen=True):
    """An open packet socket, as the worker inherits it."""

    descriptor: int
    block_size: int
    block_count: int
    link_type: int


class LivePlace(msgspec.Struct, tag=True, frozen=True):
    """An interface that the worker opens itself, through libpcap, before it gives up its rights."""

    interface: str
    bpf: str
    promiscuous: bool
    buffer_octets: int


class Begin(msgspec.Struct, tag=True, frozen=True):
    """First message to a worker: what it works on."""

    interface: str
    source: RingPlace | LivePlace
    page: int
    """Descriptor of its counters page."""
    user: str
    """Whom to become if it is started as root; empty: nobody else."""
    memory_octets: int
    """What it may use."""
    want_eve: bool
    bypass_encrypted: bool


class Configure(msgspec.Struct, tag=True, frozen=True):
    """Signatures to take into use from now on."""

    generation: int
    signatures: list[Signature]
    databases: list[bytes]
    """As `dump_databases` compiled them."""


class Stop(msgspec.Struct, tag=True, frozen=True):
    """No more packets come: read what waits, end every flow, say `Finished`."""


class Compile(msgspec.Struct, tag=True, frozen=True):
    """The only message to a compiler: what it compiles."""

    signatures: list[Signature]
    user: str
    """As `Begin.user`."""
    memory_octets: int
    """Address space that it may have."""
    databases: list[bytes] = []
    """As `dump_databases` made them before; empty if they are to be made. Samples are run in any case."""


class Compiled(msgspec.Struct, tag=True, frozen=True):
    """The only message of a compiler: the databases, or why there are none."""

    databases: list[bytes]
    error: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    failures: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Samples that fail, if that is why."""


class Ready(msgspec.Struct, tag=True, frozen=True):
    """Worker: my rights are gone, the signatures are in use, and I read."""

    confined_by: Annotated[list[_Name], msgspec.Meta(max_length=16)]


class Configured(msgspec.Struct, tag=True, frozen=True):
    """Worker: these signatures are in use, or why not."""

    generation: int
    seconds: float
    error: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class ReadingRecord(msgspec.Struct, array_like=True, frozen=True):
    """A `Reading` on its way to the parent."""

    keyword: Annotated[str, msgspec.Meta(max_length=4096)]
    form: Annotated[str, msgspec.Meta(max_length=256)]
    folds: Annotated[tuple[_Name, ...], msgspec.Meta(max_length=16)]
    text: Annotated[str, msgspec.Meta(max_length=1024)]
    """``DetectionLimits.reading`` lets no more pass."""
    text_start: Annotated[int, msgspec.Meta(ge=0, le=1024)]
    text_end: Annotated[int, msgspec.Meta(ge=0, le=1024)]


class AlertRecord(msgspec.Struct, array_like=True, frozen=True):
    """An `Alert` on its way to the parent, which has the signatures."""

    signature: int
    """Index in the signatures of its generation."""
    buffer: _Name
    ts_ns: _Number
    flow_id: _Number
    tx_id: _Number
    src_ip: _Name
    src_port: _Port
    dst_ip: _Name
    dst_port: _Port
    proto: _Name
    app_proto: _Name
    packet_number: _Number
    offset: _Number
    length: _Number
    excerpt: _Octets
    excerpt_offset: _Number
    http_method: _Octets
    http_host: _Octets
    http_url: _Octets
    reading: ReadingRecord | None = None


class Alerts(msgspec.Struct, tag=True, frozen=True):
    """Worker: signatures fired."""

    generation: int
    alerts: list[AlertRecord]


class EveLines(msgspec.Struct, tag=True, frozen=True):
    """Worker: whole lines of EVE JSON."""

    lines: bytes


class Finished(msgspec.Struct, tag=True, frozen=True):
    """Worker: everything was said."""


ToWorker = Begin | Configure | Stop
ToParent = Ready | Configured | Alerts | EveLines | Finished

_encode = msgspec.msgpack.Encoder().encode
to_worker: Final = msgspec.msgpack.Decoder(ToWorker)
to_parent: Final = msgspec.msgpack.Decoder(ToParent)
to_compiler: Final = msgspec.msgpack.Decoder(Compile)
from_compiler: Final = msgspec.msgpack.Decoder(Compiled)
_LIMITS: Final[Mapping[type, int]] = MappingProxyType(
    {Configure: MAX_CONFIGURE, Compile: MAX_PART, Compiled: MAX_PART}
)


def frame(message: ToWorker | ToParent | Compile | Compiled) -> bytes:
    """``message`` as it goes over the socket.

    :raises MessageError: if it is too long.
    """
    body = _encode(message)
    if len(body) > _LIMITS.get(type(message), MAX_MESSAGE):
        raise MessageError(f"a message of {len(body):,} octets is too long; use fewer signatures")
    return len(body).to_bytes(_PREFIX, "big") + body


class Unframer:
    """Cuts a stream of octets into the bodies of messages."""

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        """:param limit: octets that a message may have."""
        self._limit = limit
        self._held = bytearray()

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """Take what came; yield each body that is whole.

        :raises MessageError: if a length is impossible: nothing that follows can be read.
        """
        held = self._held
        held += octets
        start = 0
        try:
            while len(held) - start >= _PREFIX:
                length = int.from_bytes(held[start : start + _PREFIX], "big")
                if length > self._limit:
                    raise MessageError(f"a message claims {length:,} octets")
                end = start + _PREFIX + length
                if len(held) < end:
                    break
                body = bytes(held[start + _PREFIX : end])
                start = end
                yield body
        finally:
            del held[:start]


def record_of(alert: Alert, index: int) -> AlertRecord:
    """``alert`` as a record; its signature is the ``index``-th."""
    return AlertRecord(
        index,
        str(alert.buffer),
        int(alert.ts_ns),
        int(alert.flow_id),
        int(alert.tx_id),
        alert.src_ip,
        int(alert.src_port),
        alert.dst_ip,
        int(alert.dst_port),
        alert.proto,
        alert.app_proto,
        int(alert.packet_number),
        int(alert.offset),
        int(alert.length),
        bytes(alert.excerpt),
        int(alert.excerpt_offset),
        _octets(alert.http_method),
        _octets(alert.http_host),
        _octets(alert.http_url),
        _reading_record(alert.reading),
    )


def alert_of(record: AlertRecord, signature: Signature, interface: str) -> Alert:
    """The alert that ``record`` stands for, seen on ``interface``."""
    return Alert(
        signature,
        record.buffer,
        record.ts_ns,
        record.flow_id,
        record.tx_id,
        record.src_ip,
        record.src_port,
        record.dst_ip,
        record.dst_port,
        record.proto,
        record.app_proto,
        record.packet_number,
        record.offset,
        record.length,
        record.excerpt,
        record.excerpt_offset,
        _text(record.http_method),
        _text(record.http_host),
        _text(record.http_url),
        interface,
        _reading(record.reading),
    )


def _reading_record(reading: Reading | None) -> ReadingRecord | None:
    if reading is None:
        return None
    return ReadingRecord(
        reading.keyword,
        reading.form,
        tuple(map(str, reading.folds)),
        reading.text,
        reading.text_start,
        reading.text_end,
    )


def _reading(record: ReadingRecord | None) -> Reading | None:
    if record is None:
        return None
    return Reading(record.keyword, record.form, record.folds, record.text, record.text_start, record.text_end)


def _octets(text: str) -> bytes:
    """Lone surrogates stand for octets that are not UTF-8; MessagePack's strings can't hold them."""
    return text.encode("utf-8", "surrogateescape")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
