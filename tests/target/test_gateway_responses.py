"""A gateway's response proves nothing: a failed request may have been executed."""

import pytest

from invoiced_emulator import Faults, Server

DELETED = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
A_404 = {"kind": "status", "status": 404, "html": True}
FIRST_ONLY = {"times": 1}


class Changing(Faults):
    """Faults that a test changes while the server runs, and a hook before each request."""

    def __init__(self):
        super().__init__([])
        self.now, self.before = Faults([]), None

    def __call__(self, account, number, method, path):
        if self.before:
            self.before(account, number, method, path)

    def next(self, method, path):
        return self.now.next(method, path)


@pytest.fixture
def through(account, run_target):
    """Runs the target over messages while the server has the faults."""
    changing = Changing()
    with Server(account, faults=changing, before_request=changing) as server:

        def run(messages, *faults, before_request=None, **settings):
            changing.now, changing.before = Faults(faults), before_request
            settings = {"max_rejects": -1, "max_retry_seconds": 30, **settings}
            done = run_target(server, messages, **settings)
            return done, list(server.requests)

        yield run


# A page of a gateway


def test_a_removal_that_a_gateway_does_not_find_is_tried_again(through, account, singer):
    account.add("customers", id=5, name="A")
    fault = {**A_404, "methods": ["DELETE"], **FIRST_ONLY}
    run, _ = through(singer.stream("customers", {"id": 5, **DELETED}), fault)
    assert run.exit_code == 0, run.stderr
    assert account.objects("customers") == []


def test_a_void_that_a_gateway_does_not_find_is_tried_again(through, account, singer):
    account.add("customers", id=5, name="A")
    account.add("invoices", id=7, customer=5, items=[{"unit_cost": 1, "quantity": 1}])
    fault = {**A_404, "methods": ["POST"], **FIRST_ONLY}
    run, _ = through(singer.stream("invoices", {"id": 7, **DELETED}), fault)
    assert run.exit_code == 0, run.stderr
    assert account.get("invoices", 7)["status"] == "voided"


def test_a_key_whose_removal_met_a_gateway_is_never_there_twice(through, account, singer):
    load = {"ids": "external"}
    through(singer.stream("customers", {"id": "a", "name": "A"}), **load)
    fault = {**A_404, "methods": ["DELETE"], **FIRST_ONLY}
    through(singer.stream("customers", {"id": "a", **DELETED}), fault, **load)
    through(singer.stream("customers", {"id": "a", "name": "A"}), **load)
    assert len(account.objects("customers")) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 413])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_write_that_a_gateway_refuses_is_tried_again(through, account, singer, method, status):
    account.add("customers", id=5, name="A")
    record = {"name": "B"} if method == "POST" else {"id": 5, "name": "B"}
    fault = {"kind": "status", "status": status, "html": True, "methods": [method], **FIRST_ONLY}
    run, _ = through(singer.stream("customers", record), fault)
    assert "rejected" not in run.counts("customers")
    assert [row["name"] for row in account.objects("customers")][-1] == "B"


def test_a_look_up_that_a_gateway_does_not_find_is_tried_again(through, account, singer):
    """Otherwise a second plan is created, or a record is parked without need."""
    account.add("plans", id="basic", name="Basic", amount=10)
    fault = {**A_404, "methods": ["GET"], "path": "/plans", **FIRST_ONLY}
    messages = singer.stream("plans", {"id": "basic", "name": "Better"})
    run, requests = through(messages, fault, ids="external")
    assert run.counts("plans").get("updated") == 1, run.stderr
    assert [one for one in requests if one.method == "POST"] == []


# Invoiced's own 500


MONEY = [
    pytest.param(
        "payments",
        "/payments",
        {"customer": 5, "amount": 9, "date": 1_769_904_000, "reference": "r"},
        id="payment",
    ),
    pytest.param(
        "credit_balance_adjustments",
        "/credit_balance_adjustments",
        {"customer": 5, "amount": 9, "date": 1_769_904_000},
        id="credit",
    ),
    pytest.param(
        "invoices",
        "/invoices",
        {"customer": 5, "date": 1_769_904_000, "items": [{"unit_cost": 9, "quantity": 1}]},
        id="issued-invoice",
    ),
]


@pytest.mark.parametrize(("stream", "path", "record"), MONEY)
@pytest.mark.parametrize("keyed", [False, True], ids=["keyless", "keyed"])
def test_money_that_was_moved_before_a_500_is_moved_once(
    through, account, singer, stream, path, record, keyed
):
    account.add("customers", id=5, name="A", number="C-1")

    def commit(account, number, method, at):
        if (method, at) == ("POST", path) and not account.objects(stream):
            account.add(stream, **record)

    sent = {**record, "customer": {"number": "C-1"}, "id": "k"} if keyed else record
    fault = {"kind": "status", "status": 500, "remembered": True, "methods": ["POST"]}
    run, _ = through(
        singer.stream(stream, sent),
        {**fault, "path": path, **FIRST_ONLY},
        before_request=commit,
        ids="external" if keyed else "invoiced",
    )
    assert len(account.objects(stream)) == 1
    again, _ = through(
        [*singer.stream(stream, sent), singer.state(1)], ids="external" if keyed else "invoiced"
    )
    assert len(account.objects(stream)) == 1, "nor in the next run"
    assert (run.exit_code, again.exit_code) == (0, 0)


@pytest.mark.parametrize(("stream", "path", "record"), MONEY)
def test_an_object_of_an_earlier_run_is_not_taken_for_a_new_equal_record(
    through, account, singer, stream, path, record
):
    """The record has no key, so only its entry in the ledger shows whose object it is."""
    account.add("customers", id=5, name="A")
    through([*singer.stream(stream, record), singer.state(1)])
    fault = {"kind": "status", "status": 500, "remembered": True, "methods": ["POST"]}
    run, _ = through(
        [*singer.stream(stream, record), singer.state(2)], {**fault, "path": path, **FIRST_ONLY}
    )
    assert run.exit_code == 0, run.stderr
    assert len(account.objects(stream)) == 2


@pytest.mark.parametrize(("doubt", "count"), [("send", 3), ("skip", 2), ("reject", 2)])
def test_what_cannot_be_looked_up_follows_the_setting(through, account, singer, doubt, count):
    """Of two adjustments of one customer, day and amount, nothing shows which one existed."""
    account.add("customers", id=5, name="A")
    record = {"customer": 5, "amount": 9, "date": 1_769_904_000}
    for _ in range(2):
        account.add("credit_balance_adjustments", **record)
    fault = {"kind": "status", "status": 500, "remembered": True, "methods": ["POST"]}
    streams = {"credit_balance_adjustments": {"doubt": doubt}}
    messages = singer.stream("credit_balance_adjustments", record)
    run, _ = through(messages, {**fault, **FIRST_ONLY}, streams=streams)
    assert run.exit_code == 0, run.stderr
    assert len(account.objects("credit_balance_adjustments")) == count
    wanted = {"send": "created", "skip": "skipped", "reject": "rejected"}[doubt]
    assert run.counts("credit_balance_adjustments").get(wanted) == 1
