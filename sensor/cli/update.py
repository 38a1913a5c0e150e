"""``watchdog-sensor signatures update``, and what of ``bundle`` changes which version is in use."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from sensor.cli.reload import add_sensor_options
from sensor.errors import ConfigError

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
        "Verify a bundle, check its signatures and run their samples, and put it in use,\n"
        "all at once or not at all. A sensor is to read DIR/NAME/current. With --reload,\n"
        "what the sensor refuses is taken out of use again.",
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
        description="Fetch a signed bundle over HTTPS; if it is newer than what is in use and may be\n"
        "used, put it in use. With --reload, what the sensor refuses is taken out of use\n"
        "again. A download that broke goes on where it was. Proxies are those of the\n"
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
    from sensor.cli.bundle_reload import reload_changed, reload_new
    from sensor.version import version
    from signatures.bundle.manifest import shown
    from signatures.bundle.refusal import BundleError
    from signatures.bundle.verify import verify_bundle

    trust = read_trust_file(options.trust)
    octets = read_bundle(options.file)
    with open_store(options.into, trust.name) as store:
        before = store.state
        try:
            verified = verify_bundle(octets, trust, datetime.now(UTC), version(), store.state.ever)
            new = store.install(verified)
            installed = store.current
        except BundleError as error:
            raise BundleError(error.refusal, f"{options.file}: {error}") from error
    manifest = verified.manifest
    done = "is in use" if new else "was in use already"
    said = f"{store.link}: version {manifest.version} {done}; expires {shown(manifest.expires)}"
    if not new or installed is None:
        return reload_changed(options, store.link, said)
    return reload_new(options, store.link, installed, before, said)


def _rollback(options: argparse.Namespace) -> int:
    from sensor.bundles.store import open_store
    from sensor.cli.bundle_reload import reload_changed
    from signatures.bundle.manifest import shown

    with open_store(options.into, _installed_name(options)) as store:
        record = store.rollback()
    said = f"{store.link}: version {record.version} is in use again; expires {shown(record.expires)}"
    return reload_changed(options, store.link, said)


def _remove(options: argparse.Namespace) -> int:
    from sensor.bundles.store import open_store
    from sensor.cli.bundle_reload import reload_changed

    with open_store(options.into, _installed_name(options)) as store:
        store.remove()
    said = f"{store.link}: removed; versions below {store.state.highest} stay refused"
    return reload_changed(options, store.link, said)


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
    from sensor.cli.bundle_reload import reload_new
    from sensor.version import version
    from signatures.bundle.manifest import shown

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
    line = f"{updated.link}: version {record.version} {said}; expires {shown(record.expires)}"
    if updated.outcome is Outcome.INSTALLED:
        return reload_new(options, updated.link, record, updated.before, line)
    print(line)
    return 0
