"""How much of a capture is read at once changes nothing that is found, whatever the line carries."""

import json
import struct
from collections import Counter
from io import BytesIO
from tempfile import NamedTemporaryFile

from hypothesis import given
from hypothesis import strategies as st

from sensor.config import FlowLimits, Settings
from sensor.replay import Replay
from tests.golden.replay import golden_plan
from tests.protocols.http1_strategies import turns

CLIENT, SERVER = (bytes((192, 0, 2, 1)), 50_000), (bytes((198, 51, 100, 1)), 80)
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
WHOLE = 4 << 20
KEYWORD = "遠隔操作".encode()

SAID = st.one_of(
    turns().map(lambda said: [part for turn in said for part in zip((True, False), turn, strict=True)]),
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from([b"GET", b"HTTP/1.", b"hello\r\n", b"\r\n", b"POST ", b"\x16\x03", KEYWORD]),
        ),
        max_size=3,
    ),
)
"""Who says what: whole exchanges, or what may begin one."""


@st.composite
def lines(draw: st.DrawFn) -> list[bytes]:
    """IP packets of one connection: segments of many sizes, some lost, some twice, some early."""
    seq = {True: draw(st.sampled_from([1000, 2**32 - 20])), False: 5000}
    sent: list[bytes] = []

    def send(to_server: bool, flags: int, data: bytes = b"") -> None:
        sent.append(_packet(to_server, seq[to_server], seq[not to_server], flags, data))
        seq[to_server] += len(data) + bool(flags & (SYN | FIN))

    if draw(st.booleans()):
        send(True, SYN)
        send(False, SYN | ACK)
        send(True, ACK)
    for to_server, octets in [part for said in draw(st.lists(SAID, max_size=3)) for part in said]:
        size = draw(st.sampled_from([1, 7, 40, 1000, 1000]))
        for at in range(0, len(octets), size):
            send(to_server, PSH | ACK, octets[at : at + size])
        if draw(st.booleans()):
            send(not to_server, ACK)
    if draw(st.booleans()):
        first = draw(st.booleans())
        send(first, draw(st.sampled_from([FIN | ACK, RST])))
        send(not first, FIN | ACK)
    places = st.integers(0, max(len(sent) - 1, 0))
    for place in draw(st.lists(places, max_size=3)) if sent else []:
        what = draw(st.sampled_from(["lose", "repeat", "delay"]))
        packet = sent[place % len(sent)]
        if what != "repeat":
            del sent[place % len(sent)]
        if what != "lose":
            sent.insert(draw(places), packet)
        if not sent:
            break
    return sent


@given(lines())
def test_the_window_changes_nothing(packets: list[bytes]) -> None:
    capture = _capture(packets)
    assert found(capture, 64) == found(capture, WHOLE)


def found(capture: bytes, window: int) -> Counter[str]:
    """Every event of a capture that is read so many octets at once, whatever their order."""
    eve = BytesIO()
    with NamedTemporaryFile() as file:
        file.write(capture)
        file.flush()
        Replay(Settings(window=window, flow=FlowLimits(flows=64)), golden_plan(), eve=eve).run([file.name])
    events: Counter[str] = Counter()
    for line in eve.getvalue().splitlines():
        event = json.loads(line)
        if event["event_type"] == "stats":
            # ARCHITECTURE.md says why these depend on it.
            del event["stats"]["http"]["resyncs"], event["stats"]["segments_conflicting"]
            # What looking for keywords took: the tails of streams are looked into again with each window.
            for name in ("keyword_places_read", "view_octets", "views_cut"):
                del event["stats"][name]
        event.pop("capture_file", None)
        # What else is told of an alert depends on how much of its stream is at hand, or known, by then.
        event.pop("app_proto", None)
        for name in ("excerpt", "excerpt_hex", "excerpt_offset", "text", "text_start", "text_end"):
            event.get("alert", {}).pop(name, None)
        events[json.dumps(event, sort_keys=True)] += 1
    return events


def _packet(to_server: bool, seq: int, ack: int, flags: int, data: bytes) -> bytes:
    (source, sport), (target, dport) = (CLIENT, SERVER) if to_server else (SERVER, CLIENT)
    ack = ack % 2**32 if flags & ACK else 0
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq % 2**32, ack, 5 << 4, flags, 65535, 0, 0)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 1, 0, 64, 6, 0, source, target)
    return ip + tcp + data


def _capture(packets: list[bytes]) -> bytes:
    """A pcap of raw IP."""
    records = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for number, packet in enumerate(packets):
        records += [struct.pack("<IIII", 1_700_000_000, number, len(packet), len(packet)), packet]
    return b"".join(records)
