"""Writes to one object are carried out in the order of the input, whatever names the object.

The test makes the first of them slower than the later ones.
"""

import pytest

GONE = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
LINES = [{"name": "Work", "unit_cost": 100, "quantity": 1}]
EMAILS = {"streams": {"emails": {"method": "POST", "path": "/invoices/{invoice}/emails"}}}


@pytest.fixture
def load(load_slowly):
    """Runs the target while one request is slow: see `load_slowly`."""

    def run(messages, *slow, **settings):
        return load_slowly(messages, *slow, **{"allow_side_effects": ["emails"], **settings})

    return run


@pytest.fixture(autouse=True)
def business(account):
    account.add("customers", id=5, name="A", number="C-1")
    account.add("invoices", id=7, customer=5, number="INV-7", items=LINES)


def plan(*amounts, invoice=7):
    return {
        "invoice": invoice,
        "installments": [{"date": "2026-04-01T00:00:00Z", "amount": amount} for amount in amounts],
    }


def test_of_two_payment_plans_of_an_invoice_the_later_one_wins(load, singer, account):
    """The earlier one is looked up by its number first, which takes time."""
    messages = singer.stream("payment_plans", plan(100, invoice={"number": "INV-7"}), plan(40, 60))
    load(messages, "GET", "/invoices")
    (kept,) = account.objects("payment_plans")
    assert [one["amount"] for one in kept["installments"]] == [40, 60]


def test_a_payment_plan_waits_for_the_change_of_its_invoice(load, singer):
    messages = [
        *singer.stream("invoices", {"id": 7, "notes": "x"}),
        *singer.stream("payment_plans", plan(100)),
    ]
    _, writes = load(messages, "PATCH", "/invoices/7")
    assert writes == ["PATCH /invoices/7", "PUT /invoices/7/payment_plan"]


def test_a_change_of_an_invoice_waits_for_its_payment_plan(load, singer):
    messages = [
        *singer.stream("payment_plans", plan(100)),
        *singer.stream("invoices", {"id": 7, "notes": "x"}),
    ]
    _, writes = load(messages, "PUT", "/invoices/7/payment_plan")
    assert writes == ["PUT /invoices/7/payment_plan", "PATCH /invoices/7"]


def test_an_invoice_is_emailed_after_its_correction(load, singer):
    messages = [
        *singer.stream("invoices", {"id": 7, "notes": "corrected"}),
        *singer.stream("emails", {"invoice": 7}),
    ]
    _, writes = load(messages, "PATCH", "/invoices/7", **EMAILS)
    assert writes == ["PATCH /invoices/7", "POST /invoices/7/emails"]


def test_an_invoice_is_changed_after_the_email_before_it(load, singer):
    messages = [
        *singer.stream("emails", {"invoice": 7}),
        *singer.stream("invoices", {"id": 7, "notes": "later"}),
    ]
    _, writes = load(messages, "POST", "/invoices/7/emails", **EMAILS)
    assert writes == ["POST /invoices/7/emails", "PATCH /invoices/7"]


def test_an_invoice_that_a_call_names_by_its_number_is_emailed_after_its_correction(load, singer):
    messages = [
        *singer.stream("invoices", {"id": 7, "notes": "corrected"}),
        *singer.stream("emails", {"invoice": {"number": "INV-7"}}),
    ]
    _, writes = load(messages, "PATCH", "/invoices/7", **EMAILS)
    assert writes == ["PATCH /invoices/7", "POST /invoices/7/emails"]


def test_writes_by_key_and_by_id_to_one_object_keep_their_order(load, singer, account):
    """The first one reads the customer before it changes it, which takes time."""
    account.edit("customers", 5, autopay=True)
    by_key = {"streams": {"crm": {"endpoint": "customers", "ids": "external"}}}
    crm = {"id": "c", "number": "C-1"}
    load(singer.stream("crm", {**crm, "name": "A"}), "PATCH", "/none", **by_key)
    messages = [
        *singer.stream("customers", {"id": 5, "autopay": True, "name": "first"}),
        *singer.stream("crm", {"id": "c", "name": "second"}),
    ]
    load(messages, "GET", "/customers/5", **by_key)
    assert account.get("customers", 5)["name"] == "second"


def test_a_customer_is_deleted_after_its_pending_line_item_was_written(load, singer):
    messages = [
        *singer.stream("pending_line_items", {"customer": 5, "name": "x", "unit_cost": 1}),
        *singer.stream("customers", {"id": 5, **GONE}),
    ]
    _, writes = load(messages, "POST", "/customers/5/line_items")
    assert writes[:2] == ["POST /customers/5/line_items", "DELETE /customers/5"]


def test_a_customer_is_deleted_after_its_contact_was_changed(load, singer, account):
    account.add("contacts", id=9, name="Ada", _customer=5)
    messages = [
        *singer.stream("contacts", {"id": 9, "customer": 5, "name": "Eve"}),
        *singer.stream("customers", {"id": 5, **GONE}),
    ]
    _, writes = load(messages, "PATCH", "/customers/5/contacts/9")
    assert writes[0] == "PATCH /customers/5/contacts/9"


def test_a_customer_is_deleted_after_a_note_that_names_it_by_number(load, singer):
    messages = [
        *singer.stream("notes", {"customer_id": {"number": "C-1"}, "notes": "x"}),
        *singer.stream("customers", {"id": 5, **GONE}),
    ]
    _, writes = load(messages, "POST", "/notes")
    assert writes == ["POST /notes", "DELETE /customers/5"]


def voided(**how):
    """An invoice, a payment on it, and the invoice again, void."""
    invoice = {"id": "i", "customer": {"number": "C-1"}, "items": LINES}
    applied = [{"type": "invoice", "invoice": "i", "amount": 100}]
    payment = {"id": "p", "customer": {"number": "C-1"}, "amount": 100, "applied_to": applied}
    return invoice, payment, {**invoice, **how}


@pytest.mark.parametrize(
    "how",
    [pytest.param({"status": "voided"}, id="status"), pytest.param(GONE, id="deleted")],
)
def test_an_invoice_is_voided_after_the_payment_on_it_was_written(load, singer, account, how):
    invoice, payment, void = voided(**how)
    messages = [
        *singer.stream("invoices", invoice),
        *singer.stream("payments", payment),
        *singer.stream("invoices", void),
    ]
    run, writes = load(messages, "POST", "/payments", ids="external")
    paid, void_at = writes.index("POST /payments"), [w.endswith("/void") for w in writes]
    assert True in void_at, writes
    assert paid < void_at.index(True)
    assert run.counts("payments") == {"created": 1}
