"""``watchdog-sensor signatures bundle make``: signature files are checked and put into a bundle."""

import argparse
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sensor.cli.options import moment
from sensor.errors import ConfigError, SensorError, SignatureError

if TYPE_CHECKING:  # a command imports what it needs when it runs
    from signatures.bundle.manifest import BundledFile


def add_make(bundle: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``make`` to ``bundle``."""
    from sensor.cli.bundle import add_action

    make = add_action(
        bundle,
        "make",
        "put signature files into a bundle",
        "Check signature files, run their samples, and put them into a bundle, which\n"
        "nobody has signed yet.\n"
        "SOURCE_DATE_EPOCH in the environment is taken for the time that it was made at.",
    )
    make.add_argument("paths", nargs="+", type=Path, metavar="FILE", help="TOML file, or directory of them")
    make.add_argument("--name", required=True, help="name of the bundle: a-z, 0-9 and -; stays the same")
    make.add_argument(
        "--version", type=int, required=True, metavar="N", help="whole number, higher than the one before"
    )
    make.add_argument(
        "--expires", type=moment, required=True, metavar="TIME", help="when sensors stop taking it"
    )
    make.add_argument(
        "--signer",
        action="append",
        required=True,
        metavar="PUBLIC",
        help="public key that may sign it (ed25519:…); may be repeated",
    )
    make.add_argument(
        "--minimum-sensor", metavar="VERSION", help="oldest sensor that reads its files (default: this one)"
    )
    make.add_argument("-o", "--output", type=Path, required=True, metavar="BUNDLE", help="file to make")
    make.set_defaults(run=_make)


def _make(options: argparse.Namespace) -> int:
    from sensor.cli.bundle_files import check_new, write_new_bundle
    from sensor.version import version
    from signatures.bundle.keys import PublicKey
    from signatures.bundle.manifest import Manifest, sensor_version
    from signatures.bundle.sign import make_bundle

    check_new(options.output)
    files = _signature_files(options.paths)
    try:
        manifest = Manifest(
            name=options.name,
            version=options.version,
            created=_created(),
            expires=datetime.fromtimestamp(options.expires // 1_000_000_000, UTC),
            minimum_sensor=options.minimum_sensor or ".".join(map(str, sensor_version(version()))) or "0",
            signers=tuple(PublicKey.parse(text).text for text in options.signer),
            files=files,
        )
        bundle = make_bundle(manifest)
    except (ValueError, OverflowError) as error:
        raise ConfigError(f"no bundle was made: {error}") from error
    write_new_bundle(options.output, bundle)
    count = f"{len(files):,} file{'' if len(files) == 1 else 's'}"
    print(f"{options.output}: {manifest.name} {manifest.version}, {count}, {len(bundle):,} octets")
    return 0


def _created() -> datetime:
    """Now, or what SOURCE_DATE_EPOCH says (reproducible-builds.org), for a second signer to make the same."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC).replace(microsecond=0)
    if not epoch.isascii() or not epoch.isdigit() or len(epoch) > 11:
        raise ConfigError("SOURCE_DATE_EPOCH must be seconds since 1970; set it right, or unset it")
    return datetime.fromtimestamp(int(epoch), UTC)


def _signature_files(paths: list[Path]) -> "tuple[BundledFile, ...]":
    """What the paths hold, if it is sound and its samples hold."""
    from sensor.matching.cache import Cache
    from sensor.places import plan_cache
    from sensor.proof.additions import prove_additions
    from sensor.proof.samples import failures_text
    from signatures.bundle.manifest import BundledFile
    from signatures.loader import check_files

    checked = check_files(paths)
    if problems := checked.problems:
        raise SignatureError("\n".join(map(str, problems[:10])))
    if failures := prove_additions(checked.loaded.signatures, Cache(plan_cache())):
        tell = shlex.join(("watchdog-sensor", "signatures", "test", *map(str, paths)))
        raise SensorError(f"no bundle was made: {failures_text(failures)}; {tell} tells all")
    files: list[Path] = []
    for path in paths:
        files += path.glob("*.toml") if path.is_dir() else [path]
    try:
        found = [BundledFile.of(file.name, file.read_bytes()) for file in files]
    except OSError as error:
        raise ConfigError(f"{error.filename}: {error.strerror}; name files that can be read") from error
    return tuple(sorted(found, key=lambda file: file.name))
