"""tshark and the sensor find the same names of TLS servers and of DNS queries, in the same packets."""

import subprocess
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest

from fixtures.pcaps.catalogue import captures, name_of
from sensor.capture.source import open_captures
from sensor.config import Settings
from sensor.matching.compile import compile_signatures
from sensor.pipeline import Pipeline
from signatures.model import Buffer
from tests.signatures.build import signature

pytestmark = pytest.mark.tshark

Found = set[tuple[str, int, str]]
"""``tls`` or ``dns``, the packet with which a name was first asked for in its flow, and the name."""

DIFFERENCES = MappingProxyType(
    {"names/dns_any_octets.pcap": "tshark writes octets that are no text otherwise"}
)
FIELDS = (
    *("frame.number", "tcp.stream", "udp.stream", "dns.flags.response", "dns.qry.name"),
    *("tls.handshake.type", "tls.handshake.extensions_server_name"),
)
CAPTURES = [
    capture for capture in captures() if capture.parent.name == "names" or capture.name == "demo.pcapng"
]
NAMES = (
    signature(sid=1, regexes=("^.+$",), buffers=(Buffer.TLS_SNI,)),
    signature(sid=2, regexes=("^.+$",), buffers=(Buffer.DNS_QUERY,)),
)


@cache
def theirs(capture: Path) -> Found:
    """What tshark finds."""
    options = [word for field in FIELDS for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "aggregator=|", *options]
    output = subprocess.run(command, check=False, capture_output=True, encoding="utf-8").stdout
    first: dict[tuple[str, str, str, str], tuple[int, str]] = {}
    for line in output.splitlines():
        number, tcp, udp, response, queries, hello, servers = line.split("\t")
        found = [("dns", name) for name in queries.split("|") if "1" not in response.split("|")]
        found += [("tls", name) for name in servers.split("|") if "1" in hello.split("|")]
        for kind, name in found:
            if name and not name.startswith("<"):  # as tshark calls the root, and what is malformed
                first.setdefault((kind, tcp, udp, name.lower()), (int(number), name))
    return {(kind, number, name) for (kind, *_), (number, name) in first.items()}


def ours(capture: Path) -> Found:
    """What the sensor finds; a regex tells where it ends, and that is the name's end."""
    pipeline = Pipeline(Settings(), compile_signatures(NAMES))
    found: Found = set()
    for source in open_captures([str(capture)], 1 << 20):
        for batch in source:
            for results in pipeline.process(batch):
                found |= {
                    (alert.app_proto, alert.packet_number, alert.excerpt.decode("latin-1"))
                    for alert in results.alerts
                }
    return found


@pytest.mark.parametrize("capture", CAPTURES, ids=name_of)
def test_same_names(capture: Path) -> None:
    if name_of(capture) in DIFFERENCES:
        assert ours(capture) != theirs(capture)
    else:
        assert ours(capture) == theirs(capture)


def test_there_is_something_to_compare() -> None:
    found = set().union(*({(kind, name) for kind, _, name in theirs(capture)} for capture in CAPTURES))
    assert len(found) > 20
    assert {kind for kind, _ in found} == {"tls", "dns"}
