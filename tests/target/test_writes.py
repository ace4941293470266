"""Records to objects: the whole command against an account over HTTP."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from invoiced_emulator import Faults, Server

AFTER = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
STREAMS = ("customers", "subscriptions", "invoices", "estimates", "credit_notes", "transactions")


def rows(run):
    """The closing table: stream -> column -> what stands there."""
    table = [
        re.findall(r"[^\s│┃|]+", line)
        for line in run.stderr.splitlines()
        if re.match("[│┃|]", line)
    ]
    names, *streams = table
    return {cells[0]: dict(zip(names[1:], cells[1:], strict=True)) for cells in streams}


def counts(run, stream):
    """What became of a stream's records, without the zeros."""
    row = rows(run)[stream]
    return {name: int(n) for name, n in row.items() if name != "seconds" and int(n)}


def writes(server):
    return [
        (request.method, request.path) for request in server.requests if request.method != "GET"
    ]


# Create, update, delete


def test_records_without_an_id_are_created_and_counted(run_target, account, server, singer):
    run = run_target(
        server,
        [
            *singer.stream("customers", {"name": "A", "number": "C-1"}, {"name": "B"}),
            *singer.stream(
                "invoices",
                {
                    "customer": 1,
                    "date": "2026-02-01",
                    "items": [{"name": "Work", "quantity": 3, "unit_cost": 19.99}],
                },
            ),
            *singer.stream(
                "transactions", {"customer": 1, "invoice": 1, "type": "payment", "amount": 9.97}
            ),
        ],
    )
    assert (run.exit_code, run.stdout) == (0, b"")
    assert [row["name"] for row in account.objects("customers")] == ["A", "B"]
    (invoice,) = account.objects("invoices")
    assert (invoice["total"], invoice["balance"], invoice["date"]) == (59.97, 50, 1_769_904_000)
    assert counts(run, "customers") == {"created": 2}
    assert counts(run, "invoices") == {"created": 1}
    assert counts(run, "transactions") == {"created": 1}
    assert "CRITICAL" not in run.stderr


def test_every_kind_of_object_can_be_created(run_target, account, server, singer):
    account.add("plans", id="starter", name="Starter", amount=49)
    account.add("coupons", id="FIFTH", value=20)
    account.add("tax_rates", id="vat", value=5)
    of_a = {"customer": 1, "items": [{"name": "Work", "quantity": 1, "unit_cost": 100}]}
    rated = {"discounts": [{"coupon": "FIFTH"}], "taxes": [{"tax_rate": {"id": "vat"}}]}
    run = run_target(
        server,
        [
            *singer.stream("customers", {"name": "A", "taxes": [{"tax_rate": {"id": "vat"}}]}),
            *singer.stream(
                "subscriptions",
                {"customer": 1, "plan": {"id": "starter"}, "start_date": "2026-03-01"},
            ),
            *singer.stream("invoices", {**of_a, **rated, "due_date": "2026-04-01T00:00:00Z"}),
            *singer.stream("estimates", {**of_a, "expiration_date": "2026-04-01"}),
            *singer.stream("credit_notes", {**of_a, "metadata": {"reason": "late"}}),
            *singer.stream(
                "transactions", {"customer": {"id": 1}, "type": "adjustment", "amount": -0.1}
            ),
        ],
    )
    assert run.exit_code == 0
    assert all(counts(run, stream) == {"created": 1} for stream in STREAMS)
    assert account.get("invoices", 1)["total"] == 84
    assert account.get("subscriptions", 1)["plan"] == "starter"
    assert account.get("transactions", 1)["amount"] == -0.1


def test_an_update_changes_what_it_holds_and_null_clears(run_target, account, server, singer):
    account.add("customers", id=5, name="A", email="a@example.com", notes="N", phone="1")
    run = run_target(server, singer.stream("customers", {"id": 5, "name": "B", "email": None}))
    customer = account.get("customers", 5)
    assert (customer["name"], customer["email"]) == ("B", None)
    assert (customer["notes"], customer["phone"]) == ("N", "1")
    assert counts(run, "customers") == {"updated": 1}
    assert writes(server) == [("PATCH", "/customers/5")]


def test_a_line_of_a_document_is_changed_in_place_by_its_id(run_target, account, server, singer):
    account.add("customers", id=1, name="A")
    invoice = account.add(
        "invoices", customer=1, items=[{"name": "Work", "quantity": 1, "unit_cost": 10}]
    )
    line = {**invoice["items"][0], "quantity": 2}
    run_target(server, singer.stream("invoices", {**invoice, "items": [line]}))
    after = account.get("invoices", invoice["id"])
    assert [row["id"] for row in after["items"]] == [line["id"]]
    assert after["total"] == 20


def test_a_record_with_nothing_to_write_is_unchanged_without_a_request(run_target, server, singer):
    run = run_target(server, singer.stream("customers", {"id": 5, "created_at": "2026-01-31"}))
    assert counts(run, "customers") == {"unchanged": 1}
    assert server.stats.requests == 0


def test_deletions_do_what_the_object_allows(run_target, account, server, singer):
    account.add("plans", id="starter", name="Starter", amount=49)
    for key in (1, 2):
        account.add("customers", id=key, name="A")
    for resource in ("invoices", "estimates", "credit_notes"):
        account.add(resource, id=10, customer=1, draft=True, status="draft")
        account.add(resource, id=11, customer=1)
        account.add(resource, id=12, customer=1, status="voided")
    account.add("subscriptions", id=20, customer=1, plan="starter")
    account.add("subscriptions", id=21, customer=1, plan="starter", status="canceled")
    account.add("subscriptions", id=22, customer=1, plan="starter", status="finished")
    account.add("transactions", id=30, customer=1, amount=5)
    removals = {
        "customers": (2, 99),
        "invoices": (10, 11, 12, 99),
        "estimates": (10, 11, 12, 99),
        "credit_notes": (10, 11, 12, 99),
        "subscriptions": (20, 21, 22, 99),
        "transactions": (30, 99),
    }
    run = run_target(
        server,
        [
            message
            for stream, ids in removals.items()
            for message in singer.stream(stream, *({"id": key, **AFTER} for key in ids))
        ],
    )
    assert run.exit_code == 0
    assert [row["id"] for row in account.objects("customers")] == [1]
    assert counts(run, "customers") == {"deleted": 2}
    for resource in ("invoices", "estimates", "credit_notes"):
        left = {row["id"]: row["status"] for row in account.objects(resource)}
        assert left == {11: "voided", 12: "voided"}
        assert counts(run, resource) == {"deleted": 2, "voided": 1, "unchanged": 1}
    left = {row["id"]: row["status"] for row in account.objects("subscriptions")}
    assert left == {20: "canceled", 21: "canceled", 22: "finished"}
    assert counts(run, "subscriptions") == {"deleted": 2, "unchanged": 2}
    assert account.objects("transactions") == []
    assert counts(run, "transactions") == {"deleted": 2}


def test_what_invoiced_does_not_delete_is_a_reject_in_its_own_words(
    run_target, account, server, singer
):
    account.add("customers", id=1, name="A")
    account.add("transactions", customer=1, amount=5)
    run = run_target(server, singer.stream("customers", {"id": 1, **AFTER}))
    assert "A customer with transactions cannot be deleted" in run.complaint
    assert counts(run, "customers") == {"rejected": 1}
    assert run.exit_code == 1
    assert account.get("customers", 1)


def test_a_void_document_that_is_what_it_was_is_left_alone(run_target, account, server, singer):
    """A void document cannot be edited, so copying one again would be refused."""
    account.add("customers", id=1, name="A")
    voided = account.add("invoices", id=10, customer=1, notes="N", status="voided")
    run = run_target(
        server, singer.stream("invoices", voided, {**voided, "notes": "other"}), max_rejects=1
    )
    assert counts(run, "invoices") == {"unchanged": 1, "rejected": 1}
    assert writes(server) == [("PATCH", "/invoices/10")]
    assert "A voided invoice cannot be edited" in run.stderr


# Streams


def test_streams_go_where_they_are_mapped_and_do_what_they_may(run_target, account, server, singer):
    account.add("customers", id=1, name="A", notes="N")
    run = run_target(
        server,
        [
            *singer.stream(
                "crm_accounts",
                {"name": "B", "notes": "hidden"},
                {"id": 1, "name": "C", "notes": "hidden"},
                {"id": 1, **AFTER},
            ),
            *singer.stream("customers", {"name": "D"}),
            {"type": "ACTIVATE_VERSION", "stream": "customers", "version": 1},
        ],
        streams={
            "crm_accounts": {
                "endpoint": "customers",
                "exclude": ["notes"],
                "operations": ["create", "update"],
            },
            "customers": {"operations": ["update"]},
        },
    )
    assert run.exit_code == 0
    found = [(row["name"], row["notes"]) for row in account.objects("customers")]
    assert found == [("C", "N"), ("B", None)]
    assert counts(run, "crm_accounts") == {"created": 1, "updated": 1, "skipped": 1}
    assert counts(run, "customers") == {"skipped": 1}


def test_a_stream_without_an_endpoint_can_be_skipped(run_target, account, server, singer):
    run = run_target(
        server,
        [
            *singer.stream("users", {"id": 1}, {"id": 2}),
            *singer.stream("customers", {"name": "A"}),
            singer.state(1),
        ],
        unknown_streams="skip",
    )
    assert (run.exit_code, run.stdout) == (0, b"1\n")
    assert run.stderr.count("WARNING users: has no endpoint, skipped") == 1
    assert counts(run, "users") == {"skipped": 2}
    assert len(account.objects("customers")) == 1


def test_meltanos_own_test_stream_is_always_skipped(run_target, server, singer):
    run = run_target(server, [*singer.stream("meltano_test_stream", {"id": 1}), singer.state(1)])
    assert (run.exit_code, run.stdout, server.stats.requests) == (0, b"1\n", 0)
    assert run.stderr.count("INFO meltano_test_stream: skipped") == 1


@pytest.mark.parametrize("name", ["crm[/eu]", "crm[bold]", "crm:key:"])
def test_a_stream_is_shown_by_the_name_it_has(run_target, server, singer, name):
    """The closing table was once drawn with markup, and a name in brackets ended the run."""
    run = run_target(server, singer.stream(name, {"name": "A"}), unknown_streams="skip")
    assert run.exit_code == 0
    assert counts(run, name) == {"skipped": 1}


def test_an_attribute_that_invoiced_does_not_have_is_told_once(run_target, account, server, singer):
    records = [{"name": "A", "colour": "red", "_sdc_batched_at": "x"}] * 2
    run = run_target(server, singer.stream("customers", *records))
    assert run.stderr.count("Invoiced has no attribute `colour`: left out") == 1
    assert "_sdc_batched_at" not in run.stderr
    assert len(account.objects("customers")) == 2


# References


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
    assert [row["customer"] for row in account.objects("invoices")] == [7, 7, 8]
    assert account.get("invoices", 1)["paid"] is True
    assert server.stats.by_path["GET /customers"] == 2  # each number is looked up once


def test_a_reference_to_nobody_is_a_reject_and_is_looked_up_anew(
    run_target, account, server, singer
):
    missing = {"customer": {"number": "C-8"}}
    run = run_target(
        server,
        [
            *singer.stream("invoices", missing),
            *singer.stream("customers", {"name": "B", "number": "C-8"}),
            *singer.stream("invoices", missing),
        ],
        max_rejects=1,
    )
    assert run.exit_code == 0
    assert "no object of customers has the number C-8" in run.stderr
    assert counts(run, "invoices") == {"created": 1, "rejected": 1}


# State


def test_states_are_echoed_value_for_value_in_order(run_target, server, singer):
    values = [{"bookmarks": {"ä": {"n": 0.1, "big": 2**53, "null": None}}}, {}, None, "s", [1, 2.5]]
    run = run_target(server, [singer.state(value) for value in values])
    assert run.exit_code == 0
    assert run.stdout.decode().splitlines() == [
        json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values
    ]


def test_a_state_is_echoed_when_what_was_before_it_is_settled_and_not_sooner(
    environment, config, account, singer, tmp_path
):
    stdout = Path(tmp_path) / "stdout"
    seen = []

    def look(_account, _number, method, _path):
        seen.append((method, stdout.read_text()))

    messages = [
        *singer.stream("customers", {"name": "A"}, {"name": "B"}),
        singer.state(1),
        singer.record("customers", name="C"),
        singer.state(2),
    ]
    with Server(account, before_request=look) as server, stdout.open("wb") as file:
        subprocess.run(
            [sys.executable, "-m", "target_invoiced", "--config", config(server)],
            input=b"".join(json.dumps(message).encode() + b"\n" for message in messages),
            stdout=file,
            stderr=subprocess.DEVNULL,
            env=environment,
            check=True,
        )
    assert seen == [("POST", ""), ("POST", ""), ("POST", "1\n")]
    assert stdout.read_text() == "1\n2\n"


# Rejects


@pytest.fixture
def three_with_a_bad_one(singer):
    return [
        singer.schema("customers", name={"type": "string"}),
        singer.record("customers", name="A"),
        singer.state("before"),
        singer.record("customers", name="B", credit_limit="much"),
        singer.state("after"),
        singer.record("customers", name="C"),
        singer.state("end"),
    ]


@pytest.mark.parametrize(
    ("max_rejects", "code", "states", "names"),
    [
        pytest.param(0, 1, ["before"], ["A"], id="the-first-one-stops"),
        pytest.param(1, 0, ["before", "after", "end"], ["A", "C"], id="one-is-allowed"),
        pytest.param(-1, 0, ["before", "after", "end"], ["A", "C"], id="no-limit"),
    ],
)
def test_rejects_are_endured_up_to_max_rejects(
    run_target, account, server, three_with_a_bad_one, max_rejects, code, states, names
):
    run = run_target(server, three_with_a_bad_one, max_rejects=max_rejects)
    assert (run.exit_code, run.messages) == (code, states)
    assert [row["name"] for row in account.objects("customers")] == names
    assert "ERROR line 4, customers: POST /customers refused (400): Credit limit" in run.stderr
    assert counts(run, "customers") == {"created": len(names), "rejected": 1}
    if code:
        assert run.complaint.startswith("stopped at line 4, customers: POST /customers refused")
        assert "`max_rejects` allows (0)" in run.complaint


def test_the_second_reject_stops_where_one_is_allowed(run_target, account, server, singer):
    bad = {"email": "a@example.com"}
    run = run_target(
        server, singer.stream("customers", bad, {"name": "A"}, bad, {"name": "B"}), max_rejects=1
    )
    assert run.complaint.startswith("stopped at line 4, customers:")
    assert [row["name"] for row in account.objects("customers")] == ["A"]


def test_rejects_can_be_mended_and_piped_in_again(
    run_target, account, server, three_with_a_bad_one, tmp_path
):
    file = Path(tmp_path) / "rejects.singer"
    file.write_text('{"type": "STATE", "value": "of an earlier run"}\n')
    run = run_target(server, three_with_a_bad_one, rejects=str(file), max_rejects=-1)
    assert "credit limit" not in run.stderr.lower()
    earlier, schema, record = map(json.loads, file.read_text().splitlines())
    assert earlier["type"] == "STATE"
    assert schema == three_with_a_bad_one[0]
    assert record["record"] == {"name": "B", "credit_limit": "much"}
    assert record["reject"]["line"] == 4
    assert record["reject"]["status"] == 400
    assert record["reject"]["param"] == "credit_limit"
    assert record["reject"]["reason"].startswith("POST /customers refused (400): Credit limit")
    record["record"]["credit_limit"] = 500
    again = run_target(server, [schema, record])
    assert counts(again, "customers") == {"created": 1}
    found = [(row["name"], row["credit_limit"]) for row in account.objects("customers")]
    assert found == [("A", None), ("C", None), ("B", 500)]


def test_a_record_with_a_card_number_is_refused_and_shown_nowhere(
    run_target, account, server, singer, tmp_path, card
):
    file = Path(tmp_path) / "rejects.singer"
    records = [{"name": "A", "notes": f"card {card}"}, {"name": "B", "phone": card}]
    run = run_target(
        server,
        singer.stream("customers", *records),
        rejects=str(file),
        max_rejects=-1,
        allow_card_like=["phone"],
        env={"LOGLEVEL": "DEBUG"},
    )
    assert counts(run, "customers") == {"created": 1, "rejected": 1}
    assert [row["phone"] for row in account.objects("customers")] == [card]
    assert "`notes` looks like a full card number" in file.read_text()
    assert card not in file.read_text()
    assert card not in run.stderr
    again = run_target(server, file.read_bytes(), max_rejects=-1)
    assert counts(again, "customers") == {"rejected": 1}, "as it stands, it is no record"
    assert "`notes` was hidden when the record was refused before" in again.stderr


# Failures


def test_dropped_answers_do_not_double_a_post(run_target, account, singer):
    faults = Faults([{"kind": "drop_after", "methods": ["POST"], "times": 2}])
    with Server(account, faults=faults) as server:
        records = [{"name": name} for name in "ABC"]
        run = run_target(server, singer.stream("customers", *records), max_retry_seconds=20)
    assert run.exit_code == 0
    assert [row["name"] for row in account.objects("customers")] == ["A", "B", "C"]
    assert counts(run, "customers") == {"created": 3, "retries": 2}


def test_what_keeps_failing_stops_the_run_at_the_last_safe_state(run_target, account, singer):
    faults = Faults([{"kind": "status", "status": 503, "html": True, "methods": ["POST"]}])
    with Server(account, faults=faults) as server:
        run = run_target(
            server,
            [singer.state(1), *singer.stream("customers", {"name": "A"}), singer.state(2)],
            max_retry_seconds=0.3,
            max_rejects=-1,
        )
    assert "POST /customers failed (503)" in run.complaint
    assert (run.exit_code, run.stdout) == (1, b"1\n")


def test_a_redirected_write_stops_the_run(run_target, account, server, singer):
    faults = Faults([{"kind": "redirect", "location": f"{server.url}/customers"}])
    with Server(account, faults=faults) as redirecting:
        run = run_target(redirecting, singer.stream("customers", {"name": "A"}), max_rejects=-1)
    assert "not followed" in run.complaint
    assert (run.exit_code, server.stats.requests) == (1, 0)


# Around it


def test_no_input_is_a_run_that_had_nothing_to_do(run_target, server):
    run = run_target(server, b"")
    assert (run.exit_code, run.stdout, server.stats.requests) == (0, b"", 0)


def test_check_says_what_the_key_may_read(run_target, account, server):
    account.forbidden.add("estimates")
    run = run_target(server, b"", "--check")
    assert run.exit_code == 0
    lines = run.stdout.decode().splitlines()
    assert "customers: readable" in lines
    assert [line for line in lines if line.startswith("estimates: not readable")]


def test_the_rejects_file_is_refused_as_input_of_a_run_that_adds_to_it(
    run_target, account, server, singer, tmp_path
):
    """It would be read while it grows, and never end."""
    file = tmp_path / "rejects.singer"
    bad = singer.stream("customers", {"name": 5})
    run_target(server, bad, rejects=str(file), max_rejects=-1)
    before = file.read_bytes()
    run = run_target(server, b"", "--input", str(file), rejects=str(file), max_rejects=-1)
    assert run.exit_code == 1
    assert "Move it to another name first" in run.complaint
    assert file.read_bytes() == before


def test_endured_rejects_are_told_at_the_end(run_target, account, server, singer, tmp_path):
    file = tmp_path / "rejects.singer"
    run = run_target(
        server, singer.stream("customers", {"notes": "x"}), rejects=str(file), max_rejects=-1
    )
    assert run.exit_code == 0
    assert f"WARNING 1 records were rejected: see {file}" in run.stderr


def test_a_natural_key_that_passes_to_another_customer_is_looked_up_again(
    run_target, account, server, singer
):
    """Found once for an invoice, then the number is given to a new customer, in one run."""
    old = account.add("customers", name="Old", number="C-1")["id"]
    invoice = {"customer": {"number": "C-1"}, "items": [{"name": "x", "unit_cost": 1}]}
    messages = [
        *singer.stream("customers", {"id": old, "notes": "x"}),
        *singer.stream("invoices", invoice),
        *singer.stream("customers", {"id": old, "number": "C-9"}, {"name": "New", "number": "C-1"}),
        *singer.stream("invoices", invoice),
    ]
    assert run_target(server, messages).exit_code == 0
    new = next(row["id"] for row in account.objects("customers") if row["name"] == "New")
    assert [row["customer"] for row in account.objects("invoices")] == [old, new]


@pytest.mark.parametrize("kind", ["drop_after", "half_body"])
def test_a_cancellation_whose_answer_was_lost_is_done(run_target, account, singer, kind):
    customer = account.add("customers", name="Acme")["id"]
    key = account.add("subscriptions", customer=customer)["id"]
    faults = Faults([{"kind": kind, "methods": ["DELETE"], "times": 1}])
    deletion = {"id": key, "_sdc_deleted_at": "2026-03-01T00:00:00Z"}
    with Server(account, faults=faults) as server:
        run = run_target(server, singer.stream("subscriptions", deletion))
    assert run.exit_code == 0, run.stderr
    assert account.get("subscriptions", key)["status"] == "canceled"


@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda card: {"id": int(card)}, id="as-the-id"),
        pytest.param(lambda card: {"metadata": {card: "x"}}, id="as-a-metadata-key"),
        pytest.param(lambda card: {"credit_limit": float(card)}, id="as-a-float"),
    ],
)
def test_card_numbers_are_refused_wherever_they_stand(
    run_target, account, server, singer, tmp_path, card, hide
):
    file = tmp_path / "rejects.singer"
    record = {"name": "A", **hide(card)}
    run = run_target(server, singer.stream("customers", record), rejects=str(file), max_rejects=-1)
    assert counts(run, "customers") == {"rejected": 1}
    assert account.objects("customers") == []
    assert card not in file.read_text() + run.stderr
    assert not any(card in path for _, path, _ in server.requests)
