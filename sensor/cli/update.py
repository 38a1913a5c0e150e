"""``watchdog-sensor signatures update``, and what of ``bundle`` changes which version is in use."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from sensor.cli.reload import add_sensor_options
from sensor.errors import ConfigError, SensorError

_EPILOG = """\
examples:
  watchdog-sensor signatures update https://signatures.example.com/acme.bundle \\
      --trust /etc/watchdog-sensor/trust.toml --into /var/lib/signatures --reload
  watchdog-sensor signatures update https://signatures.example.com/acme.bundle \\
      --trust trust.toml --into signatures --pin sha256/… --pin sha256/… --ca own-ca.pem
  sudo watchdog-sensor run -i eth0 --signatures /var/lib/signatures/acme-signatures/current
"""


def add_install_actions(bundle: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``install``, ``rollback`` and ``remove`` to ``bundle``."""
    from sensor.cli.bundle import add_action

    install = add_action(
        bundle,
        "install",
        "verify a bundle and put it in use",
        "Verify a bundle, check its signatures and put it in use, all at once or not at all.\n"
        "A sensor is to read DIR/NAME/current.",
    )
    install.add_argument("file", type=Path, metavar="FILE", help="bundle")
    install.add_argument("--trust", type=Path, required=True, metavar="TRUST", help="trust file (TOML)")
    install.set_defaults(run=_install)
    rollback = add_action(
        bundle,
        "rollback",
        "put the version before in use again",
        "Put the version before in use again. Updates bring the next version, not the one\n"
        "that was turned from; 'bundle install' still does.",
    )
    rollback.set_defaults(run=_rollback)
    remove = add_action(
        bundle,
        "remove",
        "take a bundle out of use and remove its files",
        "Take a bundle out of use and remove its files. Versions older than the highest that was\n"
        "ever installed stay refused.",
    )
    remove.set_defaults(run=_remove)
    for action in (rollback, remove):
        action.add_argument("name", metavar="NAME", help="name of the bundle")
    for action in (install, rollback, remove):
        _add_into(action)
        _add_reload(action)


def add_update(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``update`` to ``signatures``."""
    update = actions.add_parser(
        "update",
        help="fetch a newer signed bundle over HTTPS and put it in use",
        description="Fetch a signed bundle over HTTPS; if it is newer than what is in use and may be used,\n"
        "put it in use. A download that broke goes on where it was. Proxies are those of the\n"
        "environment (https_proxy, no_proxy).",
        epilog=_EPILOG,
    )
    update.add_argument("url", metavar="URL", help="https://…")
    update.add_argument("--trust", type=Path, required=True, metavar="TRUST", help="trust file (TOML)")
    update.add_argument(
        "--pin",
        type=_pin,
        action="append",
        default=[],
        metavar="PIN",
        help="sha256/BASE64 of a public key that the server may have (RFC 7469); may be repeated",
    )
    update.add_argument(
        "--ca", type=Path, metavar="FILE", help="CA certificates (PEM) to trust instead of the system's"
    )
    _add_into(update)
    _add_reload(update)
    update.set_defaults(run=_update)


def _add_into(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--into", type=Path, required=True, metavar="DIR", help="directory that bundles are installed in"
    )


def _add_reload(action: argparse.ArgumentParser) -> None:
    action.add_argument("--reload", action="store_true", help="have the sensor that runs take it into use")
    add_sensor_options(action)


def _pin(text: str) -> bytes:
    from sensor.bundles.connection import parse_pin

    try:
        return parse_pin(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _install(options: argparse.Namespace) -> int:
    from sensor.bundles.store import open_store
    from sensor.cli.bundle_files import read_bundle, read_trust_file
    from sensor.version import version
    from signatures.bundle.manifest import utc
    from signatures.bundle.refusal import BundleError
    from signatures.bundle.verify import verify_bundle

    trust = read_trust_file(options.trust)
    octets = read_bundle(options.file)
    with open_store(options.into, trust.name) as store:
        try:
            verified = verify_bundle(octets, trust, datetime.now(UTC), version(), store.state.ever)
            new = store.install(verified)
        except BundleError as error:
            raise BundleError(error.refusal, f"{options.file}: {error}") from error
        manifest = verified.manifest
        done = "is in use" if new else "was in use already"
        print(f"{store.link}: version {manifest.version} {done}; expires {utc(manifest.expires)}")
    return _reload(options)


def _rollback(options: argparse.Namespace) -> int:
    from sensor.bundles.store import open_store
    from signatures.bundle.manifest import utc

    with open_store(options.into, _installed_name(options)) as store:
        record = store.rollback()
        print(f"{store.link}: version {record.version} is in use again; expires {utc(record.expires)}")
    return _reload(options)


def _remove(options: argparse.Namespace) -> int:
    from sensor.bundles.store import open_store

    with open_store(options.into, _installed_name(options)) as store:
        store.remove()
        print(f"{store.link}: removed; versions below {store.state.highest} stay refused")
    return _reload(options)


def _installed_name(options: argparse.Namespace) -> str:
    """The name of a bundle that was installed once."""
    from sensor.bundles.state import STATE_FILE
    from signatures.bundle.manifest import NAME

    name = str(options.name)
    if not NAME.match(name) or not (options.into / name / STATE_FILE).exists():
        raise ConfigError(f"{options.into}: holds no bundle of that name; name one that was installed there")
    return name


def _update(options: argparse.Namespace) -> int:
    from sensor.bundles.download import Source
    from sensor.bundles.update import Outcome, update_bundle
    from sensor.cli.bundle_files import read_trust_file
    from sensor.version import version
    from signatures.bundle.manifest import utc

    source = Source(options.url, frozenset(options.pin), options.ca)
    updated = update_bundle(
        source, read_trust_file(options.trust), options.into, lambda: datetime.now(UTC), version()
    )
    said = {
        Outcome.INSTALLED: "is in use",
        Outcome.NOTHING_NEW: "stays in use, there is none newer",
        Outcome.HELD_BACK: "stays in use, the only newer one was rolled back here",
    }[updated.outcome]
    record = updated.current
    print(f"{updated.link}: version {record.version} {said}; expires {utc(record.expires)}")
    return _reload(options) if updated.outcome is Outcome.INSTALLED else 0


def _reload(options: argparse.Namespace) -> int:
    """Have the sensor that runs read its signatures anew, if that was asked for."""
    if not options.reload:
        return 0
    from sensor.cli.control_client import ask_reload, socket_of
    from sensor.configuration import load_configuration

    answer = ask_reload(options.socket or socket_of(load_configuration(options.config)))
    if not answer.reloaded:
        raise SensorError(
            f"the sensor refuses it and goes on with what it had: {answer.reason}; "
            "go back with 'signatures bundle rollback'"
        )
    print(f"the sensor has {answer.signatures:,} signatures in use")
    return 0
