"""A list whose rows were all updated in one second, as an import leaves them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from invoiced_emulator import Account, Server, add_bulk

ROWS = 20_000
PAGE_SIZE = 100
# What it takes to count, and to find that the rest of the time holds nothing.
OVERHEAD = 110


def test_a_list_of_one_second_is_read_in_as_many_requests_as_it_has_pages(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    moment = clock.seconds - 40 * 86_400
    add_bulk(account, "customers", count=ROWS, first_updated_at=moment, per_second=ROWS)
    with Server(account) as server:
        run = run_tap(server, catalog=catalog_of("customers"))
        requests = [parse_qs(urlsplit(one.path).query) for one in server.requests]
    assert run.exit_code == 0, run.stderr
    ids = run.ids("customers")
    assert (len(ids), len(set(ids))) == (ROWS, ROWS)
    assert len(requests) <= ROWS // PAGE_SIZE + OVERHEAD
    assert {one["sort"][0] for one in requests} == {"updated_at asc", "updated_at desc"}


def test_a_server_that_does_not_sort_is_not_trusted_because_of_its_first_row(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """The first row claims to be the earliest and the latest; others are older and newer."""
    account.ignores_sort = True
    for number in range(450):
        moment = clock.seconds - 86_400 + (0 if number < 300 else 60 * (number % 3 - 1))
        account.add("customers", name="Acme", updated_at=moment)
    with Server(account) as server:
        run = run_tap(server, catalog=catalog_of("customers"))
        sorts = {parse_qs(urlsplit(one.path).query)["sort"][0] for one in server.requests}
    assert run.exit_code == 0, run.stderr
    ids = run.ids("customers")
    assert (len(ids), len(set(ids))) == (450, 450)
    assert "id asc" in sorts
