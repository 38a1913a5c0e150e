"""Configuration files: what they say, and every mistake in them."""

import subprocess
import sys
from pathlib import Path

import pytest

from sensor.configuration import (
    Address,
    check_configuration,
    default_configuration,
    load_configuration,
)
from sensor.configuration.model import LEAST_WORKER_MEMORY, PARENT_MEMORY
from sensor.errors import ConfigError

FULL = """\
[capture]
interfaces = ["eth0", "br-lan.2"]
backend = "libpcap"
workers = 2
bpf = "not port 22"
promiscuous = false
ring = "8 MiB"
user = "sensor"
[signatures]
builtin = false
paths = ["mine.toml", "/srv/more"]
[store]
path = "data/it.db"
[eve]
path = "eve.json"
[metrics]
listen = ["[::1]:9477", "localhost:0"]
web_config = "web.yml"
bearer_token_file = "../token"
[control]
socket = "/run/x.sock"
[limits]
memory = 1073741824
[log]
level = "debug"
format = "json"
"""


@pytest.fixture(autouse=True)
def _no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CONFIGURATION_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mistakes(folder: Path, text: str) -> list[tuple[int, str]]:
    _, problems = check_configuration(written(folder, text))
    return [(problem.line, problem.reason) for problem in problems]


def test_every_key(tmp_path: Path) -> None:
    configuration = load_configuration(written(tmp_path, FULL))
    capture = configuration.capture
    assert capture.interfaces == ("eth0", "br-lan.2")
    assert (capture.backend, capture.backend_in_use, capture.workers) == ("libpcap", "libpcap", 2)
    assert (capture.bpf, capture.promiscuous, capture.user) == ("not port 22", False, "sensor")
    assert capture.ring == 8 << 20
    assert configuration.signatures.builtin is False
    assert configuration.signatures.paths == (tmp_path / "mine.toml", Path("/srv/more"))
    assert configuration.store.path == tmp_path / "data" / "it.db"
    assert configuration.eve.path == tmp_path / "eve.json"
    assert configuration.metrics.listen == (Address("::1", 9477), Address("localhost", 0))
    assert [str(address) for address in configuration.metrics.listen] == ["[::1]:9477", "localhost:0"]
    assert configuration.metrics.web_config == tmp_path / "web.yml"
    assert configuration.metrics.bearer_token_file == tmp_path.parent / "token"
    assert configuration.control.socket == Path("/run/x.sock")
    assert configuration.limits.memory == 1 << 30
    assert (configuration.log.level, configuration.log.format) == ("debug", "json")
    assert configuration.path == tmp_path / "config.toml"
    assert configuration.lines["capture.ring"] == 7
    assert len(configuration.lines) == FULL.count("=")


def test_nothing_said() -> None:
    configuration = default_configuration()
    assert configuration.capture.interfaces == ()
    assert configuration.capture.promiscuous
    assert configuration.capture.ring == 64 << 20
    assert configuration.metrics.listen == (Address("127.0.0.1", 9477),)
    assert configuration.eve.path is None
    assert configuration.path is None
    assert configuration.worker_memory == configuration.limits.memory - PARENT_MEMORY
    assert configuration.store.path.name == "detections.db"


def test_empty_file_says_what_no_file_says(tmp_path: Path) -> None:
    configuration, problems = check_configuration(written(tmp_path, ""))
    assert not problems
    default = default_configuration()
    assert (configuration.capture, configuration.log) == (default.capture, default.log)


@pytest.mark.posix
def test_places_of_systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/a")
    configuration = default_configuration()
    assert configuration.store.path == Path("/var/lib/a/detections.db")
    assert configuration.control.socket == Path("/run/a/control.sock")
    monkeypatch.setenv("CONFIGURATION_DIRECTORY", str(tmp_path))
    assert load_configuration(None).path is None
    written(tmp_path, "[log]\nlevel = 'error'\n")
    assert load_configuration(None).log.level == "error"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("\n[captur]\n", 2, "unknown table 'captur' (did you mean capture?)"),
        ("workers = 2\n", 1, "unknown key 'workers' (it belongs in [capture])"),
        ("[capture]\nworkrs = 2\n", 2, "unknown key 'workrs' in [capture] (did you mean workers?)"),
        ("[capture]\nmemory = 2\n", 2, "unknown key 'memory' in [capture] (it belongs in [limits])"),
        ("capture.worker = 2\n", 1, "did you mean workers?"),
        ("capture = 3\n", 1, "capture must be a table, [capture], not an integer"),
        ("[[capture]]\nworkers = 1\n", 1, "capture must be a table, [capture], not an array"),
        ("[log]\n[capture]\n# x\nworkers = 0\n", 4, "workers must be from 1 to 64"),
        ("[capture]\nworkers = true\n", 2, "workers must be an integer, not a boolean"),
        ('[capture]\npromiscuous = "yes"\n', 2, "promiscuous must be true or false, not a string"),
        ('[capture]\nbackend = "af-packet"\n', 2, "did you mean af_packet?"),
        ('[capture]\nbpf = "a\\nb"\n', 2, "bpf holds a control character"),
        ('[capture]\nuser = "no body"\n', 2, "user can't be 'no body'"),
        ("[capture]\ninterfaces = [1]\n", 2, "interfaces must be a string, not an integer"),
        ("[capture]\ninterfaces = 1\n", 2, "interfaces must be an array of strings, not an integer"),
        ('[capture]\ninterfaces = [""]\n', 2, "an interface without a name"),
        ('[capture]\ninterfaces = ["a", "a"]\n', 2, "holds 'a' twice"),
        ('[capture]\nring = "64 Mib"\n', 2, "ring has no unit 'Mib' (did you mean MiB?)"),
        ('[capture]\nring = "much"\n', 2, "ring must be a size as \"64MiB\", not 'much'"),
        ("[capture]\nring = 1.5\n", 2, 'ring must be a size as "64MiB", not a float'),
        ("[capture]\nring = 1023\n", 2, "ring must be from 4MiB to 2GiB"),
        (f"[limits]\nmemory = {'9' * 30}\n", 2, "memory must be from 224MiB to 1024GiB"),
        (f"[limits]\nmemory = '{'9' * 30}'\n", 2, "memory must be a size"),
        ('[metrics]\nlisten = ["127.0.0.1"]\n', 2, "listen takes HOST:PORT"),
        ('[metrics]\nlisten = "::1:9477"\n', 2, "an IPv6 address in brackets"),
        ('[metrics]\nlisten = "[127.0.0.1]:9477"\n', 2, "an IPv6 address in brackets and no other"),
        ('[metrics]\nlisten = ":9477"\n', 2, "names no host"),
        ('[metrics]\nlisten = "127.0.0.256:9477"\n', 2, "neither an IP address nor a name"),
        ('[metrics]\nlisten = "a b:9477"\n', 2, "neither an IP address nor a name"),
        ('[metrics]\nlisten = "localhost:65536"\n', 2, "listen takes HOST:PORT"),
        ('[signatures]\npaths = ["a", "./a"]\n', 2, "twice"),
        ('[signatures]\npaths = [""]\n', 2, "paths holds an empty string"),
        ("[store]\npath = 2026-01-31\n", 2, "path must be a string, not a date or time"),
        (f'[control]\nsocket = "/{"a" * 107}"\n', 2, "longer than the 107 octets"),
        ('[log]\nlevel = "loud"\n', 2, "known: debug, info, warning, error"),
        ("[log]\nlevel = \n", 2, "is not TOML"),
        ("[log]\nlevel = 'info'\nlevel = 'info'\n", 3, "is not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    ((told_line, told),) = mistakes(tmp_path, text)
    assert told_line == line
    assert reason in told


@pytest.mark.linux
@pytest.mark.parametrize("name", ["abcdefghijklmnop", "é" * 8, "a/b", "a b", "a:1", ".."])
def test_names_that_no_interface_has(tmp_path: Path, name: str) -> None:
    ((line, told),) = mistakes(tmp_path, f"[capture]\ninterfaces = ['{name}']\n")
    assert line == 2
    assert repr(name) in told


def test_all_mistakes_are_told(tmp_path: Path) -> None:
    text = "colour = 1\n[log]\nlevel = 1\nformat = 2\n[capture]\nworkers = 0\nring = 0\n[exporter]\n"
    assert [line for line, _ in mistakes(tmp_path, text)] == [1, 3, 4, 6, 7, 8]
    with pytest.raises(ConfigError) as raised:
        load_configuration(tmp_path / "config.toml")
    lines = str(raised.value).splitlines()
    assert len(lines) == 6
    assert lines[1].startswith(f"{tmp_path / 'config.toml'}:3: level must be")


def test_files_that_are_none(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.toml", tmp_path, Path("a\0b")):
        with pytest.raises(ConfigError, match="can't be read"):
            load_configuration(path)
    (tmp_path / "a.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"a\.toml:1: is not UTF-8"):
        load_configuration(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(ConfigError, match="is larger than"):
        load_configuration(tmp_path / "a.toml")


def test_memory_is_shared_by_all_workers(tmp_path: Path) -> None:
    text = '[capture]\ninterfaces = ["a", "b"]\nworkers = 2\n[limits]\nmemory = "{}MiB"\n'
    configuration = load_configuration(written(tmp_path, text.format(608)))
    assert configuration.worker_count == 4
    assert configuration.worker_memory == LEAST_WORKER_MEMORY
    ((line, told),) = mistakes(tmp_path, text.format(607))
    assert line == 5
    assert told == "memory is too little for 4 workers: 608MiB at least"


@pytest.mark.parametrize(
    ("written_size", "octets"),
    [
        ('"4MiB"', 4 << 20),
        ('" 5 MiB "', 5 << 20),
        ('"4M"', 4 << 20),
        ('"8MB"', 8_000_000),
        ('"1G"', 1 << 30),
        ('"8192 KiB"', 8 << 20),
        ('"9000kB"', 9_000_000),
        ('"5000000"', 5_000_000),
        ("0x800000", 8 << 20),
    ],
)
def test_sizes(tmp_path: Path, written_size: str, octets: int) -> None:
    assert load_configuration(written(tmp_path, f"[capture]\nring = {written_size}\n")).capture.ring == octets


def test_options_take_the_place_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "etc").mkdir()
    configuration = load_configuration(written(tmp_path / "etc", FULL))
    given = {"capture.interfaces": ["lo"], "store.path": Path("a.db"), "capture.workers": None}
    changed = configuration.overridden(given)
    assert changed.capture.interfaces == ("lo",)
    assert changed.capture.workers == 2
    assert changed.store.path == tmp_path / "a.db"
    assert changed.signatures == configuration.signatures
    assert changed.options == {"capture.interfaces", "store.path"}
    with pytest.raises(ConfigError) as raised:
        configuration.overridden({"capture.workers": 0, "capture.interfaces": ["a", "a"]})
    assert str(raised.value).splitlines() == ["--workers must be from 1 to 64", "-i holds 'a' twice"]
    with pytest.raises(ConfigError, match="too little for 128 workers"):
        configuration.overridden({"capture.workers": 64})


def test_nothing_heavy_is_imported() -> None:
    script = "import sys, sensor.configuration as c; c.default_configuration(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "sensor.configuration.model" in done.stdout.split()
    assert not {"numpy", "hyperscan", "asyncio", "sqlite3"} & set(done.stdout.split())


@pytest.mark.posix
def test_the_subscriber_s_words_are_where_they_are_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def file(value: str) -> Path | None:
        return load_configuration(
            written(tmp_path, f"[signatures]\nsubscriber = {value}\n")
        ).signatures.subscriber

    monkeypatch.setenv("STATE_DIRECTORY", "/state:/other")
    assert file("true") == Path("/state/subscriber.toml")
    assert file('"my/words.toml"') == tmp_path / "my" / "words.toml"
    assert file("false") is None
    with pytest.raises(ConfigError, match="subscriber must be true or false"):
        file("1")
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setattr("os.geteuid", lambda: 1000, raising=False)
    assert file("true") == Path("/data/watchdog-sensor/subscriber.toml")
    monkeypatch.setenv("XDG_DATA_HOME", "not/absolute")
    monkeypatch.setenv("HOME", "/home/me")
    assert file("true") == Path("/home/me/.local/share/watchdog-sensor/subscriber.toml")
    monkeypatch.setattr("os.geteuid", lambda: 0, raising=False)
    assert file("true") == Path("/var/lib/watchdog-sensor/subscriber.toml")
