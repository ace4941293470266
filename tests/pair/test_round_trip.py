"""An account read by the tap and written back by the target stays what it was."""

import copy
from collections.abc import Callable
from typing import Any

from invoiced_emulator import Account, Server, seeded

STREAMS = ("customers", "subscriptions", "invoices", "estimates", "credit_notes", "transactions")


CATALOG = ("items", "plans", "coupons", "tax_rates")


def everything(account: Account) -> dict[tuple[str, int], dict[str, Any]]:
    """Every object but for `updated_at`, by stream and id."""
    found = {}
    for stream in STREAMS:
        for row in account.objects(stream):
            row.pop("updated_at")
            found[stream, row["id"]] = copy.deepcopy(row)
    return found


def test_piping_an_account_back_into_itself_changes_nothing_but_updated_at(
    business: Account,
    business_server: Server,
    run_tap: Callable[..., Any],
    run_target: Callable[..., Any],
    clock: Any,
) -> None:
    """Every kind of object is among them: voided and draft documents, ended subscriptions …"""
    before = everything(business)
    statuses = {row.get("status") for row in before.values()}
    assert {"voided", "draft", "paid", "canceled", "finished"} <= statuses
    read = run_tap(business_server)
    clock.seconds += 3_600
    written = run_target(business_server, read.stdout)
    assert written.exit_code == 0, written.stderr
    assert everything(business) == before
    updated = [
        row
        for stream in STREAMS
        for row in business.objects(stream)
        if row["updated_at"] == clock.seconds
    ]
    assert len(updated) > 0.9 * len(before), "nearly all of it was really written"
    assert written.messages[-1]["bookmarks"] == read.state["bookmarks"]


def test_what_the_target_wrote_is_what_the_tap_reads_next(
    business: Account,
    business_server: Server,
    run_tap: Callable[..., Any],
    run_target: Callable[..., Any],
    clock: Any,
) -> None:
    first = run_tap(business_server)
    clock.seconds += 3_600
    customer = first.records("customers")[3]
    edit = {"id": customer["id"], "payment_terms": "NET 45"}
    schema = {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": ["id"]}
    record = {"type": "RECORD", "stream": "customers", "record": edit}
    assert run_target(business_server, [schema, record]).exit_code == 0
    (changed,) = run_tap(business_server, state=first.state).records("customers")
    for column in ("payment_terms", "updated_at"):
        assert changed.pop(column) != customer.pop(column)
    assert changed == customer


def test_an_account_is_copied_whole_and_copying_it_again_costs_no_request(
    account: Account,
    server: Server,
    run_tap: Callable[..., Any],
    run_target: Callable[..., Any],
    catalog_of: Callable[..., Any],
    clock: Any,
) -> None:
    """The ids of one account are the keys of the other. Numbers and sums show their equality."""
    original = seeded(customers=6, seed=7, now=clock, api_key=account.api_key)
    catalog = catalog_of(*CATALOG, *STREAMS)
    for stream in catalog["streams"]:
        stream["metadata"][0]["metadata"]["selected"] = True
    with Server(original) as there:
        read = run_tap(there, catalog=catalog)
    settings = {"ids": "external", "allow_side_effects": ["autopay"]}
    copied = run_target(server, read.stdout, **settings)
    assert copied.exit_code == 0, copied.stderr

    def totals_of(one: Account) -> dict[str, Any]:
        people = {row["id"]: row["number"] for row in one.objects("customers")}
        documents = ("invoices", "estimates", "credit_notes")
        return {
            "customers": sorted(people.values()),
            "catalog": [[row["id"] for row in one.objects(resource)] for resource in CATALOG],
            "subscriptions": sorted(
                (people[row["customer"]], row["plan"], row["mrr"])
                for row in one.objects("subscriptions")
                if row["status"] not in ("canceled", "finished")
            ),
            "documents": sorted(
                (row["number"], people[row["customer"]], row["total"], row["status"] == "voided")
                for resource in documents
                for row in one.objects(resource)
            ),
        }

    assert totals_of(account) == totals_of(original)
    requests = server.stats.requests
    again = run_target(server, read.stdout, **settings)
    assert again.exit_code == 0
    assert server.stats.requests == requests
