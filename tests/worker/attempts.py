"""What an intruder in a worker would try; each raises OSError, or does it."""

import ctypes
import mmap
import os
import resource
import select
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_PTRACE_ATTACH = 16
_CLONE_NEWUSER = 0x10000000


def attempts(options: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """By name. Ports and paths of ``options`` are listened to by the parent."""
    parent = os.getppid()
    page = mmap.mmap(-1, mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    tries: dict[str, Callable[[], object]] = {
        "read /etc/passwd": lambda: os.close(os.open("/etc/passwd", os.O_RDONLY)),
        "read own memory": lambda: os.close(os.open("/proc/self/mem", os.O_RDWR)),
        "read own status": lambda: os.close(os.open("/proc/self/status", os.O_RDONLY)),
        "read program": lambda: os.close(os.open(__file__, os.O_RDONLY)),
        "list program": lambda: list(Path(__file__).parent.iterdir()),
        "list /": lambda: list(Path("/").iterdir()),
        "write /tmp": lambda: os.close(os.open("/tmp", os.O_WRONLY | os.O_TMPFILE, 0o600)),
        "make directory": Path(f"/tmp/watchdog-{os.getpid()}").mkdir,
        "stat": Path("/etc/passwd").stat,
        "change directory": lambda: os.chdir("/"),
        "memfd": lambda: os.close(os.memfd_create("x")),
        "TCP": lambda: _connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", options["tcp"])),
        "UDP": lambda: _connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", options["tcp"])),
        "Unix socket": lambda: _connect(socket.AF_UNIX, socket.SOCK_STREAM, options["path"]),
        "abstract socket": lambda: _connect(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{options['abstract']}"),
        "packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close(),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).close(),
        "pair of sockets": socket.socketpair,
        "process": _fork,
        "thread": lambda: threading.Thread(target=int).start(),
        "ask after parent": lambda: os.kill(parent, 0),
        "signal all": lambda: os.kill(-1, 0),
        "pidfd": lambda: os.close(os.pidfd_open(parent)),
        "become root": lambda: os.setuid(0),
        "become root group": lambda: os.setresgid(0, 0, 0),
        "capability": lambda: _prctl(47, 2, 13),  # raise CAP_NET_RAW in the ambient set
        "dumpable": lambda: _prctl(4, 1),
        "executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC).close(),
        "executable page": lambda: _checked(
            _libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), 5)
        ),
        "raise limit": _raise_limit,
        "type into terminal": lambda: _checked(_libc.ioctl(2, 0x5412, b"x")),  # TIOCSTI
        "poll": lambda: select.poll().poll(0),
        "epoll": lambda: select.epoll().close(),
        "execute": lambda: os.execv("/bin/true", ["true"]),
        "trace parent": lambda: _checked(_libc.ptrace(_PTRACE_ATTACH, parent, 0, 0)),
        "parent's memory": lambda: _read_memory(parent, address),
        "new user namespace": lambda: _checked(_libc.unshare(_CLONE_NEWUSER)),
    }
    if "inherited" in options:
        tries["inherited file"] = lambda: os.read(options["inherited"], 1)
    if "unconnected" in options:
        unconnected = socket.socket(fileno=options["unconnected"])
        tries["connect what is kept"] = lambda: unconnected.connect(("127.0.0.1", options["tcp"]))
    return tries


DEADLY = ("execute", "trace parent", "parent's memory", "new user namespace")
"""These end a process under the filter."""
HARMLESS = ("poll", "epoll")


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def _connect(family: int, kind: int, address: Any) -> None:
    with socket.socket(family, kind) as one:
        one.connect(address)


def _fork() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _prctl(*values: int) -> None:
    _checked(_libc.prctl(*[ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:5]]))


def _raise_limit() -> None:
    _checked(_libc.setrlimit(resource.RLIMIT_CORE, (ctypes.c_ulong * 2)(1, 1)))


def _read_memory(pid: int, address: int) -> None:
    vector = (ctypes.c_size_t * 2)(address, 1)
    size = ctypes.c_ulong
    _checked(_libc.process_vm_readv(pid, vector, size(1), vector, size(1), size(0)))
