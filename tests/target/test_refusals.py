"""A refusal of Invoiced becomes a reject with its message, its parameter and its status."""

import json
from pathlib import Path

import pytest

from invoiced_emulator import Account, Faults, Server

GONE = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
LINES = [{"name": "Work", "quantity": 1, "unit_cost": 100}]
# Name -> a record of a stream, and what Invoiced answers to which call: words, parameter, status.
REFUSALS = json.loads((Path(__file__).parent / "refusals.json").read_text())
# Streams that do what no endpoint does.
OWN_CALLS = {
    "raw_customers": {"method": "PATCH", "path": "/customers/{customer}"},
    "raw_notes": {"method": "POST", "path": "/notes"},
    "raw_voids": {"method": "POST", "path": "/invoices/{invoice}/void"},
    "raw_plans": {"method": "POST", "path": "/plans"},
    "raw_puts": {"method": "PUT", "path": "/customers/{customer}"},
}


@pytest.fixture
def account(clock):
    """An object of each kind that refuses some writes."""
    account = Account(now=clock)
    account.forbidden.add("coupons")
    account.add("plans", id="pro", name="Pro", amount=10)
    for key in (1, 2):
        account.add("customers", id=key, name="A", number=f"C-{key}")
    account.add("subscriptions", id=1, customer=2, plan="pro")
    for resource, letter in (("invoices", "I"), ("estimates", "E"), ("credit_notes", "N")):
        states = {1: {}, 2: {"balance": 0}, 3: {"status": "voided"}, 4: {"draft": True}}
        for key, state in states.items():
            if resource == "estimates":
                state = {}
            number = f"{letter}-{key}"
            account.add(resource, id=key, customer=1, number=number, items=LINES, **state)
    account.edit("invoices", 2, paid=True, status="paid")
    account.add("payments", id=1, customer=1, amount=5)
    account.add("payments", id=2, customer=1, amount=5, voided=True)
    account.add("transactions", id=1, customer=1, amount=5, payment=1)
    account.add("charges", id=1, customer=1, amount=10)
    return account


def everything(account):
    return {name: account.objects(name) for name in account.tables}


def rejects_of(path):
    messages = [json.loads(line) for line in path.read_text().splitlines()]
    return [message for message in messages if message["type"] == "RECORD"]


def test_each_refusal_is_a_reject_in_invoiceds_own_words(
    run_target, account, server, singer, tmp_path
):
    """All of them in one run, which goes on after each, and changes nothing."""
    before = everything(account)
    messages = [
        message
        for refused in REFUSALS.values()
        for message in singer.stream(refused["stream"], refused["record"])
    ]
    run = run_target(
        server,
        messages,
        rejects=str(tmp_path / "rejects.singer"),
        max_rejects=-1,
        allow_side_effects=["charges", "payment_sources"],
        streams=OWN_CALLS,
    )
    assert run.exit_code == 0, run.stderr
    kept = {reject["reject"]["line"]: reject for reject in rejects_of(tmp_path / "rejects.singer")}
    rejects = {name: kept.get(2 * number) for number, name in enumerate(REFUSALS, 1)}
    said = {name: reject and reject["reject"] for name, reject in rejects.items()}
    for name, refused in REFUSALS.items():
        status, param = refused["status"], refused["param"]
        words = f"{refused['call']} refused ({status}): {refused['said']}"
        words += f" [{param}]" if param else ""
        assert said[name], name
        assert said[name]["reason"].startswith(words), name
        assert (said[name]["status"], said[name]["param"]) == (status, param), name
        assert rejects[name]["record"] == refused["record"], "unchanged, to be corrected"
    assert len(kept) == len(REFUSALS)
    assert everything(account) == before


@pytest.mark.parametrize("status", [400, 404, 405, 409, 413, 422])
def test_a_status_that_refuses_a_record_refuses_only_that_record(
    run_target, singer, clock, tmp_path, status
):
    """Where Invoiced itself refuses: its errors are JSON with a `type`, a gateway's are not."""
    account = Account(now=clock)
    words = "Not this one"
    faults = Faults([{"kind": "status", "status": status, "message": words, "path": "/notes"}])
    with Server(account, faults=faults) as server:
        run = run_target(
            server,
            [
                *singer.stream("notes", {"customer": 1, "notes": "x"}),
                *singer.stream("customers", {"name": "A"}),
                singer.state("behind both"),
            ],
            rejects=str(tmp_path / "rejects.singer"),
            max_rejects=-1,
        )
    assert (run.exit_code, run.messages) == (0, ["behind both"])
    (reject,) = rejects_of(tmp_path / "rejects.singer")
    assert reject["reject"]["reason"] == f"POST /notes refused ({status}): {words}"
    assert reject["reject"]["status"] == status
    assert run.counts("notes")["rejected"] == 1
    assert run.counts("notes").get("retries", 0) == 0
    assert len(account.objects("customers")) == 1


METADATA = {
    "more than 10 keys": {str(number): 1 for number in range(11)},
    "a key of more than 40 characters": {"k" * 41: 1},
    "a value of more than 255 characters": {"k": "v" * 256},
}


def test_what_invoiced_would_refuse_for_certain_costs_no_request(
    run_target, account, server, singer, tmp_path
):
    refused = {f"`metadata` has {said}": {"id": 1, "metadata": of} for said, of in METADATA.items()}
    messages = [
        *singer.stream("customers", *refused.values()),
        *singer.stream("invoices", {"id": 1, "due_date": "tomorrow"}),
        *singer.stream("invoices", {"id": 1, "items": "two hours"}),
        *singer.stream("invoices", {"id": "INV-1"}),
        *singer.stream("charges", {"id": 1, **GONE}),
    ]
    run = run_target(server, messages, rejects=str(tmp_path / "rejects.singer"), max_rejects=-1)
    assert run.exit_code == 0
    rejects = rejects_of(tmp_path / "rejects.singer")
    assert [reject["reject"]["reason"] for reject in rejects] == [
        *refused,
        "`due_date` is not an RFC 3339 date or date-time. Write it as 2026-01-31 or "
        "2026-01-31T10:00:00Z",
        "`items` is not a list of objects. Send one, or its JSON as a string",
        "`id` is not a whole number, as Invoiced's ids are. If it is the id of another system, "
        'set `ids` to "external"',
        "Invoiced has no call that deletes charges",
    ]
    assert server.stats.requests == 0
