"""Installing: old or new, whole, whatever happens; and no way back but an explicit one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sensor.bundles.state import STATE_FILE, read_state
from sensor.bundles.store import open_store
from sensor.errors import SensorError
from signatures.bundle.manifest import BundledFile
from signatures.bundle.refusal import BundleError, Refusal
from signatures.bundle.verify import Verified, verify_bundle
from signatures.loader import load_signatures
from tests.conftest import ROOT
from tests.signatures.bundle.signing import NAME, NOW, SENSOR, file_of, manifest_of, signed, trust

pytestmark = pytest.mark.posix


def install(into: Path, version: int, *files: BundledFile) -> bool:
    """Verify and install a bundle of that version."""
    bundle = signed(manifest_of(version, files=files or (file_of(2_000_000 + version),)))
    with open_store(into, NAME) as store:
        return store.install(verify_bundle(bundle, trust(), NOW, SENSOR, store.state.ever))


def sids(into: Path) -> list[int]:
    """What a sensor would read."""
    return [each.sid for each in load_signatures([into / NAME / "current"], builtin=False)]


def versions(into: Path) -> list[int]:
    """The versions on the disk."""
    return sorted(int(path.name.partition("-")[0]) for path in (into / NAME / "versions").iterdir())


def test_versions_follow_one_another_and_one_before_is_kept(tmp_path: Path) -> None:
    for version in (1, 2, 5):
        assert install(tmp_path, version)
        assert sids(tmp_path) == [2_000_000 + version]
    assert versions(tmp_path) == [2, 5]
    assert read_state(tmp_path / NAME).highest == 5
    assert not install(tmp_path, 5)


def test_files_are_read_from_one_version_though_the_link_is_replaced_meanwhile(tmp_path: Path) -> None:
    install(tmp_path, 1)
    version = (tmp_path / NAME / "current").resolve()
    (signature,) = load_signatures([tmp_path / NAME / "current"], builtin=False)
    assert signature.source == f"{version / 'a.toml'}:1"


def test_old_one_is_refused_also_after_removal(tmp_path: Path) -> None:
    install(tmp_path, 2)
    with open_store(tmp_path, NAME) as store:
        store.remove()
        assert store.current is None
    assert not (tmp_path / NAME / "current").exists()
    assert versions(tmp_path) == []
    with pytest.raises(BundleError) as caught:
        install(tmp_path, 1)
    assert caught.value.refusal is Refusal.OLDER
    assert install(tmp_path, 2)
    assert sids(tmp_path) == [2_000_002]


def test_rollback_and_forward(tmp_path: Path) -> None:
    install(tmp_path, 1)
    with open_store(tmp_path, NAME) as store, pytest.raises(SensorError, match="no earlier version"):
        store.rollback()
    install(tmp_path, 2)
    with open_store(tmp_path, NAME) as store:
        assert store.rollback().version == 1
    assert sids(tmp_path) == [2_000_001]
    with open_store(tmp_path, NAME) as store:
        assert (store.state.highest, store.state.held) == (2, 2)
        with pytest.raises(SensorError, match="no earlier version"):
            store.rollback()
    assert install(tmp_path, 2)
    assert sids(tmp_path) == [2_000_002]
    assert read_state(tmp_path / NAME).held == 0
    with open_store(tmp_path, NAME) as store:
        assert store.rollback().version == 1


def test_after_a_rollback_the_one_turned_from_goes(tmp_path: Path) -> None:
    for version in (1, 2):
        install(tmp_path, version)
    with open_store(tmp_path, NAME) as store:
        store.rollback()
    install(tmp_path, 3)
    assert versions(tmp_path) == [1, 3]


def test_files_that_were_changed_are_put_back(tmp_path: Path) -> None:
    install(tmp_path, 1)
    install(tmp_path, 2)
    (tmp_path / NAME / "current" / "a.toml").write_text("")
    assert install(tmp_path, 2)
    assert sids(tmp_path) == [2_000_002]
    with open_store(tmp_path, NAME) as store:
        assert store.rollback().version == 1
    (tmp_path / NAME / "current" / "more.toml").write_text("")
    with open_store(tmp_path, NAME) as store:
        assert not store.holds(manifest_of(1))


def test_file_that_an_older_version_had_is_gone(tmp_path: Path) -> None:
    install(tmp_path, 1, file_of(), file_of(2_000_007, "b.toml"))
    install(tmp_path, 2)
    assert [path.name for path in (tmp_path / NAME / "current").iterdir()] == ["a.toml"]


def test_signatures_that_cannot_be_used_change_nothing(tmp_path: Path) -> None:
    install(tmp_path, 1)
    with pytest.raises(BundleError) as caught:
        install(tmp_path, 2, BundledFile.of("a.toml", b"[[signature]]\nsid = 1\n"))
    assert caught.value.refusal is Refusal.UNUSABLE
    assert "a.toml:" in str(caught.value)
    assert sids(tmp_path) == [2_000_001]
    assert versions(tmp_path) == [1]
    assert read_state(tmp_path / NAME).highest == 1


def test_samples_that_fail_change_nothing(tmp_path: Path) -> None:
    install(tmp_path, 1)
    before = (tmp_path / NAME / "current").readlink()
    missed = '[signature.tests]\nmatch = ["nothing of the sort"]\n'
    with pytest.raises(BundleError, match="the first of sid 2000002, number 1") as caught:
        install(tmp_path, 2, file_of(2_000_002, more=missed))
    assert caught.value.refusal is Refusal.UNUSABLE
    assert (tmp_path / NAME / "current").readlink() == before
    assert versions(tmp_path) == [1]
    assert read_state(tmp_path / NAME).highest == 1


def test_installation_that_is_undone(tmp_path: Path) -> None:
    for version in (1, 2, 3):
        with open_store(tmp_path, NAME) as store:
            store.note_source("https://a.example/", f'"{version - 1}"')
            before = store.state
        install(tmp_path, version)
        with open_store(tmp_path, NAME) as store:
            installed = store.current
            assert installed
            store.note_source("https://a.example/", f'"{version}"')
            earlier = store.go_back(installed, before)
            assert store.current == earlier
            assert (store.state.highest, store.state.held, store.state.etag) == (version, 0, before.etag)
            assert store.go_back(installed, before) == earlier
        if version == 1:
            assert earlier is None
            assert not os.path.lexists(tmp_path / NAME / "current")
        if version < 3:
            install(tmp_path, version)
            assert sids(tmp_path) == [2_000_000 + version]
    assert sids(tmp_path) == [2_000_002]


def test_undone_after_a_rollback_the_version_stays_held(tmp_path: Path) -> None:
    for version in (1, 2):
        install(tmp_path, version)
    with open_store(tmp_path, NAME) as store:
        store.rollback()
        before = store.state
    install(tmp_path, 2)
    with open_store(tmp_path, NAME) as store:
        assert store.current
        store.go_back(store.current, before)
        assert store.state.held == 2
    assert sids(tmp_path) == [2_000_001]


def test_one_command_at_a_time(tmp_path: Path) -> None:
    with (
        open_store(tmp_path, NAME),
        pytest.raises(SensorError, match="another command is at work"),
        open_store(tmp_path, NAME),
    ):
        pass
    assert install(tmp_path, 1)


def test_damaged_state_is_not_taken_for_none(tmp_path: Path) -> None:
    install(tmp_path, 2)
    for octets in (b"", b"{", b"[]", b'{"highest":"2"}'):
        (tmp_path / NAME / STATE_FILE).write_bytes(octets)
        with pytest.raises(SensorError, match="is damaged"):
            install(tmp_path, 1)
    assert sids(tmp_path) == [2_000_002]


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SensorError, match="Not a directory; name a folder"):
        install(tmp_path / "file", 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with hardly any room."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "watchdog-test", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.mark.root
@pytest.mark.linux
def test_full_disk_leaves_the_old_one(small_disk: Path) -> None:
    install(small_disk, 1)
    large = file_of(2_000_002, more="#" * 120_000)
    with pytest.raises(SensorError, match="No space left on device; what was in use before stays"):
        install(small_disk, 2, large)
    assert sids(small_disk) == [2_000_001]
    assert versions(small_disk) == [1]
    # Room for the files and the state, hardly for the link: wherever it ends, it is whole.
    filler = small_disk / "filler"
    for free in range(0, 40_000, 4096):
        room = os.statvfs(small_disk)
        filler.write_bytes(b"." * max(0, room.f_bavail * room.f_frsize - free))
        try:
            install(small_disk, 2)
        except SensorError:
            assert sids(small_disk) == [2_000_001]
        else:
            break
        finally:
            filler.unlink()
    assert sids(small_disk) == [2_000_002]


def test_kill_at_every_line_leaves_old_or_new_whole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bundles.killed", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [how for _, how in lines[:-1]] == ["killed"] * (len(lines) - 1)
    assert lines[-1][1] == "done"
    assert len(lines) > 100
    seen: dict[tuple[int, int, int], Path] = {}
    for name, _ in lines:
        into = tmp_path / name
        before, state = sids(into), read_state(into / NAME)
        assert before in ([2_000_001], [2_000_002])
        assert state.highest >= before[0] - 2_000_000
        seen[before[0], state.highest, len(versions(into))] = into
    assert {key[:2] for key in seen} == {(2_000_001, 1), (2_000_001, 2), (2_000_002, 2)}
    for into in seen.values():  # the next one gets it done, and what was left lying is gone
        install(into, 2)
        assert sids(into) == [2_000_002]
        assert versions(into) == [1, 2]
        with open_store(into, NAME) as store:
            assert store.rollback().version == 1


def test_expired_bundle_that_is_in_use_can_be_gone_back_to(tmp_path: Path) -> None:
    early = signed(manifest_of(1, expires=NOW + timedelta(seconds=1)))
    with open_store(tmp_path, NAME) as store:
        verified: Verified = verify_bundle(early, trust(), NOW, SENSOR)
        store.install(verified)
    install(tmp_path, 2)
    with open_store(tmp_path, NAME) as store:
        assert store.rollback().expires < NOW + timedelta(days=1)
