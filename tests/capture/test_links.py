"""Interfaces as the kernel has them, and that a change is told."""

import select
from pathlib import Path

import pytest

from sensor.capture.links import LinkWatch, link_name, read_link, read_links
from tests.netns import run, veth_line

WAIT_S = 10


@pytest.mark.linux
def test_the_loopback_interface_is_read() -> None:
    link = read_link("lo")
    assert link is not None
    assert (link.name, link.hardware_type) == ("lo", 772)
    assert link_name(link.index) == "lo"
    assert "lo" in [each.name for each in read_links()]


@pytest.mark.parametrize("name", ["no-such-link", "", "longer-than-any-name-can-be", "nul\0", "läuft"])
def test_what_is_no_interface_is_none(name: str) -> None:
    assert read_link(name) is None


@pytest.mark.parametrize("index", [0, -1, 1 << 30, 1 << 40])
def test_what_is_no_index_has_no_name(index: int) -> None:
    assert link_name(index) == ""


@pytest.mark.netns
def test_flags_follow_administrator_and_carrier() -> None:
    with veth_line() as line, line.left.entered():
        link = read_link(line.left.device)
        assert link is not None
        assert (link.is_up, link.is_running, link.hardware_type) == (True, True, 1)

        watch = LinkWatch()  # the kernel tells of a carrier up to a second late
        try:
            line.right.run("ip", "link", "set", line.right.device, "down")
            while link is not None and link.is_running:
                assert select.select([watch], [], [], WAIT_S)[0], "the carrier's loss is never told"
                watch.drain()
                link = read_link(line.left.device)
        finally:
            watch.close()
        assert link is not None
        assert link.is_up

        run("ip", "link", "set", line.left.device, "down")
        link = read_link(line.left.device)
        assert link is not None
        assert (link.is_up, link.is_running) == (False, False)


@pytest.mark.netns
def test_an_interface_that_is_renamed_keeps_its_index() -> None:
    with veth_line() as line, line.left.entered():
        before = read_link(line.left.device)
        assert before is not None
        run("ip", "link", "set", line.left.device, "down")
        run("ip", "link", "set", line.left.device, "name", "other0")
        assert read_link(line.left.device) is None
        assert link_name(before.index) == "other0"
        assert [link.name for link in read_links()] == ["lo", "other0"]


@pytest.mark.netns
def test_every_kind_of_change_wakes_the_watch() -> None:
    with veth_line() as line, line.left.entered():
        watch = LinkWatch()
        try:
            for change in (("down",), ("name", "other0"), ("up",)):
                name = [link.name for link in read_links()][-1]
                watch.drain()
                assert not select.select([watch], [], [], 0)[0]
                run("ip", "link", "set", name, *change)
                assert select.select([watch], [], [], WAIT_S)[0]
            run("ip", "link", "delete", "other0")
            assert select.select([watch], [], [], WAIT_S)[0]
        finally:
            watch.close()


@pytest.mark.netns
def test_more_changes_than_the_watch_can_hold_wake_it_too() -> None:
    """The kernel then tells ENOBUFS instead of messages."""
    with veth_line() as line, line.left.entered():
        watch = LinkWatch()
        try:
            batch = "".join(f"link set {line.left.device} mtu {1400 + n % 2}\n" for n in range(2_000))
            line.left.run("sh", "-c", f"printf '{batch}' | ip -batch -")
            assert select.select([watch], [], [], WAIT_S)[0]
            watch.drain()
            assert not select.select([watch], [], [], 0)[0]
        finally:
            watch.close()


@pytest.mark.linux
def test_watches_leave_no_descriptor_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        watch = LinkWatch()
        read_links()
        watch.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
