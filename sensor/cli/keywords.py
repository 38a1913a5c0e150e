"""``watchdog-sensor keywords``: the subscriber's own words, added, removed and listed."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from sensor.cli.names import category, folds, places, severity
from sensor.cli.options import add_language_option, read_stdin
from sensor.cli.reload import add_sensor_options
from sensor.errors import ConfigError, SensorError

if TYPE_CHECKING:
    from signatures.words import Edit

_EPILOG = """\
examples:
  watchdog-sensor keywords add 機密 '社外秘'
  watchdog-sensor keywords add 'project x' --in url,body --severity high --note 'ask the legal department'
  watchdog-sensor keywords add --stdin < words.txt
  watchdog-sensor keywords remove 機密
  watchdog-sensor keywords remove 9000002
  watchdog-sensor keywords list

Words given as arguments stand in the shell's history, and in the list of processes while the command
runs. With --stdin they do not.
"""
_TEXT = MappingProxyType(
    {
        "en": {
            "added": "added: {word} (sid {sid})",
            "changed": "changed: {word} (sid {sid}, now rev {rev})",
            "same": "is there already: {word} (sid {sid})",
            "removed": "removed: {word} (sid {sid}, which is not used again)",
            "common": "note: {word} is common, or short: it is found where nobody means it, too",
            "repeated": "note: {word} finds the same as another of the words: each is detected twice",
            "no_sensor": "no sensor runs; it counts from its next start on",
            "elsewhere": "the sensor that runs does not read {file}: name this file in its configuration, "
            "[signatures] subscriber, or use sudo where it is the system's",
            "refused": "written, but not in use: {reason}",
        },
        "ja": {
            "added": "登録しました: {word}（sid {sid}）",
            "changed": "変更しました: {word}（sid {sid}、rev {rev}）",
            "same": "登録済みです: {word}（sid {sid}）",
            "removed": "削除しました: {word}（sid {sid}。この番号は再利用されません）",
            "common": "注意: {word} はよく使われる、または短い言葉のため、意図しない箇所でも検知されます",
            "repeated": "注意: {word} は登録済みの別の言葉と同じものを検知します（二重に検知されます）",
            "no_sensor": "センサーは動作していません。次の起動から有効になります",
            "elsewhere": "動作中のセンサーは {file} を読みません。設定の [signatures] subscriber に"
            "指定するか、システムのセンサーであれば sudo を付けて実行してください",
            "refused": "保存しましたが、まだ有効ではありません: {reason}",
        },
    }
)
_MOST_WORDS = 100_000
"""At once: ten times what any list is thought to hold, and a stop to reading a file by mistake."""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``keywords`` to the command line."""
    parser = commands.add_parser(
        "keywords",
        help="add, remove and list words of your own",
        description="Words of your own to look for: added, removed and listed. They stay on this device, in\n"
        "a file that only its owner can read; a sensor that runs takes them into use at once.",
        epilog=_EPILOG,
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    add = _add_action(actions, "add", "add words, or change what is said of them", _add)
    add.add_argument("words", nargs="*", metavar="WORD", help="what to look for")
    add.add_argument("--stdin", action="store_true", help="read words from standard input, one a line")
    add.add_argument(
        "--in",
        dest="places",
        type=places,
        metavar="PLACE,…",
        help="where to look: url, host, body, agent, referer, payload (everything), or names of buffers\n"
        "(default: url,body,payload)",
    )
    add.add_argument(
        "--category", type=category, metavar="CATEGORY", help="what it is about (default: custom)"
    )
    add.add_argument(
        "--fold",
        type=folds,
        metavar="FOLD,…",
        help="writings that count as the same: width, case, kana, kanji, long-vowel, small-kana;\n"
        "none: only as it is written (default: width,case)",
    )
    add.add_argument(
        "--severity",
        type=severity,
        metavar="SEVERITY",
        help="how much it matters: low, medium, high, critical (default: medium)",
    )
    add.add_argument("--note", metavar="TEXT", help="a remark for yourself")
    remove = _add_action(actions, "remove", "remove words", _remove)
    remove.add_argument("words", nargs="*", metavar="WORD|SID", help="a word, or the number of its signature")
    remove.add_argument("--stdin", action="store_true", help="read words from standard input, one a line")
    listing = _add_action(actions, "list", "list the words", _list)
    listing.add_argument(
        "--format",
        choices=("table", "json", "csv"),
        default="table",
        help="how to write them (default: %(default)s)",
    )


def _add_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = actions.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=_EPILOG,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument(
        "--file", type=Path, metavar="FILE", help="file of words (default: the one that the sensor reads)"
    )
    add_sensor_options(parser)
    add_language_option(parser)
    parser.set_defaults(run=run)
    return parser


def _add(options: argparse.Namespace) -> int:
    from signatures.words import Terms, add_words

    terms = Terms(options.places, options.category, options.severity, options.fold, options.note)
    words = _words(options)
    return _change(options, lambda text: add_words(text, words, terms))


def _remove(options: argparse.Namespace) -> int:
    from signatures.words import remove_words

    words = _words(options)
    return _change(options, lambda text: remove_words(text, words))


def _words(options: argparse.Namespace) -> list[str]:
    """The words that are given.

    :raises ConfigError: if there is none, or one that is no text.
    """
    if options.stdin and options.words:
        raise ConfigError("give words as arguments or with --stdin, not both")
    words: list[str] = list(_read_lines()) if options.stdin else options.words
    if not words:
        raise ConfigError("no word is given; see watchdog-sensor keywords --help")
    if len(words) > _MOST_WORDS:
        raise ConfigError(f"more than {_MOST_WORDS:,} words at once")
    # Not which: errors are read by others.
    for number, word in enumerate(words, 1):
        if not (word.isprintable() and word.strip()):
            raise ConfigError(f"word {number:,} is empty, or holds what can't be printed")
    return words


def _read_lines() -> Iterable[str]:
    """Words of a list as `signatures.importing.words` reads one: a line each, with comments behind ``#``."""
    from signatures.importing.result import RefusedError
    from signatures.importing.text_file import decode_text

    try:
        text, _ = decode_text(read_stdin((_MOST_WORDS + 1) * 64))
    except RefusedError as error:
        raise ConfigError(f"standard input: {error.reason}") from error
    for line in text.split("\n"):
        if (word := line.strip()) and not word.startswith("#"):
            yield word


def _change(options: argparse.Namespace, edit: "Edit") -> int:
    """Change the file, and have the sensor that runs take it into use."""
    from exporter.printable import printable
    from sensor.cli.word_file import change_words, read_words, word_file
    from sensor.cli.word_warnings import word_warnings
    from sensor.configuration import load_configuration
    from signatures.words import Change

    configuration = load_configuration(options.config)
    path = options.file or word_file(configuration)
    outcomes, is_changed = change_words(path, edit)
    text = _TEXT[options.lang]
    for each in outcomes:
        print(text[each.change].format(word=printable(each.word), sid=each.sid, rev=each.rev))
    sys.stdout.flush()
    if not is_changed:
        return 0
    status = _take_into_use(options, path)
    written = {each.sid: each.word for each in outcomes if each.change in (Change.ADDED, Change.CHANGED)}
    for sid, warning in word_warnings(read_words(path), written) if written else ():
        print(text[warning].format(word=printable(written[sid])))
    return status


def _take_into_use(options: argparse.Namespace, path: Path) -> int:
    from sensor.cli.control_client import NoSensorError, ask_reload, socket_of
    from sensor.cli.reload import TEXT
    from sensor.configuration import load_configuration

    text = _TEXT[options.lang]
    try:
        answer = ask_reload(options.socket or socket_of(load_configuration(options.config)))
    except NoSensorError:
        print(text["no_sensor"])
        return 0
    except SensorError as error:
        raise SensorError(text["refused"].format(reason=error)) from error
    if not answer.reloaded:
        raise SensorError(text["refused"].format(reason=answer.reason))
    if path.resolve() not in [Path(file).resolve() for file in answer.files]:
        raise SensorError(text["elsewhere"].format(file=path))
    print(TEXT[options.lang]["reloaded"].format(signatures=answer.signatures, seconds=answer.seconds))
    return 0


def _list(options: argparse.Namespace) -> int:
    from sensor.cli.outputs import write_utf8
    from sensor.cli.word_file import read_words, word_file
    from sensor.cli.word_table import render_words
    from sensor.configuration import load_configuration

    path = options.file or word_file(load_configuration(options.config))
    write_utf8(render_words(read_words(path), options.format, options.lang))
    return 0
