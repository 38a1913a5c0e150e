"""``watchdog-sensor run``: live capture, in the foreground, for a service manager or a person to end."""

import argparse
import os
from pathlib import Path

from sensor.cli.options import add_builtin_option, add_signatures_option
from sensor.errors import ConfigError

_EPILOG = """\
examples:
  sudo watchdog-sensor run -i eth0
  sudo watchdog-sensor run -i eth0 -i wlan0 --signatures my.toml --eve /var/log/watchdog-sensor/eve.json
  sudo watchdog-sensor run -i eth0 --workers 2 --bpf 'not port 22'
  watchdog-sensor run --config /etc/watchdog-sensor/config.toml

SIGHUP reloads configuration and signatures, SIGTERM or Ctrl-C ends the service within five seconds.
"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``run`` to the command line."""
    parser = commands.add_parser(
        "run",
        help="capture from network interfaces, as a service",
        description="Capture from network interfaces, match signatures, log detections, serve metrics.\n"
        "Options take the place of what the configuration file says.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "-i", "--interface", action="append", metavar="IFACE", help="interface to capture on; may be repeated"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration file (TOML)")
    add_signatures_option(parser)
    add_builtin_option(parser)
    parser.add_argument("--db", type=Path, metavar="FILE", help="database of detections")
    parser.add_argument("--eve", type=Path, metavar="FILE", help="append EVE JSON lines to FILE")
    parser.add_argument("--workers", type=int, metavar="N", help="processes an interface (default: 1)")
    parser.add_argument("--bpf", metavar="FILTER", help="capture only this, in tcpdump's syntax")
    parser.add_argument("--no-promiscuous", action="store_true", help="only this machine's own packets")
    parser.add_argument(
        "--backend", choices=("auto", "af_packet", "libpcap"), help="how to capture (default: auto)"
    )
    parser.add_argument("--ring", metavar="SIZE", help="kernel's buffer of each worker (default: 64MiB)")
    parser.add_argument("--memory", metavar="SIZE", help="ceiling of the whole sensor (default: 512MiB)")
    parser.add_argument("--user", metavar="NAME", help="whom workers become under root (default: nobody)")
    parser.add_argument(
        "--metrics",
        action="append",
        metavar="HOST:PORT",
        help="where to serve metrics (default: 127.0.0.1:9477); may be repeated",
    )
    parser.add_argument("--no-metrics", action="store_true", help="serve no metrics")
    parser.add_argument("--socket", type=Path, metavar="PATH", help="control socket, which status asks")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    import asyncio
    import gc

    from sensor.cli.options import database_to_write
    from sensor.configuration import Configuration, load_configuration
    from sensor.service.service import Service

    if os.name != "posix":
        raise ConfigError("the service runs on Linux and macOS; replay captures here instead")
    if options.metrics and options.no_metrics:
        raise ConfigError("--metrics and --no-metrics exclude each other")

    def read() -> Configuration:
        configuration = load_configuration(options.config).overridden(_overrides(options))
        capture = configuration.capture
        if not capture.interfaces:
            raise ConfigError("no interface to capture on; name one with -i, or in [capture] interfaces")
        if capture.backend_in_use == "libpcap" and capture.workers > 1:
            raise ConfigError(
                "libpcap cannot share an interface's packets among workers; leave --workers at 1"
            )
        return configuration

    configuration = read()
    database_to_write(configuration.store.path)
    service = Service(configuration, read)
    gc.collect()
    gc.freeze()
    asyncio.run(service.run())
    return 0


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    """What the options say, by the configuration's keys; None where they say nothing."""
    return {
        "capture.interfaces": options.interface,
        "capture.workers": options.workers,
        "capture.bpf": options.bpf,
        "capture.promiscuous": False if options.no_promiscuous else None,
        "capture.backend": options.backend,
        "capture.ring": options.ring,
        "capture.user": options.user,
        "signatures.paths": options.signatures,
        "signatures.builtin": False if options.no_builtin else None,
        "store.path": options.db,
        "eve.path": options.eve,
        "limits.memory": options.memory,
        "metrics.listen": [] if options.no_metrics else options.metrics,
        "control.socket": options.socket,
    }
