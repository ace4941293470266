"""Attributes that can only be set at creation: a change to them is never reported as an update."""

import pytest


@pytest.fixture
def load(run_target, singer):
    def run(server, stream, *records, **settings):
        settings = {"ids": "external", "max_rejects": -1, **settings}
        return run_target(server, singer.stream(stream, *records), **settings)

    return run


def test_an_invoice_that_moves_to_another_customer_is_a_reject(load, account, server):
    load(server, "customers", {"id": "a", "name": "A"}, {"id": "b", "name": "B"})
    invoice = {"id": "i", "customer": "a", "items": [{"unit_cost": 5}]}
    assert load(server, "invoices", invoice).counts("invoices") == {"created": 1}
    run = load(server, "invoices", {**invoice, "customer": "b", "notes": "x"})
    assert run.counts("invoices") == {"rejected": 1}
    assert "`customer` can only be set when the object is created" in run.stderr
    (row,) = account.objects("invoices")
    first = next(one for one in account.objects("customers") if one["name"] == "A")
    assert (row["customer"], row["notes"]) == (first["id"], "x")
    run = load(server, "invoices", {**invoice, "notes": "y"})
    assert run.counts("invoices") == {"updated": 1}


@pytest.mark.parametrize(
    ("stream", "record", "change"),
    [
        ("plans", {"id": "gold", "name": "A", "amount": 5, "interval": "month"}, {"amount": 6}),
        ("items", {"id": "oven", "name": "A", "unit_cost": 5}, {"unit_cost": 5.01}),
        ("coupons", {"id": "five", "name": "A", "value": 5}, {"value": 6}),
        ("tax_rates", {"id": "vat", "name": "A", "value": 19}, {"value": 7}),
        ("tax_rates", {"id": "vat", "name": "A", "value": 19}, {"is_percent": False}),
    ],
)
@pytest.mark.parametrize(("ids", "became"), [("external", "rejected"), ("invoiced", "updated")])
def test_a_price_that_changes_is_named(load, server, stream, record, change, ids, became):
    """A record of another system is a reject; one of this account is written, with a warning."""
    load(server, stream, record)
    (name,) = change
    run = load(server, stream, {**record, **change}, ids=ids)
    assert run.counts(stream) == {became: 1}
    where = f"line 2, {stream} (id: {record['id']})"
    said = f"{where}: `{name}` can only be set when the object is created"
    assert said in run.stderr
    run = load(server, stream, {**record, "name": "B"}, ids=ids)
    assert run.counts(stream) == {"updated": 1}
    assert said not in run.stderr


def test_a_record_with_nothing_else_to_update_is_compared_as_well(load, server):
    item = {"id": "oven", "name": "A", "unit_cost": 5}
    load(server, "items", item)
    streams = {"items": {"endpoint": "items", "ids": "external", "exclude": ["name"]}}
    run = load(server, "items", {**item, "unit_cost": 6}, streams=streams)
    assert run.counts("items") == {"rejected": 1}


def test_the_same_value_in_another_spelling_is_no_change(load, account, server):
    item = {"id": "oven", "name": "A", "unit_cost": 5, "currency": "usd", "taxable": True}
    load(server, "items", item)
    same = {**item, "unit_cost": "5.00", "currency": "USD", "taxable": "t", "name": "B"}
    assert load(server, "items", same).counts("items") == {"updated": 1}


def test_a_customer_may_be_named_by_its_number(load, account, server):
    account.add("customers", name="A", number="C-1")
    account.add("customers", name="B", number="C-2")
    invoice = {"id": "i", "customer": {"number": "C-1"}, "items": [{"unit_cost": 5}]}
    load(server, "invoices", invoice)
    assert load(server, "invoices", {**invoice, "notes": "x"}).counts("invoices") == {"updated": 1}
    moved = {**invoice, "customer": {"number": "C-2"}}
    assert load(server, "invoices", moved).counts("invoices") == {"rejected": 1}


def test_a_customer_that_is_not_known_does_not_hold_up_an_update(load, server):
    load(server, "customers", {"id": "a", "name": "A"})
    invoice = {"id": "i", "customer": "a", "items": [{"unit_cost": 5}]}
    load(server, "invoices", invoice)
    run = load(server, "invoices", {**invoice, "customer": "nobody", "notes": "x"})
    assert run.counts("invoices") == {"updated": 1}
