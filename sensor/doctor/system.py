"""Versions, memory, and what the kernel has for capturing and for confining workers."""

import platform
import re
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Final

from sensor.capture.libpcap_library import library
from sensor.configuration.values import size_text
from sensor.doctor.finding import Findings, Subject, describe, ok, problem, warning
from sensor.errors import SensorError

_OLDEST_SQLITE: Final = (3, 37, 0)
"""STRICT tables."""
_SOL_PACKET: Final = 263
_PACKET_VERSION: Final = 10
_TPACKET_V3: Final = 2
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


def check_versions(_subject: Subject) -> Findings:
    """Python and SQLite."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    told = f"{python}, SQLite {sqlite3.sqlite_version}, {platform.system()} {platform.release()}"
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        yield problem(told, told, "install a Python with SQLite 3.37 or newer", "SQLite 3.37 以降が必要です")
    else:
        yield ok(told, told)


def check_memory(subject: Subject) -> Findings:
    """What the sensor may take, against what there is."""
    configuration = subject.configuration
    rings = configuration.capture.ring * max(configuration.worker_count, 1)
    wanted = configuration.limits.memory + rings
    there = _memory()
    parts = f"{size_text(configuration.limits.memory)} + {size_text(rings)}"
    if there is None:
        yield ok(f"at most {parts} of rings", f"最大 {parts}（リング）")
        return
    told = (
        f"at most {parts} of rings, of {there / (1 << 20):,.0f} MiB; no limit on locked memory matters",
        f"最大 {parts}（リング）、全体 {there / (1 << 20):,.0f} MiB。ロック可能メモリの制限は無関係です",
    )
    if wanted > there:
        yield problem(
            *told,
            "lower [limits] memory, or [capture] ring and workers",
            "[limits] memory、または [capture] ring と workers を下げてください",
        )
    elif wanted > there // 2:
        yield warning(
            *told,
            "that is more than half: lower [limits] memory where other programs need it",
            "半分を超えます。ほかのプログラムのために [limits] memory を下げることも検討してください",
        )
    else:
        yield ok(*told)


def check_kernel(subject: Subject) -> Findings:
    """Rings of packet sockets, Landlock, seccomp, libpcap."""
    if sys.platform == "linux":
        yield from _packet_rings()
        yield from _confinement()
    capture = subject.configuration.capture
    try:
        library()
    except SensorError as error:
        needed = capture.bpf or capture.backend_in_use == "libpcap"
        say = problem if needed else warning
        yield say(
            f"{error}", f"{error}", "filters ([capture] bpf) need it", "フィルター（[capture] bpf）に必要です"
        )
    else:
        yield ok("libpcap is there, for filters", "libpcap があります（フィルター用）")


def _packet_rings() -> Findings:
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as any_socket:
            any_socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
    except PermissionError:
        yield ok("rings of packets: not looked at without rights", "パケットリング: 権限がないため未確認です")
    except OSError as error:
        yield problem(
            f"the kernel has no rings of packets (TPACKET_V3: {describe(error)})",
            f"カーネルがパケットリングに対応していません（TPACKET_V3: {describe(error)}）",
            'set [capture] backend = "libpcap", or use a kernel with CONFIG_PACKET, 3.2 or newer',
            '[capture] backend = "libpcap" にするか、CONFIG_PACKET 有効のカーネル 3.2 以降を使ってください',
        )
    else:
        yield ok("the kernel has rings of packets (TPACKET_V3)", "パケットリングがあります（TPACKET_V3）")


def _confinement() -> Findings:
    """What workers are confined by, beside their missing rights."""
    from sensor.worker.landlock import landlock_abi  # noqa: PLC0415  # Linux only
    from sensor.worker.seccomp import find_seccomp  # noqa: PLC0415

    abi = landlock_abi()
    seccomp = find_seccomp() is not None
    shown = f"Landlock {abi or '-'}, seccomp {'+' if seccomp else '-'}"
    if abi and seccomp:
        yield ok(f"workers can be confined ({shown})", f"ワーカーを隔離できます（{shown}）")
    else:
        yield warning(
            f"workers are confined in part only ({shown})",
            f"ワーカーの隔離が一部だけになります（{shown}）",
            "Landlock takes a kernel of 5.13 or newer with lsm=landlock; seccomp takes libseccomp2",
            "Landlock にはカーネル 5.13 以降と lsm=landlock、seccomp には libseccomp2 が必要です",
        )


def _memory() -> int | None:
    """Octets of the machine, or of the control group where that is less; None where nobody tells."""
    try:
        match = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text("ascii"), re.MULTILINE)
    except OSError:
        return None
    if not match:
        return None
    total = int(match[1]) << 10
    try:
        limit = _CGROUP_LIMIT.read_text("ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total
