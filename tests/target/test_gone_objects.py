"""Objects that ended or were deleted in Invoiced by others, and come again."""

from functools import partial

import pytest

from invoiced_emulator import Faults, Server

ITEMS = [{"quantity": 1, "unit_cost": 100}]


@pytest.fixture
def load(run_target, server):
    def run(*messages, **settings):
        return run_target(server, list(messages), **{"ids": "external", **settings})

    return run


def customer(singer, **values):
    return singer.stream("customers", {"id": "c", "name": "Acme", "number": "C-1", **values})


@pytest.fixture
def billed(load, singer, account):
    run = load(*customer(singer), *singer.stream("invoices", invoice()))
    assert run.exit_code == 0, run.stderr
    return account


def invoice(**values):
    return {"id": "i", "customer": "c", "number": "INV-7", "items": ITEMS, **values}


def test_a_deleted_customer_is_found_by_its_number_under_another_id(load, singer, account):
    load(*customer(singer))
    (old,) = account.objects("customers")
    account.remove("customers", old["id"])
    account.add("customers", id=77, name="Acme", number="C-1")
    run = load(*customer(singer, name="Acme Ltd"))
    assert run.exit_code == 0, run.stderr
    assert [(row["id"], row["name"]) for row in account.objects("customers")] == [(77, "Acme Ltd")]
    run = load(*singer.stream("invoices", invoice()))
    assert run.exit_code == 0, run.stderr
    assert [row["customer"] for row in account.objects("invoices")] == [77]


def test_a_deleted_customer_that_is_not_found_names_the_remedy_which_works(load, singer, account):
    load(*customer(singer))
    account.remove("customers", account.objects("customers")[0]["id"])
    run = load(*customer(singer, name="Acme Ltd"))
    assert run.exit_code == 1
    assert "deleted or merged" in run.complaint
    assert "`_sdc_deleted_at`" in run.complaint
    deleted = customer(singer, _sdc_deleted_at="2026-03-01T00:00:00Z")
    assert load(*deleted, *customer(singer, name="Acme Ltd")).exit_code == 0
    assert [row["name"] for row in account.objects("customers")] == ["Acme Ltd"]


def test_an_invoice_of_a_deleted_customer_names_the_remedy(load, singer, account):
    load(*customer(singer))
    account.remove("customers", account.objects("customers")[0]["id"])
    run = load(*singer.stream("invoices", invoice()))
    assert run.exit_code == 1
    assert "customers with the key c" in run.complaint
    assert "deleted or merged" in run.complaint


def test_a_numbered_invoice_that_was_voided_comes_again(load, singer, billed):
    """Its number is taken by the void invoice: a new one, or a reject that says what to do."""
    gone = singer.stream("invoices", invoice(_sdc_deleted_at="2026-03-01T00:00:00Z"))
    assert load(*gone).exit_code == 0
    assert [row["status"] for row in billed.objects("invoices")] == ["voided"]
    again = load(*singer.stream("invoices", invoice()))
    live = [row for row in billed.objects("invoices") if row["status"] != "voided"]
    if again.exit_code == 0:
        assert len(live) == 1
        return
    assert live == []
    assert "Give the record another number" in again.complaint
    renumbered = load(*singer.stream("invoices", invoice(number="INV-8")))
    assert renumbered.exit_code == 0, renumbered.stderr
    assert len(billed.objects("invoices")) == 2


def test_a_new_record_is_not_matched_with_a_void_invoice_of_its_number(load, singer, account):
    load(*customer(singer))
    (one,) = account.objects("customers")
    account.add("invoices", id=5, customer=one["id"], number="INV-7", items=ITEMS, status="voided")
    run = load(*singer.stream("invoices", invoice()))
    assert account.get("invoices", 5)["status"] == "voided"
    assert run.exit_code == 0 or "Give the record another number" in run.complaint


def test_a_record_from_before_a_removal_that_was_executed_comes_again(run_target, singer, account):
    """The response to the removal was lost, so the ledger does not know that the object is gone."""
    removal = customer(singer, name="Acme Ltd", _sdc_deleted_at="2026-03-01T00:00:00Z")
    lost = Faults([{"kind": "drop_after", "methods": ["DELETE"]}])
    with Server(account, faults=lost) as server:
        run = partial(run_target, server, ids="external", max_retry_seconds=0.3)
        assert run(customer(singer)).exit_code == 0
        assert "kept failing" in run(removal).complaint
        assert account.objects("customers") == []
    with Server(account, port=server.port) as server:
        run = partial(run_target, server, ids="external")
        assert run(customer(singer, name="Acme Inc")).exit_code == 0
        assert [row["name"] for row in account.objects("customers")] == ["Acme Inc"]
        assert run(removal).exit_code == 0
        assert account.objects("customers") == []


@pytest.mark.parametrize("status", [400, 401])
def test_a_removal_that_was_refused_leaves_no_doubt(run_target, singer, account, status):
    """Whoever deletes the object then is somebody else."""
    refused = Faults([{"kind": "status", "status": status, "methods": ["DELETE"]}])
    with Server(account, faults=refused) as server:
        run = partial(run_target, server, ids="external")
        assert run(customer(singer)).exit_code == 0
        assert (
            f"({status})" in run(customer(singer, _sdc_deleted_at="2026-03-01T00:00:00Z")).complaint
        )
        account.remove("customers", account.objects("customers")[0]["id"])
        assert "deleted or merged" in run(customer(singer, name="Acme Ltd")).complaint
