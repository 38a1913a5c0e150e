"""TLS, passwords and tokens of the metrics page, with curl for a client."""

import base64
import shutil
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter import http, http_connections
from sensor.errors import ConfigError
from tests.exporter.conftest import Certificate, Certificates
from tests.exporter.serving import serving, wait_until
from tests.exporter.test_http import HASH, PASSWORD, TOKEN, curl, is_ended, tls_config, web_config

pytestmark = [pytest.mark.curl, pytest.mark.openssl]

USERS = f"basic_auth_users:\n  prometheus: {HASH}\n"


def as_client(certificate: Certificate) -> tuple[str, ...]:
    return ("--cert", str(certificate.file), "--key", str(certificate.key))


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 401),
        (("--user", f"prometheus:{PASSWORD}"), 200),
        (("--user", "prometheus:wrong"), 401),
        (("--user", "prometheus:"), 401),
        (("--user", f"nobody:{PASSWORD}"), 401),
        (("--user", "nobody:fakepassword"), 401),
        (("-H", f"Authorization: Bearer {TOKEN}"), 200),
        (("-H", f"Authorization: bearer {TOKEN}"), 200),
        (("-H", f"Authorization: Bearer {TOKEN}0"), 401),
        (("-H", "Authorization: Bearer"), 401),
        (("-H", "Authorization: Basic !!!"), 401),
        (("-H", f"Authorization: Basic {base64.b64encode(b'prometheus').decode()}"), 401),
        (("-H", "Authorization: Digest x"), 401),
    ],
)
def test_who_may_read(arguments: tuple[str, ...], status: int, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    with serving(web_config_file=web_config(tmp_path, USERS), bearer_token_file=token) as served:
        got, fields, body = curl(*arguments, f"http://127.0.0.1:{served.port}/metrics")
    assert got == status
    assert (b"watchdog_" in body) == (status == 200)
    challenges = [value.split()[0] for value in fields.get("www-authenticate", [])]
    assert challenges == (["Basic", "Bearer"] if status == 401 else [])


def test_health_needs_no_password_and_all_else_does(tmp_path: Path) -> None:
    with serving(web_config_file=web_config(tmp_path, USERS)) as served:
        asked = {
            path: curl(f"http://127.0.0.1:{served.port}{path}")[0] for path in ("/", "/metrics", "/nothing")
        }
        assert set(asked.values()) == {401}
        for path in ("/-/healthy", "/-/ready"):
            assert curl(f"http://127.0.0.1:{served.port}{path}")[0] == 200


def test_headers_that_are_set_replace_ours(tmp_path: Path) -> None:
    text = (
        "http_server_config: {headers: {Content-Security-Policy: default-src 'self', X-Frame-Options: deny}}"
    )
    with serving(web_config_file=web_config(tmp_path, text)) as served:
        _, fields, _ = curl(f"http://127.0.0.1:{served.port}/")
    assert fields["content-security-policy"] == ["default-src 'self'"]
    assert fields["x-frame-options"] == ["deny"]


def test_tls(tmp_path: Path, certificates: Certificates) -> None:
    trusting = ("--cacert", str(certificates.server.file))
    with serving(web_config_file=tls_config(tmp_path, certificates)) as served:
        url = f"https://127.0.0.1:{served.port}/metrics"
        assert curl(*trusting, url)[0] == 200
        assert curl(*trusting, "--tls-max", "1.2", url)[0] == 200
        assert curl(*trusting, "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", url)[0] == 0
        assert curl("--cacert", str(certificates.renewed.file), url)[0] == 0
        assert curl(f"http://127.0.0.1:{served.port}/metrics")[0] == 0


def test_tls_as_narrow_as_asked(tmp_path: Path, certificates: Certificates) -> None:
    more = "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"
    trusting = ("--cacert", str(certificates.server.file))
    with serving(web_config_file=tls_config(tmp_path, certificates, more)) as served:
        url = f"https://127.0.0.1:{served.port}/metrics"
        assert curl(*trusting, "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384", url)[0] == 200
        assert curl(*trusting, "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", url)[0] == 0
        assert curl(*trusting, "--tlsv1.3", url)[0] == 0


def test_handshakes_are_bounded(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "CONNECTIONS", 2)
    with serving(web_config_file=tls_config(tmp_path, certificates)) as served, ExitStack() as opened:
        place = ("127.0.0.1", served.port)
        for _ in range(2):
            opened.enter_context(socket.create_connection(place, timeout=30))  # and never a word
        assert is_ended(opened.enter_context(socket.create_connection(place, timeout=30)))
        assert served.server._counts.connections_refused == 1


def test_who_shakes_no_hand_is_sent_away(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connections, "HANDSHAKE_SECONDS", 0.05)
    with serving(web_config_file=tls_config(tmp_path, certificates)) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as silent:
            assert is_ended(silent)
        wait_until(lambda: not len(served.server._open or ()))
        assert served.server._counts.connections_refused == 1


@pytest.mark.parametrize(
    ("names", "admitted"),
    [("", True), ("scraper.example", True), ("0:0:0:0:0:0:0:1", True), ("other.example", False)],
)
def test_clients_with_certificates(
    names: str, admitted: bool, tmp_path: Path, certificates: Certificates
) -> None:
    more = (
        "  client_auth_type: RequireAndVerifyClientCert\n"
        f"  client_ca_file: {certificates.client.file}\n"
        f"  client_allowed_sans: [{names!r}]\n"
    )
    trusting = ("--cacert", str(certificates.server.file))
    config = tls_config(tmp_path, certificates, more if names else more.rpartition("  client_allowed")[0])
    with serving(web_config_file=config) as served:
        url = f"https://127.0.0.1:{served.port}/metrics"
        assert curl(*trusting, url)[0] == 0
        assert curl(*trusting, *as_client(certificates.renewed), url)[0] == 0
        assert curl(*trusting, *as_client(certificates.client), url)[0] == (200 if admitted else 0)


def renew(folder: Path, certificates: Certificates) -> None:
    shutil.copy(certificates.renewed.file, folder / "server.pem")
    shutil.copy(certificates.renewed.key, folder / "server.key")


def test_reload_takes_new_certificates_and_passwords(tmp_path: Path, certificates: Certificates) -> None:
    config = tls_config(tmp_path, certificates)
    with serving(web_config_file=config) as served:
        url = f"https://127.0.0.1:{served.port}/metrics"
        renew(tmp_path, certificates)
        config.write_text(config.read_text() + USERS)
        served.reload()
        assert curl("--cacert", str(certificates.server.file), url)[0] == 0
        assert curl("--cacert", str(certificates.renewed.file), url)[0] == 401
        assert curl("--cacert", str(certificates.renewed.file), "-u", f"prometheus:{PASSWORD}", url)[0] == 200


def test_a_reload_that_fails_changes_nothing(tmp_path: Path, certificates: Certificates) -> None:
    config = tls_config(tmp_path, certificates, USERS)
    with serving(web_config_file=config) as served:
        config.write_text("basic_auth_users: {}\n")
        (tmp_path / "web.yml").write_text("basic_auth_user: {}\n")
        with pytest.raises(ConfigError, match="did you mean basic_auth_users"):
            served.reload()
        url = f"https://127.0.0.1:{served.port}/metrics"
        assert curl("--cacert", str(certificates.server.file), url)[0] == 401


def test_renewed_certificates_are_noticed(
    tmp_path: Path, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    config = tls_config(tmp_path, certificates)
    with serving(web_config_file=config, watch_seconds=0.02) as served:
        url = f"https://127.0.0.1:{served.port}/metrics"
        (tmp_path / "server.key").write_text("half written")
        wait_until(lambda: "goes on as before" in caplog.text)
        assert curl("--cacert", str(certificates.server.file), url)[0] == 200
        renew(tmp_path, certificates)
        wait_until(lambda: curl("--cacert", str(certificates.renewed.file), url)[0] == 200)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(set(warnings)) == len(warnings)  # a reason may change, as files are replaced one by one
