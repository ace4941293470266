"""The seeded business: deterministic, and plausible to an accountant."""

from collections import Counter
from datetime import datetime, time
from zoneinfo import ZoneInfo

import orjson
import pytest

from invoiced_emulator import seeded
from invoiced_emulator.resources.documents import PARTS
from invoiced_emulator.resources.registry import RESOURCES

NOW = 1_767_225_600
KEY = "a-key-of-ours"
SERVED = ["customers", "invoices", "estimates", "credit_notes", "subscriptions", "transactions"]
RESOURCE = {resource.name: resource for resource in RESOURCES}


@pytest.fixture(scope="module")
def business():
    return seeded(customers=60, seed=3, now=lambda: NOW, api_key=KEY)


def everything(account):
    return orjson.dumps([[account.objects(name) for name in RESOURCE], account.events()])


def test_the_same_seed_gives_the_same_account():
    first, second, other = (seeded(20, seed, lambda: NOW) for seed in (1, 1, 2))
    assert everything(first) == everything(second) != everything(other)


def test_without_customers_there_is_the_catalog(business):
    empty = seeded(customers=0, now=lambda: NOW)
    assert [name for name in RESOURCE if empty.objects(name)] == [
        "plans",
        "items",
        "coupons",
        "tax_rates",
    ]
    assert [row["id"] for row in empty.objects("plans")] == [
        row["id"] for row in business.objects("plans")
    ]


@pytest.mark.parametrize("name", SERVED)
def test_ids_follow_creation_and_nothing_changed_in_the_last_hour(business, name):
    rows = business.objects(name)
    assert [row["created_at"] for row in rows] == sorted(row["created_at"] for row in rows)
    for row in rows:
        assert row["created_at"] <= row["updated_at"] <= NOW - 3600, row
        assert row["updated_at"] >= NOW - 1100 * 86_400


def test_there_is_some_of_everything():
    business = seeded(customers=200, now=lambda: NOW)
    assert 2400 <= len(business.objects("invoices")) <= 3000
    statuses = {name: {row["status"] for row in business.objects(name)} for name in SERVED[1:]}
    assert statuses["invoices"] >= {
        "draft",
        "sent",
        "viewed",
        "past_due",
        "pending",
        "paid",
        "voided",
    }
    assert statuses["estimates"] >= {"draft", "sent", "approved", "invoiced", "declined", "voided"}
    assert statuses["credit_notes"] == {"draft", "open", "paid", "closed", "voided"}
    assert statuses["subscriptions"] == {
        "active",
        "past_due",
        "not_started",
        "canceled",
        "finished",
    }
    transactions = business.objects("transactions")
    assert {row["type"] for row in transactions} == {"payment", "charge", "refund", "adjustment"}
    assert any(row["failure_reason"] for row in transactions)
    assert any(row["payment_source"] for row in transactions)
    assert all(
        business.get("transactions", row["parent_transaction"])["type"] in ("payment", "charge")
        for row in transactions
        if row["type"] == "refund"
    )
    assert any(row["parent_customer"] for row in business.objects("customers"))
    assert any(not row["name"].isascii() for row in business.objects("customers"))
    assert any(row["mrr"] % 1 for row in business.objects("subscriptions"))
    assert any(row["ship_to"] for row in business.objects("invoices"))
    assert sum(event["type"].endswith(".deleted") for event in business.events()) >= 4


def test_every_balance_is_the_total_less_what_was_paid(business):
    paid = Counter()
    for row in business.objects("transactions"):
        if row["status"] == "succeeded":
            sign = -1 if row["type"] == "refund" else 1
            paid[row["invoice"]] += sign * abs(row["amount"])
    for row in business.objects("invoices"):
        assert row["balance"] == pytest.approx(row["total"] - paid[row["id"]], abs=0.005), row
        assert row["paid"] == (row["total"] > 0 and row["balance"] == 0)
        assert row["balance"] >= 0


@pytest.mark.parametrize("name", ["invoices", "estimates", "credit_notes"])
def test_every_document_adds_up(business, name):
    for row in business.objects(name):
        parts = [row, *row["items"]]
        assert row["subtotal"] == pytest.approx(sum(line["amount"] for line in row["items"]))
        taken = sum(part["amount"] for each in parts for part in each["discounts"])
        added = sum(part["amount"] for each in parts for part in each["taxes"])
        assert row["total"] == pytest.approx(row["subtotal"] - taken + added, abs=0.005)
        assert business.get("customers", row["customer"])


def test_every_reference_leads_somewhere(business):
    for row in business.objects("invoices"):
        if row["subscription"]:
            assert business.get("subscriptions", row["subscription"])["customer"] == row["customer"]
    for row in business.objects("estimates"):
        if row["invoice"]:
            assert business.get("invoices", row["invoice"])["customer"] == row["customer"]
    for row in business.objects("subscriptions"):
        assert business.get("plans", row["plan"])


def test_there_are_children_and_money_beside_the_documents(business):
    for name in (
        *("payments", "charges", "refunds", "credit_balance_adjustments", "payment_plans"),
        *("contacts", "payment_sources", "pending_line_items", "notes", "tasks"),
    ):
        assert 5 <= len(business.objects(name)) <= 180, name
        for row in business.objects(name):
            assert row.get("created_at", 0) <= row["updated_at"] <= NOW - 3600, row


def test_every_child_has_its_parent(business):
    for row in business.objects("contacts"):
        assert business.get("customers", business.private("contacts", row["id"])["_customer"])
    for row in business.objects("payment_plans"):
        invoice = business.get("invoices", business.private("payment_plans", row["id"])["_invoice"])
        assert invoice["payment_plan"] == row["id"]
        due = sum(each["amount"] for each in row["installments"])
        assert due == pytest.approx(invoice["balance"])
    for row in business.objects("payment_sources"):
        owner = business.private("payment_sources", row["id"])["_customer"]
        default = business.get("customers", owner)["payment_source"]
        assert default == {name: value for name, value in row.items() if name != "updated_at"}
    for row in business.objects("refunds"):
        assert row in business.get("charges", row["charge"])["refunds"]
    for row in business.objects("payments"):
        assert business.get("customers", row["customer"])
        assert row["balance"] == row["amount"] - sum(e["amount"] for e in row["applied_to"])


def writable(value, types):
    """The part of an object that a client may send back."""
    sent = {}
    for name in types.keys() & value.keys():
        part = PARTS.get(types[name])
        given = value[name]
        if types[name] == "ids":
            given = [entry["id"] for entry in given]
        if part is not None and isinstance(given, list):
            given = [writable(entry, part) for entry in given]
        sent[name] = given
    return sent


def references_as_ids(value):
    """The same body with coupons and tax rates written as their ids."""
    if isinstance(value, list):
        return [references_as_ids(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    return {
        name: entry["id"] if name in ("coupon", "tax_rate") and entry else references_as_ids(entry)
        for name, entry in value.items()
    }


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize("written", [lambda body: body, references_as_ids], ids=["objects", "ids"])
def test_writing_back_what_was_read_changes_nothing_but_the_date(serve, name, written):
    account = seeded(customers=25, seed=5, now=lambda: NOW, api_key=KEY)
    api = serve(account)
    for row in account.objects(name):
        if row.get("status") == "voided":
            continue
        body = written(writable(row, RESOURCE[name].update))
        assert len(body) > 5
        answer = api.patch(f"/{name}/{row['id']}", body)
        assert answer.status_code == 200, (answer.text, body)
        assert account.get(name, row["id"]) == {**row, "updated_at": NOW}
        assert answer.json() == {
            key: value
            for key, value in account.get(name, row["id"]).items()
            if key != "updated_at" or name != "transactions"
        }


def test_no_line_or_discount_shares_its_id(business):
    ids = Counter(
        part["id"]
        for name in ("invoices", "estimates", "credit_notes")
        for row in business.objects(name)
        for each in [row, *row["items"]]
        for part in [*each.get("items", ()), *each["discounts"], *each["taxes"]]
    )
    assert max(ids.values()) == 1


def test_the_seed_has_every_shape_that_examples_leave_out(business):
    """Tax rates and coupons of parties, initials, service periods, a merge, an odd subscription."""
    customers, subscriptions = (business.objects(name) for name in ("customers", "subscriptions"))
    taxes = [rate for row in [*customers, *subscriptions] for rate in row["taxes"]]
    assert {rate["object"] for rate in taxes} == {"tax_rate"}
    assert {rate["object"] for row in subscriptions for rate in row["discounts"]} == {"coupon"}
    approved = {row["approved"] for row in business.objects("estimates")}
    assert {type(value) for value in approved} == {str, type(None)}
    lines = [line for row in business.objects("invoices") for line in row["items"]]
    served = [line for line in lines if line["subscription"] is not None]
    assert served
    assert all(line["period_start"] < line["period_end"] for line in served)
    assert any(row["canceled_at"] and row["status"] == "finished" for row in subscriptions)
    (merge,) = [event for event in business.events() if event["type"] == "customer.merged"]
    gone = merge["data"]["object"]["original_customer"]["id"]
    assert gone not in {row["id"] for row in customers}
    assert "Nancy Talty" in {row["name"] for row in business.objects("contacts")}
    moments = [event["timestamp"] for event in business.events()]
    assert moments == sorted(moments)


def test_documents_are_dated_at_midnight_of_the_time_zone():
    chicago = ZoneInfo("America/Chicago")
    account = seeded(customers=5, now=lambda: NOW, time_zone=chicago)
    for name in ("invoices", "estimates", "credit_notes"):
        for row in account.objects(name):
            assert datetime.fromtimestamp(row["date"], chicago).time() == time()
