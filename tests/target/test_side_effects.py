"""No e-mail and no charge is sent unless the settings allow it."""

import json

import pytest

EMAILS = {
    "emails": {"method": "POST", "path": "/invoices/{invoice}/emails"},
    "texts": {"method": "POST", "path": "/invoices/{invoice}/text_messages"},
    "letters": {"method": "POST", "path": "/invoices/{invoice}/letters"},
    "pay_now": {"method": "POST", "path": "/invoices/{invoice}/pay"},
    "own_charges": {"method": "POST", "path": "/charges"},
    "own_refunds": {"method": "POST", "path": "/charges/{charge}/refunds"},
    "own_sources": {"method": "POST", "path": "/customers/{customer}/payment_sources"},
}
# Stream -> a record, and what has to be allowed for it.
REACHING = {
    "charges": ({"customer": 1, "method": "card", "amount": 5, "applied_to": []}, "charges"),
    "refunds": ({"charge": 1, "amount": 5}, "charges"),
    "payment_sources": ({"customer": 1, "invoiced_token": "tok-1"}, "payment_sources"),
    "customers": ({"name": "A", "autopay": True}, "autopay"),
    "invoices": ({"customer": 1, "autopay": True}, "autopay"),
    "emails": ({"invoice": 1}, "emails"),
    "texts": ({"invoice": 1}, "emails"),
    "letters": ({"invoice": 1}, "emails"),
    "pay_now": ({"invoice": 1}, "charges"),
    "own_charges": ({"customer": 1, "amount": 5}, "charges"),
    "own_refunds": ({"charge": 1, "amount": 5}, "charges"),
    "own_sources": ({"customer": 1, "invoiced_token": "tok-1"}, "payment_sources"),
}


def reasons(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {one["stream"]: one["reject"]["reason"] for one in lines if one["type"] == "RECORD"}


@pytest.fixture
def account(account):
    account.add("customers", id=1, name="A")
    account.add("customers", id=2, name="B", autopay=True)
    account.add("invoices", id=1, customer=1)
    account.add("charges", id=1, customer=1, amount=10)
    return account


def test_what_reaches_a_customer_or_a_card_is_a_reject_that_names_the_setting(
    run_target, server, singer, tmp_path
):
    file = tmp_path / "rejects.singer"
    messages = [
        one for name, (record, _) in REACHING.items() for one in singer.stream(name, record)
    ]
    run = run_target(server, messages, rejects=str(file), max_rejects=-1, streams=EMAILS)
    assert run.exit_code == 0
    said = reasons(file)
    assert said.keys() == REACHING.keys()
    for stream, (_, effect) in REACHING.items():
        assert said[stream].endswith(f'`allow_side_effects` holds "{effect}"'), stream
    assert server.stats.requests == 0


def test_autopay_stays_on_where_it_is_and_is_not_turned_on(run_target, account, server, singer):
    run = run_target(
        server,
        singer.stream(
            "customers",
            {"id": 1, "name": "A2", "autopay": True},
            {"id": 2, "name": "B2", "autopay": True},
            {"id": 2, "autopay": False},
        ),
        max_rejects=1,
    )
    assert "turning `autopay` on reaches a card" in run.stderr
    assert run.counts("customers") == {"updated": 2, "rejected": 1}
    assert [row["name"] for row in account.objects("customers")] == ["A", "B2"]
    assert account.get("customers", 2)["autopay"] is False


def test_what_is_allowed_is_sent(run_target, account, server, singer):
    run = run_target(
        server,
        [
            *singer.stream("customers", {"name": "C", "autopay": True}, {"id": 1, "autopay": True}),
            *singer.stream("invoices", {"customer": 1, "autopay": True}),
            *singer.stream("refunds", {"charge": 1, "amount": 5}),
            *singer.stream("own_sources", {"customer": 1, "invoiced_token": "tok-1"}),
        ],
        allow_side_effects=["autopay", "charges", "payment_sources"],
        streams=EMAILS,
    )
    assert run.exit_code == 0, run.stderr
    assert all(row["autopay"] for row in account.objects("customers"))
    assert account.objects("invoices")[-1]["autopay"] is True
    assert len(account.objects("refunds")) == len(account.objects("payment_sources")) == 1


def test_taking_a_card_away_reaches_nobody(run_target, account, server, singer):
    account.add("payment_sources", id=5, _customer=1)
    gone = {"customer": 1, "id": 5, "object": "card", "_sdc_deleted_at": "2026-02-01T00:00:00Z"}
    run = run_target(server, singer.stream("payment_sources", gone))
    assert run.counts("payment_sources") == {"deleted": 1}


def test_what_cannot_be_allowed_is_named(run_target, server):
    run = run_target(server, b"", allow_side_effects=["everything"])
    said = "setting `allow_side_effects` must be a list of some of emails, charges,"
    assert run.complaint.startswith(said)
