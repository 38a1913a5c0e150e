"""``signatures bundle`` and ``signatures update``, as an operator and a device use them."""

import hashlib
import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signatures.bundle.keys import parse_private_pem, private_pem, public_key_of
from signatures.bundle.manifest import BundledFile
from tests.bundles.certificates import Authority
from tests.bundles.mirror import serving
from tests.cli.command import Done, Sensor
from tests.netns import veth_line
from tests.service.live import await_, live_sensor
from tests.signatures.bundle.signing import KEYS, NAME, PUBLIC, TOML, file_of, manifest_of, signed, trust_text

pytestmark = pytest.mark.posix


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
    assert "expires   2099-12-31 15:00 UTC\n" in verified.out  # midnight in Tokyo
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
    assert "nothing of this is verified" in done.err
    digest = hashlib.sha256((sensor.home / "sets" / "a.toml").read_bytes()).hexdigest()
    assert f"file      a.toml  sha256 {digest}\n" in done.out
    assert f"signer    {signers[0]} (key " in done.out
    assert sensor("signatures", "bundle", "show", "trust.toml").status == 1


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


def test_no_bundle_takes_the_place_of_what_is_no_file(sensor: Sensor, signers: list[str]) -> None:
    """As of a device, which is everybody's."""
    pipe, file, link = (sensor.home / name for name in ("pipe", "file", "link"))
    os.mkfifo(pipe)
    file.touch()
    link.symlink_to(file)
    more = tuple(word for signer in signers for word in ("--signer", signer))
    for name in ("pipe", ".", ""):
        done = make(sensor, 1, more=(*more, "-o", name))
        assert done.status == 1
        assert done.line.endswith(": is no file; write elsewhere")
    assert pipe.is_fifo()
    assert make(sensor, 1, more=(*more, "-o", "link")).status == 0
    assert link.is_symlink()
    assert file.stat().st_size
