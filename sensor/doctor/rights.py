"""Whether packet sockets may be opened, and by what right (capabilities(7))."""

import os
import shlex
import socket
import sys
from pathlib import Path
from typing import Final

from sensor.doctor.finding import Findings, Subject, describe, ok, problem, warning
from sensor.doctor.named_files import unknown_user
from sensor.install.unit import service_command

CAP_NET_RAW: Final = 13
_STATUS: Final = Path("/proc/self/status")
_SETS: Final = {"CapEff": "effective", "CapAmb": "ambient", "CapInh": "inheritable"}


def capability_sets() -> dict[str, int]:
    """This process's capability sets, bit by bit, by the names of proc_pid_status(5)."""
    lines = (line.partition(":") for line in _STATUS.read_text("ascii", "replace").splitlines())
    return {name: int(value, 16) for name, _, value in lines if name in _SETS}


def check_rights(subject: Subject) -> Findings:
    """CAP_NET_RAW, tried out; what would give it; who the workers become."""
    if sys.platform != "linux":
        yield warning(
            "not looked at: only Linux has packet sockets",
            "確認していません（Linux 以外）",
            "capture through libpcap: run as an administrator",
            "libpcap で取得します。管理者として実行してください",
        )
        return
    held = ", ".join(
        text for name, text in _SETS.items() if capability_sets().get(name, 0) >> CAP_NET_RAW & 1
    )
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        yield problem(
            f"packets can't be captured: {describe(error)} (CAP_NET_RAW: {held or 'none'})",
            f"パケットを取得できません: {describe(error)}（CAP_NET_RAW: {held or 'なし'}）",
            _remedy(subject.configuration.capture.interfaces),
        )
    else:
        yield ok(
            f"packets may be captured (CAP_NET_RAW: {held})", f"パケットを取得できます（CAP_NET_RAW: {held}）"
        )
    yield from _file_capabilities()
    if os.geteuid() == 0:
        user = subject.configuration.capture.user
        faults = list(unknown_user(user))
        for fault in faults:
            yield problem(fault, f"ワーカーの実行ユーザー {user} を使えません", fault.partition("; ")[2])
        if not faults:
            yield ok(f"workers become the user {user}", f"ワーカーはユーザー {user} になります")


def _remedy(interfaces: tuple[str, ...]) -> str:
    """The command that starts the sensor with the one right it needs."""
    if os.geteuid() == 0:
        return "docker run --cap-add=NET_RAW …"
    named = interfaces or ("IFACE",)
    run = shlex.join([*service_command(), "run", *(word for name in named for word in ("-i", name))])
    # Not setcap on the interpreter: every script that it runs would have the right.
    return (
        f"sudo setpriv --reuid={os.getuid()} --regid={os.getgid()} --init-groups "
        f"--inh-caps=+net_raw --ambient-caps=+net_raw {run}"
    )


def _file_capabilities() -> Findings:
    """A right that lies on the interpreter's file is everybody's."""
    interpreter = os.path.realpath(sys.executable)
    try:
        os.getxattr(interpreter, "security.capability")
    except OSError:
        return
    yield warning(
        f"{interpreter} has capabilities of its own, and so has every Python script of every user",
        f"{interpreter} に権限が付いています。全ユーザーの全 Python スクリプトがその権限を持ちます",
        f"sudo setcap -r {shlex.quote(interpreter)}",
    )
