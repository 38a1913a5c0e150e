"""Updates from a real HTTPS server, which may be slow of wit, cut off, in between, or hostile."""

import base64
import http.server
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sensor.bundles import download
from sensor.bundles.connection import parse_pin
from sensor.bundles.download import Download, Fetched, Source
from sensor.bundles.state import read_state
from sensor.bundles.store import open_store
from sensor.bundles.update import Outcome, Updated, update_bundle
from sensor.errors import ConfigError, SensorError
from signatures.bundle.refusal import BundleError, Refusal
from signatures.loader import load_signatures
from tests.bundles.certificates import Authority
from tests.bundles.mirror import Mirror, proxying, serving
from tests.service.live import await_
from tests.signatures.bundle.signing import NAME, NOW, SENSOR, file_of, manifest_of, signed, trust

pytestmark = pytest.mark.posix

LARGE = signed(manifest_of(1, files=(file_of(2_000_001, more="# padding\n" * 30_000),)))
"""Some 400,000 octets."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> tuple[Path, str]:
    return authority.issue()


@pytest.fixture
def mirror(certificate: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    for name in os.environ:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    with serving(certificate[0]) as mirror:
        mirror.content = signed(manifest_of(1))
        yield mirror


@pytest.fixture
def source(mirror: Mirror, authority: Authority) -> Source:
    return Source(mirror.url, authorities=authority.file)


def update(source: Source, into: Path, now: datetime = NOW, threshold: int = 2) -> Updated:
    return update_bundle(source, trust(threshold), into, lambda: now, SENSOR)


def failure(source: Source, into: Path) -> str:
    """The line that an update ends with."""
    with pytest.raises(SensorError) as caught:
        update(source, into)
    assert caught.value.exit_status == 1
    line = str(caught.value)
    assert "\n" not in line
    return line


def sids(into: Path) -> list[int]:
    return [each.sid for each in load_signatures([into / NAME / "current"], builtin=False)]


def leftovers(into: Path) -> list[str]:
    return sorted(path.name for path in (into / NAME).iterdir() if path.name.startswith("download"))


def test_new_bundle_is_installed_and_the_same_costs_nothing(
    mirror: Mirror, source: Source, tmp_path: Path
) -> None:
    assert update(source, tmp_path).outcome is Outcome.INSTALLED
    assert sids(tmp_path) == [2_000_001]
    again = update(source, tmp_path)
    assert (again.outcome, again.current.version) == (Outcome.NOTHING_NEW, 1)
    assert [status for status, _ in mirror.seen] == [200, 304]
    mirror.content = signed(manifest_of(2))
    assert update(source, tmp_path).outcome is Outcome.INSTALLED
    assert sids(tmp_path) == [2_000_002]
    assert leftovers(tmp_path) == []


def test_samples_that_fail_are_not_installed(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    update(source, tmp_path)
    missed = '[signature.tests]\nmatch = ["nothing of the sort"]\n'
    mirror.content = signed(manifest_of(2, files=(file_of(2_000_002, more=missed),)))
    assert "samples of 1 signature fail, the first of sid 2000002, number 1" in failure(source, tmp_path)
    assert sids(tmp_path) == [2_000_001]
    mirror.content = signed(manifest_of(2))  # its number was not taken
    assert update(source, tmp_path).outcome is Outcome.INSTALLED


def test_server_without_etag_sends_it_again_to_no_effect(
    mirror: Mirror, source: Source, tmp_path: Path
) -> None:
    mirror.extra = {"ETag": ""}
    update(source, tmp_path)
    assert update(source, tmp_path).outcome is Outcome.NOTHING_NEW
    assert [status for status, _ in mirror.seen] == [200, 200]


def test_cut_connections_are_gone_on_from(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    mirror.content = LARGE
    mirror.cuts = [100_000, 50_000]
    assert update(source, tmp_path).outcome is Outcome.INSTALLED
    assert mirror.seen == [(200, None), (206, "bytes=100000-"), (206, "bytes=150000-")]


def test_next_run_goes_on_where_the_last_one_was_cut(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    mirror.content = LARGE
    mirror.cuts = [100_000, 1, 1, 1]
    assert "broke after 100,003 octets; run it again" in failure(source, tmp_path)
    assert leftovers(tmp_path) == ["download.part", "download.part.json"]
    mirror.seen.clear()
    assert update(source, tmp_path).outcome is Outcome.INSTALLED
    assert mirror.seen == [(206, "bytes=100003-")]
    assert leftovers(tmp_path) == []


def test_no_progress_ends_it(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    mirror.cuts = [0, 0, 0]
    assert "broke after 0 octets" in failure(source, tmp_path)
    assert len(mirror.seen) == 1


def test_file_that_changed_meanwhile_is_begun_anew(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    mirror.content = LARGE
    mirror.cuts = [100_000, 0]
    failure(source, tmp_path)
    mirror.content = signed(manifest_of(2))
    mirror.seen.clear()
    assert update(source, tmp_path).current.version == 2
    assert mirror.seen == [(200, "bytes=100000-")]


def test_weak_etag_is_nothing_to_go_on_with(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    mirror.weak = True
    mirror.content = LARGE
    mirror.cuts = [100_000, 0]
    failure(source, tmp_path)
    assert update(source, tmp_path).outcome is Outcome.INSTALLED
    assert {asked for _, asked in mirror.seen} == {None}


def test_partial_file_that_is_whole_or_longer_is_begun_anew(
    mirror: Mirror, source: Source, tmp_path: Path
) -> None:
    mirror.content = LARGE
    mirror.cuts = [100_000, 0]
    failure(source, tmp_path)
    (tmp_path / NAME / "download.part").write_bytes(LARGE + b"more")
    mirror.seen.clear()
    assert update(source, tmp_path).outcome is Outcome.INSTALLED
    assert [status for status, _ in mirror.seen] == [416, 200]


def test_other_part_than_asked_for_is_refused(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    mirror.content = LARGE
    mirror.cuts = [100_000, 0]
    failure(source, tmp_path)
    mirror.extra = {"Content-Range": "bytes 5-10/400000"}
    assert "another part" in failure(source, tmp_path)
    mirror.extra = {}
    assert update(source, tmp_path).outcome is Outcome.INSTALLED


def test_poisoned_partial_file_does_no_lasting_harm(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    mirror.content = LARGE
    mirror.cuts = [100_000, 0]
    failure(source, tmp_path)
    part = tmp_path / NAME / "download.part"
    part.write_bytes(b"x" + part.read_bytes()[1:])
    with pytest.raises(BundleError) as caught:
        update(source, tmp_path)
    assert caught.value.refusal is Refusal.TAMPERED
    assert leftovers(tmp_path) == []
    assert update(source, tmp_path).outcome is Outcome.INSTALLED


def test_pins(mirror: Mirror, source: Source, tmp_path: Path, certificate: tuple[Path, str]) -> None:
    good, other = parse_pin(certificate[1]), bytes(32)
    line = failure(replace(source, pins=frozenset({other})), tmp_path)
    assert certificate[1] in line
    assert "is not pinned; nothing was fetched" in line
    assert mirror.seen == []
    assert update(replace(source, pins=frozenset({good, other})), tmp_path).outcome is Outcome.INSTALLED


def test_pin_does_not_stand_in_for_a_certificate(
    mirror: Mirror, certificate: tuple[Path, str], tmp_path: Path
) -> None:
    pinned = Source(mirror.url, pins=frozenset({parse_pin(certificate[1])}))
    assert "its certificate is not trusted" in failure(pinned, tmp_path)
    assert mirror.seen == []


def test_other_authority(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    assert "is not trusted" in failure(replace(source, authorities=Authority(folder).file), tmp_path)
    assert "is not trusted" in failure(
        replace(source, url=source.url.replace("127.0.0.1", "localhost")), tmp_path
    )
    for text in ("", "no certificate"):
        (folder / "none.pem").write_text(text)
        with pytest.raises(ConfigError, match="holds no certificates"):
            update(replace(source, authorities=folder / "none.pem"), tmp_path)
    with pytest.raises(ConfigError, match="No such file"):
        update(replace(source, authorities=folder / "missing.pem"), tmp_path)
    assert mirror.seen == []


@pytest.mark.parametrize(
    "text", ["", "sha256/", "sha256/AAAA", "sha1/" + "A" * 43 + "=", "sha256/" + "*" * 44]
)
def test_texts_that_are_no_pins(text: str) -> None:
    with pytest.raises(ValueError, match="is no pin"):
        parse_pin(text)
    assert parse_pin("sha256/" + base64.b64encode(bytes(32)).decode()) == bytes(32)


def test_downgrade_is_refused_and_what_is_in_use_stays(
    mirror: Mirror, source: Source, tmp_path: Path
) -> None:
    first, mirror.content = mirror.content, signed(manifest_of(2))
    update(source, tmp_path)
    mirror.content = first
    line = failure(source, tmp_path)
    assert line.startswith(f"{mirror.url}: is version 1, and 2 was installed before")
    assert sids(tmp_path) == [2_000_002]
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (signed(manifest_of(2), 0), Refusal.TOO_FEW_SIGNERS),
        (signed(manifest_of(2), 3), Refusal.UNKNOWN_SIGNER),
        (signed(manifest_of(2))[:-5], Refusal.TAMPERED),
        (signed(manifest_of(2)).replace(b"A", b"B", 1), Refusal.TAMPERED),
        (signed(manifest_of(2, expires=NOW)), Refusal.EXPIRED),
        (signed(manifest_of(2, name="other")), Refusal.WRONG_NAME),
        (signed(manifest_of(2, minimum_sensor="9")), Refusal.NEWER_SENSOR),
        (b"<html>404</html>", Refusal.TAMPERED),
        (b"", Refusal.TAMPERED),
    ],
)
def test_what_must_not_be_used_changes_nothing(
    mirror: Mirror, source: Source, tmp_path: Path, content: bytes, refusal: Refusal
) -> None:
    update(source, tmp_path)
    mirror.content = content
    with pytest.raises(BundleError) as caught:
        update(source, tmp_path)
    assert caught.value.refusal is refusal
    assert sids(tmp_path) == [2_000_001]
    assert leftovers(tmp_path) == []


def test_frozen_mirror_is_noticed_when_what_is_in_use_expires(
    mirror: Mirror, source: Source, tmp_path: Path
) -> None:
    update(source, tmp_path)
    with pytest.raises(SensorError, match=r"expired on 2026-05-31 .* may be keeping newer ones back"):
        update(source, tmp_path, now=NOW + timedelta(days=31))
    assert mirror.seen[-1][0] == 304
    assert sids(tmp_path) == [2_000_001]


def test_rolled_back_version_does_not_come_back_by_itself(
    mirror: Mirror, source: Source, tmp_path: Path
) -> None:
    update(source, tmp_path)
    mirror.content = signed(manifest_of(2))
    update(source, tmp_path)
    with open_store(tmp_path, NAME) as store:
        store.rollback()
    for _ in range(2):
        held = update(source, tmp_path)
        assert (held.outcome, held.current.version) == (Outcome.HELD_BACK, 1)
    mirror.extra = {"ETag": '"other"'}  # the same again, under a new name
    assert update(source, tmp_path).outcome is Outcome.HELD_BACK
    mirror.content, mirror.extra = signed(manifest_of(3)), {}
    assert update(source, tmp_path).outcome is Outcome.INSTALLED
    assert sids(tmp_path) == [2_000_003]


def test_slow_server_holds_up_no_rollback(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    update(source, tmp_path)
    mirror.content = signed(manifest_of(2))
    update(source, tmp_path)
    mirror.content = signed(manifest_of(3))
    mirror.stall = threading.Event()
    with ThreadPoolExecutor() as pool:
        pending = pool.submit(update, source, tmp_path)
        part = tmp_path / NAME / "download.part"
        await_(lambda: part.exists() and part.stat().st_size, "half of it")
        assert "another command is at work" in failure(source, tmp_path)
        with open_store(tmp_path, NAME) as store:
            assert store.rollback().version == 1
        mirror.stall.set()
        assert pending.result().current.version == 3


def test_removed_while_the_server_said_nothing_new(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update(source, tmp_path)
    fetch = Download.fetch

    def fetch_and_remove(self: Download, known: str = "") -> Fetched | None:
        fetched = fetch(self, known)
        with open_store(tmp_path, NAME) as store:
            store.remove()
        return fetched

    monkeypatch.setattr(Download, "fetch", fetch_and_remove)
    assert "was removed meanwhile" in failure(source, tmp_path)


def test_removed_bundle_is_fetched_again(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    update(source, tmp_path)
    with open_store(tmp_path, NAME) as store:
        store.remove()
    assert update(source, tmp_path).outcome is Outcome.INSTALLED
    assert [status for status, _ in mirror.seen] == [200, 200]


def test_redirects(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    mirror.redirect = "/elsewhere"
    assert update(source, tmp_path).outcome is Outcome.INSTALLED
    mirror.redirect = mirror.url
    assert "sends on more than 5 times" in failure(source, tmp_path / "loop")
    for target in (
        "http://127.0.0.1/a",
        "ftp://127.0.0.1/a",
        "file:///etc/passwd",
        "https://a:b@c/",
    ):
        mirror.redirect = target
        assert "sends on to what is not HTTPS" in failure(source, tmp_path / "plain")


def test_redirect_to_plain_http_is_not_followed(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    asked: list[str] = []

    class Plain(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    with http.server.HTTPServer(("127.0.0.1", 0), Plain) as plain:
        thread = threading.Thread(target=plain.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        mirror.redirect = f"http://127.0.0.1:{plain.server_address[1]}/acme.bundle"
        failure(source, tmp_path)
        plain.shutdown()
        thread.join()
    assert asked == []


def test_too_large(mirror: Mirror, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.content = LARGE
    monkeypatch.setattr(download, "MAX_BUNDLE", 200_000)
    assert "is larger than 200,000 octets" in failure(source, tmp_path)
    # Nor without its size told before, nor in parts.
    mirror.extra = {"Content-Length": "", "Connection": "close"}
    assert "is larger than 200,000 octets" in failure(source, tmp_path)
    mirror.extra, mirror.cuts = {}, [150_000]
    monkeypatch.setattr(download, "MAX_BUNDLE", len(LARGE) - 1)
    assert "is larger" in failure(source, tmp_path)
    assert leftovers(tmp_path) == []


def test_server_that_drips_is_left(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    mirror.content = LARGE
    hours = iter(range(1000))
    drip = Download(source, tmp_path / "part", clock=lambda: 3600.0 * next(hours))
    with pytest.raises(SensorError, match="not done after 900 s"):
        drip.fetch()
    assert (tmp_path / "part").stat().st_size > 0


@pytest.mark.parametrize("status", [401, 403, 404, 410, 500, 503, 204, 300])
def test_other_answers(mirror: Mirror, source: Source, tmp_path: Path, status: int) -> None:
    mirror.status = status
    assert f"answered {status}" in failure(source, tmp_path)


def test_304_and_compressed_files_that_were_not_asked_for(
    mirror: Mirror, source: Source, tmp_path: Path
) -> None:
    mirror.extra = {"Content-Encoding": "gzip"}
    assert "compressed" in failure(source, tmp_path)
    mirror.extra, mirror.status = {}, 304
    assert "answered 304" in failure(source, tmp_path)


def test_nobody_there(source: Source, tmp_path: Path) -> None:
    assert "does not answer" in failure(replace(source, url="https://127.0.0.1:9/x?token=secret"), tmp_path)
    line = failure(replace(source, url="https://name.invalid/x?token=secret"), tmp_path)
    assert line.startswith("https://name.invalid/x: ")


@pytest.mark.parametrize(
    "url",
    ["http://a/b", "a", "", "https://", "https:///b", "https://u:p@a/", "https://a:99999/", "https://a/\n"],
)
def test_urls_that_are_not_fetched_from(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError):
        update(Source(url), tmp_path)


def test_proxy_of_the_environment(
    mirror: Mirror,
    source: Source,
    certificate: tuple[Path, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pinned = replace(source, pins=frozenset({parse_pin(certificate[1])}))
    with proxying() as (address, asked):
        monkeypatch.setenv("https_proxy", f"http://us%40er:pass@{address}")
        assert update(pinned, tmp_path).outcome is Outcome.INSTALLED
        (head,) = asked
        assert head[0].startswith("CONNECT 127.0.0.1:")
        assert f"Proxy-Authorization: Basic {base64.b64encode(b'us@er:pass').decode()}".lower() in [
            line.lower() for line in head
        ]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert update(pinned, tmp_path).outcome is Outcome.NOTHING_NEW
        assert len(asked) == 1
    monkeypatch.delenv("no_proxy")
    assert "the proxy that the environment names" in failure(pinned, tmp_path)
    for proxy in ("socks5://127.0.0.1:1", "http://[", "http://a:99999"):
        monkeypatch.setenv("https_proxy", proxy)
        with pytest.raises(SensorError, match="proxy"):
            update(pinned, tmp_path)
    assert len(mirror.seen) == 2


@pytest.mark.root
@pytest.mark.linux
def test_full_disk_while_fetching(mirror: Mirror, source: Source, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "watchdog-test", small], check=True)
    try:
        update(source, small)
        mirror.content = LARGE
        assert "No space left on device; free space" in failure(source, small)
        assert sids(small) == [2_000_001]
        assert read_state(small / NAME).highest == 1
    finally:
        subprocess.run(["umount", small], check=True)
