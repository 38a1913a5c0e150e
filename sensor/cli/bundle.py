"""``watchdog-sensor signatures bundle``: keys, and bundles signed and looked at."""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.errors import ConfigError, SensorError

if TYPE_CHECKING:  # a command imports what it needs when it runs
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from signatures.bundle.manifest import Manifest

_EPILOG = """\
examples:
  watchdog-sensor signatures bundle keygen sato.pem
  watchdog-sensor signatures bundle make sets/ --name acme-signatures --version 12 \\
      --expires 2026-12-31 --signer ed25519:… --signer ed25519:… -o acme-12.bundle
  watchdog-sensor signatures bundle show acme-12.bundle
  watchdog-sensor signatures bundle sign acme-12.bundle --key sato.pem
  watchdog-sensor signatures bundle verify acme-12.bundle --trust trust.toml
  watchdog-sensor signatures bundle install acme-12.bundle --trust trust.toml --into /var/lib/signatures
  watchdog-sensor signatures bundle rollback acme-signatures --into /var/lib/signatures
"""


def add_actions(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``bundle`` and ``update`` to ``signatures``."""
    from sensor.cli.bundle_make import add_make
    from sensor.cli.update import add_install_actions, add_update

    parser = actions.add_parser(
        "bundle",
        help="make, sign, verify and install signed bundles of signatures",
        description="Make, sign, verify and install signed bundles of signature files.",
        epilog=_EPILOG,
    )
    bundle = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    keygen = add_action(bundle, "keygen", "make a signer's key", "Make an Ed25519 key; show its public half.")
    keygen.add_argument("key", type=Path, metavar="KEY", help="file to make for the private key")
    keygen.set_defaults(run=_keygen)
    add_make(bundle)
    sign = add_action(
        bundle, "sign", "add a signature to a bundle", "Add a signature to a bundle; signers do so in turn."
    )
    sign.add_argument("file", type=Path, metavar="FILE", help="bundle")
    sign.add_argument(
        "--key", type=Path, required=True, metavar="KEY", help="private key, of 'bundle keygen'"
    )
    sign.set_defaults(run=_sign)
    show = add_action(
        bundle,
        "show",
        "show what a bundle holds, for its signers, and who of them has signed",
        "Show what a bundle holds, and who of its signers has signed it. Nobody vouches\n"
        "for whose keys these are.",
    )
    show.add_argument("file", type=Path, metavar="FILE", help="bundle")
    show.set_defaults(run=_show)
    verify = add_action(
        bundle,
        "verify",
        "say whether a bundle may be used, who signed it and what is in it",
        "Verify a bundle: say who signed it, when it expires and what is in it,\nor why it is refused.",
    )
    verify.add_argument("file", type=Path, metavar="FILE", help="bundle")
    verify.add_argument("--trust", type=Path, required=True, metavar="TRUST", help="trust file (TOML)")
    verify.add_argument(
        "--into", type=Path, metavar="DIR", help="also refuse what is older than was installed there"
    )
    verify.set_defaults(run=_verify)
    add_install_actions(bundle)
    add_update(actions)


def add_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, description: str
) -> argparse.ArgumentParser:
    """One action, with the examples of all."""
    return actions.add_parser(
        name,
        help=text,
        description=description,
        epilog=_EPILOG,
    )


def _keygen(options: argparse.Namespace) -> int:
    from sensor.bundles.files import write_new
    from signatures.bundle.keys import generate_private_key, private_pem, public_key_of

    key = generate_private_key()
    try:
        write_new(options.key, private_pem(key), mode=0o600)
    except FileExistsError as error:
        raise SensorError(f"{options.key}: is there already; choose another name for the new key") from error
    except OSError as error:
        raise SensorError(f"{options.key}: {error.strerror}; choose another place for the key") from error
    public = public_key_of(key)
    print(f"key id  {public.key_id}\npublic  {public.text}")
    return 0


def _sign(options: argparse.Namespace) -> int:
    from sensor.cli.bundle_files import read_bundle, write_bundle
    from sensor.version import version
    from signatures.bundle.keys import public_key_of
    from signatures.bundle.refusal import BundleError
    from signatures.bundle.sign import read_unverified, sign_bundle

    key = _private_key(options.key)
    bundle = read_bundle(options.file)
    try:
        signed = sign_bundle(bundle, key, version())
        manifest, signers = read_unverified(signed, version())
    except BundleError as error:
        raise BundleError(error.refusal, f"{options.file}: {error}") from error
    write_bundle(options.file, signed)
    print(
        f"{options.file}: {manifest.name} {manifest.version} signed by key {public_key_of(key).key_id}, "
        f"{len(signers)} of the {len(manifest.keys)} that may sign it"
    )
    return 0


def _private_key(path: Path) -> "Ed25519PrivateKey":
    from signatures.bundle.keys import parse_private_pem

    try:
        with path.open("rb") as stream:
            if os.name == "posix" and os.fstat(stream.fileno()).st_mode & 0o077:
                raise ConfigError(f"{path}: others may read this key; run: chmod 600 {path}")
            return parse_private_pem(stream.read(65536))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name a key of 'bundle keygen' with --key") from error
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error


def _verify(options: argparse.Namespace) -> int:
    from sensor.bundles.state import read_state
    from sensor.cli.bundle_files import read_bundle, read_trust_file
    from sensor.version import version
    from signatures.bundle.refusal import BundleError
    from signatures.bundle.verify import verify_bundle

    trust = read_trust_file(options.trust)
    highest = read_state(options.into / trust.name).ever if options.into else None
    try:
        verified = verify_bundle(read_bundle(options.file), trust, datetime.now(UTC), version(), highest)
    except BundleError as error:
        raise BundleError(error.refusal, f"{options.file}: {error}") from error
    signers = [f"{owner} (key {key.key_id})" for key, owner in verified.signed_by]
    signers += [f"key {key.key_id}, which the trust file does not name" for key in verified.others]
    _print_facts(verified.manifest, [("signed by", signer) for signer in signers])
    return 0


def _show(options: argparse.Namespace) -> int:
    from sensor.cli.bundle_files import read_bundle
    from sensor.version import version
    from signatures.bundle.refusal import BundleError
    from signatures.bundle.sign import read_unverified

    try:
        manifest, signers = read_unverified(read_bundle(options.file), version())
    except BundleError as error:
        raise BundleError(error.refusal, f"{options.file}: {error}") from error
    rows = [("signed", f"by {len(signers)} of the {len(manifest.keys)} that may sign it")]
    for key in manifest.keys:
        done = "has signed" if key in signers else "has not signed"
        rows.append(("signer", f"{key.text} (key {key.key_id}) {done}"))
    _print_facts(manifest, rows)
    print(
        "whose keys these are is not verified, and a trust file says how many must sign: "
        "for that use 'bundle verify'",
        file=sys.stderr,
    )
    return 0


def _print_facts(manifest: "Manifest", signers: list[tuple[str, str]]) -> None:
    from exporter.printable import printable
    from signatures.bundle.manifest import shown

    rows = [
        ("bundle", f"{manifest.name} {manifest.version}"),
        ("made", f"{shown(manifest.created)} (SOURCE_DATE_EPOCH={manifest.created.timestamp():.0f})"),
        ("expires", shown(manifest.expires)),
        ("sensor", f"{manifest.minimum_sensor} or later"),
        *signers,
        *(("file", f"{file.name}  sha256 {file.sha256}") for file in manifest.files),
    ]
    for label, text in rows:
        print(f"{label:<10}{printable(text)}")
