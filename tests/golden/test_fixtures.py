"""The fixtures are what their scripts make, octet for octet, and their provenance is told."""

import importlib
from pathlib import Path

import pytest

from fixtures.pcaps.build import write_cases
from fixtures.pcaps.catalogue import ROOT, captures

MADE_BY_CONVERSATION = (
    "conn_state",
    "datagram",
    "forms",
    "http",
    "ip",
    "keyword",
    "link",
    "names",
    "tcp",
    "tunnel",
)
RECORDED = {"http": {"demo.pcapng"}}
MAX_OCTETS = 300_000


@pytest.mark.parametrize("folder", MADE_BY_CONVERSATION)
def test_script_makes_the_same_octets_again(folder: str, tmp_path: Path) -> None:
    make = importlib.import_module(f"fixtures.pcaps.{folder}.make")
    write_cases(make.cases(), tmp_path)
    kept = {path.name: path.read_bytes() for path in (ROOT / folder).glob("*.pcap*")}
    for name in RECORDED.get(folder, set()):
        del kept[name]
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_provenance_of_every_folder_is_told() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for folder in {capture.parent.name for capture in captures()}:
        assert f"`{folder}/`" in readme


def test_fixtures_are_small() -> None:
    assert max(capture.stat().st_size for capture in captures()) < MAX_OCTETS
