"""System calls that Python has no function for: prctl(2), capset(2), and those without a wrapper in libc.

Declared once, so that pointers and longs keep their width, and every failure is an OSError.
"""

import ctypes
import os
from functools import cache
from typing import Any


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    libc.capset.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    libc.syscall.restype = ctypes.c_long
    return libc


def prctl(option: int, *values: int) -> int:
    """Ask the kernel to change this process (prctl(2)); arguments left out are 0, as it wants them.

    :raises OSError: if the kernel refuses.
    """
    return _checked(_libc().prctl(option, *values, *[0] * (4 - len(values))), f"prctl {option}")


def trim_heap() -> None:
    """Give what is free back to the kernel (malloc_trim(3)); does nothing where libc is not glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))


def capset(header: ctypes.Structure, data: "ctypes.Array[Any]") -> None:
    """Set the capability sets of this thread (capset(2)).

    :raises OSError: if the kernel refuses.
    """
    _checked(_libc().capset(ctypes.byref(header), ctypes.byref(data)), "capset")


def syscall(number: int, *values: Any) -> int:
    """Call the kernel; ``values`` are ctypes' (an int would be cut to 32 bits).

    :raises OSError: if the kernel refuses.
    """
    return _checked(_libc().syscall(ctypes.c_long(number), *values), f"syscall {number}")


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
