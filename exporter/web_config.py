"""The web configuration file of Prometheus's exporters: TLS, passwords and headers of the metrics page.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md describes it. What it can
ask for and this server can't do is refused, never passed over: an operator who believes that a page is
protected must be right. A bearer token, which that format has not, comes from a file of its own.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
import yaml

from exporter.tls import TlsSection, allowed_names, make_context
from sensor.errors import ConfigError
from sensor.toml import nearest

HEADERS: Final = MappingProxyType(
    {
        "Content-Security-Policy": (),
        "Strict-Transport-Security": (),
        "X-Content-Type-Options": ("nosniff",),
        "X-Frame-Options": ("deny", "sameorigin"),
        "X-XSS-Protection": (),
    }
)
"""Those that may be set, and the values that they may have where not any."""
MAX_COST: Final = 18
"""Of a bcrypt hash: some ten seconds, and each step further doubles them."""
MIN_TOKEN: Final = 16
"""Characters of a bearer token: 64 bits if they are random hexadecimal digits. Nothing slows guessing."""
MAX_FILE: Final = 1 << 20
"""Octets of a file that is read: whoever names /dev/zero is told so."""

_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_TOKEN: Final = re.compile(rb"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 section 2.1: b64token


class _HttpSection(msgspec.Struct, frozen=True):
    http2: bool = False
    headers: dict[str, str] = {}


class _File(msgspec.Struct, frozen=True):
    tls_server_config: TlsSection | None = None
    http_server_config: _HttpSection | None = None
    basic_auth_users: dict[str, str] | None = None


_SECTIONS: Final[Mapping[str, type[msgspec.Struct]]] = MappingProxyType(
    {"tls_server_config": TlsSection, "http_server_config": _HttpSection}
)


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How the metrics page is protected. Plain HTTP for everybody unless told otherwise."""

    context: ssl.SSLContext | None = None
    """TLS, with the certificates loaded; None for plain HTTP."""
    client_names: frozenset[str] = frozenset()
    """Subject alternative names of which a client's certificate must have one; empty for any."""
    headers: tuple[tuple[str, str], ...] = ()
    """For every response."""
    users: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """bcrypt hash by user."""
    bearer_token: bytes = field(default=b"", repr=False)
    """Empty for none."""
    files: tuple[Path, ...] = ()
    """What all this was read from."""


def read_web_config(file: Path | None, bearer_token_file: Path | None = None) -> WebConfig:
    """What ``file`` and ``bearer_token_file`` ask for, certificates read and everything checked.

    :raises ConfigError: if a file can't be read or used, with one line that says what to change.
    """
    token = _read_token(bearer_token_file) if bearer_token_file else b""
    token_files = (bearer_token_file,) if bearer_token_file else ()
    if file is None:
        return WebConfig(bearer_token=token, files=token_files)
    written = _read_file(file)
    tls = written.tls_server_config
    http = written.http_server_config or _HttpSection()
    if http.http2:
        raise ConfigError(f"{file}: http_server_config.http2: this server speaks HTTP/1.1; leave it out")
    users = written.basic_auth_users or {}
    for user, hashed in users.items():
        _check_user(file, user, hashed)
    for name, value in http.headers.items():
        _check_header(file, name, value)
    return WebConfig(
        context=make_context(tls, file) if tls else None,
        client_names=allowed_names(tls) if tls else frozenset(),
        headers=tuple((name, value) for name, value in http.headers.items() if value),
        users=MappingProxyType(users),
        bearer_token=token,
        files=(file, *(tls.files(file.parent) if tls else ()), *token_files),
    )


class _Loader(yaml.SafeLoader):
    """Refuses keys that stand twice, of which others keep the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, if every key of it stands once."""
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value} stands twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read_file(file: Path) -> _File:
    try:
        content = yaml.load(_read(file), _Loader)  # noqa: S506 - a safe loader, only stricter
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{file}:{line}: is not YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{file}: is not YAML in UTF-8") from error
    if content is None:
        return _File()
    if isinstance(content, dict):
        _check_keys(file, "", content, _File)
        for name, section in _SECTIONS.items():
            if isinstance(content.get(name), dict):
                _check_keys(file, f"{name}.", content[name], section)
    try:
        return msgspec.convert(content, _File)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at ")
        raise ConfigError(f"{file}: {place.strip('`').removeprefix('$.') or 'the file'}: {reason}") from error


def _check_keys(file: Path, prefix: str, mapping: dict[Any, Any], known: type[msgspec.Struct]) -> None:
    names = [item.name for item in msgspec.structs.fields(known)]
    for key in mapping:
        if key == "rate_limit" and not prefix:
            raise ConfigError(f"{file}: rate_limit: not done here, take it out; connections are limited")
        if key not in names:
            raise ConfigError(f"{file}: unknown key {prefix}{key}; {nearest(str(key), names)}")


def _check_user(file: Path, user: str, hashed: str) -> None:
    match = _BCRYPT.fullmatch(hashed)
    if not user or ":" in user:
        raise ConfigError(f"{file}: basic_auth_users: a user's name must not be empty and has no colon")
    if not match:
        raise ConfigError(
            f"{file}: basic_auth_users.{user}: is no bcrypt hash; make one with: htpasswd -nBC 10 {user}"
        )
    if not 4 <= int(match[1]) <= MAX_COST:
        raise ConfigError(
            f"{file}: basic_auth_users.{user}: a bcrypt cost of {int(match[1])} is not within 4 to"
            f" {MAX_COST}; make a hash of cost 10 with: htpasswd -nBC 10 {user}"
        )


def _check_header(file: Path, name: str, value: str) -> None:
    if name not in HEADERS:
        raise ConfigError(
            f"{file}: http_server_config.headers.{name}: can't be set; {nearest(name, HEADERS)}"
        )
    allowed = HEADERS[name]
    if value and allowed and value not in allowed:
        raise ConfigError(f"{file}: http_server_config.headers.{name}: must be {' or '.join(allowed)}")
    if not (value.isascii() and (value.isprintable())):
        raise ConfigError(f"{file}: http_server_config.headers.{name}: must be one line of ASCII")


def _read_token(file: Path) -> bytes:
    token = _read(file).strip()
    if len(token) < MIN_TOKEN or not _TOKEN.fullmatch(token):
        raise ConfigError(
            f"{file}: is no bearer token of {MIN_TOKEN} characters or more on one line; make one with:"
            f" openssl rand -hex 32 > {file}"
        )
    return token


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{file}: can't be read: {error.strerror}; check its path and rights") from error
    if len(content) > MAX_FILE:
        raise ConfigError(f"{file}: is longer than 1 MiB; is it the right file?")
    return content
