"""Where the service listens: metrics' addresses and the control socket, and who is there already."""

import errno
import ipaddress
import json
import socket
from pathlib import Path
from typing import Any, Final

from sensor.configuration import Address
from sensor.doctor.finding import Findings, Subject, describe, ok, problem, warning
from sensor.install.unit import UNIT_PATH
from sensor.places import NAME

_SECONDS: Final = 2.0
_ANSWER_LEN: Final = 16 << 20


def check_control(subject: Subject) -> Findings:
    """Whether a service runs."""
    path = subject.configuration.control.socket
    try:
        answer = _ask(path)
    except (FileNotFoundError, ConnectionRefusedError, AttributeError):
        yield ok("no service runs here now", "サービスは動いていません")
    except PermissionError:
        yield warning(
            f"{path} belongs to another user's service",
            f"{path} は別のユーザーのサービスのものです",
            "sudo watchdog-sensor doctor",
        )
    except (OSError, ValueError) as error:
        yield warning(
            f"the service at {path} does not answer ({describe(error)})",
            f"{path} のサービスが応答しません（{describe(error)}）",
            "systemctl restart watchdog-sensor",
        )
    else:
        version, pid = answer.get("version", "?"), answer.get("pid", "?")
        yield ok(
            f"a service runs: {version}, process {pid}", f"サービスが動作中です: {version}、プロセス {pid}"
        )


def check_metrics(subject: Subject) -> Findings:
    """Whether each address can be listened at, and who may read there."""
    metrics = subject.configuration.metrics
    if not metrics.listen:
        yield ok("metrics are turned off", "メトリクスは無効です")
    for address in metrics.listen:
        yield from _address(address, service_runs=_service_runs(subject.configuration.control.socket))
        if _is_loopback(address.host):
            continue
        if UNIT_PATH.exists() and not _unit_lets_in():
            yield warning(
                f"the systemd unit lets nobody else reach {address}",
                f"systemd のユニットが、ほかの機器から {address} への接続を止めています",
                f"systemctl edit {NAME}: [Service] IPAddressAllow=ADDRESS",
            )
        open_to_all = not (metrics.web_config or metrics.bearer_token_file)
        if open_to_all:
            yield warning(
                f"metrics at {address} are open to whoever can reach it",
                f"{address} のメトリクスは、接続できる誰もが読めます",
                "set [metrics] web_config or bearer_token_file, or listen on 127.0.0.1",
                "[metrics] web_config か bearer_token_file を設定するか、127.0.0.1 にしてください",
            )


def _address(address: Address, *, service_runs: bool) -> Findings:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as any_socket:
            any_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            any_socket.bind(place)
            any_socket.listen(1)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and service_runs:
            yield ok(f"the service listens at {address}", f"サービスが {address} で待ち受けています")
            return
        yield problem(
            f"metrics can't be served at {address}: {describe(error)}",
            f"{address} でメトリクスを提供できません: {describe(error)}",
            "name another address in [metrics] listen",
            "[metrics] listen に別のアドレスを指定してください",
        )
    else:
        yield ok(f"metrics can be served at {address}", f"{address} でメトリクスを提供できます")


def _unit_lets_in() -> bool:
    """Whether a drop-in of the unit allows addresses beyond those of this machine."""
    texts = (path.read_text("utf-8", "replace") for path in Path(f"{UNIT_PATH}.d").glob("*.conf"))
    return any("IPAddressAllow=" in text for text in texts)


def _service_runs(path: Path) -> bool:
    try:
        return bool(_ask(path))
    except (OSError, ValueError, AttributeError):
        return False


def _ask(path: Path) -> dict[str, Any]:
    """What the service says of itself.

    :raises OSError: if none listens.
    :raises ValueError: if it is none of ours.
    :raises AttributeError: if this system has no Unix sockets.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(_SECONDS)
        channel.connect(str(path))
        channel.sendall(b'{"command":"status"}\n')
        octets = b""
        while not octets.endswith(b"\n") and len(octets) < _ANSWER_LEN:
            part = channel.recv(65_536)
            if not part:
                break
            octets += part
    answer = json.loads(octets)
    if not isinstance(answer, dict):
        raise ValueError("not a watchdog-sensor")  # noqa: TRY004  # it is the value that is wrong
    return answer


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host.rstrip(".").lower() == "localhost"
