"""Asks the service that runs, over its control socket: one line of JSON there, one line back."""

import socket
from pathlib import Path
from typing import Final

import msgspec

from sensor.errors import SensorError
from sensor.status import ServiceStatus

_REQUEST: Final = b'{"command":"status"}\n'
_TIMEOUT: Final = 5.0
"""Seconds that the service has to answer."""
_MAX_ANSWER: Final = 16 << 20
"""Octets: a hundred times what a thousand workers make."""


def ask_status(path: Path) -> bytes:
    """The service's answer, one line of JSON without its end. Raises `SensorError`."""
    if not hasattr(socket, "AF_UNIX"):
        raise SensorError("status needs Unix sockets, which this Python has not; see the metrics instead")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_TIMEOUT)
            client.connect(str(path))
            client.sendall(_REQUEST)
            answer = _read_line(client)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise SensorError(
            f"{path}: no sensor listens there; start one ('watchdog-sensor run -i INTERFACE', "
            "'systemctl start watchdog-sensor'), or name its socket with --socket"
        ) from error
    except PermissionError as error:
        raise SensorError(
            f"{path}: permission denied; ask as root or as the user that the sensor runs as"
        ) from error
    except TimeoutError as error:
        raise SensorError(
            f"{path}: no answer in {_TIMEOUT:.0f} s; if that stays so, restart the sensor"
        ) from error
    except OSError as error:
        raise SensorError(
            f"{path}: {error.strerror or error}; name the sensor's socket with --socket"
        ) from error
    if not answer:
        raise SensorError(f"{path}: closed without an answer; try again, or restart the sensor")
    return _checked(answer, path)


def _read_line(client: socket.socket) -> bytes:
    answer = bytearray()
    while b"\n" not in answer[-65536:] and len(answer) < _MAX_ANSWER:
        part = client.recv(65536)
        if not part:
            break
        answer += part
    return bytes(answer).partition(b"\n")[0]


def _checked(answer: bytes, path: Path) -> bytes:
    """``answer``, if it is a status. Raises `SensorError`."""
    try:
        found = msgspec.json.decode(answer)
        if isinstance(found, dict) and "error" in found and "version" not in found:
            raise SensorError(f"{path}: the sensor answered: {found['error']}; is it of this version?")
        decode_status(answer)
    except msgspec.MsgspecError as error:
        raise SensorError(
            f"{path}: not the answer of a sensor of this version; restart the sensor"
        ) from error
    return answer


def decode_status(answer: bytes) -> ServiceStatus:
    """What `ask_status` returned, as an object."""
    return msgspec.json.decode(answer, type=ServiceStatus)
