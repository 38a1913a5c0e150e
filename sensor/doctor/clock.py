"""Whether the clock can be trusted to date detections (adjtimex(2))."""

import ctypes
import sys
from datetime import UTC, datetime
from typing import Final

from sensor.doctor.finding import Findings, Subject, describe, ok, problem, warning

_TIME_ERROR: Final = 5
_STA_UNSYNC: Final = 0x40
_EARLIEST: Final = 2026
"""The year of this program: a clock before it has stopped, or was never set (a board without a battery)."""


class _Timex(ctypes.Structure):
    """struct timex as far as it is read; modes 0 only asks."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def check_clock(_subject: Subject) -> Findings:
    """The year, and whether something keeps the clock right."""
    now = datetime.now(UTC)
    shown = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now.year < _EARLIEST:
        yield problem(
            f"the clock is wrong: {shown}",
            f"時計が合っていません: {shown}",
            "sudo timedatectl set-ntp true",
        )
        return
    if sys.platform != "linux":
        yield ok(
            f"{shown}; whether it is synchronised was not looked at", f"{shown}（同期は確認していません）"
        )
        return
    try:
        synchronised, error_us = _ask()
    except (OSError, AttributeError) as error:
        yield warning(
            f"{shown}; whether it is synchronised can't be told ({describe(error)})",
            f"{shown}（同期しているか分かりません: {describe(error)}）",
            "timedatectl status",
        )
        return
    if synchronised:
        yield ok(
            f"{shown}, synchronised to {error_us / 1e6:.3f} s",
            f"{shown}、同期しています（誤差 {error_us / 1e6:.3f} 秒以内）",
        )
    else:
        yield warning(
            f"{shown}, not synchronised: detections may be dated wrong",
            f"{shown}、同期していません。検知の日時がずれるおそれがあります",
            "sudo timedatectl set-ntp true",
        )


def _ask() -> tuple[bool, int]:
    """Whether the clock is synchronised, and its largest error in µs.

    :raises OSError: if the kernel does not tell.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    timex = _Timex()
    state = libc.adjtimex(ctypes.byref(timex))
    if state < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return state != _TIME_ERROR and not timex.status & _STA_UNSYNC, timex.maxerror
