"""``signatures update``, and what a running sensor makes of a bundle."""

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import pytest

from sensor.status import ReloadAnswer
from tests.bundles.certificates import Authority
from tests.bundles.mirror import serving
from tests.cli.bundling import install, ready
from tests.cli.command import Sensor
from tests.netns import veth_line
from tests.service.live import await_, live_sensor
from tests.signatures.bundle.signing import NAME, TOML, file_of

pytestmark = pytest.mark.posix


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name leaves room for that of a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.usefixtures("signers")
def test_update(sensor: Sensor, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, pin = authority.issue()
    with serving(certificate) as mirror:
        mirror.content = (sensor.home / ready(sensor, 1)).read_bytes()
        words = ("--trust", "trust.toml", "--into", "into", "--ca", authority.file)
        update = ("signatures", "update", mirror.url, *words, "--pin", pin)
        done = sensor(*update)
        assert (done.status, done.err) == (0, "")
        assert "version 1 is in use; expires 20" in done.out
        done = sensor(*update)
        assert (done.status, done.err) == (0, "")
        assert "version 1 stays in use, there is none newer" in done.out
        assert [status for status, _ in mirror.seen] == [200, 304]
        wrong = sensor("signatures", "update", mirror.url, *words, "--pin", "sha256/" + "A" * 43 + "=")
        assert wrong.status == 1
        assert pin in wrong.line
        assert "someone may be in between" in wrong.line
        assert sensor("signatures", "update", mirror.url, *words, "--pin", "sha256/AA").status == 2
        assert sensor("signatures", "update", mirror.url.replace("https", "http"), *words).status == 2
    broken = sensor(*update)
    assert broken.status == 1
    assert "does not answer" in broken.line


@pytest.mark.usefixtures("signers")
def test_reload_where_no_sensor_runs_says_so_and_the_bundle_is_in_use(sensor: Sensor) -> None:
    file = ready(sensor, 1)
    done = sensor(
        *("signatures", "bundle", "install", file, "--trust", "trust.toml", "--into", "into"),
        *("--reload", "--socket", "none.sock"),
    )
    assert done.status == 1
    assert "no sensor listens there" in done.line
    assert "version 1 is in use" in done.out


@pytest.mark.usefixtures("signers")
def test_update_that_is_killed_is_gone_on_with(sensor: Sensor, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serving(authority.issue()[0]) as mirror:
        mirror.content = (sensor.home / ready(sensor, 1)).read_bytes()
        mirror.stall = threading.Event()
        update = ("signatures", "update", mirror.url, "--trust", "trust.toml", "--into", "into")
        process = sensor.start(*update, "--ca", authority.file)
        part = sensor.home / "into" / NAME / "download.part"
        half = len(mirror.content) // 2
        await_(lambda: part.exists() and part.stat().st_size == half, "half of it")
        process.kill()
        process.communicate()
        mirror.stall.set()
        done = sensor(*update, "--ca", authority.file)
        assert (done.status, done.err) == (0, "")
        assert mirror.seen[-1] == (206, f"bytes={half}-")
    assert not part.exists()


@pytest.mark.netns
@pytest.mark.usefixtures("signers")
def test_running_sensor_takes_the_new_version_into_use(sensor: Sensor) -> None:
    first = ready(sensor, 1)
    second = ready(sensor, 2, file_of(2_000_100, "b.toml"))
    install(sensor, first)
    current = sensor.home / "into" / NAME / "current"
    with (
        veth_line() as line,
        live_sensor(sensor.command, line.right, sensor.home, "--no-builtin", "--signatures", current) as live,
    ):
        before = live.ask("reload")["signatures"]
        done = sensor(
            *("signatures", "bundle", "install", second, "--trust", "trust.toml", "--into", "into"),
            *("--reload", "--socket", live.control),
        )
        assert (done.status, done.err) == (0, "")
        assert f"the sensor has {before + 1} signatures in use" in done.out
        assert live.stop() == 0


@pytest.mark.netns
@pytest.mark.usefixtures("signers")
def test_what_the_running_sensor_refuses_goes_out_of_use_again(sensor: Sensor, tmp_path: Path) -> None:
    own = sensor.home / "own.toml"
    own.write_text(TOML.format(sid=2_000_100), encoding="utf-8")
    first, clash = ready(sensor, 1), ready(sensor, 2, file_of(2_000_100, "b.toml"))
    install(sensor, first)
    current = sensor.home / "into" / NAME / "current"
    before = current.readlink()
    authority = Authority(tmp_path)
    with (
        veth_line() as line,
        live_sensor(
            *(sensor.command, line.right, sensor.home, "--no-builtin", "--signatures", current),
            *("--signatures", own),
        ) as live,
        serving(authority.issue()[0]) as mirror,
    ):
        mirror.content = (sensor.home / clash).read_bytes()
        words = ("--trust", "trust.toml", "--reload", "--socket", live.control)
        update = ("signatures", "update", mirror.url, "--into", "into", *words, "--ca", authority.file)
        for command in (("signatures", "bundle", "install", clash, "--into", "into", *words), update, update):
            done = sensor(*command)
            assert (done.status, done.out) == (1, "")
            assert "the sensor refuses it and goes on with what it had: mistakes in signature" in done.line
            assert done.line.endswith(f"; into/{NAME}/current leads to version 1")
            assert current.readlink() == before
        assert [status for status, _ in mirror.seen] == [200, 200]  # it is tried again
        first_time = ("signatures", "bundle", "install", clash, "--into", "other", *words)
        own.write_text("[[signature]\n", encoding="utf-8")
        done = sensor(*first_time)
        assert (done.status, done.out) == (1, "")
        assert done.line.endswith(f"; other/{NAME}/current is gone, as nothing was in use before")
        assert not os.path.lexists(sensor.home / "other" / NAME / "current")
        own.write_text(TOML.format(sid=2_000_101), encoding="utf-8")
        done = sensor(*update)
        assert (done.status, done.err) == (0, "")
        assert "version 2 is in use; " in done.out
        own.write_text("[[signature]\n", encoding="utf-8")
        back = sensor("signatures", "bundle", "rollback", NAME, "--into", "into", *words[2:])
        assert back.status == 1
        assert "version 1 is in use again" in back.out
        assert back.line.endswith("stays as it is now: mend that, then run watchdog-sensor reload")
        assert live.stop() == 0


@contextmanager
def refusing(path: Path, meanwhile: Callable[[], object]) -> Iterator[None]:
    """A service that refuses one reload, and what happens on its machine until it answers."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        def answer() -> None:
            with listening.accept()[0] as client:
                client.recv(4096)
                meanwhile()
                client.sendall(msgspec.json.encode(ReloadAnswer(reloaded=False, reason="no room")) + b"\n")

        with ThreadPoolExecutor(1) as pool:
            answered = pool.submit(answer)
            yield
            answered.result()


@pytest.mark.usefixtures("signers")
def test_what_cannot_be_put_back_is_told_with_the_way_back(sensor: Sensor, short: Path) -> None:
    folder = sensor.home / "into" / NAME
    for version, action in ((1, "remove"), (2, "rollback")):
        file = ready(sensor, version)
        in_the_way = folder / ".state.json.new"
        with refusing(short / str(version), in_the_way.mkdir):
            done = sensor(
                *("signatures", "bundle", "install", file, "--trust", "trust.toml", "--into", "into"),
                *("--reload", "--socket", short / str(version)),
            )
        assert (done.status, done.out) == (1, "")
        assert done.line == (
            "watchdog-sensor: the sensor refuses it and goes on with what it had: no room; "
            f"into/{NAME}/current could not be put back (Is a directory): "
            f"run watchdog-sensor signatures bundle {action} {NAME} --into into"
        )
        in_the_way.rmdir()
        assert f"version {version} was in use already" in install(sensor, file).out


@pytest.mark.usefixtures("signers")
def test_what_another_command_put_in_use_meanwhile_stays(sensor: Sensor, short: Path) -> None:
    first, second, third = (ready(sensor, version) for version in (1, 2, 3))
    install(sensor, first)
    with refusing(short / "s", partial(install, sensor, third)):
        done = sensor(
            *("signatures", "bundle", "install", second, "--trust", "trust.toml", "--into", "into"),
            *("--reload", "--socket", short / "s"),
        )
    assert done.line.endswith(f"no room; into/{NAME}/current leads to version 3")
    assert "version 3 was in use already" in install(sensor, third).out
