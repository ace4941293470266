"""A parked record and a newer one of its key: the newer values win."""

import pytest

EXTERNAL = {"ids": "external"}


def invoice(name):
    return {"id": "i", "customer": "c", "name": name}


@pytest.mark.parametrize("runs", [1, 2], ids=["in-one-run", "in-two-runs"])
def test_what_waited_does_not_overwrite_what_came_later(run_target, account, server, singer, runs):
    waiting = singer.stream("invoices", invoice("older"))
    later = [
        *singer.stream("customers", {"id": "c", "name": "C"}),
        *singer.stream("invoices", invoice("newer")),
    ]
    parts = [[*waiting, *later]] if runs == 1 else [waiting, later]
    for part in parts:
        run_target(server, part, **EXTERNAL, max_rejects=-1)
    assert [row["name"] for row in account.objects("invoices")] == ["newer"]


def test_a_record_that_waited_and_is_refused_waits_on_unless_a_file_keeps_it(
    run_target, account, server, singer
):
    """STATE has passed it: no later run would send it again."""
    account.add("customers", id=9, name="Nobody", number="C-9")
    child = {"id": "i", "customer": "c", "number": "I-1", "due_date": "2020-01-01"}
    run_target(server, singer.stream("invoices", child), **EXTERNAL, max_rejects=-1)
    parent = singer.stream("customers", {"id": "c", "name": "C"})
    refused = run_target(server, parent, **EXTERNAL)
    assert refused.exit_code == 1
    assert "due date precedes date" in refused.complaint
    corrected = singer.stream("invoices", {"id": "i", "customer": "c", "due_date": "2030-01-01"})
    assert run_target(server, corrected, **EXTERNAL).exit_code == 0
    (invoice_made,) = account.objects("invoices")
    assert invoice_made["number"] == "I-1", "only the older record has it"


def test_a_customer_is_deleted_after_what_refers_to_it(run_target, account, server, singer):
    """An active subscription would keep it from that; both are under way at once."""
    account.add("plans", id="starter", name="Starter", amount=49)
    gone = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
    made = [
        *singer.stream("customers", *({"id": f"c{n}", "name": "C"} for n in range(8))),
        *singer.stream(
            "subscriptions",
            *({"id": f"s{n}", "customer": f"c{n}", "plan": "starter"} for n in range(8)),
        ),
    ]
    assert run_target(server, made, **EXTERNAL).exit_code == 0
    removed = [
        *singer.stream(
            "subscriptions", *({"id": f"s{n}", "customer": f"c{n}", **gone} for n in range(8))
        ),
        *singer.stream("customers", *({"id": f"c{n}", **gone} for n in range(8))),
    ]
    run = run_target(server, removed, **EXTERNAL)
    assert run.exit_code == 0, run.stderr
    assert account.objects("customers") == []
