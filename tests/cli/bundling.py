"""Bundles that the command makes, and those that both signers have signed."""

from datetime import UTC, datetime

from signatures.bundle.manifest import BundledFile
from tests.cli.command import Done, Sensor
from tests.signatures.bundle.signing import NAME, TOML, file_of, manifest_of, signed

HOLDS = '[signature.tests]\nmatch = ["遠隔操作"]\nno_match = ["nothing"]\n'
MISSES = '[signature.tests]\nmatch = ["遠隔操作", "nothing"]\n'


def make(sensor: Sensor, version: int, *signers: str, more: tuple[str, ...] = ()) -> Done:
    """Make NAME-VERSION.bundle of one file."""
    (sensor.home / "sets").mkdir(exist_ok=True)
    (sensor.home / "sets" / "a.toml").write_text(TOML.format(sid=2_000_000 + version), encoding="utf-8")
    return sensor(
        *("signatures", "bundle", "make", "sets", "--name", NAME, "--version", str(version)),
        *("--expires", "2100-01-01", "-o", f"{version}.bundle"),
        *(word for signer in signers for word in ("--signer", signer)),
        *more,
    )


def ready(sensor: Sensor, version: int, *more: BundledFile) -> str:
    """A bundle that both have signed."""
    manifest = manifest_of(version, datetime.now(UTC), files=(file_of(2_000_000 + version), *more))
    (sensor.home / f"{version}.bundle").write_bytes(signed(manifest))
    return f"{version}.bundle"


def install(sensor: Sensor, file: str) -> Done:
    """Install it into ``into``."""
    return sensor("signatures", "bundle", "install", file, "--trust", "trust.toml", "--into", "into")
