"""Calls on one object: pay, e-mail, invoice, write off, pause, consolidate, merge."""

import pytest

LINE = {"name": "Paper", "quantity": 2, "unit_cost": 25}


@pytest.fixture
def invoice(api):
    return api.post("/invoices", {"customer": 1, "items": [LINE]}).json()


def types(account):
    return [event["type"] for event in account.events()]


def test_pay_charges_the_payment_source_of_the_customer(account, api, invoice):
    path = f"/invoices/{invoice['id']}/pay"
    assert api.post(path, {}).json()["param"] == "payment_source_id"
    account.edit("customers", 1, payment_source={"id": 4, "object": "card"})
    paid = api.post(path, {})
    assert (paid.status_code, paid.json()["status"], paid.json()["balance"]) == (200, "paid", 0)
    assert account.objects("charges")[0]["amount"] == 50
    assert api.post(path, {}).status_code == 400


def test_emails_go_to_those_named_or_to_the_customer(account, api, invoice):
    path = f"/invoices/{invoice['id']}/emails"
    account.edit("customers", 1, email="a@example.com")
    sent = api.post(path, {})
    assert sent.status_code == 201
    assert [mail["email"] for mail in sent.json()] == ["a@example.com"]
    api.post(path, {"to": [{"name": "B", "email": "b@example.com"}], "subject": "Hello"})
    assert [mail["email"] for mail in account.emails] == ["a@example.com", "b@example.com"]
    assert account.get("invoices", invoice["id"])["status"] == "sent"
    assert api.post(path, {"to": [{"name": "nobody"}]}).json()["param"] == "to"


def test_an_estimate_becomes_an_invoice_once(account, api):
    body = {"customer": 1, "items": [LINE], "taxes": [{"tax_rate": "vat"}]}
    estimate = api.post("/estimates", body).json()
    made = api.post(f"/estimates/{estimate['id']}/invoice", {})
    assert made.status_code == 201
    assert (made.json()["object"], made.json()["total"]) == ("invoice", estimate["total"])
    after = account.get("estimates", estimate["id"])
    assert (after["invoice"], after["status"]) == (made.json()["id"], "invoiced")
    assert api.post(f"/estimates/{estimate['id']}/invoice", {}).status_code == 400


def test_bad_debt_closes_an_invoice_that_is_not_paid(api, invoice):
    path = f"/invoices/{invoice['id']}/bad_debt"
    row = api.post(path, {}).json()
    assert (row["closed"], row["paid"], row["balance"]) == (True, False, 50)
    assert api.post(path, {}).status_code == 400


def test_a_subscription_is_paused_and_resumed(api):
    row = api.post("/subscriptions", {"customer": 1, "plan": "starter"}).json()
    path = f"/subscriptions/{row['id']}"
    assert api.post(f"{path}/pause").json()["paused"] is True
    assert api.post(f"{path}/pause").status_code == 400
    assert api.post(f"{path}/resume").json()["paused"] is False
    api.delete(path)
    assert api.post(f"{path}/pause").status_code == 400


def test_open_invoices_are_consolidated_into_one(account, api, invoice):
    other = api.post("/invoices", {"customer": 1, "items": [LINE, LINE]}).json()
    one = api.post("/customers/1/consolidate_invoices", {}).json()
    assert (one["total"], len(one["items"])) == (150, 3)
    for key in (invoice["id"], other["id"]):
        assert account.get("invoices", key)["status"] == "voided"
    assert api.post("/customers/1/consolidate_invoices", {}).status_code == 400


@pytest.mark.parametrize(
    ("body", "param"),
    [
        pytest.param({}, "customer", id="nobody"),
        pytest.param({"customer": 1}, "customer", id="itself"),
        pytest.param({"customer": 99}, "customer", id="nobody-known"),
        pytest.param({"into": 2}, "into", id="another-attribute"),
    ],
)
def test_a_merge_names_another_customer(account, api, body, param):
    refused = api.post("/customers/1/merge", body)
    assert (refused.status_code, refused.json()["param"]) == (400, param)
    assert account.events() == []


def test_only_its_own_transaction_is_deleted_with_an_event(account, api, invoice):
    """The shadow transactions of a voided or re-applied payment disappear without an event."""
    applied = {"type": "invoice", "invoice": invoice["id"], "amount": 50}
    payment = api.post("/payments", {"customer": 1, "amount": 50, "applied_to": [applied]}).json()
    (shadow,) = account.objects("transactions")
    assert shadow["payment"] == payment["id"]
    api.patch(f"/payments/{payment['id']}", {"applied_to": [{**applied, "amount": 20}]})
    (again,) = account.objects("transactions")
    assert again["id"] != shadow["id"]
    api.delete(f"/payments/{payment['id']}")
    own = api.post("/transactions", {"customer": 1, "type": "payment", "amount": 5}).json()
    api.delete(f"/transactions/{own['id']}")
    assert account.objects("transactions") == []
    assert [kind for kind in types(account) if kind.endswith(".deleted")] == [
        "payment.deleted",
        "transaction.deleted",
    ]
    assert api.get(f"/payments/{payment['id']}").json()["voided"] is True
