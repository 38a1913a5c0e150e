"""Two network namespaces joined by a veth pair: a line of the test's own, with nothing else on it.

Needs the marker ``netns``. No packet crosses the line but those that a test sends: neighbours are permanent,
so that no ARP is needed, and IPv6 is off unless asked for (with it on, the kernel reports multicast groups).
"""

import ctypes
import itertools
import os
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensor.capture.links import read_link

CLONE_NEWNET = 0x40000000

_count = itertools.count()


@dataclass(frozen=True, slots=True)
class Namespace:
    """One side of the line."""

    name: str
    device: str
    """Its end of the veth pair."""
    mac: str
    address: str
    address6: str
    """Assigned only where IPv6 was asked for."""

    def command(self, *command: str) -> list[str]:
        """The command line that runs ``command`` inside."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str) -> str:
        """Run a program inside; returns its standard output, raises where it fails."""
        return run(*self.command(*command))

    def popen(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        """Start a program inside."""
        return subprocess.Popen(self.command(*command), **options)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread inside: sockets opened meanwhile stay there, programs started run there."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            try:
                _set_namespace(there)
            finally:
                os.close(there)
            try:
                yield
            finally:
                _set_namespace(home)
        finally:
            os.close(home)


@dataclass(frozen=True, slots=True)
class Line:
    """Both sides."""

    left: Namespace
    right: Namespace


@contextmanager
def veth_line(mtu: int = 1500, *, ipv6: bool = False) -> Generator[Line]:
    """Make a line, and remove it with everything in it.

    :param mtu: up to 65,535.
    """
    stem = f"wd{os.getpid():x}-{next(_count)}"
    left = Namespace(f"{stem}l", "veth-l", "02:00:00:00:00:01", "10.99.0.1", "fd99::1")
    right = Namespace(f"{stem}r", "veth-r", "02:00:00:00:00:02", "10.99.0.2", "fd99::2")
    with _namespace(left.name), _namespace(right.name):
        peer = ("peer", "name", right.device, "address", right.mac, "mtu", str(mtu), "netns", right.name)
        ends = (left.device, "address", left.mac, "mtu", str(mtu), "type", "veth", *peer)
        run("ip", "-n", left.name, "link", "add", *ends)
        for here, there in ((left, right), (right, left)):
            _set_up(here, there, ipv6=ipv6)
        for side in (left, right):
            _await_carrier(side)
        yield Line(left, right)


def run(*command: str) -> str:
    """Run a program; returns its standard output, raises with what it complained of where it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@contextmanager
def _namespace(name: str) -> Iterator[None]:
    run("ip", "netns", "add", name)
    try:
        yield
    finally:
        run("ip", "netns", "delete", name)


def _set_up(here: Namespace, there: Namespace, *, ipv6: bool) -> None:
    with here.entered():
        settings = Path("/proc/sys/net/ipv6/conf")  # of the reader's namespace
        if not ipv6:
            (settings / "all/disable_ipv6").write_text("1", encoding="ascii")
        run("ip", "link", "set", here.device, "addrgenmode", "none")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "set", here.device, "up")
        run("ip", "address", "add", f"{here.address}/24", "dev", here.device)
        neighbours = [there.address]
        if ipv6:
            run("ip", "address", "add", f"{here.address6}/64", "dev", here.device, "nodad")
            neighbours.append(there.address6)
        for neighbour in neighbours:
            run(
                *("ip", "neighbour", "replace", neighbour, "lladdr", there.mac),
                *("dev", here.device, "nud", "permanent"),
            )


def _await_carrier(side: Namespace) -> None:
    """The kernel tells a device of its carrier in its own time, and drops what is sent before."""
    deadline = time.monotonic() + 10
    with side.entered():
        while not ((link := read_link(side.device)) and link.is_running):
            assert time.monotonic() < deadline
            time.sleep(0.001)


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")
