"""Calls on one object that are no endpoint: the objects they name, their order, their limits."""

import pytest

from invoiced_api.calls import CALLS

LINES = [{"name": "Work", "unit_cost": 100, "quantity": 1}]
STREAMS = {one.word: {"method": "POST", "path": one.path} for one in CALLS}
MERGE = "/customers/1/merge"


@pytest.fixture
def load(load_slowly):
    """Runs the target while one request is slow: see `load_slowly`."""

    def run(messages, *slow, **settings):
        return load_slowly(messages, *slow, **{"streams": STREAMS, **settings})

    return run


@pytest.fixture(autouse=True)
def customers(account):
    account.add("customers", id=1, name="Kept", number="C-1")
    account.add("customers", id=2, name="Gone", number="C-2")


@pytest.mark.parametrize("named", [{"number": "C-1"}, 1, {"id": 1}, "1"], ids=str)
@pytest.mark.parametrize("removed", [{"number": "C-2"}, 2, {"id": 2}], ids=str)
def test_a_merge_names_both_customers_by_id_or_number(load, account, singer, named, removed):
    run, writes = load(singer.stream("merge", {"kept": named, "customer": removed}))
    assert run.counts("merge") == {"created": 1}
    assert writes == [f"POST {MERGE}"]
    assert [one["name"] for one in account.objects("customers")] == ["Kept"]


@pytest.mark.parametrize("changed", [1, 2], ids=["kept", "removed"])
def test_a_merge_waits_for_an_earlier_change_of_either_customer(load, singer, changed):
    messages = [
        *singer.stream("customers", {"id": changed, "notes": "x"}),
        *singer.stream("merge", {"kept": 1, "customer": 2}),
    ]
    _, writes = load(messages, "PATCH", f"/customers/{changed}")
    assert writes == [f"PATCH /customers/{changed}", f"POST {MERGE}"]


def test_a_merge_waits_for_an_earlier_invoice_of_the_removed_customer(load, account, singer):
    messages = [
        *singer.stream("invoices", {"customer": 2, "items": LINES}),
        *singer.stream("merge", {"kept": 1, "customer": 2}),
    ]
    _, writes = load(messages, "POST", "/invoices")
    assert writes == ["POST /invoices", f"POST {MERGE}"]
    assert [one["customer"] for one in account.objects("invoices")] == [1]


@pytest.mark.parametrize("changed", [1, 2], ids=["kept", "removed"])
def test_a_later_change_of_either_customer_waits_for_the_merge(load, singer, changed):
    messages = [
        *singer.stream("merge", {"kept": 1, "customer": 2}),
        *singer.stream("customers", {"id": changed, "notes": "x"}),
    ]
    _, writes = load(messages, "POST", MERGE)
    assert writes == [f"POST {MERGE}", f"PATCH /customers/{changed}"]


def test_the_number_of_the_removed_customer_is_free_after_the_merge(load, account, singer):
    """The number of the second record is the removed customer's, which nothing else names."""
    messages = [
        *singer.stream("merge", {"kept": 1, "customer": 2}),
        *singer.stream("customers", {"name": "New", "number": "C-2"}),
    ]
    _, writes = load(messages, "POST", MERGE)
    assert writes == [f"POST {MERGE}", "POST /customers"]
    assert [one["name"] for one in account.objects("customers")] == ["Kept", "New"]


def test_customers_are_merged_by_keys_that_come_later(load, account, singer):
    messages = [
        *singer.stream("merge", {"kept": "a", "customer": "b"}),
        *singer.stream("customers", {"id": "a", "name": "A"}, {"id": "b", "name": "B"}),
    ]
    run, _ = load(messages, ids="external")
    assert run.counts("merge") == {"created": 1}
    assert [one["name"] for one in account.objects("customers")] == ["Kept", "Gone", "A"]


def test_invoices_are_consolidated_after_they_were_created(load, account, singer):
    invoice = {"customer": 1, "items": LINES}
    messages = [
        *singer.stream("invoices", invoice, {**invoice, "notes": "second"}),
        *singer.stream("consolidate_invoices", {"customer": 1}),
    ]
    _, writes = load(messages, "POST", "/invoices")
    assert writes[-1] == "POST /customers/1/consolidate_invoices"
    assert sorted(one["total"] for one in account.objects("invoices")) == [100, 100, 200]


def test_a_merge_without_the_customer_to_remove_is_a_reject(load, singer):
    run, writes = load(singer.stream("merge", {"kept": 1}))
    assert "`customer` is missing, but the call needs it" in run.stderr
    assert writes == []


@pytest.mark.parametrize("call", CALLS, ids=lambda one: one.word)
def test_a_call_with_a_side_effect_is_refused_unless_it_is_allowed(load, singer, call):
    record = {"kept": 1, "customer": 1, "invoice": 1, "estimate": 1, "subscription": 1}
    run, _ = load(singer.stream(call.word, record))
    refused = "it is only sent if the setting `allow_side_effects` holds" in run.stderr
    assert refused == (call.side_effect is not None)


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ({"path": "/invoices/{x}/pay", "batch_size": 2}, "a call to pay takes no list"),
        ({"path": "/customers/{customer}/merge"}, "needs another name than `customer` in its"),
    ],
    ids=["batch", "merge"],
)
def test_a_call_that_cannot_work_stops_before_any_request(run_target, server, to, said):
    run = run_target(server, b"", streams={"own": {"method": "POST", **to}})
    assert said in run.complaint
    assert server.stats.requests == 0
