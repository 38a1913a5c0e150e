"""Certificates for the metrics page, made anew for each run."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Certificate:
    """A self-signed certificate, which is its own authority, and its key."""

    file: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Certificates:
    """Two for the server at 127.0.0.1 and localhost, one for the client named scraper.example."""

    server: Certificate
    renewed: Certificate
    client: Certificate


def _make(folder: Path, name: str, alternative_names: str) -> Certificate:
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={alternative_names}"]
    files = ["-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run(["openssl", *kind.split(), *names, *files], check=True, capture_output=True)
    return made


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates and keys, as files."""
    folder = tmp_path_factory.mktemp("certificates")
    here = "IP:127.0.0.1,DNS:localhost"
    return Certificates(
        _make(folder, "server", here),
        _make(folder, "renewed", here),
        _make(folder, "client", "DNS:scraper.example,IP:::1"),
    )
