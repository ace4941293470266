"""The life of documents: paid, voided, deleted, canceled."""

import pytest

NOW = 1_767_225_600
DAY = 86_400
DOCUMENTS = ["invoices", "estimates", "credit_notes"]


@pytest.fixture
def bill(account, api):
    """Create a document of 100 and return it."""

    def create(resource="invoices", **attributes):
        body = {"customer": 1, "items": [{"unit_cost": 100}], **attributes}
        return api.post(f"/{resource}", body).json()

    return create


@pytest.fixture
def pay(api):
    def create(invoice, amount, **attributes):
        body = {"type": "payment", "invoice": invoice["id"], "amount": amount, **attributes}
        answer = api.post("/transactions", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    return create


def state(api, row, resource="invoices"):
    now = api.get(f"/{resource}/{row['id']}").json()
    return now["balance"], now["paid"], now["status"]


@pytest.mark.parametrize("resource", DOCUMENTS)
def test_a_draft_is_deleted_for_good(account, api, bill, resource):
    row = bill(resource, draft=True)
    assert row["status"] == "draft"
    answer = api.delete(f"/{resource}/{row['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(f"/{resource}/{row['id']}").status_code == 404
    assert account.events()[-1]["type"] == f"{row['object']}.deleted"


@pytest.mark.parametrize("resource", DOCUMENTS)
def test_an_issued_document_is_voided_once_and_then_rests(account, clock, api, bill, resource):
    row = bill(resource)
    path = f"/{resource}/{row['id']}"
    assert api.delete(path).status_code == 400
    clock.now += 5
    answer = api.post(f"{path}/void")
    assert answer.status_code == 200
    assert answer.json() == {**row, "status": "voided", "updated_at": NOW + 5}
    assert account.events()[-1]["type"] == f"{row['object']}.voided"
    assert api.post(f"{path}/void").status_code == 400
    assert api.patch(path, {"notes": "x"}).status_code == 400
    assert api.delete(path).status_code == 400


@pytest.mark.parametrize("resource", DOCUMENTS)
def test_a_draft_cannot_be_voided_until_it_is_issued(api, bill, resource):
    path = f"/{resource}/{bill(resource, draft=True)['id']}"
    assert api.post(f"{path}/void").status_code == 400
    assert api.patch(path, {"draft": False}).json()["status"] in ("not_sent", "open")
    assert api.post(f"{path}/void").status_code == 200


def test_a_document_with_a_payment_can_be_neither_voided_nor_deleted(api, bill, pay):
    row = bill()
    payment = pay(row, 10)
    assert api.post(f"/invoices/{row['id']}/void").status_code == 400
    assert api.delete(f"/invoices/{row['id']}").status_code == 400
    api.delete(f"/transactions/{payment['id']}")
    assert api.post(f"/invoices/{row['id']}/void").status_code == 200


def test_payments_lower_the_balance_and_a_refund_raises_it_again(clock, api, bill, pay):
    row = bill(date=NOW - 30 * DAY, due_date=NOW - DAY)
    assert state(api, row) == (100, False, "past_due")
    clock.now += 5
    first = pay(row, 30.25)
    assert first["customer"] == 1
    assert state(api, row) == (69.75, False, "past_due")
    assert api.get(f"/invoices/{row['id']}").json()["updated_at"] == NOW + 5
    pay(row, 69.75)
    assert state(api, row) == (0, True, "paid")
    pay(row, 20, type="refund")
    assert state(api, row) == (20, False, "past_due")


def test_only_what_succeeded_counts(api, bill, pay):
    row = bill()
    failed = pay(row, 100, status="failed")
    assert state(api, row) == (100, False, "not_sent")
    pending = pay(row, 100, status="pending")
    assert state(api, row) == (100, False, "pending")
    api.patch(f"/transactions/{pending['id']}", {"status": "succeeded"})
    assert state(api, row) == (0, True, "paid")
    api.patch(f"/transactions/{pending['id']}", {"amount": 40})
    assert state(api, row) == (60, False, "not_sent")
    api.delete(f"/transactions/{pending['id']}")
    api.delete(f"/transactions/{failed['id']}")
    assert state(api, row) == (100, False, "not_sent")


def test_the_order_of_payment_and_refund_does_not_matter(api, bill, pay):
    """A copy of an account may write the refund first; the balance must come out the same."""
    row = bill()
    pay(row, 25, type="refund")
    pay(row, 100)
    assert state(api, row) == (25, False, "not_sent")


def test_an_adjustment_uses_a_credit_note_on_an_invoice(api, bill, pay):
    row, note = bill(), bill("credit_notes")
    pay(row, -40, type="adjustment", credit_note=note["id"])
    assert state(api, row) == (60, False, "not_sent")
    assert state(api, note, "credit_notes") == (60, False, "open")
    assert api.post(f"/credit_notes/{note['id']}/void").status_code == 400
    pay(row, -60, type="adjustment", credit_note=note["id"])
    assert state(api, note, "credit_notes") == (0, True, "paid")


def test_a_dearer_line_reopens_a_paid_invoice(api, bill, pay):
    row = bill()
    pay(row, 100)
    line = {"id": row["items"][0]["id"], "unit_cost": 130}
    api.patch(f"/invoices/{row['id']}", {"items": [line]})
    assert state(api, row) == (30, False, "not_sent")


@pytest.mark.parametrize("status", ["draft", "voided"])
def test_nothing_can_be_paid_on_what_is_not_owed(api, bill, status):
    row = bill(draft=status == "draft")
    if status == "voided":
        api.post(f"/invoices/{row['id']}/void")
    answer = api.post("/transactions", {"type": "payment", "invoice": row["id"], "amount": 5})
    assert (answer.status_code, answer.json()["param"]) == (400, "invoice")


def test_a_transaction_of_a_payment_is_a_shadow(account, api):
    account.add("transactions", id=7, customer=1, amount=5, payment=61)
    assert api.get("/transactions/7").json()["payment"] == 61
    assert api.patch("/transactions/7", {"notes": "x"}).status_code == 400
    assert api.delete("/transactions/7").status_code == 400
    assert api.patch("/transactions/7", {"metadata": {"a": "b"}}).json()["metadata"] == {"a": "b"}


def test_deleting_a_subscription_cancels_it_once(account, clock, api):
    row = api.post("/subscriptions", {"customer": 1, "plan": "starter"}).json()
    clock.now += 5
    answer = api.delete(f"/subscriptions/{row['id']}")
    assert answer.status_code == 200
    assert answer.json() == {
        **row,
        "status": "canceled",
        "canceled_at": NOW + 5,
        "period_start": None,
        "period_end": None,
        "updated_at": NOW + 5,
    }
    assert account.events()[-1]["type"] == "subscription.deleted"
    assert api.delete(f"/subscriptions/{row['id']}").status_code == 400


@pytest.mark.parametrize(
    ("resource", "attributes", "status"),
    [
        pytest.param("transactions", {"amount": 5}, 400, id="with-transactions"),
        pytest.param("subscriptions", {"plan": "starter"}, 400, id="with-an-active-subscription"),
        pytest.param(
            "subscriptions",
            {"plan": "starter", "status": "canceled"},
            204,
            id="with-a-canceled-one",
        ),
        pytest.param("invoices", {}, 204, id="with-invoices"),
    ],
)
def test_a_customer_goes_only_without_money_and_takes_its_documents_along(
    account, api, resource, attributes, status
):
    account.add(resource, id=5, customer=1, **attributes)
    assert api.delete("/customers/1").status_code == status
    assert len(account.objects(resource)) == (1 if status == 400 else 0)
    assert len(account.events()) == (0 if status == 400 else 2)
    if status == 204:
        assert account.events()[-1]["type"] == "customer.deleted"
        assert account.events()[-1]["data"]["object"]["name"] == "Acme"


def test_sent_marks_an_invoice(api, bill):
    row = bill()
    assert api.patch(f"/invoices/{row['id']}", {"sent": True}).json()["status"] == "sent"


def test_an_invoice_with_payments_cannot_become_a_draft(api, bill, pay):
    row = bill()
    pay(row, 5)
    answer = api.patch(f"/invoices/{row['id']}", {"draft": True})
    assert (answer.status_code, answer.json()["param"]) == (400, "draft")
