"""Records that come before their parent: parked, written later, or rejected at the end."""

import json

import pytest

from invoiced_emulator import Faults, Server

INVOICE = {"id": "inv", "customer": "c", "items": [{"name": "Work", "unit_cost": 100}]}
CUSTOMER = {"id": "c", "name": "C"}
NEVER = (
    "it refers to customers with the key {}, which did not arrive or was rejected; it waits in the "
    "ledger, and a later run writes it once that object exists"
)


@pytest.fixture
def load(run_target, server, tmp_path):
    """Runs the target with keys of another system, any number of rejects, and a file for them."""

    def run(*messages, **settings):
        file = str(tmp_path / "rejects.singer")
        return run_target(
            server,
            list(messages),
            **{"ids": "external", "max_rejects": -1, "rejects": file, **settings},
        )

    return run


def rejects(tmp_path):
    lines = map(json.loads, (tmp_path / "rejects.singer").read_text().splitlines())
    return [line for line in lines if line["type"] == "RECORD"]


def test_state_passes_a_record_that_waits_in_the_ledger(load, singer, account):
    run = load(
        *singer.stream("invoices", INVOICE), singer.state(1), *singer.stream("customers", CUSTOMER)
    )
    assert run.messages == [1]
    assert run.counts("invoices") == {"created": 1}
    assert account.objects("invoices")[0]["customer"] == account.objects("customers")[0]["id"]


def test_what_never_comes_is_a_reject_that_names_the_key(load, singer, account, tmp_path):
    run = load(*singer.stream("invoices", INVOICE), singer.state(1))
    assert (run.exit_code, run.messages) == (0, [1])
    assert run.counts("invoices") == {"rejected": 1}
    (reject,) = rejects(tmp_path)
    assert (reject["reject"]["reason"], reject["record"]) == (NEVER.format("c"), INVOICE)
    assert account.objects("invoices") == []


def test_a_run_that_ends_at_what_waits_asks_for_what_it_waits_for(load, singer):
    run = load(*singer.stream("invoices", INVOICE), max_rejects=0)
    assert "allows (0). Send what it refers to, and run again" in run.complaint


def test_what_waited_in_one_run_is_written_in_the_next(load, singer, account):
    load(*singer.stream("invoices", INVOICE))
    run = load(*singer.stream("customers", CUSTOMER))
    assert run.counts("invoices") == {"created": 1}
    assert len(account.objects("invoices")) == 1
    again = load(*singer.stream("invoices", INVOICE))
    assert again.counts("invoices") == {"unchanged": 1}


def test_all_children_of_one_late_parent_are_written_a_part_at_a_time(load, singer, account):
    """More records than one query of the ledger returns, and than may be in progress."""
    children = [{**INVOICE, "id": f"inv-{number}"} for number in range(1_300)]
    run = load(*singer.stream("invoices", *children), *singer.stream("customers", CUSTOMER))
    assert run.counts("invoices") == {"created": 1_300}
    (customer,) = account.objects("customers")
    assert {row["customer"] for row in account.objects("invoices")} == {customer["id"]}


def test_a_record_that_still_waits_is_reported_once(load, singer, tmp_path):
    load(*singer.stream("invoices", INVOICE))
    again = load(singer.state(2))
    assert (again.exit_code, again.messages) == (0, [2])
    assert len(rejects(tmp_path)) == 1
    assert (
        "WARNING line 2, invoices (id: inv): still waits for customers with the key c"
        in again.stderr
    )


def test_a_newer_record_is_merged_with_one_that_waits(load, singer, account):
    """As it would have, had the older one been written."""
    newer = {"id": "inv", "notes": "Newer"}
    load(*singer.stream("invoices", INVOICE))
    run = load(*singer.stream("invoices", newer), *singer.stream("customers", CUSTOMER))
    assert run.counts("invoices").get("rejected") is None
    (invoice,) = account.objects("invoices")
    assert (invoice["notes"], invoice["total"]) == ("Newer", 100)


def test_a_record_without_a_key_waits_too_and_is_written_once(load, singer, account):
    invoice = {"customer": {"number": "C-1"}, "items": [{"unit_cost": 5}]}
    run = load(
        *singer.stream("invoices", invoice, invoice),
        *singer.stream("customers", {"id": 1, "name": "A", "number": "C-1"}),
    )
    assert run.counts("invoices") == {"created": 2}, "both are meant"
    assert len(account.objects("invoices")) == 2


def test_what_a_reject_file_holds_can_be_piped_in_when_its_parent_is_there(
    load, singer, account, tmp_path
):
    """Once, though the ledger has kept the record as well."""
    load(*singer.stream("invoices", INVOICE))
    file = tmp_path / "rejects.singer"
    corrected = [json.loads(line) for line in file.read_text().splitlines()]
    file.rename(tmp_path / "corrected.singer")
    run = load(*singer.stream("customers", CUSTOMER), *corrected)
    assert run.exit_code == 0
    assert len(account.objects("invoices")) == 1


def test_a_record_that_refers_to_itself_waits_for_nothing_that_could_come(load, singer, tmp_path):
    run = load(*singer.stream("customers", {**CUSTOMER, "parent_customer": "c"}))
    assert run.counts("customers") == {"rejected": 1}
    assert rejects(tmp_path)[0]["reject"]["reason"] == NEVER.format("c")


def test_two_records_that_refer_to_each_other_are_rejected_by_name(load, singer, tmp_path):
    run = load(
        *singer.stream(
            "customers",
            {"id": "a", "name": "A", "parent_customer": "b"},
            {"id": "b", "name": "B", "parent_customer": "a"},
        )
    )
    assert run.counts("customers") == {"rejected": 2}
    assert sorted(reject["reject"]["reason"] for reject in rejects(tmp_path)) == [
        NEVER.format("a"),
        NEVER.format("b"),
    ]


def test_a_child_of_what_was_deleted_waits(load, singer):
    gone = {"id": "c", "_sdc_deleted_at": "2026-02-01T00:00:00Z"}
    run = load(*singer.stream("customers", CUSTOMER, gone), *singer.stream("invoices", INVOICE))
    assert run.counts("invoices") == {"rejected": 1}


@pytest.mark.parametrize("latency_s", [0, 0.1], ids=["at-once", "while-all-is-under-way"])
def test_a_child_goes_before_its_parent_is_deleted(run_target, singer, account, latency_s):
    """The removal waits for what refers to it, also if what it removes is yet to be created."""
    messages = [
        *singer.stream("customers", CUSTOMER),
        *singer.stream("notes", {"id": "n", "customer": "c", "notes": "x"}),
        *singer.stream("customers", {"id": "c", "_sdc_deleted_at": "2026-02-01T00:00:00Z"}),
    ]
    with Server(account, latency_s=latency_s) as server:
        run = run_target(server, messages, ids="external")
    assert (run.counts("notes"), run.counts("customers")) == (
        {"created": 1},
        {"created": 1, "deleted": 1},
    )
    assert account.objects("customers") == []


def test_without_a_ledger_what_waits_holds_the_state_back(load, singer, account):
    waits = {"customer": {"number": "C-1"}}
    run = load(
        *singer.stream("invoices", waits),
        singer.state(1),
        *singer.stream("customers", {"name": "A", "number": "C-1"}),
        singer.state(2),
        *singer.stream("invoices", {"customer": {"number": "never"}}),
        ids="invoiced",
        ledger="none",
    )
    assert run.messages == [1, 2]
    assert run.counts("invoices") == {"created": 1, "rejected": 1}


def test_what_waits_for_something_that_came_and_went_goes_on_waiting(load, singer, account):
    """More of them than may be in progress: each is tried once, not for ever."""
    children = [{**INVOICE, "id": f"inv-{number}"} for number in range(1_300)]
    gone = {"id": "c", "_sdc_deleted_at": "2026-02-01T00:00:00Z"}
    run = load(*singer.stream("invoices", *children), *singer.stream("customers", CUSTOMER, gone))
    assert run.exit_code == 0
    counts = run.counts("invoices")
    assert counts.get("created", 0) + counts["rejected"] == 1_300
    assert len(account.objects("invoices")) == counts.get("created", 0)


class Passing(Faults):
    """Faults until they end; the server continues, and keeps its idempotency keys."""

    over = False

    def next(self, method, path):
        return None if self.over else super().next(method, path)


def test_what_has_come_since_an_earlier_run_is_taken_up_by_the_next(
    run_target, singer, account, tmp_path
):
    """More of them than one query of the ledger returns; some were sent without a response."""
    children = [{**INVOICE, "id": f"inv-{number}"} for number in range(300)]
    settings = {"ids": "external", "max_rejects": -1, "rejects": str(tmp_path / "rejects")}
    lost = Passing([{"kind": "drop_after", "path": "/invoices", "methods": ["POST"]}])
    with Server(account, faults=lost) as server:
        first = run_target(server, singer.stream("invoices", *children), **settings)
        customer = singer.stream("customers", CUSTOMER)
        second = run_target(server, customer, max_retry_seconds=0.3, **settings)
        lost.over = True
        third = run_target(server, b"", **settings)
    assert first.counts("invoices") == {"rejected": 300}
    assert second.exit_code == 1
    assert third.counts("invoices") == {"created": 300}
    assert len(account.objects("invoices")) == 300


def test_a_newer_record_takes_over_what_was_refused_in_the_same_run(run_target, server, singer):
    """And later runs find it as it is, and send nothing."""
    bad = {**INVOICE, "items": [{"name": "Work", "unit_cost": "much"}], "purchase_order": "PO-1"}
    settings = {"ids": "external", "max_rejects": -1}
    run_target(server, singer.stream("invoices", bad), **settings)
    messages = [*singer.stream("customers", CUSTOMER), singer.state(1)]
    filler = [{"id": f"f{number}", "name": "F"} for number in range(600)]
    messages += [*singer.stream("customers", *filler), *singer.stream("invoices", INVOICE)]
    run_target(server, messages, **settings)
    before = server.stats.requests
    again = run_target(server, singer.stream("invoices", INVOICE), **settings)
    assert again.counts("invoices") == {"unchanged": 1}
    assert server.stats.requests == before


def test_what_is_deleted_before_it_was_written_is_skipped(load, singer, account):
    gone = {"id": "inv", "_sdc_deleted_at": "2026-02-01T00:00:00Z"}
    run = load(*singer.stream("invoices", INVOICE, gone), *singer.stream("customers", CUSTOMER))
    assert run.counts("invoices") == {"skipped": 1, "unchanged": 1}
    assert account.objects("invoices") == []
