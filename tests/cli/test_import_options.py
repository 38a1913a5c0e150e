"""``signatures import``: options that are wrong, or that mean nothing for what is imported."""

import pytest

from tests.cli.command import Sensor

WORDS = b"anydesk\n"
RULES = b'alert http any any -> any any (http.uri; content:"/x"; sid:3000001;)\n'
STIX = b'{"type": "bundle", "objects": []}'


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["missing.rules"], "missing.rules: No such file or directory; name a file that can be read"),
        (
            ["-", "--define", "HOME_NET"],
            "--define takes NAME=VALUE, as HOME_NET=192.0.2.0/24, not 'HOME_NET'",
        ),
        (
            ["-", "--define", "HOME_NET=nonsense"],
            "--define HOME_NET=nonsense: nonsense is no network in CIDR notation",
        ),
        (
            ["-", "--type", "rules", "--define", "A=$B"],
            "--define A=$B: neither networks ($B is not defined: --define B=…) nor ports",
        ),
        (["-", "--type", "indicators"], "-: is not JSON: "),
    ],
)
def test_unusable_arguments(sensor: Sensor, args: list[str], reason: str) -> None:
    done = sensor("signatures", "import", *args)
    assert done.status == 2
    assert done.line.startswith(f"watchdog-sensor: {reason}")


@pytest.mark.parametrize(
    ("args", "known", "unknown"),
    [
        (["--category", "nonsense"], "policy", ["low", "http.uri"]),
        (["--severity", "lo"], "low, medium, high, critical;", ["policy", "http.uri"]),
        (["--buffers", "http.uri,http.url"], "payload, http.method, http.uri", ["policy", "low", " url,"]),
    ],
)
def test_each_option_names_its_own(sensor: Sensor, args: list[str], known: str, unknown: list[str]) -> None:
    done = sensor("signatures", "import", "-", *args, stdin=WORDS)
    assert done.status == 2
    assert f"argument {args[0]}: {args[1].split(',')[-1]!r} is none; take of " in done.line
    assert known in done.line
    assert not [name for name in unknown if name in done.line.split("take of")[1]]


@pytest.mark.parametrize(
    ("args", "stdin", "reason"),
    [
        (["--sid-offset", "3000000"], WORDS, "--sid-offset does not apply to a list, only to rules"),
        (["--stream-start"], STIX, "--stream-start does not apply to indicators, only to rules"),
        (["--define", "HOME_NET=any"], WORDS, "--define does not apply to a list, only to rules"),
        (["--buffers", "http.uri"], RULES, "--buffers does not apply to rules, only to a list"),
        (["--buffers", "http.uri"], STIX, "--buffers does not apply to indicators, only to a list"),
        (
            ["--first-sid", "3000000"],
            RULES,
            "--first-sid does not apply to rules, only to a list or indicators",
        ),
        (["--severity", "low"], RULES, "--severity does not apply to rules, only to a list or indicators"),
    ],
)
def test_options_of_other_types(sensor: Sensor, args: list[str], stdin: bytes, reason: str) -> None:
    done = sensor("signatures", "import", "-", *args, stdin=stdin)
    assert (done.status, done.octets) == (2, b"")
    assert done.line == f"watchdog-sensor: -: {reason}"


def test_a_signature_file(sensor: Sensor) -> None:
    done = sensor("signatures", "import", "-", stdin=b"# mine\n[[signature]]\n")
    assert done.status == 2
    assert done.line.startswith("watchdog-sensor: -: is a signature file already, and needs no import; ")


def test_help_fits_a_narrow_screen(sensor: Sensor) -> None:
    done = sensor("signatures", "import", "--help", env={"COLUMNS": "80"})
    assert max(map(len, done.out.splitlines())) <= 80
