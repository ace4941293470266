"""Reading ahead of the stream that is being written: runs end, whatever the account looks like."""

from collections.abc import Callable
from typing import Any

from invoiced_emulator import Account, Faults, Server


def test_parents_without_children_beside_a_long_list_are_read_to_the_end(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """All lists of children that were read ahead are empty before the first of them is due."""
    customers = [
        account.add("customers", name="Acme", updated_at=clock.seconds - 900)["id"]
        for _ in range(200)
    ]
    for _ in range(3_000):
        account.add("charges", customer=customers[0], updated_at=clock.seconds - 900)
    catalog = selected(catalog_of("charges", "contacts"))
    with Server(account, latency_s=0.03) as server:
        run = run_tap(server, catalog=catalog)
    assert run.exit_code == 0
    assert (len(run.ids("charges")), run.ids("contacts")) == (3_000, [])


def test_one_late_response_does_not_stop_large_rows(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """The buffer is full of what comes behind the window that is late."""
    customer = account.add("customers", name="Acme", updated_at=clock.seconds - 90_000)["id"]
    for number in range(20_000):
        stamp = clock.seconds - 90_000 + 4 * number
        account.add("invoices", customer=customer, notes="x" * 4_300, updated_at=stamp)
    late = {"kind": "status", "status": 503, "retry_after": 2, "share": 0.02, "times": 1}
    with Server(account, faults=Faults([late], seed=3)) as server:
        run = run_tap(server, catalog=catalog_of("invoices"))
    assert run.exit_code == 0
    assert len(run.ids("invoices")) == 20_000


def selected(catalog: dict[str, Any]) -> dict[str, Any]:
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = True
    return catalog
