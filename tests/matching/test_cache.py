"""Compiled sets on disk: what was compiled is found again, and only that."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sensor.matching.cache import Cache, digest
from sensor.matching.compile import compile_cached, dump_databases
from tests.signatures.build import signature

MANY = [signature(*(f"機密{number}" for number in range(20)), sid=1)]


def test_what_was_put_is_got(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "plans")
    assert cache.get(MANY) is None
    compile_cached(MANY, cache)
    (kept,) = (tmp_path / "plans").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    assert cache.get(MANY) == dump_databases(MANY)
    assert len(compile_cached(MANY, cache).clauses) == 1


def test_what_is_compiled_at_once_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    plain = [signature(contents=(b"RFB 003.",))]
    compile_cached(plain, cache)
    assert list(tmp_path.iterdir()) == []


def test_a_name_tells_what_is_looked_for_and_nothing_else() -> None:
    (one,) = MANY
    assert digest(MANY) == digest([replace(one, name={"en": "other"}, rev=9)])
    assert digest(MANY) != digest([signature("機密", sid=1)])
    (clause,) = one.clauses
    assert digest(MANY) != digest([replace(one, clauses=(replace(clause, folds=()),))])


def _damage(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _open_to_others(path: Path) -> None:
    path.chmod(0o620)


@pytest.mark.posix
@pytest.mark.parametrize("harm", [_damage, _cut, _empty, _open_to_others])
def test_a_file_that_may_be_wrong_is_none(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    cache = Cache(tmp_path)
    compile_cached(MANY, cache)
    (kept,) = tmp_path.iterdir()
    harm(kept)
    assert cache.get(MANY) is None
    assert len(compile_cached(MANY, cache).clauses) == 1
    assert cache.get(MANY) is not None


def test_a_directory_that_cannot_be_made_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert len(compile_cached(MANY, Cache(tmp_path / "file" / "plans")).clauses) == 1


def test_old_files_go(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for sid in range(12):
        path = tmp_path / f"{sid}.plan"
        path.touch()
        os.utime(path, (sid, sid))
    compile_cached(MANY, cache)
    names = {path.name for path in tmp_path.iterdir()}
    assert len(names) == 8
    assert "11.plan" in names
    assert "0.plan" not in names
