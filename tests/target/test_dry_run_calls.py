"""A dry run shows the calls that the real run sends: the same ones."""

import json
import random
from collections import Counter

import pytest

from invoiced_emulator import Server

GONE = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
OWN_CALLS = {
    "calls": {"method": "PATCH", "path": "/customers/{customer}"},
    "lists": {"method": "POST", "path": "/notes", "batch_size": 2},
}
LINES = [{"name": "Work", "unit_cost": 100, "quantity": 1}]


@pytest.fixture
def both(account, run_target):
    """The calls of a dry run over the messages and those of the real run, each as method and path.

    Ids that the dry run only imagines are counted in the order of their creation, as are the real
    ones.
    """
    port = 0

    def run(*messages, before=(), max_connections=1):
        nonlocal port
        settings = {
            "ids": "external",
            "max_rejects": -1,
            "max_connections": max_connections,
            "streams": OWN_CALLS,
        }
        with Server(account, port=port) as server:
            port = server.port
            if before:
                run_target(server, list(before), **settings)
            seen = len(server.requests)
            shown = run_target(server, list(messages), "--dry-run", **settings)
            assert all(one.method == "GET" for one in list(server.requests)[seen:])
            calls = [json.loads(line) for line in shown.stdout.splitlines()]
            seen = len(server.requests)
            real = run_target(server, list(messages), **settings)
            assert real.exit_code == shown.exit_code, real.stderr
            sent = [one for one in list(server.requests)[seen:] if one.method != "GET"]
        planned = [(one["method"], one["url"].removeprefix(server.url)) for one in calls]
        return numbered(planned), numbered([(one.method, one.path) for one in sent])

    return run


def numbered(calls):
    """The calls without the ids of objects that they make themselves."""
    return [(method, "/".join(map(word, path.split("/")))) for method, path in calls]


def word(part):
    return ":id" if part.isdecimal() or part.startswith("new-") else part


def customer(key, **more):
    return {"id": key, "name": key, **more}


def invoice(key, customer):
    return {"id": key, "customer": customer, "items": LINES}


def test_of_a_key_that_is_deleted_and_created_again(both, singer):
    planned, sent = both(
        *singer.stream("customers", {"id": "a", **GONE}, customer("a", number="N", notes="again")),
        *singer.stream("invoices", invoice("i", "a")),
        before=singer.stream("customers", customer("a", number="N")),
    )
    assert planned == sent


def test_of_a_customer_that_is_renumbered_and_then_referred_to(both, singer):
    planned, sent = both(
        *singer.stream("customers", customer("a", number="N2")),
        *singer.stream("invoices", invoice("i", {"number": "N2"})),
        before=singer.stream("customers", customer("a", number="N1")),
    )
    assert planned == sent


def test_of_customers_that_swap_their_numbers(both, singer):
    def numbered_customers(a, b):
        return singer.stream("customers", customer("a", number=a), customer("b", number=b))

    planned, sent = both(*numbered_customers("N2", "N1"), before=numbered_customers("N1", "N2"))
    assert planned == sent


@pytest.mark.parametrize("waiting", ["invoices", "notes"])
def test_of_a_record_before_its_customer_that_is_deleted_later(both, singer, waiting):
    record = invoice("i", "a") if waiting == "invoices" else {"id": "n", "customer": "a"}
    planned, sent = both(
        *singer.stream(waiting, {**record, "notes": "x"}),
        *singer.stream("customers", customer("a"), {"id": "a", **GONE}),
    )
    assert planned == sent


def test_of_invoices_before_their_customer(both, singer):
    planned, sent = both(
        *singer.stream("invoices", *(invoice(f"i{number}", "a") for number in range(20))),
        *singer.stream("customers", customer("a")),
    )
    assert planned == sent


@pytest.mark.timeout(300)
def test_of_more_records_that_wait_than_memory_takes(run_target, server, singer):
    waiting = [invoice(f"i{number}", "never") for number in range(10_001)]
    run = run_target(
        server,
        [*singer.stream("invoices", *waiting), *singer.stream("customers", customer("a"))],
        "--dry-run",
        ids="external",
        max_rejects=-1,
    )
    assert run.exit_code == 0, run.stderr
    assert len(run.stdout.splitlines()) == 1


class Input:
    """Records of several streams that change, renumber, void and delete the same few objects.

    Where customers are deleted, no other key comes twice: of two records of one key, the older one
    may wait, and is merged into the newer one or sent before it, whichever is possible first. A
    number is only given to a customer, and named, while nobody else has it, for the same reason.
    """

    def __init__(self, seed, singer):
        self._rng, self._singer = random.Random(seed), singer
        self._deletes = self._rng.random() < 0.5
        self._numbers = iter(range(1000))
        self._held = {}

    def messages(self, count):
        found = self._singer.stream("customers", *({"id": key, "name": key} for key in "abc"))
        for _ in range(count):
            stream = self._rng.choice(list(MAKERS))
            record = MAKERS[stream](self)
            found += self._singer.stream(stream, record, key=KEYS.get(stream, ("id",)))
            if self._rng.random() < 0.2:
                found.append(self._singer.state(next(self._numbers)))
        return found

    def _key(self, prefix):
        return f"{prefix}{next(self._numbers) if self._deletes else self._rng.randrange(3)}"

    def customer(self):
        rng, key = self._rng, self._rng.choice("abc")
        if self._deletes and rng.random() < 0.3:
            self._held.pop(key, None)
            return {"id": key, **GONE}
        free = sorted({f"N{number}" for number in range(5)} - set(self._held.values()))
        if rng.random() < 0.5:
            self._held[key] = rng.choice(free)
        number = {"number": self._held[key]} if key in self._held else {}
        return {"id": key, "name": f"{key} {rng.randrange(99)}", **number}

    def invoice(self):
        rng, key = self._rng, self._key("i")
        if rng.random() < 0.2:
            return {"id": key, **GONE}
        number = key if self._deletes else rng.randrange(3)
        status = rng.choice((None, None, "draft", "voided"))
        record = {"id": key, "customer": rng.choice("abc"), "items": LINES, "status": status}
        return {**record, "number": f"INV-{number}", "notes": str(rng.randrange(99))}

    def plan(self):
        rng, key = self._rng, self._rng.choice(("gold", "silver"))
        return {"id": key, "name": f"{key} {rng.randrange(9)}", "amount": 5}

    def tax_rate(self):
        rng, key = self._rng, self._rng.choice(("low", "high"))
        gone = GONE if rng.random() < 0.3 else {}
        return {"id": key, "name": f"{key} {rng.randrange(9)}", "value": 5, **gone}

    def contact(self):
        key = self._key("p")
        gone = GONE if self._rng.random() < 0.2 else {}
        return {"customer": self._rng.choice("abc"), "id": key, "name": key, **gone}

    def note(self):
        held = sorted(self._held.values())
        customer = {"number": self._rng.choice(held)} if held else self._rng.choice("abc")
        return {"customer": customer, "notes": str(next(self._numbers))}

    def call(self):
        return {"customer": self._rng.choice("abc"), "chase": bool(self._rng.randrange(2))}

    def listed(self):
        return {"n": next(self._numbers)}


MAKERS = {
    "customers": Input.customer,
    "invoices": Input.invoice,
    "plans": Input.plan,
    "tax_rates": Input.tax_rate,
    "contacts": Input.contact,
    "notes": Input.note,
    "calls": Input.call,
    "lists": Input.listed,
}
KEYS = {"contacts": ("customer", "id"), "notes": (), "calls": (), "lists": ()}


@pytest.mark.parametrize("seed", range(12))
def test_of_records_that_change_the_same_few_objects(both, singer, seed):
    """Every input is run over what another one has left in the account and in the ledger."""
    one = Input(seed, singer)
    before = one.messages(12)
    planned, sent = both(*one.messages(14), before=before)
    assert Counter(planned) == Counter(sent), "in whatever order they become possible"
