"""The command, a database that a replay has filled, and signers of bundles."""

from pathlib import Path

import pytest

from signatures.bundle.keys import private_pem
from tests.cli.command import DEMO, Sensor
from tests.signatures.bundle.signing import KEYS, PUBLIC, trust_text


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


@pytest.fixture
def signers(sensor: Sensor) -> list[str]:
    """Public keys of sato and suzuki, both of whom trust.toml asks for."""
    for owner, key in zip(("sato", "suzuki"), KEYS, strict=False):
        path = sensor.home / f"{owner}.pem"
        path.write_bytes(private_pem(key))
        path.chmod(0o600)
    (sensor.home / "trust.toml").write_text(trust_text(), encoding="utf-8")
    return [key.text for key in PUBLIC[:2]]
