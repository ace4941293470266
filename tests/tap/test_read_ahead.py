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


def test_a_quiet_run_over_parents_without_children_ends(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """Nothing changed since the bookmarks, so no stream has a row to hand out."""
    for number in range(300):
        customer = account.add("customers", name="Acme", updated_at=clock.seconds - 9_000)["id"]
        for _ in range(5):
            account.add("charges", customer=customer, updated_at=clock.seconds - 9_000 + number)
    catalog = selected(catalog_of("charges", "notes", "contacts"))
    bookmark = {"updated_at": clock.seconds - 600}
    state = {"bookmarks": dict.fromkeys(("charges", "notes", "contacts"), bookmark)}
    with Server(account, latency_s=0.03) as server:
        run = run_tap(server, catalog=catalog, state=state)
    assert run.exit_code == 0
    assert not any(run.ids(name) for name in state["bookmarks"])


def test_one_late_response_does_not_stop_large_rows(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """The first window is late and proves too full, when what follows it has filled the buffer.

    It is cut then. Its later pieces have no page yet, and come out before all that is buffered.
    """
    customer = account.add("customers", name="Acme", updated_at=clock.seconds - 90_000)["id"]
    began = clock.seconds - 86_400
    for number in range(9_000):
        stamp = began + (number if number < 1_500 else 10 * (number - 1_350))
        account.add("invoices", customer=customer, notes="x" * 4_300, updated_at=stamp)
    # The list is opened by two requests; the third is for the first window.
    faults = [{"kind": "slow", "times": 2}, {"kind": "slow", "seconds": 1.5, "times": 1}]
    with Server(account, faults=Faults(faults)) as server:
        run = run_tap(server, catalog=catalog_of("invoices"))
    assert run.exit_code == 0
    assert len(run.ids("invoices")) == 9_000


def selected(catalog: dict[str, Any]) -> dict[str, Any]:
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = True
    return catalog
