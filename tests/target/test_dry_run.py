"""`--dry-run` shows what would be sent, `--test` sends one record of each stream."""

import json

import pytest

SECRET = "hush-hush-value"


@pytest.fixture
def messages(singer):
    return [
        *singer.stream("customers", {"id": "c", "name": "A"}, {"id": "d", "name": "D"}),
        *singer.stream("invoices", {"id": "i", "customer": "c", "items": [{"unit_cost": 9.99}]}),
        *singer.stream("calls", {"customer": "c", "chase": True}),
        singer.state({"so": "far"}),
    ]


SETTINGS = {
    "ids": "external",
    "max_connections": 1,
    "streams": {
        "calls": {
            "method": "PATCH",
            "path": "/customers/{customer}",
            "headers": {"X-Token": SECRET},
        }
    },
}


def writes(lines):
    return [(line["method"], line["url"].partition("//")[2].partition("/")[2]) for line in lines]


def test_a_dry_run_shows_each_write_and_sends_none(run_target, account, server, messages, tmp_path):
    run = run_target(server, messages, "--dry-run", **SETTINGS)
    assert run.exit_code == 0, run.stderr
    assert writes(run.messages) == [
        ("POST", "customers"),
        ("POST", "customers"),
        ("POST", "invoices"),
        ("PATCH", "customers/new-1"),
    ]
    assert run.messages[0]["body"] == {"name": "A"}
    assert run.messages[0]["why"] == "create"
    assert run.messages[2]["body"] == {"customer": "new-1", "items": [{"unit_cost": 9.99}]}
    assert account.objects("customers") == []
    assert not any(request.method != "GET" for request in server.requests)
    assert not (tmp_path / "ledger.db").exists()


def test_a_dry_run_prints_no_state_and_no_credentials(run_target, server, messages):
    """A STATE that is stored would let the records be left out of the real run."""
    run = run_target(server, messages, "--dry-run", env={"LOGLEVEL": "DEBUG"}, **SETTINGS)
    shown = run.stdout.decode() + run.stderr
    assert '"so"' not in run.stdout.decode()
    assert "emulator-key" not in shown
    assert "Authorization" not in shown
    assert SECRET not in shown


def test_a_dry_run_leaves_the_ledger_as_it_was(
    run_target, account, server, singer, messages, tmp_path
):
    run_target(server, messages, **SETTINGS)
    before = (tmp_path / "ledger.db").read_bytes()
    changed = singer.stream("customers", {"id": "c", "name": "B"}, {"id": "e", "name": "E"})
    rehearsed = run_target(server, changed, "--dry-run", **SETTINGS)
    assert writes(rehearsed.messages) == [("PATCH", "customers/1"), ("POST", "customers")]
    assert (tmp_path / "ledger.db").read_bytes() == before
    real = run_target(server, changed, **SETTINGS)
    assert real.counts("customers") == {"updated": 1, "created": 1}
    assert sorted(row["name"] for row in account.objects("customers")) == ["B", "D", "E"]


def test_the_table_of_a_dry_run_says_that_nothing_was_sent(run_target, server, messages):
    title = "dry run: nothing was sent"
    assert title in run_target(server, messages, "--dry-run").stderr
    assert title not in run_target(server, messages).stderr


def test_a_dry_run_finds_what_it_would_have_created(run_target, server, singer):
    """By number, by its own id, and with the values it would have by then."""
    lines = [{"unit_cost": 5}]
    run = run_target(
        server,
        [
            *singer.stream("plans", {"id": "pro/1", "name": "Pro", "amount": 5}),
            *singer.stream("customers", {"id": "c", "name": "A", "number": "C-1"}),
            *singer.stream("subscriptions", {"customer": {"number": "C-1"}, "plan": "pro/1"}),
            *singer.stream(
                "invoices",
                {"id": "i", "customer": "c", "status": "voided", "items": lines},
                {"id": "j", "customer": "c", "draft": True, "items": lines},
                {"id": "j", "_sdc_deleted_at": "2026-02-01T00:00:00Z"},
            ),
        ],
        "--dry-run",
        ids="external",
        max_connections=1,
    )
    assert run.exit_code == 0, run.stderr
    assert sorted(writes(run.messages)) == [
        ("DELETE", "invoices/new-4"),
        ("POST", "customers"),
        ("POST", "invoices"),
        ("POST", "invoices"),
        ("POST", "invoices/new-3/void"),
        ("POST", "plans"),
        ("POST", "subscriptions"),
    ]
    (subscription,) = [one for one in run.messages if one["url"].endswith("/subscriptions")]
    assert subscription["body"] == {"customer": "new-1", "plan": "pro/1"}


def test_a_dry_run_saves_and_posts_no_responses(run_target, server, singer, httpserver, tmp_path):
    file = tmp_path / "responses.singer"
    run = run_target(
        server,
        singer.stream("customers", {"name": "A"}),
        "--dry-run",
        responses=str(file),
        response_webhook=httpserver.url_for("/hook"),
    )
    assert run.exit_code == 0
    assert httpserver.log == []
    assert not file.exists()


def test_a_dry_run_says_what_would_be_rejected(run_target, server, singer):
    run = run_target(
        server,
        singer.stream("invoices", {"due_date": "tomorrow"}, {"customer": {"number": "none"}}),
        "--dry-run",
        max_rejects=-1,
    )
    assert "`due_date` is not an RFC 3339 date" in run.stderr
    assert "customers with the number none, which did not arrive" in run.stderr
    assert run.counts("invoices") == {"rejected": 2}


def test_a_dry_run_names_each_write_that_would_be_refused(run_target, account, server, singer):
    """It is sent three times: a record that comes later may free the number."""
    account.add("customers", name="A", number="A-1")
    run = run_target(
        server, singer.stream("customers", {"name": "B", "number": "A-1"}), "--dry-run"
    )
    assert {line["refused"] for line in run.messages} == {"/customers has the number A-1 already"}
    assert len(account.objects("customers")) == 1
    again = run_target(
        server, singer.stream("customers", {"name": "B", "number": "B"}), "--dry-run"
    )
    assert ["refused" in line for line in again.messages] == [False]


def test_a_test_sends_one_record_of_each_stream_and_shows_request_and_answer(
    run_target, account, server, messages
):
    run = run_target(server, messages, "--test", **SETTINGS)
    assert run.exit_code == 0, run.stderr
    assert [row["name"] for row in account.objects("customers")] == ["A"]
    assert len(account.objects("invoices")) == 1
    assert writes(run.messages) == [
        ("POST", "customers"),
        ("POST", "invoices"),
        ("PATCH", "customers/1"),
    ]
    assert [line["answer"]["object"] for line in run.messages[:2]] == ["customer", "invoice"]
    assert "emulator-key" not in run.stdout.decode()
    assert json.dumps({"so": "far"}) not in run.stdout.decode()
    whole = run_target(server, messages, **SETTINGS)
    assert whole.counts("customers") == {"unchanged": 1, "created": 1}, "the ledger knows the first"
