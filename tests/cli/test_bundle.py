"""``signatures bundle``, as an operator uses it."""

import hashlib
import os
import stat
from pathlib import Path

import msgspec
import pytest

from signatures.bundle.envelope import decode_envelope, encode_envelope
from signatures.bundle.keys import parse_private_pem, public_key_of
from tests.cli.bundling import HOLDS, MISSES, install, make, ready
from tests.cli.command import Sensor
from tests.signatures.bundle.signing import NAME, PUBLIC, TOML, file_of

pytestmark = pytest.mark.posix


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
