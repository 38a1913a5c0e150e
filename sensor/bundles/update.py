"""Looks for a newer bundle, and puts it in use."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Final

from sensor.bundles.download import Download, Fetched, Source
from sensor.bundles.files import locked
from sensor.bundles.state import Record, State
from sensor.bundles.store import BundleStore, open_store
from sensor.errors import SensorError
from signatures.bundle.manifest import shown
from signatures.bundle.refusal import BundleError
from signatures.bundle.trust import Trust
from signatures.bundle.verify import verify_bundle

_PART: Final = "download.part"


class Outcome(Enum):
    """How an update ended."""

    INSTALLED = auto()
    NOTHING_NEW = auto()
    HELD_BACK = auto()
    """The newest version is the one that a rollback turned from."""


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update did."""

    outcome: Outcome
    current: Record
    """The version that is in use now."""
    link: Path
    """Where it is."""
    before: State
    """What was known until then, for `BundleStore.go_back`."""


def update_bundle(
    source: Source, trust: Trust, into: Path, now: Callable[[], datetime], sensor: str
) -> Updated:
    """Fetch the bundle of ``trust`` and install it, if it is newer than what ``into`` holds.

    :param now: the time, aware of its zone.
    :param sensor: this sensor's version.
    :raises SensorError: if it can't be fetched or written.
    :raises BundleError: if it must not be used. In both cases what was in use stays.
    """
    with open_store(into, trust.name) as store:
        # Without a version in use there is nothing to keep: whatever is the newest is wanted.
        known = store.state.etag if store.current and store.state.url == source.url else ""
        folder = store.folder
    # Only fetching is locked for so long as a server likes it to be: a rollback can't wait for that.
    with locked(folder / ".download.lock"):
        download = Download(source, folder / _PART)
        try:
            fetched = download.fetch(known)
            download.discard()  # whole, whatever becomes of it: there is nothing to go on with
        except OSError as error:
            raise SensorError(
                f"{folder}: {error.strerror}; free space or mend the folder's rights, and try again"
            ) from error
        with open_store(into, trust.name) as store:
            before = store.state
            outcome = _take(store, fetched, source, trust, now(), sensor)
            return Updated(outcome, _in_date(store, source, now()), store.link, before)


def _take(
    store: BundleStore, fetched: Fetched | None, source: Source, trust: Trust, now: datetime, sensor: str
) -> Outcome:
    """Install what was fetched, if it is new."""
    state, current = store.state, store.current
    held = state.held if current and current.version < state.held else 0
    if fetched is None:
        return Outcome.HELD_BACK if held else Outcome.NOTHING_NEW
    try:
        verified = verify_bundle(fetched.octets, trust, now, sensor, state.ever)
        if verified.manifest.version == held:
            outcome = Outcome.HELD_BACK
        else:
            outcome = Outcome.INSTALLED if store.install(verified) else Outcome.NOTHING_NEW
    except BundleError as error:
        raise BundleError(error.refusal, f"{source.shown}: {error}") from error
    store.note_source(source.url, fetched.etag)
    return outcome


def _in_date(store: BundleStore, source: Source, now: datetime) -> Record:
    """The version in use, if it has not expired.

    :raises SensorError: if it has: a server that keeps newer ones back looks the same as one without.
    """
    current = store.current
    if current is None:
        raise SensorError(f"{store.link}: was removed meanwhile; run it again to have it back")
    if now >= current.expires:
        raise SensorError(
            f"{store.link}: version {current.version} expired on {shown(current.expires)}, "
            f"and {source.shown} has none newer; ask who signs it: a server may be keeping newer ones back"
        )
    return current
