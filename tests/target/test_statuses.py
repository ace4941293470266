"""Statuses of other systems: an object that has ended, or may have, is not created live."""

import pytest

from invoiced_api.definitions import DeleteBehaviour
from invoiced_api.resources import BY_NAME
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.mapping.operations import Create, NoOp, Remove, Update
from target_invoiced.mapping.outcomes import Kind
from target_invoiced.stream_settings import EndpointStream, Ids

DOCUMENTS = ("invoices", "estimates", "credit_notes")


def plan(stream, known=None, ids=Ids.EXTERNAL, **record):
    to = EndpointStream(resource=BY_NAME[stream], ids=ids)
    mapper = EndpointMapper(to, frozenset(), frozenset())
    return mapper.operation({"customer": "c", "items": [{"unit_cost": 1}], **record}, known)


@pytest.mark.parametrize("status", ["voided", "Voided", "VOID", "void", " Void "])
@pytest.mark.parametrize("stream", DOCUMENTS)
@pytest.mark.parametrize("ids", Ids)
def test_a_void_document_is_created_and_voided(stream, status, ids):
    operation = plan(stream, status=status, ids=ids)
    assert isinstance(operation, Create)
    assert operation.then is DeleteBehaviour.VOID_ONCE_ISSUED


@pytest.mark.parametrize("status", ["voided", "Void"])
def test_a_document_that_is_voided_later_is_voided(status):
    assert isinstance(plan("invoices", known=5, id="x", status=status), Remove)


@pytest.mark.parametrize("status", ["canceled", "cancelled", "Cancelled", "CANCELED", "finished"])
@pytest.mark.parametrize("ids", Ids)
def test_a_subscription_that_has_ended_is_not_created(status, ids):
    assert plan("subscriptions", plan="gold", status=status, ids=ids) == NoOp(Kind.SKIPPED)


def test_a_subscription_that_ends_later_is_canceled_or_left_to_end():
    assert isinstance(plan("subscriptions", known=5, id="x", status="Cancelled"), Remove)
    assert plan("subscriptions", known=5, id="x", status="Finished") == NoOp(Kind.SKIPPED)


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        ("invoices", "cancelled"),
        ("invoices", "deleted"),
        ("invoices", "written off"),
        ("invoices", 3),
        ("estimates", "lost"),
        ("credit_notes", "reversed"),
        ("subscriptions", "expired"),
        ("subscriptions", "inactive"),
        ("transactions", "voided"),
        ("charges", "failed"),
        ("payments", "refunded"),
        ("payments", "Failed"),
        ("payments", "cancelled"),
    ],
)
@pytest.mark.parametrize("known", [None, 5])
def test_a_status_that_is_not_clear_is_refused(stream, status, known):
    with pytest.raises(InvalidRecordError, match=r"^`status` "):
        plan(stream, known=known, id="x", status=status)


@pytest.mark.parametrize(
    ("stream", "status"),
    [
        ("invoices", "Past Due"),
        ("invoices", "past-due"),
        ("invoices", "PAID"),
        ("invoices", ""),
        ("invoices", None),
        ("estimates", "Approved"),
        ("subscriptions", "Active"),
        ("payments", "cleared"),
        ("customers", "inactive"),
    ],
)
def test_any_other_status_is_of_a_live_object(stream, status):
    operation = plan(stream, status=status)
    assert isinstance(operation, Create)
    assert operation.then is None
    assert "draft" not in operation.body


def test_a_status_that_is_sent_is_spelled_as_invoiced_does():
    assert plan("transactions", status="Succeeded").body["status"] == "succeeded"


def test_a_payment_that_is_void_by_its_status_is_created_and_voided():
    assert plan("payments", status="VOID").then is DeleteBehaviour.VOID


@pytest.mark.parametrize("draft", [{}, {"draft": None}, {"draft": True}, {"draft": "t"}])
def test_a_draft_is_created_as_one(draft):
    assert plan("invoices", status="Draft", **draft).body["draft"] is True


@pytest.mark.parametrize("draft", [False, "false", 0])
def test_a_draft_that_is_none_is_refused(draft):
    with pytest.raises(InvalidRecordError, match="`status` is draft, but `draft` is false"):
        plan("invoices", status="draft", draft=draft)


def test_a_draft_that_is_issued_where_it_comes_from_is_issued():
    assert plan("invoices", known=5, id="x", status="sent").body["draft"] is False
    assert "draft" not in plan("invoices", known=5, id="x").body


def test_the_status_of_an_object_of_this_account_is_left_alone():
    """Invoiced may add statuses, and the object exists whatever they mean."""
    operation = plan("invoices", id=5, status="in_dispute", ids=Ids.INVOICED)
    assert isinstance(operation, Update)
    assert "draft" not in operation.body


# Against the emulator


def test_what_has_ended_is_not_live_in_the_account(run_target, account, server, singer):
    customer = account.add("customers", name="A", number="C-1")
    account.add("plans", id="gold", amount=5, interval="month")
    head = {"customer": {"number": "C-1"}, "items": [{"unit_cost": 5}]}
    invoices = [
        {"id": number, "number": f"I-{number}", "status": status, **head}
        for number, status in enumerate(("Voided", "void", "draft", "cancelled"))
    ]
    subscriptions = [
        {"id": status, "customer": {"number": "C-1"}, "plan": "gold", "status": status}
        for status in ("cancelled", "expired")
    ]
    messages = [
        *singer.stream("invoices", *invoices),
        *singer.stream("subscriptions", *subscriptions),
    ]
    run = run_target(server, messages, ids="external", max_rejects=-1)
    statuses = {row["number"]: row["status"] for row in account.objects("invoices")}
    assert statuses == {"I-0": "voided", "I-1": "voided", "I-2": "draft"}
    assert not account.objects("subscriptions")
    assert run.counts("invoices") == {"created": 1, "voided": 2, "rejected": 1}
    assert run.counts("subscriptions") == {"skipped": 1, "rejected": 1}
    assert customer


def test_a_void_record_takes_over_no_live_invoice_of_its_number(
    run_target, account, server, singer
):
    customer = account.add("customers", name="A")["id"]
    account.add("invoices", customer=customer, number="I-1", items=[{"unit_cost": 5}])
    record = {"id": "x", "customer": {"id": "c"}, "number": "I-1", "status": "voided"}
    known = singer.stream("customers", {"id": "c", "name": "A", "number": "C-1"})
    messages = [*known, *singer.stream("invoices", {**record, "items": [{"unit_cost": 5}]})]
    for _ in range(2):
        run = run_target(server, messages, ids="external", max_rejects=1)
        assert run.counts("invoices") == {"rejected": 1}
        assert "has ended at its source" in run.stderr
        (row,) = account.objects("invoices")
        assert row["status"] != "voided"


def test_a_void_record_does_not_pretend_that_a_live_object_of_this_account_is_void(
    run_target, account, server, singer
):
    customer = account.add("customers", name="A")["id"]
    invoice = account.add("invoices", customer=customer, items=[{"unit_cost": 5}])
    record = {"id": invoice["id"], "status": "voided", "notes": "x"}
    run = run_target(server, singer.stream("invoices", record), max_rejects=1)
    assert run.counts("invoices") == {"rejected": 1}
    assert "Send `_sdc_deleted_at`" in run.stderr
