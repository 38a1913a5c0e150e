"""Speaks to the service that runs, over its control socket: one line of JSON there, one line back."""

import socket
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from sensor.configuration import Configuration
from sensor.errors import SensorError
from sensor.places import SYSTEM_RUNTIME, control_socket
from sensor.status import ReloadAnswer, ServiceStatus

_TIMEOUT: Final = 5.0
"""Seconds that the service has to answer."""
_RELOAD_TIMEOUT: Final = 400.0
"""As that, where it reloads: one reload that goes on, and this one, each as long as any may take."""
_MAX_ANSWER: Final = 16 << 20
"""Octets: a hundred times what a thousand workers make."""
_Answer = TypeVar("_Answer", ReloadAnswer, ServiceStatus)


class NoSensorError(SensorError):
    """No sensor listens on the socket."""


def ask_status(path: Path) -> bytes:
    """The service's answer, one line of JSON without its end. Raises `SensorError`."""
    answer = _ask(path, "status", _TIMEOUT)
    _decode(answer, ServiceStatus, path)
    return answer


def ask_reload(path: Path) -> ReloadAnswer:
    """Have the service reload, and wait for it. Raises `SensorError`: `NoSensorError` where none runs."""
    return _decode(_ask(path, "reload", _RELOAD_TIMEOUT), ReloadAnswer, path)


def decode_status(answer: bytes) -> ServiceStatus:
    """What `ask_status` returned, as an object."""
    return msgspec.json.decode(answer, type=ServiceStatus)


def default_socket() -> Path:
    """The socket of this user's service, or the system's where there is none."""
    own, system = control_socket(), SYSTEM_RUNTIME / "control.sock"
    return system if not _is_there(own) and _is_there(system) else own


def socket_of(configuration: Configuration) -> Path:
    """The socket that ``configuration`` names, else the usual one."""
    return configuration.control.socket if "control.socket" in configuration.lines else default_socket()


def _is_there(path: Path) -> bool:
    """Whether there is something, if only something that this user may not look at."""
    try:
        path.lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def _ask(path: Path, command: str, seconds: float) -> bytes:
    if not hasattr(socket, "AF_UNIX"):
        raise NoSensorError("this needs Unix sockets, which this Python has not; see the metrics instead")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(seconds)
            client.connect(str(path))
            client.sendall(msgspec.json.encode({"command": command}) + b"\n")
            answer = _read_line(client)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise NoSensorError(
            f"{path}: no sensor listens there; start one ('watchdog-sensor run -i INTERFACE', "
            "'systemctl start watchdog-sensor'), or name its socket with --socket"
        ) from error
    except PermissionError as error:
        raise SensorError(
            f"{path}: permission denied; ask as root or as the user that the sensor runs as"
        ) from error
    except TimeoutError as error:
        raise SensorError(
            f"{path}: no answer in {seconds:.0f} s; if that stays so, restart the sensor"
        ) from error
    except OSError as error:
        raise SensorError(
            f"{path}: {error.strerror or error}; name the sensor's socket with --socket"
        ) from error
    if not answer:
        raise SensorError(f"{path}: closed without an answer; try again, or restart the sensor")
    return answer


def _read_line(client: socket.socket) -> bytes:
    answer = bytearray()
    while b"\n" not in answer[-65536:] and len(answer) < _MAX_ANSWER:
        part = client.recv(65536)
        if not part:
            break
        answer += part
    return bytes(answer).partition(b"\n")[0]


def _decode(answer: bytes, kind: type[_Answer], path: Path) -> _Answer:
    """``answer``, if it is one. Raises `SensorError`."""
    try:
        found = msgspec.json.decode(answer)
        if isinstance(found, dict) and set(found) == {"error"}:
            raise SensorError(f"{path}: the sensor answered: {found['error']}; is it of this version?")
        return msgspec.json.decode(answer, type=kind)
    except msgspec.MsgspecError as error:
        raise SensorError(
            f"{path}: not the answer of a sensor of this version; restart the sensor"
        ) from error
