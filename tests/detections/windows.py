"""Conversations through the pipeline, read at once or packet by packet."""

from collections.abc import Sequence
from pathlib import Path

from fixtures.pcaps.build import Conversation, Timed, ethernet, write_cases
from sensor.capture.source import open_captures
from sensor.config import Settings
from sensor.detections.alert import Alert
from sensor.matching.compile import compile_signatures
from sensor.pipeline import Pipeline
from signatures.model import Signature

WINDOWS = (64, 1024, 4 << 20)
"""Octets read at once; at 64 each packet is a batch of its own."""


def conversation(*sent: bytes, sport: int = 49152) -> list[Timed]:
    """A connection whose client sends ``sent`` in packets 4 and following, and which stays open."""
    talk = Conversation(sport=sport)
    talk.handshake()
    for octets in sent:
        talk.client.send(octets)
    return talk.packets


def alerts_of(
    packets: Sequence[Timed], signatures: Sequence[Signature], window: int, folder: Path
) -> list[Alert]:
    """Alerts of a capture of ``packets``."""
    write_cases({"case": ethernet(packets)}, folder)
    pipeline = Pipeline(Settings(), compile_signatures(signatures))
    found = []
    for capture in open_captures([str(folder / "case.pcap")], window):
        for batch in capture:
            found += [alert for results in pipeline.process(batch) for alert in results.alerts]
    return found + [alert for results in pipeline.finish() for alert in results.alerts]
