"""``signatures bundle`` and ``signatures update``, as an operator and a device use them."""

import hashlib
import os
import socket
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
import pytest

from sensor.status import ReloadAnswer
from signatures.bundle.envelope import decode_envelope, encode_envelope
from signatures.bundle.keys import parse_private_pem, private_pem, public_key_of
from signatures.bundle.manifest import BundledFile
from tests.bundles.certificates import Authority
from tests.bundles.mirror import serving
from tests.cli.command import Done, Sensor
from tests.netns import veth_line
from tests.service.live import await_, live_sensor
from tests.signatures.bundle.signing import KEYS, NAME, PUBLIC, TOML, file_of, manifest_of, signed, trust_text

pytestmark = pytest.mark.posix

HOLDS = '[signature.tests]\nmatch = ["遠隔操作"]\nno_match = ["nothing"]\n'
MISSES = '[signature.tests]\nmatch = ["遠隔操作", "nothing"]\n'


def make(sensor: Sensor, version: int, *signers: str, more: tuple[str, ...] = ()) -> Done:
    """Make NAME-VERSION.bundle of one file."""
    (sensor.home / "sets").mkdir(exist_ok=True)
    (sensor.home / "sets" / "a.toml").write_text(TOML.format(sid=2_000_000 + version), encoding="utf-8")
    return sensor(
        *("signatures", "bundle", "make", "sets", "--name", NAME, "--version", str(version)),
        *("--expires", "2100-01-01", "-o", f"{version}.bundle"),
        *(word for signer in signers for word in ("--signer", signer)),
        *more,
    )


@pytest.fixture
def signers(sensor: Sensor) -> list[str]:
    """Public keys of sato and suzuki, both of whom trust.toml asks for."""
    for owner, key in zip(("sato", "suzuki"), KEYS, strict=False):
        path = sensor.home / f"{owner}.pem"
        path.write_bytes(private_pem(key))
        path.chmod(0o600)
    (sensor.home / "trust.toml").write_text(trust_text(), encoding="utf-8")
    return [key.text for key in PUBLIC[:2]]


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name leaves room for that of a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def ready(sensor: Sensor, version: int, *more: BundledFile) -> str:
    """A bundle that both have signed."""
    manifest = manifest_of(version, datetime.now(UTC), files=(file_of(2_000_000 + version), *more))
    (sensor.home / f"{version}.bundle").write_bytes(signed(manifest))
    return f"{version}.bundle"


def install(sensor: Sensor, file: str) -> Done:
    return sensor("signatures", "bundle", "install", file, "--trust", "trust.toml", "--into", "into")


def test_from_keys_to_a_version_in_use_and_back(sensor: Sensor, signers: list[str]) -> None:
    assert make(sensor, 1, *signers).status == 0
    first, second = "1.bundle", ready(sensor, 2)
    for owner in ("sato", "suzuki"):
        done = sensor("signatures", "bundle", "sign", first, "--key", f"{owner}.pem")
        assert (done.status, done.err) == (0, "")
    verified = sensor("signatures", "bundle", "verify", first, "--trust", "trust.toml")
    assert (verified.status, verified.err) == (0, "")
    assert f"bundle    {NAME} 1\n" in verified.out
    assert "signed by Sato (key " in verified.out
    assert "expires   2100-01-01 00:00+09:00\n" in verified.out
    assert "file      a.toml  sha256 " in verified.out
    assert install(sensor, first).status == 0
    assert "version 2 is in use; expires" in install(sensor, second).out
    assert "version 2 was in use already" in install(sensor, second).out
    listed = sensor("signatures", "list", "--no-builtin", "--signatures", f"into/{NAME}/current")
    assert "2000002" in listed.out
    refused = install(sensor, first)
    assert refused.status == 1
    assert refused.line.startswith("watchdog-sensor: 1.bundle: is version 1, and 2 was installed before;")
    verify = ("signatures", "bundle", "verify", first, "--trust", "trust.toml", "--into", "into")
    assert sensor(*verify).line == refused.line
    back = sensor("signatures", "bundle", "rollback", NAME, "--into", "into")
    assert (back.status, back.err) == (0, "")
    assert "version 1 is in use again" in back.out
    removed = sensor("signatures", "bundle", "remove", NAME, "--into", "into")
    assert "versions below 2 stay refused" in removed.out
    assert install(sensor, first).line == refused.line
    assert sensor("signatures", "bundle", "rollback", "other", "--into", "into").status == 2


def test_keys_are_kept_from_others_and_never_overwritten(sensor: Sensor) -> None:
    done = sensor("signatures", "bundle", "keygen", "sato.pem")
    assert (done.status, done.err) == (0, "")
    key = sensor.home / "sato.pem"
    before = key.read_bytes()
    public = public_key_of(parse_private_pem(before))
    assert done.out == f"key id  {public.key_id}\npublic  {public.text}\n"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    again = sensor("signatures", "bundle", "keygen", "sato.pem")
    assert again.status == 1
    assert "is there already" in again.line
    assert key.read_bytes() == before
    assert b"BEGIN PRIVATE KEY" in before
    assert sensor("signatures", "bundle", "keygen", "no/such/folder.pem").status == 1


def test_key_that_others_may_read_signs_nothing(sensor: Sensor, signers: list[str]) -> None:
    make(sensor, 1, *signers)
    (sensor.home / "sato.pem").chmod(0o640)
    done = sensor("signatures", "bundle", "sign", "1.bundle", "--key", "sato.pem")
    assert done.status == 2
    assert "run: chmod 600 sato.pem" in done.line
    for name in ("trust.toml", "missing.pem"):
        if (sensor.home / name).exists():
            (sensor.home / name).chmod(0o600)
        assert sensor("signatures", "bundle", "sign", "1.bundle", "--key", name).status == 2


def test_signer_whom_the_bundle_does_not_name(sensor: Sensor, signers: list[str]) -> None:
    make(sensor, 1, signers[0])
    before = (sensor.home / "1.bundle").read_bytes()
    done = sensor("signatures", "bundle", "sign", "1.bundle", "--key", "suzuki.pem")
    assert done.status == 1
    assert f"--signer {signers[1]}" in done.line
    assert (sensor.home / "1.bundle").read_bytes() == before


def test_signer_sees_what_there_is_to_sign(sensor: Sensor, signers: list[str]) -> None:
    make(sensor, 1, *signers)
    done = sensor("signatures", "bundle", "show", "1.bundle")
    assert done.status == 0
    assert "is not verified" in done.line
    digest = hashlib.sha256((sensor.home / "sets" / "a.toml").read_bytes()).hexdigest()
    assert f"file      a.toml  sha256 {digest}\n" in done.out
    assert "expires   2100-01-01 00:00+09:00\n" in done.out
    assert "signed    by 0 of the 2 that may sign it\n" in done.out
    keys = [f"signer    {key.text} (key {key.key_id}) has" for key in PUBLIC[:2]]
    assert f"{keys[0]} not signed\n{keys[1]} not signed\n" in done.out
    done = sensor("signatures", "bundle", "sign", "1.bundle", "--key", "suzuki.pem")
    assert done.out.endswith(f"signed by key {PUBLIC[1].key_id}, 1 of the 2 that may sign it\n")
    done = sensor("signatures", "bundle", "show", "1.bundle")
    assert "signed    by 1 of the 2 that may sign it\n" in done.out
    assert f"{keys[0]} not signed\n{keys[1]} signed\n" in done.out
    assert sensor("signatures", "bundle", "show", "trust.toml").status == 1


def changed(file: Path, old: bytes, new: bytes) -> None:
    """Change what a bundle says, and leave its signatures as they are."""
    envelope = decode_envelope(file.read_bytes())
    assert old in envelope.payload
    payload = envelope.payload.replace(old, new, 1)
    file.write_bytes(encode_envelope(msgspec.structs.replace(envelope, payload=payload)))


@pytest.mark.parametrize("action", [("show",), ("sign", "--key", "sato.pem")])
def test_what_was_changed_is_neither_shown_nor_signed(
    sensor: Sensor, signers: list[str], action: tuple[str, ...]
) -> None:
    make(sensor, 1, *signers)
    file = sensor.home / "1.bundle"
    unsigned = file.read_bytes()
    name, *options = action
    for old, new, reason in (
        (b"remote", b"rem\xffte", "what it holds can't be read"),
        (b"remote", b"rumour", "a.toml is not the file that the list names"),
        (b'"version":1', b'"version":"1"', "what it holds can't be read"),
    ):
        file.write_bytes(unsigned)
        changed(file, old, new)
        done = sensor("signatures", "bundle", name, "1.bundle", *options)
        assert done.status == 1
        assert done.line == (
            "watchdog-sensor: 1.bundle: was not made as a bundle must be, or was changed: "
            f"{reason}; ask who made it"
        )
    file.write_bytes(unsigned)
    sensor("signatures", "bundle", "sign", "1.bundle", "--key", "suzuki.pem")
    changed(file, b'"version":1', b'"version":7')
    before = file.read_bytes()
    done = sensor("signatures", "bundle", name, "1.bundle", *options)
    assert done.status == 1
    assert f"1.bundle: holds a false signature of key {PUBLIC[1].key_id}; fetch it again" in done.line
    assert file.read_bytes() == before


def test_second_signer_can_make_the_same_and_compare(sensor: Sensor, signers: list[str]) -> None:
    made = []
    for _ in range(2):
        (sensor.home / "1.bundle").unlink(missing_ok=True)
        (sensor.home / "sets").mkdir(exist_ok=True)
        (sensor.home / "sets" / "a.toml").write_text(TOML.format(sid=2_000_001), encoding="utf-8")
        done = sensor(
            *("signatures", "bundle", "make", "sets", "--name", NAME, "--version", "1", "-o", "1.bundle"),
            *("--expires", "2100-01-01", "--signer", signers[0], "--signer", signers[1]),
            env={"SOURCE_DATE_EPOCH": "1760000000"},
        )
        assert done.status == 0
        made.append((sensor.home / "1.bundle").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--version", "0"), "version must be"),
        (("--name", "Acme"), "the name must be"),
        (("--signer", "ed25519:AAAA"), "no public key"),
        (("--expires", "2001-01-01"), "expire after"),
        (("--expires", "soon"), "is no time"),
        (("--minimum-sensor", "new"), "no version of the sensor"),
    ],
)
def test_bundle_that_is_not_made(
    sensor: Sensor, signers: list[str], more: tuple[str, str], reason: str
) -> None:
    done = make(sensor, 1, *signers, more=more)
    assert done.status == 2
    assert reason in done.line
    assert not (sensor.home / "1.bundle").exists()


def test_mistake_in_a_signature_file_is_told_before_anybody_signs_it(
    sensor: Sensor, signers: list[str]
) -> None:
    (sensor.home / "bad.toml").write_text("[[signature]]\nsid = 0\n")
    done = sensor(
        *("signatures", "bundle", "make", "bad.toml", "--name", NAME, "--version", "1"),
        *("--expires", "2100-01-01", "--signer", signers[0], "-o", "1.bundle"),
    )
    assert done.status == 2
    assert done.err.startswith("watchdog-sensor: bad.toml:")
    assert not (sensor.home / "1.bundle").exists()


def test_samples_are_run_before_anybody_signs_or_installs(sensor: Sensor, signers: list[str]) -> None:
    more = tuple(word for signer in signers for word in ("--signer", signer))
    for name, text in (("bad", MISSES), ("good", HOLDS)):
        (sensor.home / f"{name}.toml").write_text(TOML.format(sid=2_000_007) + text, encoding="utf-8")
    make_of = ("signatures", "bundle", "make", "--name", NAME, "--version", "7", "--expires", "2100-01-01")
    done = sensor(*make_of, "bad.toml", *more, "-o", "7.bundle")
    assert done.status == 1
    assert done.line == (
        "watchdog-sensor: no bundle was made: samples of 1 signature fail, the first of sid 2000007, "
        "number 2 (missed); watchdog-sensor signatures test bad.toml tells all"
    )
    assert not (sensor.home / "7.bundle").exists()
    assert sensor(*make_of, "good.toml", *more, "-o", "7.bundle").status == 0
    install(sensor, ready(sensor, 1))
    bad = ready(sensor, 2, file_of(2_000_007, "b.toml", MISSES))
    refused = install(sensor, bad)
    assert refused.status == 1
    assert refused.line == (
        "watchdog-sensor: 2.bundle: holds signatures that can't be used: samples of 1 signature fail, "
        "the first of sid 2000007, number 2 (missed); tell who made it"
    )
    assert refused.out == ""
    assert "version 1 was in use already" in install(sensor, "1.bundle").out
    assert "version 3 is in use" in install(sensor, ready(sensor, 3, file_of(2_000_007, "b.toml", HOLDS))).out


def test_refusals_are_one_line(sensor: Sensor, signers: list[str]) -> None:
    make(sensor, 1, *signers)
    assert "1.bundle: is not signed" in install(sensor, "1.bundle").line
    good = ready(sensor, 2)
    octets = bytearray((sensor.home / good).read_bytes())
    octets[100] ^= 1
    (sensor.home / "bad.bundle").write_bytes(octets)
    assert install(sensor, "bad.bundle").status == 1
    assert "bad.bundle: " in install(sensor, "bad.bundle").line
    assert install(sensor, "missing.bundle").status == 2
    nobody = sensor("signatures", "bundle", "verify", good, "--trust", "none.toml")
    assert nobody.status == 2
    assert "name a trust file with --trust" in nobody.line


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


def test_no_bundle_takes_the_place_of_what_is_no_file(sensor: Sensor, signers: list[str]) -> None:
    """As of a device, which is everybody's."""
    pipe, file, link = (sensor.home / name for name in ("pipe", "file", "link"))
    os.mkfifo(pipe)
    file.touch()
    link.symlink_to(file)
    (sensor.home / "none").symlink_to("nothing")
    more = tuple(word for signer in signers for word in ("--signer", signer))
    for name in ("pipe", ".", "", "link", "file", "none", "sets/a.toml"):
        done = make(sensor, 1, more=(*more, "-o", name))
        assert done.status == 1
        assert done.line.endswith(": is there already; choose another name for the new bundle")
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert not file.stat().st_size
    assert not (sensor.home / "nothing").exists()
    assert (sensor.home / "sets" / "a.toml").read_text(encoding="utf-8") == TOML.format(sid=2_000_001)
    assert make(sensor, 1, more=(*more, "-o", "none/1.bundle")).status == 1
    assert make(sensor, 1, more=(*more, "-o", "sets/1.bundle")).status == 0
    assert sorted(path.name for path in (sensor.home / "sets").iterdir()) == ["1.bundle", "a.toml"]


def test_signed_bundle_is_not_made_again_over_it(sensor: Sensor, signers: list[str]) -> None:
    make(sensor, 1, *signers)
    sensor("signatures", "bundle", "sign", "1.bundle", "--key", "sato.pem")
    before = (sensor.home / "1.bundle").read_bytes()
    done = make(sensor, 1, *signers)
    assert done.status == 1
    assert done.line.startswith("watchdog-sensor: 1.bundle: is there already;")
    assert (sensor.home / "1.bundle").read_bytes() == before
