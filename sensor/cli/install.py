"""``watchdog-sensor install`` and ``uninstall``: the systemd service."""

import argparse
import os
import shlex
import sys
from pathlib import Path
from types import MappingProxyType

from sensor.cli.options import add_language_option
from sensor.errors import ConfigError, SensorError

_EPILOG = """\
examples:
  watchdog-sensor install --dry-run
  sudo watchdog-sensor install -i eth0
  sudo watchdog-sensor uninstall
"""
_ADVICE = (
    "put the sensor where every user may read it:\n"
    "  sudo python3 -m venv /opt/watchdog-sensor\n"
    "  sudo /opt/watchdog-sensor/bin/pip install ."
)
_TEXT = MappingProxyType(
    {
        "en": {
            "wrote": "wrote {path}",
            "same": "{path} is as it should be",
            "kept": "{path} is there already and was left alone",
            "edit": 'name the interfaces to watch in {path}:  interfaces = ["eth0"]',
            "next": "now, as root:",
            "removed": "removed {path}",
            "none": "{path}: not installed",
            "data": "kept: configuration in {configuration}, detections in {state}",
        },
        "ja": {
            "wrote": "{path} を書きました",
            "same": "{path} は最新です",
            "kept": "{path} は既にあるため変更していません",
            "edit": '{path} に監視するインターフェースを書いてください:  interfaces = ["eth0"]',
            "next": "続けて root で実行してください:",
            "removed": "{path} を削除しました",
            "none": "{path}: インストールされていません",
            "data": "残したもの: 設定 {configuration}、検知の記録 {state}",
        },
    }
)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``install`` and ``uninstall`` to the command line."""
    install = _add(
        commands,
        "install",
        "set the sensor up as a systemd service",
        "Write a systemd unit for this installation, and a configuration file where\n"
        "there is none; say what to do next. Nothing is started.",
    )
    install.add_argument(
        "-i",
        "--interface",
        action="append",
        default=[],
        metavar="IFACE",
        help="interface to watch, for a new configuration file; may be repeated",
    )
    install.add_argument("--dry-run", action="store_true", help="show what would be written, write nothing")
    install.set_defaults(run=_install)
    uninstall = _add(
        commands,
        "uninstall",
        "remove the systemd service, keep its data",
        "Remove the systemd unit. Configuration and detections stay; it is said where.",
    )
    uninstall.set_defaults(run=_uninstall)
    for parser in (install, uninstall):
        parser.add_argument(
            "--prefix",
            type=Path,
            default=Path("/"),
            metavar="DIR",
            help="root of the system to write to, as for a package (default: %(default)s);\n"
            "this machine is not checked then",
        )
        add_language_option(parser)


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str, description: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=text,
        description=description,
        epilog=_EPILOG,
    )


def _install(options: argparse.Namespace) -> int:
    from sensor.configuration import default_configuration, example_configuration
    from sensor.install.environment import environment_paths, find_obstacles
    from sensor.install.files import write_file
    from sensor.install.unit import UNIT_PATH, service_command, unit_text
    from sensor.places import NAME, SYSTEM_CONFIGURATION

    text = _TEXT[options.lang]
    given = {"capture.interfaces": options.interface or None}
    interfaces = default_configuration().overridden(given).capture.interfaces
    here = options.prefix == Path("/")
    if here and sys.platform != "linux":
        raise ConfigError("only Linux has systemd; start it here with: watchdog-sensor run")
    if here and (obstacles := list(find_obstacles(environment_paths()))):
        raise SensorError("\n".join([*obstacles, *_ADVICE.splitlines()]))
    unit_path, configuration_path = (
        _below(options.prefix, path) for path in (UNIT_PATH, SYSTEM_CONFIGURATION)
    )
    unit = unit_text(service_command())
    configuration = example_configuration(interfaces)
    exists = configuration_path.exists()
    if options.dry_run:
        for path, wanted in ((unit_path, unit), *([] if exists else [(configuration_path, configuration)])):
            print(f"# {path}\n{wanted}")
        return 0
    if not exists:
        write_file(configuration_path, configuration)
    print(text["kept" if exists else "wrote"].format(path=configuration_path))
    same = unit_path.exists() and unit_path.read_bytes() == unit.encode()
    if not same:
        write_file(unit_path, unit)
    print(text["same" if same else "wrote"].format(path=unit_path))
    if not exists and not interfaces:
        print(text["edit"].format(path=configuration_path))
    print(text["next"])
    command = shlex.join(service_command())
    for line in (
        f"{command} config check {shlex.quote(str(SYSTEM_CONFIGURATION))}",
        f"{command} doctor",
        "systemctl daemon-reload",
        f"systemctl enable --now {NAME}",
    ):
        print(f"  {line}")
    return 0


def _uninstall(options: argparse.Namespace) -> int:
    from sensor.install.files import remove_file
    from sensor.install.unit import ENABLED_PATH, UNIT_PATH
    from sensor.places import NAME, SYSTEM_CONFIGURATION, SYSTEM_STATE

    text = _TEXT[options.lang]
    unit_path = _below(options.prefix, UNIT_PATH)
    if os.path.lexists(_below(options.prefix, ENABLED_PATH)):
        raise SensorError(
            f"the service is still enabled: run systemctl disable --now {NAME}, then uninstall again"
        )
    removed = remove_file(unit_path)
    print(text["removed" if removed else "none"].format(path=unit_path))
    configuration, state = (_below(options.prefix, path) for path in (SYSTEM_CONFIGURATION, SYSTEM_STATE))
    print(text["data"].format(configuration=configuration, state=state))
    if removed:
        print(f"{text['next']}\n  systemctl daemon-reload")
    return 0


def _below(prefix: Path, path: Path) -> Path:
    return prefix / path.relative_to("/")
