"""Records that refer to others by their natural key."""

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from invoiced_api.exceptions import RetryableError
from invoiced_api.response import Response
from target_invoiced.delivery.lookup import References
from target_invoiced.delivery.senders import Sender
from target_invoiced.mapping.keys import NaturalKey


def test_objects_are_found_by_natural_key_also_those_of_this_run(
    run_target, account, server, singer
):
    account.add("customers", id=7, name="A", number="C-7")
    run = run_target(
        server,
        [
            *singer.stream("customers", {"name": "B", "number": "C-8"}),
            *singer.stream(
                "invoices",
                {"customer": {"number": "C-7"}, "number": "I-1", "items": [{"unit_cost": 5}]},
                {"customer": {"number": "C-7"}},
                {"customer": {"number": "C-8"}},
            ),
            *singer.stream(
                "transactions", {"invoice": {"number": "I-1"}, "type": "payment", "amount": 5}
            ),
        ],
    )
    assert run.exit_code == 0
    invoices = {row["number"]: row for row in account.objects("invoices")}
    assert sorted(row["customer"] for row in invoices.values()) == [7, 7, 8]
    assert invoices["I-1"]["paid"] is True
    assert server.stats.by_path["GET /customers"] == 2  # each number is looked up once


def test_a_record_waits_for_what_comes_later_and_is_rejected_for_what_never_comes(
    run_target, account, server, singer
):
    run = run_target(
        server,
        [
            *singer.stream("invoices", {"customer": {"number": "C-8"}}),
            singer.state("waits in the ledger"),
            *singer.stream("customers", {"name": "B", "number": "C-8"}),
            *singer.stream("invoices", {"customer": {"number": "C-9"}}),
        ],
        max_rejects=1,
    )
    assert run.exit_code == 0
    assert run.messages == ["waits in the ledger"]
    assert run.counts("invoices") == {"created": 1, "rejected": 1}
    said = "it refers to customers with the number C-9, which did not arrive"
    assert f"ERROR line 7, invoices: {said}" in run.stderr
    (invoice,) = account.objects("invoices")
    (customer,) = account.objects("customers")
    assert invoice["customer"] == customer["id"]


def test_more_than_one_object_of_a_natural_key_is_a_reject(run_target, account, server, singer):
    """Invoiced keeps numbers unique; an account where they are not must not be guessed about."""
    for key in (1, 2):
        account.add("customers", id=key, name="A", number="C-1")
    run = run_target(
        server, singer.stream("invoices", {"customer": {"number": "C-1"}}), max_rejects=1
    )
    said = "ambiguous reference: the account has several customers with the number C-1. Refer"
    assert said in run.stderr
    assert run.counts("invoices") == {"rejected": 1}
    assert account.objects("invoices") == []


def test_a_natural_key_that_passes_to_another_customer_is_looked_up_again(
    run_target, account, server, singer
):
    """Found once for an invoice, then the number is given to a new customer, in one run."""
    old = account.add("customers", name="Old", number="C-1")["id"]
    invoice = {"customer": {"number": "C-1"}, "items": [{"name": "x", "unit_cost": 1}]}
    heir = {"name": "New", "number": "C-1", "parent_customer": {"number": "C-9"}}
    messages = [
        *singer.stream("invoices", invoice),
        *singer.stream("customers", {"id": old, "number": "C-9"}, heir),
        *singer.stream("invoices", invoice),
    ]
    assert run_target(server, messages, max_connections=1).exit_code == 0
    new = next(row["id"] for row in account.objects("customers") if row["name"] == "New")
    assert [row["customer"] for row in account.objects("invoices")] == [old, new]


class Registry(Sender):
    """Knows a customer of every number, and counts how often it is asked for each."""

    def __init__(self):
        self.asked = Counter()

    def send(self, call, why=""):
        number = call.params["filter[number]"]
        self.asked[number] += 1
        return Response(headers={}, body=[{"id": int(number), "number": number}])


@pytest.fixture
def hasty_threads():
    """Threads switch as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_what_many_look_for_at_once_is_asked_for_once(hasty_threads):
    registry = Registry()
    references = References(registry)
    keys = [NaturalKey("customers", "number", str(number)) for number in range(1_000)]

    def find_all(_):
        return [references.find(key) for key in keys]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(find_all, range(8)))
    assert found == [list(range(1_000))] * 8
    assert set(registry.asked.values()) == {1}


def test_what_could_not_be_looked_up_is_looked_up_again():
    class Failing(Registry):
        def send(self, call, why=""):
            answer = super().send(call, why)
            if self.asked.total() == 1:
                raise RetryableError("no answer")
            return answer

    references = References(Failing())
    key = NaturalKey("customers", "number", "7")
    with pytest.raises(RetryableError):
        references.find(key)
    assert references.find(key) == 7
