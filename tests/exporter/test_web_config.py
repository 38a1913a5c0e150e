import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest

from exporter.web_config import MAX_FILE, WebConfig, read_web_config
from sensor.errors import ConfigError
from tests.exporter.conftest import Certificates

HASH = bcrypt.hashpw(b"x", bcrypt.gensalt(4)).decode()

Read = Callable[[str], WebConfig]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads what it is given as a web configuration file."""

    def read_text(text: str) -> WebConfig:
        file = tmp_path / "web.yml"
        file.write_text(text)
        return read_web_config(file)

    return read_text


def test_nothing_asked_for_is_plain_http() -> None:
    assert read_web_config(None) == WebConfig()


@pytest.mark.parametrize("text", ["", "# only a comment\n", "basic_auth_users:\n", "tls_server_config:\n"])
def test_empty_files_and_sections(text: str, read: Read) -> None:
    config = read(text)
    assert (config.context, dict(config.users), config.headers) == (None, {}, ())


def test_users_and_headers(read: Read) -> None:
    text = (
        f"basic_auth_users:\n  alice: {HASH}\n  bob: {HASH.replace('$2b$', '$2y$')}\n"
        "http_server_config:\n  http2: false\n"
        "  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection: ''\n"
    )
    config = read(text)
    assert list(config.users) == ["alice", "bob"]
    assert config.headers == (("X-Frame-Options", "deny"),)
    assert HASH not in repr(config)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("basic_auth_user: {}", "unknown key basic_auth_user; did you mean basic_auth_users?"),
        (
            "tls_server_config: {certfile: x}",
            "unknown key tls_server_config.certfile; did you mean cert_file?",
        ),
        ("http_server_config: {http3: true}", "unknown key http_server_config.http3; did you mean http2?"),
        ("42: x", "unknown key 42; known: "),
        ("- a", "the file: Expected `object`, got `array`"),
        ("http_server_config: []", "http_server_config: Expected `object | null`, got `array`"),
        ("tls_server_config: {cert_file: 1}", "tls_server_config.cert_file: Expected `str`, got `int`"),
        ("a: b: c", r"web.yml:1: is not YAML: mapping values are not allowed here"),
        ("a: [", r"web.yml:1: is not YAML"),
        ("x: !!python/object/apply:os.system [id]", "web.yml:1: is not YAML"),
        ("[" * 700, "is not YAML"),
        ("? [a, b]\n: c\n", "web.yml:1: is not YAML: found unhashable key"),
        (
            "basic_auth_users: {}\n\nbasic_auth_users: {}",
            "web.yml:3: is not YAML: basic_auth_users stands twice",
        ),
        (f"basic_auth_users:\n  a: {HASH}\n  a: {HASH}", "web.yml:3: is not YAML: a stands twice"),
        ("rate_limit: {burst: 1}", "rate_limit: not done here, take it out"),
        ("http_server_config: {http2: true}", r"http2: this server speaks HTTP/1.1"),
        ("http_server_config: {headers: {Server: x}}", "headers.Server: can't be set; "),
        ("http_server_config: {headers: {X-Frame-Option: deny}}", "did you mean X-Frame-Options?"),
        ("http_server_config: {headers: {X-Frame-Options: no}}", "Expected `str`, got `bool`"),
        ("http_server_config: {headers: {X-Frame-Options: allow}}", "must be deny or sameorigin"),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb: c"}}', "must be one line of ASCII"),
        ("basic_auth_users: {a: secret}", "basic_auth_users.a: is no bcrypt hash; make one with: htpasswd"),
        (f"basic_auth_users: {{a: {HASH[:-1]}}}", "is no bcrypt hash"),
        (
            f"basic_auth_users: {{a: {HASH.replace('$04$', '$31$')}}}",
            "a bcrypt cost of 31 is not within 4 to 18",
        ),
        (f"basic_auth_users: {{'a:b': {HASH}}}", "a user's name must not be empty and has no colon"),
        ("tls_server_config: {key_file: x}", "tls_server_config.cert_file: is missing"),
        ("tls_server_config: {cert_file: x}", "tls_server_config.key_file: is missing"),
        ("tls_server_config: {cert: x, key: y}", "tls_server_config.cert: only files are taken"),
        ("tls_server_config: {cert_file: no.pem, key_file: no.key}", "no.pem can't be read: No such file"),
        (
            "tls_server_config: {cert_file: web.yml, key_file: web.yml}",
            "are no certificate and its key, in PEM",
        ),
    ],
)
def test_what_is_refused(text: str, says: str, read: Read) -> None:
    with pytest.raises(ConfigError) as raised:
        read(text)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.exit_status == 2


@pytest.mark.openssl
@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("min_version: TLS10", "min_version: TLS10 is unsafe and not offered"),
        ("max_version: TLS1.3", "max_version: unknown version TLS1.3; did you mean TLS13?"),
        ("min_version: TLS13\n  max_version: TLS12", "min_version: TLS13 is above max_version TLS12"),
        ("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "unknown or unsafe suite TLS_RSA_WITH_RC4_128_SHA; "),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]", "names no suite of TLS 1.2"),
        ("curve_preferences: [P256]", "unknown curve P256; did you mean CurveP256?"),
        ("curve_preferences: [X25519, CurveP256]", "only one curve can be set here"),
        ("client_auth_type: RequireAnyClientCert", "RequireAnyClientCert verifies nothing"),
        ("client_auth_type: RequireAndVerify", "did you mean RequireAndVerifyClientCert?"),
        ("client_auth_type: RequireAndVerifyClientCert", "needs client_ca_file"),
        ("client_ca_file: web.yml", "needs client_auth_type"),
        ("client_allowed_sans: [a]", "client_allowed_sans: needs client_auth_type"),
        (
            "client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: no.pem",
            "no.pem can't be read: No such",
        ),
        (
            "client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: web.yml",
            "holds no certificate in PEM",
        ),
        ("client_auth_type: VerifyClientCertIfGiven\n  client_ca: nothing", "client_ca holds no certificate"),
        (
            "client_auth_type: VerifyClientCertIfGiven\n  client_ca: x\n  client_ca_file: y",
            "is given beside client_ca_file",
        ),
    ],
)
def test_what_tls_refuses(more: str, says: str, read: Read, certificates: Certificates) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tls(certificates, more))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def tls(certificates: Certificates, more: str = "") -> str:
    server = certificates.server
    return f"tls_server_config:\n  cert_file: {server.file}\n  key_file: {server.key}\n  {more}\n"


@pytest.mark.openssl
def test_tls_as_it_comes(read: Read, certificates: Certificates) -> None:
    config = read(tls(certificates))
    assert config.context is not None
    assert config.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert config.context.verify_mode == ssl.CERT_NONE
    assert config.context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert [file.name for file in config.files] == ["web.yml", "server.pem", "server.key"]


@pytest.mark.openssl
def test_tls_with_everything(read: Read, certificates: Certificates) -> None:
    authority = certificates.client.file.read_text().replace("\n", "\n    ")
    config = read(
        tls(
            certificates,
            "client_auth_type: RequireAndVerifyClientCert\n"
            f"  client_ca: |\n    {authority}\n"
            "  client_allowed_sans: [scraper.example, '::0001']\n"
            "  min_version: TLS12\n  max_version: TLS12\n"
            "  cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256]\n"
            "  prefer_server_cipher_suites: false\n  curve_preferences: [X25519]\n",
        )
    )
    assert config.context is not None
    assert config.context.maximum_version == ssl.TLSVersion.TLSv1_2
    assert config.context.verify_mode == ssl.CERT_REQUIRED
    assert not config.context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    offered = {cipher["name"] for cipher in config.context.get_ciphers() if cipher["protocol"] != "TLSv1.3"}
    assert offered == {"ECDHE-ECDSA-CHACHA20-POLY1305"}
    assert config.client_names == {"scraper.example", "::1"}


@pytest.mark.openssl
def test_a_key_with_a_passphrase_is_refused_without_asking(
    tmp_path: Path, certificates: Certificates
) -> None:
    locked = tmp_path / "locked.key"
    lock = f"openssl pkcs8 -topk8 -in {certificates.server.key} -out {locked} -passout pass:secret"
    subprocess.run(lock.split(), check=True, capture_output=True)
    file = tmp_path / "web.yml"
    file.write_text(f"tls_server_config: {{cert_file: {certificates.server.file}, key_file: locked.key}}")
    with pytest.raises(ConfigError, match="without a passphrase"):
        read_web_config(file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "openssl rand -hex 32"),
        (b"short", "no bearer token of 16"),
        (b"0123456789abcdef 0123456789abcdef", "on one line"),
        (b"0123456789abcdef\n0123456789abcdef", "on one line"),
        (b"x" * (MAX_FILE + 1), "longer than 1 MiB"),
    ],
)
def test_tokens_that_are_refused(content: bytes, says: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        read_web_config(None, file)


def test_a_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"  0123456789abcdef==\r\n")
    config = read_web_config(None, file)
    assert config.bearer_token == b"0123456789abcdef=="
    assert config.files == (file,)
    assert "0123" not in repr(config)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for arguments in ((tmp_path / "none.yml",), (None, tmp_path)):
        with pytest.raises(ConfigError, match=r"can't be read: .*; check its path and rights"):
            read_web_config(*arguments)
