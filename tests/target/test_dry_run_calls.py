"""A dry run shows the calls that the real run sends: the same ones."""

import json

import pytest

from invoiced_emulator import Server

GONE = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
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
        settings = {"ids": "external", "max_rejects": -1, "max_connections": max_connections}
        with Server(account, port=port) as server:
            port = server.port
            if before:
                assert run_target(server, list(before), **settings).exit_code == 0
            seen = len(server.requests)
            shown = run_target(server, list(messages), "--dry-run", **settings)
            assert shown.exit_code == 0, shown.stderr
            assert all(one.method == "GET" for one in list(server.requests)[seen:])
            calls = [json.loads(line) for line in shown.stdout.splitlines()]
            seen = len(server.requests)
            real = run_target(server, list(messages), **settings)
            assert real.exit_code == 0, real.stderr
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


@pytest.mark.xfail(strict=True, reason="a dry run does not know what it would have deleted")
def test_of_a_key_that_is_deleted_and_created_again(both, singer):
    planned, sent = both(
        *singer.stream("customers", {"id": "a", **GONE}, customer("a", number="N", notes="again")),
        *singer.stream("invoices", invoice("i", "a")),
        before=singer.stream("customers", customer("a", number="N")),
    )
    assert planned == sent


@pytest.mark.xfail(strict=True, reason="a dry run does not know numbers that it would have changed")
def test_of_a_customer_that_is_renumbered_and_then_referred_to(both, singer):
    planned, sent = both(
        *singer.stream("customers", customer("a", number="N2")),
        *singer.stream("invoices", invoice("i", {"number": "N2"})),
        before=singer.stream("customers", customer("a", number="N1")),
    )
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
@pytest.mark.xfail(strict=True, reason="a dry run keeps what waits in memory")
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
