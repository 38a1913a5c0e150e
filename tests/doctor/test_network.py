"""Where the service listens: free, ours, or another's."""

import socket
import threading
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sensor.configuration import default_configuration
from sensor.doctor import network
from sensor.doctor.finding import Finding, Findings, Level, Subject
from sensor.doctor.network import check_control, check_metrics

pytestmark = pytest.mark.posix


@pytest.fixture
def place() -> Generator[Path]:
    """A socket's path, shorter than pytest's."""
    with TemporaryDirectory(prefix="wd") as folder:
        yield Path(folder) / "control.sock"


@pytest.fixture
def answers() -> list[bytes]:
    return [b'{"version":"1.2.3","pid":4711}\n']


@pytest.fixture
def service(place: Path, answers: list[bytes]) -> Generator[Path]:
    """Something that answers at ``place``."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()

        def serve() -> None:
            while True:
                channel, _ = listener.accept()
                with channel:
                    if not channel.recv(1024):
                        return
                    channel.sendall(answers[0])

        thread = threading.Thread(target=serve)
        thread.start()
        yield place
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(place))
        thread.join()


def subject(place: Path, *listen: str, **metrics: object) -> Subject:
    given = {"control.socket": place, "metrics.listen": list(listen)}
    more = {f"metrics.{name}": value for name, value in metrics.items()}
    return Subject(default_configuration().overridden(given | more), Path("a.db"))


def one(findings: Findings) -> Finding:
    (finding,) = findings
    return finding


def test_no_service(place: Path) -> None:
    assert "no service runs" in one(check_control(subject(place))).result.en
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place))
    finding = one(check_control(subject(place)))
    assert (finding.level, finding.result.en) == (Level.OK, "no service runs here now")


def test_service_that_answers(service: Path) -> None:
    finding = one(check_control(subject(service)))
    assert finding.level == Level.OK
    assert "1.2.3, process 4711" in finding.result.en


@pytest.mark.parametrize("answer", [b"[]\n", b"what?\n", b""])
def test_service_that_is_none_of_ours(service: Path, answers: list[bytes], answer: bytes) -> None:
    answers[0] = answer
    assert one(check_control(subject(service))).level == Level.WARNING


def test_free_address(place: Path) -> None:
    assert one(check_metrics(subject(place, "127.0.0.1:0"))).level == Level.OK
    assert one(check_metrics(subject(place))).result.en == "metrics are turned off"


def test_address_that_is_taken(place: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        finding = one(check_metrics(subject(place, f"127.0.0.1:{other.getsockname()[1]}")))
    assert finding.level == Level.PROBLEM
    assert "in use" in finding.result.en


def test_address_that_the_service_has(service: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        finding = one(check_metrics(subject(service, f"127.0.0.1:{other.getsockname()[1]}")))
    assert finding.level == Level.OK
    assert "the service listens" in finding.result.en


def test_address_of_another_machine(place: Path) -> None:
    # TEST-NET-1 of RFC 5737 is nobody's.
    levels = [finding.level for finding in check_metrics(subject(place, "192.0.2.1:9477"))]
    assert Level.PROBLEM in levels


def test_metrics_for_everybody_are_warned_of(place: Path, tmp_path: Path) -> None:
    bound, warned = check_metrics(subject(place, "0.0.0.0:0"))
    assert (bound.level, warned.level) == (Level.OK, Level.WARNING)
    (only,) = check_metrics(subject(place, "0.0.0.0:0", bearer_token_file=tmp_path / "token"))
    assert only.level == Level.OK


def test_unit_that_keeps_others_out_is_told(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = tmp_path / "it.service"
    monkeypatch.setattr(network, "UNIT_PATH", unit)
    asked = subject(place, "0.0.0.0:0", bearer_token_file=tmp_path / "token")
    assert len(list(check_metrics(asked))) == 1
    unit.write_text("[Service]\n")
    _, warned = check_metrics(asked)
    assert warned.level == Level.WARNING
    assert warned.advice is not None
    assert "IPAddressAllow=" in warned.advice.en
    (tmp_path / "it.service.d").mkdir()
    (tmp_path / "it.service.d" / "override.conf").write_text("[Service]\nIPAddressAllow=192.168.0.0/16\n")
    assert len(list(check_metrics(asked))) == 1
    assert len(list(check_metrics(subject(place, "127.0.0.1:0")))) == 1
