"""What a configuration names on this machine: signatures, secrets, places to write to, a user."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from sensor.capture.af_packet import LINKTYPE_ETHERNET
from sensor.configuration import Configuration
from sensor.errors import SensorError
from sensor.toml import Problem


def find_problems(configuration: Configuration) -> list[Problem]:
    """Everything that is named and can't be used, at the line of the key that names it.

    What is not in the file but a default is not looked at. Mistakes within signature files have lines of
    their own.
    """
    problems = [
        Problem(str(configuration.path), configuration.lines[key], reason)
        for key, reason in _faults(configuration)
        if key in configuration.lines
    ]
    problems += _signature_problems(configuration)
    return sorted(problems, key=lambda problem: (problem.file != str(configuration.path), problem.line))


def _faults(configuration: Configuration) -> Iterator[tuple[str, str]]:
    """Dotted key and reason."""
    from exporter.web_config import read_web_config  # noqa: PLC0415  # it reads YAML and hashes passwords
    from sensor.capture.bpf import compile_filter  # noqa: PLC0415  # libpcap

    capture, metrics = configuration.capture, configuration.metrics
    interface = capture.interfaces[0] if capture.interfaces else "lo"
    attempts: list[tuple[str, Callable[[], object]]] = []
    if capture.bpf:
        attempts.append(("capture.bpf", lambda: compile_filter(capture.bpf, interface, LINKTYPE_ETHERNET)))
    if metrics.web_config:
        attempts.append(("metrics.web_config", lambda: read_web_config(metrics.web_config)))
    if metrics.bearer_token_file:
        attempts.append(
            ("metrics.bearer_token_file", lambda: read_web_config(None, metrics.bearer_token_file))
        )
    for key, attempt in attempts:
        try:
            attempt()
        except SensorError as error:
            yield key, str(error)
    yield from (("store.path", fault) for fault in _unwritable(configuration.store.path))
    if configuration.eve.path:
        yield from (("eve.path", fault) for fault in _unwritable(configuration.eve.path))
    yield from (("capture.user", fault) for fault in unknown_user(capture.user))


def _signature_problems(configuration: Configuration) -> list[Problem]:
    from signatures.loader import check_files  # noqa: PLC0415  # Hyperscan takes its time to load

    paths = configuration.signatures.paths
    return check_files(paths, builtin=configuration.signatures.builtin).problems if paths else []


def _unwritable(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield f"{path} is a directory; name a file in it"
    elif not path.parent.is_dir():
        yield f"there is no directory {path.parent}; make it, or name another file"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        yield f"{path} can't be written; change its permissions, or name another file"


def unknown_user(name: str) -> Iterator[str]:
    """Why workers can't become ``name``; nothing if they can."""
    if sys.platform == "win32":
        return
    import pwd  # noqa: PLC0415  # Windows has none

    try:
        account = pwd.getpwnam(name)
    except KeyError:
        yield f"there is no user {name}; make one: useradd --system --no-create-home {name}"
        return
    if account.pw_uid == 0:
        yield f"{name} is root, whose rights workers are to be without; name another user"
