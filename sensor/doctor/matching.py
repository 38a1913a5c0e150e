"""Hyperscan on this processor, tried with a keyword; the signatures, loaded and compiled."""

import platform
import time
from pathlib import Path
from typing import Final

from sensor.doctor.finding import Findings, Subject, describe, ok, problem, warning
from sensor.errors import SensorError

_KEYWORD: Final = "遠隔操作".encode()
_TEXT: Final = "手順: 遠隔操作を開始".encode()
_X86_NEEDED: Final = ("ssse3", "sse4_2", "popcnt")
"""What Vectorscan's build for x86-64 takes at least (x86-64-v2)."""
_X86_FAST: Final = "avx2"


def check_processor(_subject: Subject) -> Findings:
    """The features that Hyperscan needs and those that make it fast; a keyword found and one not."""
    features = _features()
    machine = platform.machine()
    missing = [name for name in _X86_NEEDED if name not in features] if features and _is_x86(machine) else []
    if missing:
        yield problem(
            f"this processor lacks {', '.join(missing)}, which Hyperscan needs",
            f"この CPU には Hyperscan に必要な {', '.join(missing)} がありません",
            "use a processor of x86-64-v2 (2009 or later); in a virtual machine, pass the host's CPU on",
            "x86-64-v2（2009 年以降）の CPU か、仮想マシンではホストの CPU 設定を使ってください",
        )
        return
    try:
        import hyperscan  # noqa: PLC0415  # whether it can be imported is the question

        database = hyperscan.Database()
        database.compile(expressions=[_KEYWORD], ids=[1], elements=1, flags=[0])
        found: list[int] = []
        database.scan(_TEXT, match_event_handler=lambda _id, _start, end, *_: found.append(end))
        version = str(database.info()).split()[1]
    except Exception as error:  # noqa: BLE001  # whatever it is, this is what is looked for
        yield problem(
            f"Hyperscan does not work here: {describe(error)}",
            f"Hyperscan が動きません: {describe(error)}",
            "pip install --force-reinstall hyperscan",
        )
        return
    if found != [_TEXT.index(_KEYWORD) + len(_KEYWORD)]:
        yield problem(
            "Hyperscan did not find a Japanese keyword where it is",
            "Hyperscan が日本語キーワードを正しく検出できません",
            "pip install --force-reinstall hyperscan",
        )
        return
    fast = [name for name in (_X86_FAST, "avx512f", "asimd", "sve2") if name in features]
    shown = ", ".join([machine, *fast])
    told = (
        f"Hyperscan {version} found a Japanese test keyword ({shown})",
        f"Hyperscan {version} がテスト用の日本語キーワードを検出しました（{shown}）",
    )
    if features and _is_x86(machine) and _X86_FAST not in features:
        yield warning(*told, "a processor with AVX2 scans faster", "AVX2 のある CPU ではより速く検査できます")
    else:
        yield ok(*told)


def check_signatures(subject: Subject) -> Findings:
    """Whether the signatures load, and how long compiling them takes."""
    from sensor.matching.compile import compile_signatures  # noqa: PLC0415  # numpy, Hyperscan
    from signatures.loader import load_signatures  # noqa: PLC0415

    wanted = subject.configuration.signatures
    try:
        loaded = load_signatures(wanted.paths, builtin=wanted.builtin)
    except SensorError as error:
        lines = str(error).splitlines()
        more = f" (+{len(lines) - 1})" if len(lines) > 1 else ""
        yield problem(f"{lines[0]}{more}", f"{lines[0]}{more}", "watchdog-sensor signatures check FILE")
        return
    if not len(loaded):
        yield problem(
            "there is no signature: nothing would be detected",
            "シグネチャがありません。何も検知されません",
            "set [signatures] builtin = true, or name files in paths",
            "[signatures] builtin = true にするか paths を指定してください",
        )
        return
    began = time.perf_counter()
    compile_signatures(loaded.signatures)
    seconds = time.perf_counter() - began
    yield ok(
        f"{len(loaded):,} signatures, compiled in {seconds:.2f} s",
        f"シグネチャ {len(loaded):,} 件（準備に {seconds:.2f} 秒）",
    )


def _is_x86(machine: str) -> bool:
    return machine.lower() in ("x86_64", "amd64")


def _features() -> frozenset[str]:
    """The processor's features as the kernel names them; empty where it does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()
