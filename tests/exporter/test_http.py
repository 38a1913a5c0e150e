import asyncio
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import bcrypt
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter import http_connections
from exporter.http import CONNECTIONS, MetricsServer
from exporter.http_connections import HEAD_OCTETS
from exporter.listening import listen
from sensor.errors import ConfigError, SensorError
from sensor.status import ServiceStatus
from tests.exporter.conftest import Certificates
from tests.exporter.service_status import busy_status
from tests.exporter.serving import Served, serving, wait_until

PASSWORD = "correct horse battery staple"
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
TOKEN = "0123456789abcdef0123456789abcdef"
OPENMETRICS = "Accept: application/openmetrics-text; version=1.0.0"


def curl(*arguments: str) -> tuple[int, dict[str, list[str]], bytes]:
    """Status, header fields and body that curl got; status 0 if it got no answer."""
    command = ["curl", "--silent", "--include", "--max-time", "30", *arguments]
    answer = subprocess.run(command, capture_output=True, check=False).stdout
    if not answer:
        return 0, {}, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        fields.setdefault(name.lower(), []).append(value)
    return int(status.split()[1]), fields, body


def web_config(folder: Path, text: str) -> Path:
    file = folder / "web.yml"
    file.write_text(text)
    return file


def tls_config(folder: Path, certificates: Certificates, more: str = "") -> Path:
    shutil.copy(certificates.server.file, folder / "server.pem")
    shutil.copy(certificates.server.key, folder / "server.key")
    text = f"tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n{more}"
    return web_config(folder, text)


def ask(served: Served, method: str, path: str, **fields: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", served.port)
    try:
        connection.request(method, path, headers=fields)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.curl
def test_metrics_as_text() -> None:
    with serving() as served:
        status, fields, body = curl(f"http://127.0.0.1:{served.port}/metrics")
    assert status == 200
    assert fields["content-type"] == ["text/plain; version=0.0.4; charset=utf-8"]
    assert fields["content-length"] == [str(len(body))]
    assert b'\nwatchdog_capture_packets_total{interface="eth0"} 1000.0\n' in body
    assert b"\nprocess_resident_memory_bytes " in body or sys.platform != "linux"
    assert "server" not in fields


@pytest.mark.curl
def test_metrics_as_openmetrics() -> None:
    with serving() as served:
        _, fields, body = curl("-H", OPENMETRICS, f"http://127.0.0.1:{served.port}/metrics")
    assert fields["content-type"][0].startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    assert list(text_string_to_metric_families(body.decode()))  # type: ignore[no-untyped-call]


@pytest.mark.curl
def test_metrics_compressed() -> None:
    with serving() as served:
        url = f"http://127.0.0.1:{served.port}/metrics?name[]=watchdog_build_info"
        _, fields, body = curl("--globoff", "--compressed", url)
        _, plain_fields, plain = curl("--globoff", url)
    assert fields["content-encoding"] == ["gzip"]
    assert "content-encoding" not in plain_fields
    assert body == plain
    assert plain.count(b"\n") == 3


@pytest.mark.curl
def test_head_has_the_fields_and_no_body() -> None:
    with serving() as served:
        status, fields, body = curl("--head", f"http://127.0.0.1:{served.port}/metrics")
    assert (status, body) == (200, b"")
    assert int(fields["content-length"][0]) > 10_000


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/-/healthy", 200),
        ("GET", "/-/ready", 200),
        ("HEAD", "/-/ready", 200),
        ("POST", "/metrics", 405),
        ("DELETE", "/-/healthy", 405),
        ("GET", "/metrics/", 404),
        ("GET", "/%2e%2e/etc/passwd", 404),
        ("POST", "/nothing", 404),
    ],
)
def test_statuses(method: str, path: str, status: int) -> None:
    with serving() as served:
        assert ask(served, method, path)[0] == status


@pytest.mark.parametrize(
    "accept", ["application/openmetrics-text; version=x", "text/plain; version=\xe9", ";,="]
)
def test_an_accept_that_makes_no_sense_gets_text(accept: str) -> None:
    with serving() as served:
        status, body = ask(served, "GET", "/metrics", Accept=accept)
    assert status == 200
    assert body.startswith(b"# HELP watchdog_")


def test_not_ready() -> None:
    with serving(ready=lambda: False) as served:
        assert ask(served, "GET", "/-/ready")[0] == 503
        assert ask(served, "GET", "/-/healthy")[0] == 200


def test_index_page_is_in_both_languages() -> None:
    with serving() as served:
        page = ask(served, "GET", "/")[1].decode()
    assert 'href="/metrics"' in page
    assert 'lang="en"' in page
    assert "メトリクスを収集する" in page


def test_requests_are_counted() -> None:
    with serving() as served:
        for path in ("/nothing", "/nothing", "/metrics"):
            ask(served, "GET", path)
        body = ask(served, "GET", "/metrics")[1]
    assert b'watchdog_metrics_requests_total{code="404"} 2.0\n' in body
    assert b'watchdog_metrics_requests_total{code="200"} 1.0\n' in body
    assert b'watchdog_metrics_requests_total{code="503"} 0.0\n' in body


def test_a_failing_snapshot_is_an_error_and_no_end(caplog: pytest.LogCaptureFixture) -> None:
    works = threading.Event()

    def snapshot() -> ServiceStatus:
        if not works.is_set():
            raise RuntimeError("made up")
        return busy_status()

    with serving(snapshot) as served:
        assert ask(served, "GET", "/metrics")[0] == 500
        works.set()
        assert ask(served, "GET", "/metrics")[0] == 200
    assert "made up" in caplog.text


def test_a_head_too_long_is_refused() -> None:
    with serving() as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=30) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nPadding: " + b"x" * HEAD_OCTETS)
            assert connection.recv(12) == b"HTTP/1.1 400"
        assert ask(served, "GET", "/metrics")[0] == 200


def connections_of(served: Served) -> int:
    """How many connections the server has open."""
    assert served.server._open is not None
    return len(served.server._open)


def is_ended(connection: socket.socket) -> bool:
    """Whether the other side closes the connection without a word."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"])
def test_who_asks_nothing_is_sent_away(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connections, "REQUEST_SECONDS", 0.05)
    with serving() as served, socket.create_connection(("127.0.0.1", served.port), timeout=30) as slow:
        slow.sendall(sent)
        assert is_ended(slow)


def test_who_does_not_read_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connections, "REQUEST_SECONDS", 0.5)
    with serving() as served, socket.create_connection(("127.0.0.1", served.port), timeout=30) as slow:
        slow.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 500)  # answers fill every buffer
        wait_until(lambda: connections_of(served))
        wait_until(lambda: not connections_of(served))


def test_too_many_connections_are_refused_and_counted() -> None:
    with ExitStack() as opened:
        served = opened.enter_context(serving())
        place = ("127.0.0.1", served.port)
        idle = [opened.enter_context(socket.create_connection(place, timeout=30)) for _ in range(CONNECTIONS)]
        assert is_ended(opened.enter_context(socket.create_connection(place, timeout=30)))
        idle[0].sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: idle[0].recv(65536), b""))
    assert b"\nwatchdog_metrics_connections_refused_total 1.0\n" in answer


def test_every_address_answers() -> None:
    with serving(addresses=("127.0.0.1:0", "localhost:0")) as served:
        for listening in served.server._sockets:
            with socket.create_connection(listening.getsockname()[:2], timeout=30) as connection:
                connection.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
                assert connection.recv(15) == b"HTTP/1.1 200 OK"
        assert len(served.server._sockets) >= 2


@pytest.mark.parametrize("address", ["[::1]:0", ":0"])
def test_addresses_of_other_kinds(address: str) -> None:
    with serving(addresses=(address,)) as served:
        place = ("::1" if served.server._sockets[0].family == socket.AF_INET6 else "127.0.0.1", served.port)
        with socket.create_connection(place, timeout=30) as connection:
            connection.sendall(b"GET /-/healthy HTTP/1.0\r\n\r\n")
            assert connection.recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("9477", "write 127.0.0.1:9477"),
        ("127.0.0.1:99999", "write 127.0.0.1:9477"),
        ("::1:9477", "write 127.0.0.1:9477"),
        ("192.0.2.1:9477", "has no such address"),
        ("no.such.name.invalid:9477", "no.such.name.invalid has no address"),
        ("a" * 70 + ".example:1", "has no address"),
    ],
)
def test_addresses_that_cannot_be_used(address: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        listen(["127.0.0.1:0", address])


def test_a_taken_address_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SensorError, match=r"used by another program; stop it .*or set another") as raised:
            listen([address])
    assert raised.value.exit_status == 1


def test_a_server_that_fails_to_start_leaves_nothing_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bad = web_config(tmp_path, "basic_auth_user: {}\n")
        registry = CollectorRegistry()
        for addresses, file in ((["127.0.0.1:0"], bad), ([f"127.0.0.1:{taken.getsockname()[1]}"], None)):
            server = MetricsServer(registry, addresses, ready=bool, web_config_file=file)
            with pytest.raises(SensorError):
                asyncio.run(server.start())
            asyncio.run(server.stop())
    assert list(registry.collect()) == []


def test_no_request_fails_for_a_reload() -> None:
    with serving() as served, ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, served, "GET", "/-/healthy") for _ in range(300)]
        while not all(request.done() for request in asked):
            served.reload()
        assert {request.result()[0] for request in asked} == {200}


def test_stop_lets_go_of_the_port_and_of_clients() -> None:
    with serving() as served:
        port = served.port
        seen = socket.create_connection(("127.0.0.1", port), timeout=30)
        wait_until(lambda: connections_of(served))
        unseen = socket.create_connection(("127.0.0.1", port), timeout=30)
    with seen, unseen:
        assert is_ended(seen)
        assert is_ended(unseen)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=30)


def test_what_serves_metrics_needs_no_numpy() -> None:
    unwanted = "{'numpy', 'hyperscan', 'httptools', 'watchfiles', 'websockets', 'uvloop'}"
    program = (
        "import asyncio, sys; from prometheus_client import CollectorRegistry as R;"
        " from exporter.http import MetricsServer; import exporter.collector\n"
        "async def main():\n"
        " server = MetricsServer(R(), ['127.0.0.1:0'], ready=bool)\n"
        " await server.start(); await server.stop()\n"
        f"asyncio.run(main()); print(sorted({unwanted} & sys.modules.keys()))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert loaded.stdout == "[]\n"
