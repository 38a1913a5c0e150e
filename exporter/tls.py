"""TLS as the web configuration file of Prometheus's exporters describes it, by Python's ssl module.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md: names of versions,
cipher suites and curves are those of Go's crypto/tls, which are IANA's.
"""

import ssl
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from sensor.errors import ConfigError
from sensor.toml import nearest

VERSIONS: Final = MappingProxyType({"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3})
CLIENT_AUTH: Final = MappingProxyType(
    {
        "NoClientCert": ssl.CERT_NONE,
        "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
        "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
    }
)
UNVERIFIED: Final = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
"""Go's policies that look at no certificate; OpenSSL, as Python has it, always verifies what it asks for."""
CURVES: Final = MappingProxyType(
    {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
)
_CIPHERS: Final = MappingProxyType(
    {
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
    }
)
CIPHER_SUITES: Final = MappingProxyType(
    {
        f"TLS_ECDHE_{key}_WITH_{cipher}": f"ECDHE-{key}-{name}"
        for key in ("ECDSA", "RSA")
        for cipher, name in _CIPHERS.items()
    }
)
"""OpenSSL's names of those suites of TLS 1.2 that Go takes."""
TLS13_SUITES: Final = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
"""Always offered, here as in Go."""

_Refuse = Callable[[str, str], ConfigError]
"""Makes the error of a key and a reason."""


class TlsSection(msgspec.Struct, frozen=True):
    """``tls_server_config`` as written."""

    cert: str = ""
    key: str = ""
    client_ca: str = ""
    cert_file: str = ""
    key_file: str = ""
    client_auth_type: str = "NoClientCert"
    client_ca_file: str = ""
    client_allowed_sans: tuple[str, ...] = ()
    min_version: str = "TLS12"
    max_version: str = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[str, ...] = ()

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Every file that it names, a relative one from ``folder``."""
        return tuple(folder / name for name in (self.cert_file, self.key_file, self.client_ca_file) if name)


def make_context(section: TlsSection, file: Path) -> ssl.SSLContext:
    """Server context as ``section`` of the web configuration ``file`` has it.

    :raises ConfigError: if it asks for what is unknown or can't be had here, or a file can't be used.
    """

    def refuse(key: str, reason: str) -> ConfigError:
        return ConfigError(f"{file}: tls_server_config.{key}: {reason}")

    for key in ("cert", "key"):
        if getattr(section, key):
            raise refuse(key, f"only files are taken: write the PEM text to a file, name it in {key}_file")
    for key in ("cert_file", "key_file"):
        if not getattr(section, key):
            raise refuse(key, "is missing: TLS needs a certificate and its key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _set_versions(context, section, refuse)
    _set_algorithms(context, section, refuse)
    _set_client_auth(context, section, file, refuse)
    folder = file.parent
    try:
        # An empty password: OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(folder / section.cert_file, folder / section.key_file, password="")
    except ssl.SSLError as error:
        raise refuse(
            "cert_file",
            f"{folder / section.cert_file} and {folder / section.key_file} are no certificate and its key, in"
            f" PEM and without a passphrase ({error.reason or error})",
        ) from error
    except OSError as error:
        raise refuse(
            "cert_file", _unreadable((section.cert_file, section.key_file), folder, error)
        ) from error
    return context


def admits(certificate: Mapping[str, object] | None, allowed: frozenset[str]) -> bool:
    """Whether a verified client ``certificate`` (``ssl.SSLSocket.getpeercert``) has an ``allowed`` name."""
    names = (certificate or {}).get("subjectAltName", ())
    assert isinstance(names, tuple)
    return any((_address(name) if kind == "IP Address" else name) in allowed for kind, name in names)


def allowed_names(section: TlsSection) -> frozenset[str]:
    """Names in ``client_allowed_sans``, addresses in their canonical form; empty where all are allowed."""
    return frozenset(map(_address, section.client_allowed_sans))


def _set_versions(context: ssl.SSLContext, section: TlsSection, refuse: _Refuse) -> None:
    for key in ("min_version", "max_version"):
        name = getattr(section, key)
        if name in ("TLS10", "TLS11"):
            raise refuse(key, f"{name} is unsafe and not offered (RFC 8996): use TLS12")
        if name not in VERSIONS:
            raise refuse(key, f"unknown version {name}; {nearest(name, VERSIONS)}")
    context.minimum_version = VERSIONS[section.min_version]
    context.maximum_version = VERSIONS[section.max_version]
    if context.minimum_version > context.maximum_version:
        raise refuse("min_version", f"{section.min_version} is above max_version {section.max_version}")


def _set_algorithms(context: ssl.SSLContext, section: TlsSection, refuse: _Refuse) -> None:
    known = (*CIPHER_SUITES, *TLS13_SUITES)
    for name in section.cipher_suites:
        if name not in known:
            raise refuse("cipher_suites", f"unknown or unsafe suite {name}; {nearest(name, known)}")
    suites = [CIPHER_SUITES[name] for name in section.cipher_suites if name in CIPHER_SUITES]
    if suites:
        context.set_ciphers(":".join(suites))
    elif section.cipher_suites and section.min_version == "TLS12":
        raise refuse("cipher_suites", "names no suite of TLS 1.2: add one, or set min_version to TLS13")
    if not section.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    for name in section.curve_preferences:
        if name not in CURVES:
            raise refuse("curve_preferences", f"unknown curve {name}; {nearest(name, CURVES)}")
    if len(section.curve_preferences) > 1:
        raise refuse("curve_preferences", "only one curve can be set here: keep the first, or leave it out")
    for name in section.curve_preferences:
        context.set_ecdh_curve(CURVES[name])


def _set_client_auth(context: ssl.SSLContext, section: TlsSection, file: Path, refuse: _Refuse) -> None:
    policy = section.client_auth_type or "NoClientCert"
    if policy in UNVERIFIED:
        raise refuse("client_auth_type", f"{policy} verifies nothing: use RequireAndVerifyClientCert")
    if policy not in CLIENT_AUTH:
        raise refuse("client_auth_type", f"unknown policy {policy}; {nearest(policy, CLIENT_AUTH)}")
    authority = section.client_ca or section.client_ca_file
    if policy == "NoClientCert" and authority:
        raise refuse("client_ca_file", "needs client_auth_type: RequireAndVerifyClientCert")
    if policy != "NoClientCert" and not authority:
        raise refuse("client_auth_type", f"{policy} needs client_ca_file: who signs clients' certificates")
    if section.client_allowed_sans and policy != "RequireAndVerifyClientCert":
        raise refuse("client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert")
    if section.client_ca and section.client_ca_file:
        raise refuse("client_ca", "is given beside client_ca_file: keep one of them")
    if authority:
        path = str(file.parent / section.client_ca_file) if section.client_ca_file else None
        try:
            context.load_verify_locations(path, cadata=section.client_ca or None)
        except ssl.SSLError as error:
            raise refuse("client_ca_file", f"{path or 'client_ca'} holds no certificate in PEM") from error
        except OSError as error:
            raise refuse(
                "client_ca_file", _unreadable((section.client_ca_file,), file.parent, error)
            ) from error
    context.verify_mode = CLIENT_AUTH[policy]


def _unreadable(names: Iterable[str], folder: Path, error: OSError) -> str:
    """Which of the files can't be read, as ssl doesn't say."""
    for path in (folder / name for name in names):
        try:
            path.read_bytes()
        except OSError as cause:
            return f"{path} can't be read: {cause.strerror}"
    return str(error)


def _address(name: str) -> str:
    """``name`` in one form if it is an address."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name
