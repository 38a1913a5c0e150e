"""The ledger's rows: every packet in one stretch, minutes where the clock's are, gaps where nobody looked."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sensor.service import account
from sensor.service.books import Books, Entry
from sensor.status import LedgerCounts
from sensor.store.ledger import STRETCH_NS, LedgerRow
from sensor.worker.page import COUNTER_NAMES, GAUGE_NAMES

SECOND = 10**9
START = 28_000_000 * STRETCH_NS + 30 * SECOND
"""Half past a minute."""


def counts(packets: int, rejected: int = 0) -> LedgerCounts:
    """An account in which everything arrived."""
    return LedgerCounts(
        received=packets,
        delivered=packets,
        octets=100 * packets,
        decoded=packets - rejected,
        rejected={"ipv4.trunc_pkt": rejected} if rejected else {},
    )


def at(books: Books, seconds: float, entry: Entry, *, skew: int = 0) -> list[LedgerRow]:
    """Rows so many seconds after the start."""
    moment = int(seconds * SECOND)
    return list(books.rows({"eth0": entry}, START + moment + skew, moment))


def test_a_minute_ends_where_the_clocks_does() -> None:
    books = Books()
    assert at(books, 0, Entry(counts(5))) == []
    (row,) = at(books, 10, Entry(counts(15)))
    assert (row.started_ns, row.ended_ns, row.counts) == (START, START + 10 * SECOND, counts(15))
    assert not books.is_due(START + 29 * SECOND)
    assert books.is_due(START + 30 * SECOND)
    (row,) = at(books, 30.5, Entry(counts(25, 5)))
    assert (row.started_ns, row.counts) == (START, counts(25, 5))
    (row,) = at(books, 40, Entry(counts(26, 5)))
    assert (row.started_ns, row.counts) == (START + int(30.5 * SECOND), counts(1))


def test_an_interface_that_is_gone_ends_its_stretch_and_leaves_a_gap() -> None:
    books = Books()
    at(books, 0, Entry(counts(0)))
    (row,) = at(books, 5, Entry(counts(7), looking=False))
    assert (row.ended_ns, row.counts) == (START + 5 * SECOND, counts(7))
    assert at(books, 10, Entry(counts(7), looking=False)) == []
    assert at(books, 15, Entry(counts(8))) == []
    (row,) = at(books, 20, Entry(counts(9)))
    assert (row.started_ns, row.counts) == (START + 15 * SECOND, counts(2))


def test_a_clock_that_is_set_begins_a_new_stretch() -> None:
    for skew in (-3600 * SECOND, 3600 * SECOND):
        books = Books()
        at(books, 0, Entry(counts(0)))
        (row,) = at(books, 10, Entry(counts(4)), skew=skew)
        assert (row.started_ns, row.ended_ns, row.counts) == (START, START + 10 * SECOND, counts(4))
        (row,) = at(books, 15, Entry(counts(9)), skew=skew)
        assert (row.started_ns, row.ended_ns - row.started_ns) == (START + 10 * SECOND + skew, 5 * SECOND)
        assert row.counts == counts(5)


def test_what_was_left_out_and_what_waits_is_told() -> None:
    books = Books()
    at(books, 0, Entry(counts(0)))
    at(books, 40, Entry(counts(0), 0, (1, 2, 3)))
    waiting = LedgerCounts(received=12, delivered=10, decoded=10)
    (row,) = at(books, 41, Entry(waiting, 2, (2, 4, 6)))
    assert (row.waiting, row.error) == (2, 2)
    assert (row.shed_bodies, row.shed_payload_octets, row.bypassed_octets) == (1, 2, 3)


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 1000), st.booleans()), max_size=40))
def test_no_packet_is_in_two_rows_or_in_none(steps: list[tuple[int, int, bool]]) -> None:
    """Of an interface that is looked at throughout, the last versions of all rows make up the account."""
    books, rows, packets, seconds = Books(), dict[int, LedgerRow](), 0, 0
    at(books, 0, Entry(counts(0)))
    for pause, more, _ in steps:
        packets += more
        seconds += pause
        for row in at(books, seconds, Entry(counts(packets))):
            rows[row.started_ns] = row
    assert account.total(row.counts for row in rows.values()) == counts(packets)
    edges = [(row.started_ns, row.ended_ns) for row in sorted(rows.values(), key=lambda row: row.started_ns)]
    assert all(end - start <= STRETCH_NS for start, end in edges)
    assert all(end <= start for (_, end), (start, _) in pairwise(edges))


PAGE = dict.fromkeys((*COUNTER_NAMES, *GAUGE_NAMES), 0)


def test_a_workers_page_and_the_kernels_numbers_make_an_account() -> None:
    page = PAGE | {
        "delivered": 10,
        "received_octets": 900,
        "decoded": 6,
        "rejected.udp.hlen_too_small": 1,
        "shed.overload": 2,
        "shed.worker_died": 1,
    }
    made = account.add_kernel(account.add_worker(LedgerCounts(), page), 15, 3)
    assert made == LedgerCounts(
        15, {"ring_full": 3}, 10, 900, 6, {"udp.hlen_too_small": 1}, {"overload": 2, "worker_died": 1}
    )
    assert (made.waiting, made.unaccounted) == (2, 0)
    assert account.error_of(made, 1 << 20) == 0


def test_an_identity_that_does_not_hold_is_an_error() -> None:
    assert account.error_of(LedgerCounts(received=5, delivered=5, decoded=4), 0) == 1
    assert account.error_of(LedgerCounts(received=5, delivered=7, decoded=7), 0) == 2
    beyond = 3 + (1 << 20) // account.LEAST_RECORD
    assert account.error_of(LedgerCounts(received=beyond), 1 << 20) == 3


def test_what_waited_in_a_ring_that_is_gone_counts_as_dropped() -> None:
    left = account.forget_waiting(LedgerCounts(received=5, delivered=3, decoded=3))
    assert (left.waiting, left.dropped) == (0, {"abandoned": 2})
    assert account.forget_waiting(counts(5)) == counts(5)


@given(st.lists(st.dictionaries(st.sampled_from(COUNTER_NAMES), st.integers(0, 10**6)), max_size=5))
def test_accounts_add_and_subtract(pages: list[dict[str, int]]) -> None:
    each = [account.add_worker(LedgerCounts(), PAGE | page) for page in pages]
    whole = account.total(each)
    for one in each:
        whole = whole - one
    assert whole == LedgerCounts()
