"""tshark as an oracle: it numbers the same records, with the same times and lengths."""

import subprocess
from pathlib import Path

import pytest

from fixtures.pcaps.capture.make import cases
from sensor.capture.source import open_captures
from tests.capture.rows import rows_of

FOLDER = Path(__file__).parents[2] / "fixtures/pcaps/capture"
TIMELESS = {"simple.pcapng", "simple_snaplens.pcapng"}
FIELDS = ("frame.number", "frame.time_epoch", "frame.cap_len", "frame.len", "frame.encap_type")
ENCAPSULATION = {1: 1, 101: 7}
"""tshark's encapsulation type of a link type."""


@pytest.mark.tshark
@pytest.mark.parametrize("name", sorted(cases()))
def test_same_frames_as_tshark(name: str) -> None:
    """Records that are no packets among them."""
    (rows,) = [rows_of(capture) for capture in open_captures([str(FOLDER / name)])]
    command = ["tshark", "-r", str(FOLDER / name), "-T", "fields"]
    command += [argument for field in FIELDS for argument in ("-e", field)]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    frames = {int(line.split("\t")[0]): line.split("\t")[1:] for line in output.splitlines()}
    assert len(frames) == rows.received
    for record in rows.records:
        time, cap_len, wire_len, encapsulation = frames[record.number]
        assert (int(cap_len), int(wire_len)) == (len(record.octets), record.wire_len)
        assert int(encapsulation) == ENCAPSULATION[record.link_type]
        seconds, _, fraction = time.partition(".")
        if name not in TIMELESS:
            assert int(seconds) * 10**9 + int(fraction.ljust(9, "0")) == record.ts_ns
