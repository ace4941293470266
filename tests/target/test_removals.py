"""Objects that ended in the other system, and those that a new version of a table lacks."""

import pytest

LINES = [{"name": "Work", "unit_cost": 100}]


@pytest.fixture
def load(run_target, server):
    def run(*messages, **settings):
        before = len(server.requests)
        done = run_target(
            server, list(messages), **{"ids": "external", "max_connections": 1, **settings}
        )
        return done, [f"{one.method} {one.path}" for one in list(server.requests)[before:]]

    return run


@pytest.fixture(autouse=True)
def customer(account):
    return account.add("customers", id=50, name="A", number="C-1")


A = {"customer": {"number": "C-1"}}


def test_a_void_document_is_created_and_voided(load, singer, account):
    records = {
        resource: {"id": "d", **A, "status": "voided", "items": LINES}
        for resource in ("invoices", "estimates", "credit_notes")
    }
    run, _ = load(*(one for name, of in records.items() for one in singer.stream(name, of)))
    assert run.exit_code == 0, run.stderr
    for resource in records:
        (document,) = account.objects(resource)
        assert (document["status"], document["total"]) == ("voided", 100)
        assert run.counts(resource) == {"voided": 1}
    _, requests = load(*(one for name, of in records.items() for one in singer.stream(name, of)))
    assert requests == []


def test_a_void_payment_is_created_and_voided(load, singer, account):
    run, _ = load(*singer.stream("payments", {"id": "p", **A, "amount": 5, "voided": True}))
    assert run.counts("payments") == {"voided": 1}
    (payment,) = account.objects("payments")
    assert (payment["voided"], payment["amount"]) == (True, 5)


def test_what_becomes_void_there_is_voided_here(load, singer, account):
    record = {"id": "d", **A, "items": LINES}
    load(*singer.stream("invoices", {**record, "status": "not_sent"}))
    run, requests = load(*singer.stream("invoices", {**record, "status": "voided"}))
    assert run.counts("invoices") == {"voided": 1}
    assert requests == ["GET /invoices/1", "POST /invoices/1/void"]
    assert account.get("invoices", 1)["status"] == "voided"


@pytest.mark.parametrize("status", ["canceled", "finished"])
def test_a_subscription_that_has_ended_is_skipped_since_creating_one_would_bill(
    load, singer, account, status
):
    account.add("plans", id="pro", name="Pro", amount=10)
    record = {"id": "s", **A, "plan": "pro", "status": status}
    run, requests = load(*singer.stream("subscriptions", record))
    assert run.counts("subscriptions") == {"skipped": 1}
    assert (requests, account.objects("subscriptions")) == ([], [])


def test_a_subscription_that_ends_there_is_canceled_here(load, singer, account):
    account.add("plans", id="pro", name="Pro", amount=10)
    record = {"id": "s", **A, "plan": "pro"}
    load(*singer.stream("subscriptions", {**record, "status": "active"}))
    run, _ = load(*singer.stream("subscriptions", {**record, "status": "canceled"}))
    assert run.counts("subscriptions") == {"deleted": 1}
    assert account.objects("subscriptions")[0]["status"] == "canceled"


# ACTIVATE_VERSION

MIRROR = {"streams": {"customers": {"mirror": True}}}
ONE, TWO, THREE = ({"id": key, "name": key.upper()} for key in ("one", "two", "three"))


def names(account):
    return sorted(row["name"] for row in account.objects("customers"))


def test_a_mirror_loses_what_the_new_version_did_not_bring(load, singer, account):
    first, _ = load(*singer.version("customers", 1, ONE, TWO), singer.state(1), **MIRROR)
    assert first.counts("customers") == {"created": 2}
    second, requests = load(*singer.version("customers", 2, ONE, THREE), singer.state(2), **MIRROR)
    assert second.counts("customers") == {"unchanged": 1, "created": 1, "deleted": 1}
    assert second.messages == [2]
    assert names(account) == ["A", "ONE", "THREE"], "what nobody mirrors stays"
    assert requests == ["POST /customers", "DELETE /customers/52"]
    again, requests = load(*singer.version("customers", 3, ONE, THREE), **MIRROR)
    assert (again.counts("customers"), requests) == ({"unchanged": 2}, [])


def test_a_mirror_of_children_loses_what_its_parents_lost(load, singer, account):
    """Their keys name the parent, too, by its key or by its number."""
    mirror = {"streams": {"contacts": {"mirror": True}}}
    load(*singer.stream("customers", {"id": "c", "name": "C"}))
    ada, bob = {"id": 1, "customer": "c", "name": "Ada"}, {"id": 1, **A, "name": "Bob"}
    cem = {"id": 2, "customer": "c", "name": "Cem"}
    key = ["customer", "id"]
    load(*singer.version("contacts", 1, ada, bob, cem, key=key), **mirror)
    assert len(account.objects("contacts")) == 3
    run, _ = load(*singer.version("contacts", 2, cem, key=key), **mirror)
    assert run.counts("contacts") == {"unchanged": 1, "deleted": 2}
    assert [row["name"] for row in account.objects("contacts")] == ["Cem"]


def test_a_mirror_keeps_what_was_rejected_in_the_new_version(load, singer, account):
    """It still exists in the other system."""
    load(*singer.version("customers", 1, ONE, TWO), **MIRROR)
    bad = {**TWO, "credit_limit": "much"}
    run, _ = load(*singer.version("customers", 2, ONE, bad), max_rejects=1, **MIRROR)
    assert run.counts("customers") == {"unchanged": 1, "rejected": 1}
    assert names(account) == ["A", "ONE", "TWO"]


def test_a_mirror_whose_version_never_ended_loses_nothing(load, singer, account):
    load(*singer.version("customers", 1, ONE, TWO), **MIRROR)
    load(*singer.version("customers", 2, ONE)[:-1], **MIRROR)
    assert names(account) == ["A", "ONE", "TWO"]


def test_what_is_no_mirror_loses_nothing(load, singer, account):
    load(*singer.version("customers", 1, ONE, TWO))
    run, requests = load(*singer.version("customers", 2, ONE))
    assert requests == []
    assert names(account) == ["A", "ONE", "TWO"]
    assert (
        "INFO customers: ACTIVATE_VERSION deletes nothing, because the stream is not a `mirror`"
        in run.stderr
    )


def test_a_mirror_needs_keys_of_another_system(load, singer):
    run, _ = load(*singer.version("customers", 1, ONE), ids="invoiced", **MIRROR)
    assert 'can only be a `mirror` with "external" as `ids`' in run.complaint
