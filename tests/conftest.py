"""What every test may ask for: programs and rights by marker, the fixtures folder, the installed command.

A test that needs more than Python says so with a marker (``@pytest.mark.tshark``), and is skipped where
that is missing. Nothing is skipped silently: the summary names what was skipped and what would enable
it, and with ``CI`` set in the environment a skipped test fails the run.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

ROOT: Final = Path(__file__).parent.parent
SYSTEM_FOLDERS: Final = "/usr/sbin:/sbin"
"""Where Debian keeps nginx, tcpdump and ip, and users have no path to."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a marker stands for: how to tell that it is there, and how to get it."""

    is_met: Callable[[], bool]
    remedy: str
    excused: bool = False
    """The platform can't have it, so that skipping is right even in CI."""


def _has(program: str) -> bool:
    return shutil.which(program) is not None


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _has_network_namespaces() -> bool:
    """Whether this process may make network namespaces: root in a container often may not."""
    unshare = shutil.which("unshare")
    if not (_is_root() and unshare and _has("ip")):
        return False
    return subprocess.run([unshare, "--net", "true"], check=False, capture_output=True).returncode == 0


NEEDS: Final[Mapping[str, Need]] = MappingProxyType(
    {
        "tshark": Need(lambda: _has("tshark"), "install tshark"),
        "tcpdump": Need(lambda: _has("tcpdump"), "install tcpdump"),
        "nginx": Need(lambda: _has("nginx"), "install nginx-light"),
        "curl": Need(lambda: _has("curl"), "install curl"),
        "openssl": Need(lambda: _has("openssl"), "install openssl"),
        "netns": Need(
            _has_network_namespaces, "install iproute2 and run as root, network namespaces allowed"
        ),
        "tcpreplay": Need(lambda: _has("tcpreplay"), "install tcpreplay"),
        "prometheus": Need(lambda: _has("prometheus") and _has("promtool"), "install prometheus"),
        "systemd": Need(lambda: _has("systemd-analyze"), "install systemd"),
        "faketime": Need(lambda: _has("faketime"), "install faketime"),
        "root": Need(_is_root, "run as root"),
        "linux": Need(lambda: sys.platform == "linux", "run on Linux", excused=True),
        "posix": Need(lambda: os.name == "posix", "run on Linux or macOS", excused=True),
    }
)

_skipped = pytest.StashKey[dict[str, list[str]]]()
"""Of the session: the skipped tests by reason, without the excused ones."""


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers and choose how Hypothesis looks for counter-examples."""
    for marker, need in NEEDS.items():
        config.addinivalue_line("markers", f"{marker}: skipped where missing ({need.remedy})")
    config.stash[_skipped] = {}
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_FOLDERS.split(":")])

    # No deadlines anywhere: a test that fails on a busy machine says nothing about the code.
    settings.register_profile("dev", deadline=None)
    settings.register_profile(
        "ci",
        deadline=None,
        derandomize=True,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests whose needs are not met, each need looked for once."""
    missing = {
        marker: pytest.mark.skip(reason=f"{need.remedy} to run the tests marked {marker}")
        for marker, need in NEEDS.items()
        if any(item.get_closest_marker(marker) for item in items) and not need.is_met()
    }
    for item in items:
        for marker, skip in missing.items():
            if item.get_closest_marker(marker):
                item.add_marker(skip)


def _note_skip(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    if any(need.excused and not need.is_met() and name in report.keywords for name, need in NEEDS.items()):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    config.stash[_skipped].setdefault(reason.removeprefix("Skipped: "), []).append(report.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note each test that was skipped."""
    report = yield
    _note_skip(item.config, report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Note each file that was skipped as a whole."""
    report = yield
    _note_skip(collector.config, report)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a CI run that left tests out."""
    passed = session.exitstatus == pytest.ExitCode.OK
    if passed and session.config.stash[_skipped] and os.environ.get("CI"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was left out and what would bring it in."""
    skipped = config.stash[_skipped]
    if not skipped:
        return
    terminalreporter.section("tests left out")
    for reason, tests in skipped.items():
        terminalreporter.write_line(f"{len(tests)} skipped: {reason}")
    if os.environ.get("CI"):
        terminalreporter.write_line("CI is set: tests left out fail the run.", red=True)


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The folder of captures that the project's own scripts made."""
    return ROOT / "fixtures" / "pcaps"


@pytest.fixture(scope="session")
def watchdog_sensor() -> Path:
    """The installed command, beside the interpreter that runs the tests."""
    command = shutil.which("watchdog-sensor", path=Path(sys.executable).parent)
    assert command is not None, "watchdog-sensor is not installed beside this Python: make test does it"
    return Path(command)
