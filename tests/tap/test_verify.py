"""`verify`: the server's own count against what was read."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from invoiced_api.exact_json import NumberText
from invoiced_api.resources import BY_NAME
from invoiced_emulator import Account, Server
from tap_invoiced.verification import StreamTotals, missing


def test_a_complete_run_is_verified_with_counts_and_sums_per_currency(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(business_server, verify=True)
    assert run.exit_code == 0, run.stderr
    invoices = business.objects("invoices")
    euros = sum(
        (Decimal(str(row["total"])) for row in invoices if row["currency"] == "eur"), Decimal()
    )
    (line,) = [line for line in run.stderr.splitlines() if "invoices: verified" in line]
    assert '"verified_count", "value": ' in run.stderr
    assert f"{len(invoices)} objects" in line
    assert f"eur total {euros:f}" in line


def test_changes_meanwhile_are_no_difference(
    business: Account, clock: Any, run_tap: Callable[..., Any]
) -> None:
    def work_on(account: Account, number: int, method: str, path: str) -> None:
        if number % 4:
            return
        clock.seconds += 1
        ids = [row["id"] for row in account.objects("customers")]
        account.edit("customers", ids[number % len(ids)], notes="called")
        account.add("customers", name="New")
        account.remove("customers", ids[(number * 7) % len(ids)])

    with Server(business, before_request=work_on) as server:
        run = run_tap(server, verify=True, page_size=5)
    assert run.exit_code == 0, run.stderr


def test_objects_that_were_not_listed_end_the_run_with_exit_1(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """Rows that appear behind the reader, stamped long ago: as an import may leave them."""
    for number in range(40):
        account.add("customers", name=str(number), updated_at=clock.seconds - 5_000 + number)

    def import_old(account: Account, number: int, method: str, path: str) -> None:
        if number == 2:  # the first one reads the list, this one counts it
            account.add("customers", id=999_999, updated_at=clock.seconds - 9_000)

    with Server(account, before_request=import_old) as server:
        run = run_tap(server, verify=True, page_size=50, catalog=catalog_of("customers"))
    assert run.exit_code == 1
    assert "customers" not in run.state.get("bookmarks", {})
    assert "ERROR customers: 1 of 41 objects were not read, ids " in run.stderr


def test_the_bookmark_waits_until_the_stream_is_verified(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """A STATE in the middle of the stream would let the next run skip missing rows."""
    before = {"bookmarks": {"customers": {"updated_at": "2026-02-01T00:00:00Z"}}}
    for number in range(1_500):
        account.add("customers", name=str(number), updated_at=clock.seconds - 90_000 + number)

    def import_old(account: Account, number: int, method: str, path: str) -> None:
        if number == 10:
            account.add("customers", id=999_999, updated_at=clock.seconds - 95_000)

    catalog = catalog_of("customers")
    with Server(account, before_request=import_old) as server:
        failed = run_tap(server, verify=True, state=before, catalog=catalog)
        again = run_tap(server, verify=True, state=failed.state, catalog=catalog)
    states = [one["value"] for one in failed.messages if one["type"] == "STATE"]
    assert len(states) > 2
    assert all(state["bookmarks"] == before["bookmarks"] for state in states)
    assert again.exit_code == 0, again.stderr
    assert 999_999 in again.ids("customers")
    assert again.state["bookmarks"] != before["bookmarks"]


@pytest.mark.parametrize(
    ("read", "counted", "changed", "lost"),
    [
        pytest.param(10, 10, 0, 0, id="equal"),
        pytest.param(10, 8, 0, 0, id="two-were-deleted-meanwhile"),
        pytest.param(10, 13, 3, 0, id="three-came-in-later"),
        pytest.param(10, 13, 1, 2, id="two-are-missing"),
    ],
)
def test_missing(read: int, counted: int, changed: int, lost: int) -> None:
    assert missing(read, counted, changed) == lost


def test_stream_totals_count_the_newest_version_and_sums_exactly() -> None:
    totals = StreamTotals(BY_NAME["transactions"])
    totals.take([{"id": 2, "currency": "usd", "amount": 0.1}, {"id": 1, "currency": "usd"}])
    totals.take([{"id": 2, "currency": "usd", "amount": 0.3}])
    totals.take([{"id": 3, "currency": "usd", "amount": 0.3}])
    again = StreamTotals(BY_NAME["transactions"])
    again.take([{"id": key, "currency": "eur"} for key in (3, 1, 2)])
    assert totals.objects == 3
    assert totals.sums() == {"usd amount": Decimal("0.6")}
    assert totals.digest() == again.digest()
    assert totals.unseen([3, 4, 5]) == 2


def test_sums_take_what_the_columns_take_and_leave_out_the_rest() -> None:
    totals = StreamTotals(BY_NAME["transactions"])
    amounts = [1.5, "2.25", None, "soon", [], {"usd": 5}, NumberText("NaN"), NumberText("1e999")]
    totals.take([{"id": n, "currency": "usd", "amount": one} for n, one in enumerate(amounts)])
    totals.take([{"id": 99, "currency": ["usd"], "amount": 1}])
    assert totals.sums() == {"usd amount": Decimal("3.75"), "amount": Decimal(1)}
    assert totals.report().startswith("9 objects")
