"""``--reload`` of what changes bundles: the sensor that runs takes it, or what was before comes back."""

import argparse
import shlex
from typing import TYPE_CHECKING

from sensor.errors import SensorError

if TYPE_CHECKING:  # a command imports what it needs when it runs
    from pathlib import Path

    from sensor.bundles.state import Record, State


def reload_new(
    options: argparse.Namespace, link: "Path", installed: "Record", before: "State", said: str
) -> int:
    """Say that a version was put in use; with ``--reload`` once the sensor has taken it.

    :param installed, before: as `BundleStore.go_back` takes them.
    :raises SensorError: if the sensor refuses it, which was undone then; or if it can't be asked.
    """
    refused = _ask(options, said)
    if not refused:
        return 0
    from sensor.bundles.store import open_store

    into, name = link.parent.parent, link.parent.name
    action = "rollback"
    try:
        with open_store(into, name) as store:
            action = "rollback" if len(store.state.records) > 1 else "remove"
            current = store.go_back(installed, before)
    except SensorError as error:
        undo = shlex.join(("watchdog-sensor", "signatures", "bundle", action, name, "--into", str(into)))
        raise SensorError(f"{refused}; {link} could not be put back ({error}): run {undo}") from error
    now = f"leads to version {current.version}" if current else "is gone, as nothing was in use before"
    raise SensorError(f"{refused}; {link} {now}")


def reload_changed(options: argparse.Namespace, link: "Path", said: str) -> int:
    """As `reload_new` for what somebody wanted gone: that stays so if the sensor refuses it."""
    if refused := _ask(options, said):
        print(said)
        raise SensorError(f"{refused}; {link} stays as it is now: mend that, then run watchdog-sensor reload")
    return 0


def _ask(options: argparse.Namespace, said: str) -> str:
    """Have the sensor reload, if that was asked for; what it said against it, ``said`` not printed then."""
    if not options.reload:
        print(said)
        return ""
    from sensor.cli.control_client import ask_reload, socket_of
    from sensor.configuration import load_configuration

    try:
        answer = ask_reload(options.socket or socket_of(load_configuration(options.config)))
    except SensorError:
        print(said)  # it is so, though nobody was told
        raise
    if not answer.reloaded:
        return f"the sensor refuses it and goes on with what it had: {answer.reason}"
    print(f"{said}\nthe sensor has {answer.signatures:,} signatures in use")
    return ""
