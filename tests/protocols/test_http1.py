"""Every conversation of the table: whole, octet by octet, and at every split into two."""

import pytest

from tests.protocols.conversation import octets, read
from tests.protocols.http1_cases import CASES, Case

pytestmark = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_whole(case: Case) -> None:
    rows, _ = read([(True, case.client), (False, case.server)])
    assert [
        (r["method"], r["target"], r["host"], r["status"], r["request_body_len"], r["response_body_len"])
        for r in rows
    ] == case.rows
    anomalies = {name for r in rows for name in r["anomalies"]}  # type: ignore[attr-defined]
    assert anomalies == case.anomalies


def test_octet_by_octet(case: Case) -> None:
    whole = read([(True, case.client), (False, case.server)])
    assert read(octets(True, case.client) + octets(False, case.server)) == whole


def test_every_split(case: Case) -> None:
    whole = read([(True, case.client), (False, case.server)])
    for at in range(len(case.client) + 1):
        client = [(True, case.client[:at]), (True, case.client[at:])]
        assert read([*client, (False, case.server)]) == whole, at
    for at in range(len(case.server) + 1):
        server = [(False, case.server[:at]), (False, case.server[at:])]
        assert read([(True, case.client), *server]) == whole, at
