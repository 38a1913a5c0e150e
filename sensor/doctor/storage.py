"""Where the database lies: room, whether it can be written and synced, and whether what it holds is sound."""

import os
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sensor.doctor.finding import Finding, Findings, Subject, describe, ok, problem, warning
from sensor.store.schema import APPLICATION_ID, MIGRATIONS

_LEAST_FREE: Final = 100 << 20
"""Octets. A busy line's detections of some weeks; under this the next log file may fill the disk."""
_FEW_FREE: Final = 1 << 30
_SLOW_SYNC: Final = 0.25
"""Seconds. Detections are committed each second, and four slow ones would take it all."""
_SYNCS: Final = 5
_CHECK_SECONDS: Final = 5.0
"""For reading the database: some gigabytes from a disk that is not slow."""
_STEPS: Final = 10_000
"""Of SQLite's machine between two looks at the clock: some tenths of a millisecond."""
_VOLATILE: Final = ("tmpfs", "ramfs")


def check_disk(subject: Subject) -> Findings:
    """The file system of the database: kind, room, writable, time to sync."""
    folder = subject.database.parent
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    kind = _file_system(there)
    if kind in _VOLATILE:
        yield warning(
            f"{there} is in memory ({kind}): detections are lost when the machine restarts",
            f"{there} はメモリ上にあります（{kind}）。再起動で検知の記録が消えます",
            "name a database on a disk in [store] path",
            "[store] path にディスク上のファイルを指定してください",
        )
    if not os.access(there, os.W_OK | os.X_OK):
        yield problem(
            f"{there} can't be written",
            f"{there} に書き込めません",
            "run doctor with sudo, or change [store] path",
        )
        return
    yield from _room(there)
    if there == folder:
        yield from _writing(there)
    else:
        yield ok(f"{folder} is made at the first start", f"{folder} は初回起動時に作られます")


def check_database(subject: Subject) -> Findings:
    """Whether the database can be read, is of a schema that is known, and is whole."""
    path = subject.database
    if not path.exists():
        yield ok(f"{path} is made at the first start", f"{path} は初回起動時に作られます")
        return
    octets = sum(each.stat().st_size for each in (path, Path(f"{path}-wal")) if each.exists())
    shown = f"{path} ({octets / (1 << 20):,.1f} MiB)"
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2)) as database:
            yield from list(_schema(database, shown)) or _soundness(database, shown)
    except sqlite3.OperationalError as error:
        yield warning(
            f"{path} can't be read now: {error}",
            f"{path} を今は読めません: {error}",
            "sudo watchdog-sensor doctor",
        )
    except sqlite3.DatabaseError as error:
        yield _damaged(shown, str(error))


def _schema(database: sqlite3.Connection, shown: str) -> Findings:
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (count,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if (count and application != APPLICATION_ID) or version > len(MIGRATIONS):
        yield problem(
            f"{shown} is another program's, or a newer watchdog-sensor's",
            f"{shown} は別のプログラム、または新しい版の watchdog-sensor のものです",
            "name another file in [store] path, or update the sensor",
            "[store] path を変えるか、watchdog-sensor を更新してください",
        )


def _soundness(database: sqlite3.Connection, shown: str) -> Findings:
    until = time.monotonic() + _CHECK_SECONDS
    database.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        faults = [str(row[0]) for row in database.execute("PRAGMA quick_check(1)") if row[0] != "ok"]
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        yield ok(
            f"{shown} opens; it is too large to be read whole in {_CHECK_SECONDS:.0f} s",
            f"{shown} を開けます（大きいため、全体は確認していません）",
        )
        return
    yield _damaged(shown, faults[0]) if faults else ok(f"{shown} is sound", f"{shown} は正常です")


def _damaged(shown: str, fault: str) -> Finding:
    return problem(
        f"{shown} is damaged: {fault}",
        f"{shown} は壊れています: {fault}",
        "move it away; 'sqlite3 FILE .recover' saves what can be saved",
        "別の場所に移してください。'sqlite3 FILE .recover' で救える場合があります",
    )


def _room(folder: Path) -> Findings:
    if not hasattr(os, "statvfs"):
        return
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    shown = f"{free / (1 << 30):,.1f} GiB"
    told = (f"{shown} free at {folder}", f"{folder} の空き容量は {shown} です")
    if free < _LEAST_FREE:
        yield problem(
            *told, "free some space, or change [store] path", "空きを増やすか [store] path を変えてください"
        )
    elif free < _FEW_FREE:
        yield warning(
            *told, "free some space, or change [store] path", "空きを増やすか [store] path を変えてください"
        )
    else:
        yield ok(*told)


def _writing(folder: Path) -> Findings:
    """A file of a page is written and synced a few times; the median is told."""
    times = []
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for _ in range(_SYNCS):
                began = time.perf_counter()
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
                times.append(time.perf_counter() - began)
    except OSError as error:
        yield problem(
            f"{folder} can't be written: {describe(error)}",
            f"{folder} に書き込めません: {describe(error)}",
            "mount it writable, or change [store] path",
            "書き込み可能にするか [store] path を変えてください",
        )
        return
    median = sorted(times)[_SYNCS // 2]
    told = (
        f"a commit to {folder} takes {median * 1000:.1f} ms",
        f"{folder} への記録 1 回に {median * 1000:.1f} ms",
    )
    if median > _SLOW_SYNC:
        yield warning(*told, "use a faster disk", "より速いディスクを使ってください")
    else:
        yield ok(*told)


def _file_system(folder: Path) -> str:
    """Kind of the file system that holds ``folder``, as proc_pid_mountinfo(5) calls it; empty elsewhere."""
    best, kind = -1, ""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    resolved = os.path.realpath(folder)
    for line in lines:
        before, _, after = line.partition(" - ")
        # Blanks in names are written as \040.
        point = before.split()[4].encode("utf-8", "surrogateescape").decode("unicode_escape")
        inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, kind = len(point), after.split()[0]
    return kind
