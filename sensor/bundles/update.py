"""Looks for a newer bundle, and puts it in use."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Final

from sensor.bundles.download import Download, Source
from sensor.bundles.state import Record
from sensor.bundles.store import BundleStore, open_store
from sensor.errors import SensorError
from signatures.bundle.manifest import utc
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
        state, current = store.state, store.current
        # Without a version in use there is nothing to keep: whatever is the newest is wanted.
        known = state.etag if current and state.url == source.url else ""
        held = state.held if current and current.version < state.held else 0
        download = Download(source, store.folder / _PART)
        try:
            fetched = download.fetch(known)
        except OSError as error:
            raise SensorError(
                f"{store.folder}: {error.strerror}; free space or mend the folder's rights, and try again"
            ) from error
        outcome = Outcome.HELD_BACK if held else Outcome.NOTHING_NEW
        if fetched is not None:
            try:
                verified = verify_bundle(fetched.octets, trust, now(), sensor, state.ever)
                if verified.manifest.version != held:
                    outcome = Outcome.INSTALLED if store.install(verified) else Outcome.NOTHING_NEW
            except BundleError as error:
                raise BundleError(error.refusal, f"{source.shown}: {error}") from error
            finally:
                # Whole or not what it should be: either way there is nothing to go on with.
                download.discard()
            store.note_source(source.url, fetched.etag)
        return Updated(outcome, _in_date(store, source, now()), store.link)


def _in_date(store: BundleStore, source: Source, now: datetime) -> Record:
    """The version in use, if it has not expired.

    :raises SensorError: if it has: a server that keeps newer ones back looks the same as one without.
    """
    current = store.current
    assert current is not None
    if now >= current.expires:
        raise SensorError(
            f"{store.link}: version {current.version} expired on {utc(current.expires)}, and {source.shown} "
            "has none newer; ask who signs it: a server may be keeping newer ones back"
        )
    return current
