"""What a worker has to do can be done without rights."""

import signal
import socket
from pathlib import Path

import pytest

from tests.worker.programs import ROOT, finish, run, run_to_death, start

pytestmark = pytest.mark.linux

PACKET_RX_RING = 5
SOL_PACKET = 263


def test_the_pipeline_runs_as_it_does_with_rights(fixtures_dir: Path) -> None:
    captures = str(fixtures_dir)
    free = run("work", {"captures": captures, "confined": False})
    confined = run("work", {"captures": captures, "confined": True, "address_space": 2 << 30})
    assert "seccomp" in confined.pop("held")
    assert free.pop("held") == []
    assert confined == free
    assert confined["imported"] == []
    assert confined["alerts"] > 0
    assert all(confined["bodies"].values())
    assert all(confined[name] for name in ("traceback", "grown", "clock", "random", "collected", "resident"))


@pytest.mark.root
def test_a_ring_is_read_and_its_socket_cannot_send() -> None:
    ours, theirs = socket.socketpair()
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    with ours, theirs, packets, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        # struct tpacket_req: block size, blocks, frame size, frames.
        request = b"".join(value.to_bytes(4, "little") for value in (1 << 16, 1, 1 << 11, 32))
        packets.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        packets.bind(("lo", 0x0800))
        fds = [theirs.fileno(), packets.fileno()]
        program = start(
            "ring", {"user": "nobody", "control": fds[0], "packets": fds[1], "keep_fds": fds}, fds
        )
        theirs.close()
        assert ours.recv(1) == b"!"
        sender.sendto(b"seen through the ring", ("127.0.0.1", 9))
        ours.send(b"!")
        result = finish(program)
    assert result.pop("found")
    assert result.pop("answer") == "done"
    assert result == dict.fromkeys(
        ["send", "write", "sendmsg", "copy", "move", "promiscuous", "unfilter"], "EPERM"
    )


@pytest.mark.root
@pytest.mark.tcpdump  # comes with libpcap
def test_libpcap_reads_counts_and_stops() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        number, port = theirs.fileno(), sender.getsockname()[1]
        program = start("libpcap", {"user": "nobody", "control": number, "port": port}, [number])
        theirs.close()
        assert ours.recv(1) == b"!"
        sender.sendto(b"seen by libpcap", ("127.0.0.1", port))
        assert finish(program) == {"delivered": 1, "received": 1, "dropped": 0}


def test_signals_are_handled() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        program = start("terminate", {"control": number, "keep_fds": [number]}, [number])
        theirs.close()
        assert ours.recv(1) == b"!"
        program.send_signal(signal.SIGTERM)
        ours.send(b"!")
        assert finish(program) == {"seen": 3}


def test_last_words_are_heard() -> None:
    status, said = run_to_death("fail", {})
    assert status == 1
    assert "ValueError: before them" in said
    assert "RuntimeError: the last words" in said


def test_a_fault_is_told_and_leaves_no_core() -> None:
    status, said = run_to_death("crash", {})
    assert status == -signal.SIGSEGV
    assert "Segmentation fault" in said
    assert not list(ROOT.glob("core*"))
