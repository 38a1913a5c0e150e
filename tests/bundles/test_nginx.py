"""The server that most operators have: nginx serving the file as it is."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from sensor.bundles.connection import parse_pin
from sensor.bundles.download import Source
from sensor.bundles.update import Outcome, update_bundle
from tests.bundles.certificates import Authority
from tests.signatures.bundle.signing import NAME, NOW, SENSOR, file_of, manifest_of, signed, trust

pytestmark = pytest.mark.nginx

FIRST, SECOND = (
    signed(manifest_of(version, files=(file_of(2_000_000 + version, more="# padding\n" * 30_000),)))
    for version in (1, 2)
)


def test_resume_condition_and_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    authority = Authority(tmp_path)
    certificate, pin = authority.issue()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = tmp_path / "www" / "acme.bundle"
    served.parent.mkdir(mode=0o755)
    served.write_bytes(FIRST)
    configuration = tmp_path / "nginx.conf"
    places = " ".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration.write_text(
        f"daemon off; master_process off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;"
        f" events {{}} http {{ {places} log_format short '$status $http_range';"
        f" access_log {tmp_path}/access.log short; gzip on; gzip_types *;"
        f" server {{ listen 127.0.0.1:{port} ssl; root {served.parent};"
        f" ssl_certificate {certificate}; ssl_certificate_key {certificate}; }} }}"
    )
    source = Source(f"https://127.0.0.1:{port}/acme.bundle", frozenset({parse_pin(pin)}), authority.file)

    def update() -> tuple[Outcome, int]:
        done = update_bundle(source, trust(), tmp_path / "into", lambda: NOW, SENSOR)
        return done.outcome, done.current.version

    nginx = subprocess.Popen(["nginx", "-c", configuration, "-e", tmp_path / "error.log"])
    try:
        _await_port(port, nginx)
        assert update() == (Outcome.INSTALLED, 1)
        assert update() == (Outcome.NOTHING_NEW, 1)
        served.write_bytes(SECOND)
        part = tmp_path / "into" / NAME / "download.part"
        # As a run that was cut leaves it; nginx makes its ETags of time and size, in hexadecimal.
        part.write_bytes(SECOND[:100_000])
        etag = f'\\"{int(served.stat().st_mtime):x}-{len(SECOND):x}\\"'
        part.with_name("download.part.json").write_text(f'{{"url":"{source.url}","etag":"{etag}"}}')
        assert update() == (Outcome.INSTALLED, 2)
    finally:
        nginx.terminate()
        nginx.wait()
    assert (tmp_path / "access.log").read_text().splitlines() == ["200 -", "304 -", "206 bytes=100000-"]


def _await_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("nginx does not listen")
