"""``watchdog-sensor reload``: has the sensor that runs take its configuration and signatures anew."""

import argparse
import sys
from pathlib import Path
from types import MappingProxyType

from sensor.cli.options import add_language_option
from sensor.cli.outputs import write_utf8
from sensor.errors import SensorError

_EPILOG = """\
examples:
  sudo watchdog-sensor reload
  sudo watchdog-sensor reload --format json
"""
TEXT = MappingProxyType(
    {
        "en": {
            "reloaded": "in use now (signatures: {signatures:,}; {seconds:.1f} s)",
            "refused": "not reloaded, what was in use stays so: {reason}",
            "restart": "restart the sensor for: {settings}",
        },
        "ja": {
            "reloaded": "適用しました: シグネチャ {signatures:,} 件（{seconds:.1f} 秒）",
            "refused": "再読み込みできません。これまでの設定のまま動作しています: {reason}",
            "restart": "次の設定はセンサーの再起動後に有効になります: {settings}",
        },
    }
)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``reload`` to the command line."""
    parser = commands.add_parser(
        "reload",
        help="have the running sensor take changed signatures and settings into use",
        description="Have the sensor that runs read its configuration and signatures anew, and wait until\n"
        "they are in use. No packet is lost by it. With a mistake anywhere, what was in use stays so.",
        epilog=_EPILOG,
    )
    add_sensor_options(parser)
    parser.add_argument(
        "--format",
        choices=("text", "json"),
        default="text",
        help="how to write the answer: json is one object on a line (default: %(default)s)",
    )
    add_language_option(parser)
    parser.set_defaults(run=_run)


def add_sensor_options(parser: argparse.ArgumentParser) -> None:
    """``--config`` and ``--socket``: which sensor is meant."""
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="configuration file of the sensor, if it is no usual one"
    )
    parser.add_argument("--socket", type=Path, metavar="PATH", help="control socket of the sensor")


def _run(options: argparse.Namespace) -> int:
    import msgspec

    from sensor.cli.control_client import ask_reload, socket_of
    from sensor.configuration import load_configuration

    path = options.socket or socket_of(load_configuration(options.config))
    answer = ask_reload(path)
    if options.format == "json":
        write_utf8(msgspec.json.encode(answer).decode() + "\n")
        return 0 if answer.reloaded else 1
    text = TEXT[options.lang]
    if not answer.reloaded:
        raise SensorError(text["refused"].format(reason=answer.reason))
    print(text["reloaded"].format(signatures=answer.signatures, seconds=answer.seconds))
    if answer.needs_restart:
        print(text["restart"].format(settings=" ".join(answer.needs_restart)), file=sys.stderr)
    return 0
