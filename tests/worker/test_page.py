"""The counters page: whole batches or nothing, whoever reads and whoever dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sensor.worker.page import COUNTER_NAMES, GAUGE_NAMES, CountersPage, counters_of, make_page

NAMES = (*COUNTER_NAMES, *GAUGE_NAMES)

WRITER = """
import sys
from sensor.worker.page import COUNTER_NAMES, GAUGE_NAMES, CountersPage
page = CountersPage(int(sys.argv[1]))
names = COUNTER_NAMES + GAUGE_NAMES
value = 0
print("begun", flush=True)
while True:
    value += 1
    page.started_block = value
    page.commit(dict.fromkeys(names, value))
"""


@pytest.fixture
def descriptor() -> Iterator[int]:
    made = make_page()
    yield made
    os.close(made)


def test_names_are_unique_and_a_new_page_is_zero(descriptor: int) -> None:
    assert len(set(NAMES)) == len(NAMES)
    page = CountersPage(descriptor)
    assert page.read() == dict.fromkeys(NAMES, 0)
    assert (page.started_block, page.alive_ns) == (0, 0)
    page.close()


def test_what_one_process_commits_another_reads(descriptor: int) -> None:
    ours, theirs = CountersPage(descriptor), CountersPage(descriptor)
    for turn in range(1, 4):
        values = {name: turn * 1000 + at for at, name in enumerate(NAMES)}
        ours.commit(values)
        assert theirs.read() == values
    assert set(counters_of(theirs.read())) == set(COUNTER_NAMES)
    ours.close()
    theirs.close()


def test_a_commit_that_was_cut_short_does_not_show(descriptor: int) -> None:
    page = CountersPage(descriptor)
    page.commit(dict.fromkeys(NAMES, 7))
    with pytest.raises(KeyError):
        page.commit({"delivered": 8})
    assert page.read() == dict.fromkeys(NAMES, 7)
    page.close()


@pytest.mark.posix
def test_reads_beside_a_writer_and_after_its_death_are_of_one_commit(descriptor: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(descriptor)], pass_fds=(descriptor,), stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
        page = CountersPage(descriptor)
        last = 0
        for _ in range(2000):
            (value,) = set(page.read().values())
            assert value >= last
            last = value
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    (value,) = set(page.read().values())
    assert value in (page.started_block, page.started_block - 1)
    assert value > 0
    page.close()


def test_what_cannot_be_does_not_leave_the_page(descriptor: int) -> None:
    """A worker that hostile packets took over writes what it likes."""
    page = CountersPage(descriptor)
    words = memoryview(page._map).cast("q")
    words[:] = memoryview(bytes([255] * 7 + [127]) * len(words)).cast("q")  # each the largest there is
    assert set(page.read().values()) == {1 << 53}
    page.commit(page.read())
    page.commit(dict.fromkeys(NAMES, 1))
    assert set(page.read().values()) == {1}
    words[:] = memoryview((bytes(7) + b"\x80") * len(words)).cast("q")  # each the least
    assert set(page.read().values()) == {0}
    words.release()
    page.close()
