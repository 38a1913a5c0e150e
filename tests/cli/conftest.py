"""The command, and a database that a replay has filled."""

from pathlib import Path

import pytest

from tests.cli.command import DEMO, Sensor


@pytest.fixture
def sensor(watchdog_sensor: Path, tmp_path: Path) -> Sensor:
    """The command, with an empty home that is also where it runs."""
    return Sensor(watchdog_sensor, tmp_path)


@pytest.fixture(scope="session")
def filled(watchdog_sensor: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of one run over the demo. For reading."""
    home = tmp_path_factory.mktemp("filled")
    done = Sensor(watchdog_sensor, home)("replay", "-q", "--db", "demo.db", DEMO)
    assert (done.status, done.octets, done.err) == (0, b"", "")
    return home / "demo.db"
