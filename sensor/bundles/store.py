"""Where a bundle's versions lie, and which one is in use.

::

    DIR/NAME/current -> versions/12-5e0b…     what a sensor is told to read
             versions/12-5e0b…/*.toml
             versions/11-93ac…/*.toml         kept for a rollback
             state.json                       the highest version ever installed, …

A version's folder is written and flushed, then the state, then the link is replaced, which is one step of
the file system. Whoever is killed between any two of these leaves the old version in use, whole, and the
state never below what the link shows: a lower version can't slip in by a crash.
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from sensor.bundles.files import locked, replace_file, replace_link, sync_folder, write_new
from sensor.bundles.state import STATE_FILE, Record, State, encode_state, read_state
from sensor.errors import SensorError
from sensor.matching.cache import Cache
from sensor.places import plan_cache
from sensor.proof.additions import prove_additions
from sensor.proof.samples import failures_text
from signatures.bundle.manifest import Manifest
from signatures.bundle.refusal import BundleError, Refusal
from signatures.bundle.verify import Verified
from signatures.loader import check_files

_VERSIONS: Final = "versions"
_LINK: Final = "current"


@dataclass(slots=True)
class BundleStore:
    """One bundle's folder; open it with `open_store`, which locks it."""

    folder: Path
    state: State

    @property
    def link(self) -> Path:
        """What a sensor is told to read."""
        return self.folder / _LINK

    @property
    def current(self) -> Record | None:
        """The version in use, if one is."""
        try:
            name = self.link.readlink().name
            if not self.link.is_dir():
                return None
        except OSError:
            return None
        return next((record for record in self.state.records if record.folder == name), None)

    def holds(self, manifest: Manifest) -> bool:
        """Whether that version is in use, and its files are as they were installed."""
        current = self.current
        if current is None or current.version != manifest.version:
            return False
        folder = self._versions / current.folder
        try:
            if sorted(path.name for path in folder.iterdir()) != [file.name for file in manifest.files]:
                return False
            return all((folder / file.name).read_bytes() == file.text.encode() for file in manifest.files)
        except OSError:
            return False

    def install(self, verified: Verified) -> bool:
        """Put a verified bundle in use; False if it already is.

        :raises BundleError: if its signatures are not sound, or samples fail; nothing has changed then.
        :raises SensorError: if it can't be written; the version before stays in use.
        """
        manifest = verified.manifest
        if self.holds(manifest):
            return False
        with self._explained():
            try:
                self._put_in_use(manifest, verified.digest)
            finally:
                self._sweep()
        return True

    def rollback(self) -> Record:
        """Put the version before in use again; an update does not bring back the one that was turned from.

        :raises SensorError: if there is none, or it can't be done.
        """
        current = self.current
        earlier = (
            [] if current is None else [old for old in self.state.records if old.version < current.version]
        )
        if current is None or not earlier:
            raise SensorError(f"{self.folder}: no earlier version is kept; install a newer bundle instead")
        record = earlier[-1]
        if not (self._versions / record.folder).is_dir():
            raise SensorError(f"{self._versions / record.folder}: is gone; install a newer bundle instead")
        with self._explained():
            self._save(replace(self.state, held=current.version))
            replace_link(self.link, Path(_VERSIONS) / record.folder)
        return record

    def go_back(self, installed: Record, before: State) -> Record | None:
        """Undo an installation whose version is of no use here; an update may bring it again.

        Its files stay to be looked at until another version comes, and that it was there stays known.

        :param installed: what it put in use.
        :param before: the state that it found.
        :returns: what is in use now: what was before, None if nothing was and the link is gone. If another
            command has put something else in use meanwhile, that; it stays so.
        :raises SensorError: if it can't be done.
        """
        records = self.state.records
        if self.current != installed or records[-1] != installed:
            return self.current
        earlier = records[-2] if len(records) > 1 else None  # what was in use: `_kept_beside`
        try:
            self._save(replace(self.state, held=before.held, url=before.url, etag=before.etag))
            if earlier:
                replace_link(self.link, Path(_VERSIONS) / earlier.folder)
            else:
                self.link.unlink()
                sync_folder(self.folder)
        except OSError as error:
            raise SensorError(error.strerror or str(error)) from error
        return earlier

    def remove(self) -> None:
        """Take the bundle out of use and remove its files; which version was the highest stays known.

        :raises SensorError: if it can't be done.
        """
        with self._explained():
            self.link.unlink(missing_ok=True)
            sync_folder(self.folder)
            self._save(replace(self.state, held=0, records=(), url="", etag=""))
            self._sweep()

    def note_source(self, url: str, etag: str) -> None:
        """Remember where the highest version came from, so that the same is not fetched again."""
        with self._explained():
            self._save(replace(self.state, url=url, etag=etag))

    @property
    def _versions(self) -> Path:
        return self.folder / _VERSIONS

    def _put_in_use(self, manifest: Manifest, digest: str) -> None:
        self._sweep()  # what a killed command left takes room
        folder = self._versions / f"{manifest.version}-{secrets.token_hex(4)}"
        self._write_version(folder, manifest)
        record = Record(folder.name, manifest.version, digest, manifest.expires)
        self._save(
            State(
                highest=manifest.version,
                digest=digest,
                records=(*self._kept_beside(manifest.version), record),
            )
        )
        replace_link(self.link, Path(_VERSIONS) / folder.name)

    def _kept_beside(self, version: int) -> tuple[Record, ...]:
        """What stays when ``version`` comes: the one in use, and one to go back to."""
        current = self.current
        if current is None or current.version < version:
            return () if current is None else (current,)
        # The same version again, because somebody changed its files.
        return (*[old for old in self.state.records if old.version < current.version][-1:], current)

    def _write_version(self, folder: Path, manifest: Manifest) -> None:
        folder.mkdir(parents=True)
        for file in manifest.files:
            write_new(folder / file.name, file.text.encode())
        sync_folder(folder)
        sync_folder(self._versions)
        checked = check_files([folder])
        if checked.problems:
            problem = checked.problems[0]
            where = f"{Path(problem.file).name}:{problem.line}"
            raise BundleError(
                Refusal.UNUSABLE,
                f"holds signatures that can't be used: {where}: {problem.reason}; tell who made it",
            )
        if failures := prove_additions(checked.loaded.signatures, Cache(plan_cache())):
            raise BundleError(
                Refusal.UNUSABLE,
                f"holds signatures that can't be used: {failures_text(failures)}; tell who made it",
            )

    def _save(self, state: State) -> None:
        replace_file(self.folder / STATE_FILE, encode_state(state))
        self.state = state

    def _sweep(self) -> None:
        """Remove what no record names: older versions, and what a killed command left."""
        kept = {record.folder for record in self.state.records}
        with suppress(OSError):  # what can't be removed now goes the next time
            for path in self._versions.iterdir():
                if path.name not in kept:
                    shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SensorError(
                f"{self.folder}: {error.strerror or error}; what was in use before stays: "
                "free space or mend the folder's rights, and try again"
            ) from error


@contextmanager
def open_store(into: Path, name: str) -> Iterator[BundleStore]:
    """The folder of bundle ``name`` in ``into``, made if it is not there, locked for one command at a time.

    :raises SensorError: if that can't be done.
    """
    folder = into / name
    with ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(folder / ".lock"))
        except OSError as error:
            raise SensorError(
                f"{folder}: {error.strerror}; name a folder that you may write to with --into"
            ) from error
        yield BundleStore(folder, read_state(folder))
