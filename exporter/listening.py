"""Addresses to listen on: ``host:port``, ``[IPv6]:port``, ``:port`` for all addresses of the machine."""

import contextlib
import errno
import re
import socket
from collections.abc import Iterable
from typing import Final

from sensor.errors import ConfigError, SensorError

_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_BACKLOG: Final = 64
"""Connections that wait to be accepted."""


def listen(addresses: Iterable[str]) -> list[socket.socket]:
    """Sockets that listen on every one of ``addresses``; several for a name that has several.

    :raises ConfigError: if one is no address, or not this machine's.
    :raises SensorError: if one is taken, or needs rights.
    """
    with contextlib.ExitStack() as undo:
        opened = [undo.enter_context(opened) for address in addresses for opened in _open(address)]
        undo.pop_all()
    return opened


def _open(address: str) -> list[socket.socket]:
    match = _ADDRESS.fullmatch(address)
    if not match or int(match["port"]) > 65535:
        raise ConfigError(
            f"metrics: {address} is no address to listen on; write 127.0.0.1:9477 or [::1]:9477"
        )
    host, port = match["v6"] or match["host"], int(match["port"])
    if not host:
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        return [_bind(address, family, ("", port), dual=dual)]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"metrics: {address}: {host} has no address; use one of this machine's") from error
    with contextlib.ExitStack() as undo:
        opened = []
        for family, _, _, _, place in dict.fromkeys(found):
            opened.append(undo.enter_context(_bind(address, family, place)))
        undo.pop_all()
    return opened


def _bind(address: str, family: int, place: tuple[object, ...], *, dual: bool = False) -> socket.socket:
    try:
        listening = socket.create_server(place, family=family, backlog=_BACKLOG, dualstack_ipv6=dual)
    except OSError as error:
        port = place[1]
        match error.errno:
            case errno.EADDRINUSE:
                raise SensorError(
                    f"metrics: {address} is used by another program; stop it (ss -ltnp 'sport = :{port}'"
                    " names it) or set another address"
                ) from error
            case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
                raise ConfigError(
                    f"metrics: {address}: this machine has no such address; ip address lists those it has"
                ) from error
            case errno.EACCES:
                raise SensorError(
                    f"metrics: {address}: no right to listen there; use a port of 1024 or above"
                ) from error
        raise SensorError(f"metrics: {address}: {error.strerror}; set another address") from error
    listening.setblocking(False)  # as asyncio needs them
    return listening
