"""Interfaces in a network of their own, in every state that they may be in."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sensor.configuration import default_configuration
from sensor.doctor import interfaces
from sensor.doctor.ethtool import Offloads
from sensor.doctor.finding import Level, Subject
from tests.cli.command import Sensor

PAIR = "ip link add va type veth peer name vb && ip link set va up && "


@pytest.fixture
def sensor(watchdog_sensor: Path, tmp_path: Path) -> Sensor:
    return Sensor(watchdog_sensor, tmp_path)


def rows(sensor: Sensor, script: str, *names: str) -> list[tuple[str, str, str]]:
    """State, result and advice of the check, made in a network where ``script`` has run."""
    before = ["unshare", "--net", "sh", "-c", script + 'exec "$0" "$@"']
    options = [word for name in names for word in ("-i", name)]
    done = sensor("doctor", "--format", "json", "--lang", "en", *options, before=before)
    assert done.err == ""
    found = [row for row in json.loads(done.out) if row["check"] == "interfaces"]
    assert done.status == int(any(row["state"] == "problem" for row in json.loads(done.out)))
    return [(row["state"], row["result"], row["advice"]) for row in found]


@pytest.mark.netns
def test_interface_without_a_carrier(sensor: Sensor) -> None:
    first, *_ = rows(sensor, PAIR, "va")
    assert first[0] == "warning"
    assert "no carrier" in first[1]


@pytest.mark.netns
def test_interface_that_is_down(sensor: Sensor) -> None:
    first, *_ = rows(sensor, PAIR, "vb")
    assert first == ("problem", "vb is down", "sudo ip link set vb up")


@pytest.mark.netns
def test_interface_that_works(sensor: Sensor) -> None:
    found = rows(sensor, PAIR + "ip link set vb up && ", "va", "vb")
    assert {state for state, _, _ in found} == {"ok"}
    told = [result for _, result, _ in found]
    assert "va is up (Ethernet)" in told
    assert "vb can be promiscuous" in told
    assert any(result.startswith("va offloads GRO") for result in told)


@pytest.mark.netns
def test_interface_that_is_not_there(sensor: Sensor) -> None:
    (only,) = rows(sensor, "ip link add ethernet0 type veth peer name other && ", "ethrnet0")
    assert only == ("problem", "there is no interface ethrnet0", "did you mean ethernet0?")
    (only,) = rows(sensor, PAIR, "zzz")
    assert only[2].startswith("name one of: lo, ")


@pytest.mark.netns
def test_no_interface_named(sensor: Sensor) -> None:
    (only,) = rows(sensor, PAIR)
    assert only[0] == "warning"
    assert {"va", "vb"} == set(only[1].partition("there are: ")[2].split(", "))


@pytest.mark.netns
def test_offloads_are_those_that_ethtool_shows() -> None:
    script = PAIR + (
        "ethtool -K va tso off gro on && ethtool -K vb tso on gro off && "
        "python=$0 && for name in va vb; do $python -c '"
        "import sys; from sensor.doctor.ethtool import read_offloads as r; print(r(sys.argv[1]))' $name; done"
    )
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script, sys.executable],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("Offloads")]
    assert [("gro=True" in line, "tso=True" in line) for line in lines] == [(True, False), (False, True)]


@pytest.mark.linux
def test_lro_on_a_gateway_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forwarding = tmp_path / "ip_forward"
    monkeypatch.setattr(interfaces, "_FORWARDING", (tmp_path / "missing", forwarding))
    monkeypatch.setattr(
        interfaces, "read_offloads", lambda _name: Offloads(gro=True, lro=True, tso=True, rx_vlan=True)
    )
    subject = Subject(default_configuration().overridden({"capture.interfaces": ["lo"]}), Path("a.db"))
    for state, level in (("1\n", Level.WARNING), ("0\n", Level.OK)):
        forwarding.write_text(state)
        last = list(interfaces.check_interfaces(subject))[-1]
        assert last.level == level
        told = last.advice.en if last.advice else ""
        assert told == ("sudo ethtool -K lo lro off" if level == Level.WARNING else "")
