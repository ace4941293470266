"""Payments and their shadows, charges, refunds, credit balance adjustments."""

import pytest

NOW = 1_767_225_600


@pytest.fixture
def billed(account):
    """Invoices 7 and 8 of 100 each, credit note 3 of 30, estimate 5."""
    for key in (7, 8):
        account.add("invoices", id=key, customer=1, items=[{"unit_cost": 100}])
    account.add("credit_notes", id=3, customer=1, items=[{"unit_cost": 30}])
    account.add("estimates", id=5, customer=1, items=[{"unit_cost": 50}], deposit=10)
    return account


def on(kind, amount, **documents):
    return {"type": kind, "amount": amount, **documents}


def pay(api, *applied, **more):
    return api.post("/payments", {"method": "check", "applied_to": applied, **more})


def test_a_payment_pays_its_invoices_and_casts_shadows(billed, api, clock):
    clock.now += 30
    made = pay(api, on("invoice", 100, invoice=7), on("invoice", 25.5, invoice=8), amount=150)
    row = made.json()
    assert (made.status_code, row["customer"], row["balance"]) == (201, 1, 24.5)
    assert (row["matched"], row["voided"], "applied_to" in row) == (True, False, False)
    first, second = billed.get("invoices", 7), billed.get("invoices", 8)
    assert (first["paid"], first["balance"], first["updated_at"]) == (True, 0, NOW + 30)
    assert (second["paid"], second["balance"]) == (False, 74.5)
    shadows = billed.objects("transactions")
    assert [(t["invoice"], t["amount"], t["method"]) for t in shadows] == [
        (7, 100, "check"),
        (8, 25.5, "check"),
    ]
    path = f"/transactions/{shadows[0]['id']}"
    assert api.patch(path, {"notes": "x"}).status_code == 400
    assert api.patch(path, {"metadata": {"a": "b"}}).status_code == 200
    assert api.delete(path).status_code == 400


def test_what_a_payment_was_applied_to_is_only_shown_when_asked_for(billed, api):
    key = pay(api, on("invoice", 10, invoice=7)).json()["id"]
    shown = [{"type": "invoice", "amount": 10, "invoice": 7}]
    assert "applied_to" not in api.get("/payments").json()[0]
    assert "applied_to" not in api.get(f"/payments/{key}").json()
    assert api.get("/payments", include="applied_to").json()[0]["applied_to"] == shown
    assert api.get(f"/payments/{key}", include="applied_to").json()["applied_to"] == shown


def test_voiding_a_payment_gives_everything_back_once(billed, api):
    key = pay(api, on("invoice", 100, invoice=7), on("estimate", 10, estimate=5)).json()["id"]
    assert billed.get("estimates", 5)["deposit_paid"] is True
    gone = api.delete(f"/payments/{key}")
    assert (gone.status_code, gone.json()["voided"], gone.json()["balance"]) == (200, True, 110)
    invoice = billed.get("invoices", 7)
    assert (invoice["balance"], invoice["paid"], invoice["closed"]) == (100, False, False)
    assert billed.get("estimates", 5)["deposit_paid"] is False
    assert billed.objects("transactions") == []
    assert billed.events()[-1]["type"] == "payment.deleted"
    assert api.delete(f"/payments/{key}").status_code == 400
    assert api.patch(f"/payments/{key}", {"notes": "x"}).status_code == 400
    assert api.ids("/payments") == [key]


def test_a_credit_note_pays_without_using_up_the_payment(billed, api):
    row = pay(api, on("credit_note", 30, credit_note=3, invoice=7), amount=0).json()
    assert (row["amount"], row["balance"]) == (0, 0)
    assert billed.get("invoices", 7)["balance"] == 70
    assert billed.get("credit_notes", 3)["paid"] is True
    api.delete(f"/payments/{row['id']}")
    assert billed.get("credit_notes", 3)["balance"] == 30


@pytest.mark.parametrize(
    ("applied", "more"),
    [
        pytest.param([on("invoice", 101, invoice=7)], {}, id="more-than-is-open"),
        pytest.param([on("invoice", 60, invoice=7)] * 2, {}, id="more-than-is-open-in-two"),
        pytest.param([on("invoice", 50, invoice=7)], {"amount": 40}, id="more-than-was-paid"),
        pytest.param([on("invoice", 5)], {}, id="no-invoice"),
        pytest.param([on("invoice", 5, invoice=99)], {}, id="unknown-invoice"),
        pytest.param([on("gift", 5, invoice=7)], {}, id="unknown-type"),
        pytest.param([on("credit", 5)], {"amount": 5}, id="no-customer"),
        pytest.param([{"type": "invoice", "invoice": 7}], {}, id="no-amount"),
    ],
)
def test_a_payment_that_makes_no_sense_changes_nothing(billed, api, applied, more):
    before = billed.objects("invoices")
    assert pay(api, *applied, **more).status_code == 400
    assert billed.objects("invoices") == before
    assert billed.objects("payments") == billed.objects("transactions") == []


def test_a_payment_is_moved_to_another_invoice(billed, api):
    key = pay(api, on("invoice", 100, invoice=7)).json()["id"]
    moved = api.patch(f"/payments/{key}", {"applied_to": [on("invoice", 60, invoice=8)]}).json()
    assert (moved["amount"], moved["balance"]) == (100, 40)
    assert billed.get("invoices", 7)["balance"] == 100
    assert billed.get("invoices", 8)["balance"] == 40
    assert [row["invoice"] for row in billed.objects("transactions")] == [8]
    again = api.patch(f"/payments/{key}", {"reference": "8001", "amount": 60}).json()
    assert (again["balance"], again["reference"]) == (0, "8001")
    assert len(billed.objects("transactions")) == 1
    assert api.patch(f"/payments/{key}", {"amount": 59}).status_code == 400


def test_payments_are_listed_by_update_and_by_date(account, api):
    for key in range(1, 5):
        account.add("payments", id=key, amount=5, date=100 * key, updated_at=NOW - key)
    assert api.ids("/payments", updated_after=NOW - 3) == [1, 2]
    assert api.ids("/payments", start_date=200, end_date=300) == [2, 3]
    assert api.ids("/payments", sort="updated_at asc", per_page=2) == [4, 3]
    assert account.get("payments", 1)["balance"] == 5


def test_a_charge_makes_a_payment_and_may_be_refunded(billed, api):
    body = {"customer": 1, "method": "credit_card", "amount": 100, "invoiced_token": "tok"}
    body["applied_to"] = [on("invoice", 100, invoice=7)]
    made = api.post("/charges", body)
    charge = made.json()
    assert (made.status_code, charge["amount"], charge["refunds"]) == (201, 100, [])
    (payment,) = billed.objects("payments")
    assert payment["charge"]["id"] == charge["id"]
    assert billed.get("invoices", 7)["paid"] is True
    refunds = f"/charges/{charge['id']}/refunds"
    assert api.post(refunds, {"amount": 101}).status_code == 400
    refund = api.post(refunds, {"amount": 40})
    assert (refund.status_code, refund.json()["charge"]) == (201, charge["id"])
    assert api.post(refunds, {"amount": 60.01}).status_code == 400
    api.post(refunds, {"amount": 60})
    after = api.get("/charges").json()[0]
    assert (after["amount_refunded"], after["refunded"]) == (100, True)
    assert [row["amount"] for row in after["refunds"]] == [40, 60]
    assert [row["amount"] for row in api.get("/refunds").json()] == [40, 60]
    assert api.get(refunds).status_code == 405
    assert api.post("/charges/99/refunds", {"amount": 1}).status_code == 404


def test_a_charge_needs_something_to_charge(billed, api):
    body = {"customer": 1, "method": "credit_card", "amount": 5, "applied_to": []}
    assert api.post("/charges", body).status_code == 400
    source = billed.add("payment_sources", _customer=1)
    charge = api.post("/charges", {**body, "payment_source_id": source["id"]}).json()
    assert charge["payment_source"] == source
    assert api.post("/charges", {**body, "payment_source_id": 99}).status_code == 400
    body["applied_to"] = [on("invoice", 5)]
    assert api.post("/charges", {**body, "invoiced_token": "t"}).status_code == 400
    assert len(billed.objects("charges")) == len(billed.objects("payments")) == 1


def test_a_credit_balance_adjustment_is_written_and_read(account, api):
    made = api.post("/credit_balance_adjustments", {"customer": 1, "amount": 50, "notes": "Sorry"})
    row = made.json()
    path = f"/credit_balance_adjustments/{row['id']}"
    assert (made.status_code, row["amount"], row["date"], "updated_at" in row) == (
        201,
        50,
        NOW,
        False,
    )
    assert api.patch(path, {"amount": 45.5}).json()["amount"] == 45.5
    assert api.get(path, include="updated_at").json()["updated_at"] == NOW
    listed = api.get("/credit_balance_adjustments", updated_after=NOW + 9).json()
    assert [each["id"] for each in listed] == [row["id"]]
    assert api.post("/credit_balance_adjustments", {"amount": 1}).status_code == 400
    assert api.delete(path).status_code == 204
    assert account.objects("credit_balance_adjustments") == []
