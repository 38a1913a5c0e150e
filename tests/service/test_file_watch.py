"""Changes of signature files, noticed once they have come to rest."""

import os
from pathlib import Path

from sensor.service.file_watch import FileWatch, stamp_files


def test_every_kind_of_change_is_seen_and_nothing_else(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "one"
    folder.mkdir()
    stamps = [stamp_files([folder, file])]

    def changed() -> bool:
        stamps.append(stamp_files([folder, file]))
        return stamps[-1] != stamps[-2]

    assert not changed()
    file.write_text("a")
    assert changed()
    (folder / "a.toml").write_text("a")
    assert changed()
    (folder / "notes.txt").write_text("a")
    assert not changed()
    (folder / "a.toml").write_text("bb")
    assert changed()
    before = file.stat()
    (tmp_path / "new").write_text("b")
    os.utime(tmp_path / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (tmp_path / "new").replace(file)
    assert changed(), "another file of the same size and time"
    (folder / "a.toml").unlink()
    assert changed()
    file.unlink()
    assert changed()
    assert stamps[-1] == stamps[0] == frozenset()


def test_a_change_counts_when_it_has_come_to_rest(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    watch = FileWatch()

    def look() -> bool:
        return watch.look(stamp_files([tmp_path]))

    watch.use(stamp_files([tmp_path]))
    assert [look(), look()] == [False, False]
    file.write_text("a")
    assert not look(), "it may still be written"
    file.write_text("ab")
    assert [look(), look()] == [False, True]
    watch.use(stamp_files([tmp_path]))
    assert [look(), look()] == [False, False], "what was read is no news, taken or not"


def test_a_reload_for_another_reason_leaves_no_news(tmp_path: Path) -> None:
    watch = FileWatch()
    watch.use(stamp_files([tmp_path]))
    (tmp_path / "a.toml").write_text("a")
    assert not watch.look(stamp_files([tmp_path]))
    watch.use(stamp_files([tmp_path]))
    assert not watch.look(stamp_files([tmp_path]))
