"""The ledger's entries of one account are never used for another."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Faults, Server

Message = dict[str, Any]


def plan(name: str) -> list[Message]:
    return [
        {"type": "SCHEMA", "stream": "plans", "schema": {}, "key_properties": ["id"]},
        {
            "type": "RECORD",
            "stream": "plans",
            "record": {
                "id": "basic", "name": name, "interval": "month", "interval_count": 1,
                "amount": 5, "currency": "usd",
            },
        },
    ]  # fmt: skip


def customer(key: str, name: str) -> list[Message]:
    return [
        {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": ["id"]},
        {"type": "RECORD", "stream": "customers", "record": {"id": key, "name": name}},
    ]


@pytest.fixture
def rekey(account: Account) -> Callable[[str], None]:
    """The account has another API key from now on, and the old one is gone."""

    def give(key: str) -> None:
        account.api_key = key

    return give


def test_a_new_key_of_an_account_that_the_ledger_knows_is_not_used_unconfirmed(
    account: Account, server: Server, run_target: Callable[..., Any], rekey: Callable[[str], None]
) -> None:
    run_target(server, customer("c1", "Acme"), ids="external")
    rekey("the-second-key")
    refused = run_target(
        server, customer("c1", "Acme Ltd"), ids="external", api_key="the-second-key"
    )
    assert refused.exit_code == 1
    assert 'set `account` to "account-' in refused.complaint
    assert [row["name"] for row in account.objects("customers")] == ["Acme"]
    name = refused.complaint.split('set `account` to "')[1].split('"')[0]
    confirmed = run_target(
        server, customer("c1", "Acme Ltd"), ids="external", api_key="the-second-key", account=name
    )
    assert confirmed.exit_code == 0, confirmed.stderr
    assert [row["name"] for row in account.objects("customers")] == ["Acme Ltd"]
    # From now on the key is known, with and without the name.
    known = run_target(server, customer("c1", "Acme"), ids="external", api_key="the-second-key")
    assert known.exit_code == 0, known.stderr
    assert [row["name"] for row in account.objects("customers")] == ["Acme"]


def test_an_account_that_has_a_name_is_known_by_it_under_any_key(
    account: Account, server: Server, run_target: Callable[..., Any], rekey: Callable[[str], None]
) -> None:
    run_target(server, customer("c1", "Acme"), ids="external", account="main")
    rekey("the-second-key")
    again = run_target(
        server, customer("c1", "Acme"), ids="external", api_key="the-second-key", account="main"
    )
    assert again.exit_code == 0, again.stderr
    assert again.counts("customers") == {"unchanged": 1}
    assert len(account.objects("customers")) == 1


def test_a_name_is_given_to_the_account_of_a_known_key(
    account: Account, server: Server, run_target: Callable[..., Any], rekey: Callable[[str], None]
) -> None:
    run_target(server, customer("c1", "Acme"), ids="external")
    named = run_target(server, customer("c1", "Acme"), ids="external", account="main")
    assert named.counts("customers") == {"unchanged": 1}
    rekey("the-second-key")
    again = run_target(
        server, customer("c1", "Acme"), ids="external", api_key="the-second-key", account="main"
    )
    assert again.counts("customers") == {"unchanged": 1}


def test_a_key_is_not_taken_for_that_of_an_account_of_another_name(
    server: Server, run_target: Callable[..., Any]
) -> None:
    run_target(server, customer("c1", "Acme"), ids="external", account="main")
    other = run_target(server, customer("c1", "Acme"), ids="external", account="other")
    assert other.exit_code == 1
    assert "the ledger has this key for the account `main`" in other.complaint


def test_another_account_at_the_same_address_is_refused_though_it_has_the_same_ids(
    account: Account, server: Server, run_target: Callable[..., Any], writes: Any
) -> None:
    """Callers choose the ids of plans, and both accounts may have a customer 1."""
    run_target(server, [*plan("Basic"), *customer("c1", "Acme")], ids="external")
    account.api_key = "key-of-b"  # as if it were another account with the same ids
    before = writes(server)
    run = run_target(
        server, [*plan("Other"), *customer("c1", "Bolt")], ids="external", api_key="key-of-b"
    )
    assert run.exit_code == 1
    assert "the ledger knows an account at" in run.complaint
    assert writes(server) == before


def test_two_named_accounts_share_a_ledger_and_an_address(
    account: Account, server: Server, run_target: Callable[..., Any], rekey: Callable[[str], None]
) -> None:
    run_target(server, customer("c1", "Acme"), ids="external", account="a")
    rekey("key-of-b")
    run = run_target(
        server, customer("c1", "Acme"), ids="external", account="b", api_key="key-of-b"
    )
    assert run.exit_code == 0, run.stderr
    assert run.counts("customers") == {"created": 1}


def test_a_ledger_that_holds_nothing_of_an_account_takes_a_new_key(
    server: Server, run_target: Callable[..., Any], rekey: Callable[[str], None]
) -> None:
    assert run_target(server, b"", ids="external").exit_code == 0
    rekey("the-second-key")
    run = run_target(server, customer("c1", "Acme"), ids="external", api_key="the-second-key")
    assert run.exit_code == 0, run.stderr


def test_an_account_and_its_sandbox_cannot_have_one_name(tmp_path: Path) -> None:
    from invoiced_api.connection import PRODUCTION, SANDBOX, Connection
    from invoiced_api.exceptions import InvalidInputError
    from target_invoiced.delivery.account import use_account
    from target_invoiced.ledger import Ledger

    def at(url: str, key: str) -> Connection:
        return Connection(
            api_key=key, base_url=url, request_timeout=1, max_connections=1,
            max_retry_seconds=1, user_agent="x",
        )  # fmt: skip

    ledger = Ledger(f"sqlite:///{tmp_path}/l.db")
    use_account(ledger, at(SANDBOX, "one"), "main")
    with pytest.raises(InvalidInputError, match="Choose another name"):
        use_account(ledger, at(PRODUCTION, "two"), "main")
    ledger.close()


CALL = {"calls": {"method": "POST", "path": "/invoices/{invoice}/emails"}}


def test_calls_that_were_in_flight_under_another_key_are_not_sent_again(
    account: Account, run_target: Callable[..., Any], rekey: Callable[[str], None]
) -> None:
    """Invoiced keeps idempotency keys per API key: the new one would email the customer twice."""
    account.add("customers", id=1, name="Acme", email="a@acme.example")
    account.add("invoices", id=7, customer=1, items=[{"quantity": 1, "unit_cost": 5}])
    messages = [
        {"type": "SCHEMA", "stream": "calls", "schema": {}, "key_properties": []},
        {"type": "RECORD", "stream": "calls", "record": {"invoice": 7, "subject": "Hello"}},
    ]
    settings = {"streams": CALL, "allow_side_effects": ["emails"], "max_retry_seconds": 1}
    faults = Faults([{"kind": "drop_after", "methods": ["POST"], "times": 1}])
    with Server(account, faults=faults) as server:
        assert run_target(server, messages, account="main", **settings).exit_code == 1
        rekey("the-second-key")
        refused = run_target(server, messages, api_key="the-second-key", **settings)
        assert "but not this key" in refused.complaint
        sent = len([one for one in server.requests if one.method == "POST"])
        confirmed = run_target(
            server, messages, api_key="the-second-key", account="main", **settings
        )
        assert confirmed.exit_code == 1
        assert "sent it" in confirmed.complaint
        assert len([one for one in server.requests if one.method == "POST"]) == sent


def test_files_of_rejects_and_responses_are_readable_by_their_owner_only(
    server: Server, run_target: Callable[..., Any], tmp_path: Path
) -> None:
    files = {name: str(tmp_path / f"{name}.singer") for name in ("rejects", "responses")}
    messages = [*customer("c1", "Acme"), {"type": "RECORD", "stream": "customers", "record": {}}]
    run_target(server, messages, ids="external", max_rejects=-1, **files)
    for file in files.values():
        assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600


CUSTOMERS = [f"Customer {number}" for number in range(50)]


@pytest.mark.parametrize("settings", [{}, {"account": "acme"}], ids=["unnamed", "named"])
@pytest.mark.parametrize("keyed", [True, False], ids=["with-key", "without-key"])
def test_a_wrong_key_leaves_no_trace_in_the_ledger(
    account: Account,
    server: Server,
    run_target: Callable[..., Any],
    keyed: bool,
    settings: dict[str, Any],
) -> None:
    """Invoiced refused the requests, so nothing was executed, whichever key comes next."""
    messages = many(CUSTOMERS, keyed=keyed)
    settings |= {"ids": "external"} if keyed else {}
    refused = run_target(server, messages, api_key="a-wrong-key", **settings)
    assert (refused.exit_code, refused.messages) == (1, [])
    preview = run_target(server, messages, "--dry-run", **settings)
    assert preview.exit_code == 0, preview.stderr
    run = run_target(server, messages, **settings)
    assert (run.exit_code, run.counts("customers")) == (0, {"created": 50}), run.stderr
    assert sorted(row["name"] for row in account.objects("customers")) == sorted(CUSTOMERS)


@pytest.mark.parametrize("keyed", [True, False], ids=["with-key", "without-key"])
def test_records_that_a_revoked_key_could_not_write_are_written_under_the_next(
    account: Account, run_target: Callable[..., Any], keyed: bool
) -> None:
    messages = many(CUSTOMERS, keyed=keyed)
    settings: dict[str, Any] = {"account": "acme", **({"ids": "external"} if keyed else {})}

    def revoke(account: Account, number: int, method: str, path: str) -> None:
        if number == 20:
            account.api_key = "the-second-key"

    with Server(account, before_request=revoke) as server:
        assert run_target(server, messages, **settings).exit_code == 1
        assert 0 < len(account.objects("customers")) < len(CUSTOMERS)
        run = run_target(server, messages, api_key="the-second-key", **settings)
    assert run.exit_code == 0, run.stderr
    assert sorted(row["name"] for row in account.objects("customers")) == sorted(CUSTOMERS)


def test_a_wrong_key_leaves_no_trace_of_a_batch_of_calls(
    account: Account, server: Server, run_target: Callable[..., Any]
) -> None:
    """A batch is kept as it is sent; refused, it was not."""
    call = {"method": "POST", "path": "/notes/import", "batch_size": 5}
    notes = [{"type": "RECORD", "stream": "notes", "record": {"notes": "A"}}] * 10
    messages = [{"type": "SCHEMA", "stream": "notes", "schema": {}, "key_properties": []}, *notes]
    refused = run_target(server, messages, api_key="a-wrong-key", streams={"notes": call})
    assert "refused (401)" in refused.complaint
    run = run_target(server, many(CUSTOMERS, keyed=False))
    assert (run.exit_code, run.counts("customers")) == (0, {"created": 50}), run.stderr


def test_a_lost_response_before_the_refusal_leaves_a_record_in_doubt(
    account: Account, run_target: Callable[..., Any]
) -> None:
    """The first attempt was executed; only the second met the revoked key."""
    payment = {"amount": 5, "currency": "usd", "date": 1_700_000_000, "method": "check"}
    messages = [
        {"type": "SCHEMA", "stream": "payments", "schema": {}, "key_properties": []},
        {"type": "RECORD", "stream": "payments", "record": payment},
        {"type": "STATE", "value": {"after": 1}},
    ]

    def revoke(account: Account, number: int, method: str, path: str) -> None:
        if method == "POST" and account.objects("payments"):
            account.api_key = "the-second-key"

    faults = Faults([{"kind": "drop_after", "methods": ["POST"], "times": 1}])
    settings: dict[str, Any] = {"account": "acme", "max_retry_seconds": 30, "request_timeout": 1}
    with Server(account, before_request=revoke, faults=faults) as server:
        refused = run_target(server, messages, **settings)
        assert "refused (401)" in refused.complaint
        run = run_target(server, messages, api_key="the-second-key", **settings)
    assert len(account.objects("payments")) == 1
    assert (run.exit_code, run.messages) == (1, [])


def test_a_refusal_after_the_first_of_two_requests_leaves_a_record_in_doubt(
    account: Account, run_target: Callable[..., Any]
) -> None:
    """A void invoice is created and then voided; only the second request met the revoked key."""
    account.add("customers", id=1, name="Acme")
    invoice = {"customer": 1, "status": "voided", "items": [{"quantity": 1, "unit_cost": 5}]}
    messages = [
        {"type": "SCHEMA", "stream": "invoices", "schema": {}, "key_properties": []},
        {"type": "RECORD", "stream": "invoices", "record": invoice},
        {"type": "STATE", "value": {"after": 1}},
    ]

    def revoke(account: Account, number: int, method: str, path: str) -> None:
        if path.endswith("/void"):
            account.api_key = "the-second-key"

    with Server(account, before_request=revoke) as server:
        refused = run_target(server, messages, account="acme")
        assert "refused (401)" in refused.complaint
        run = run_target(server, messages, account="acme", api_key="the-second-key")
    assert len(account.objects("invoices")) == 1
    assert (run.exit_code, run.messages) == (1, [])


def many(names: list[str], *, keyed: bool) -> list[Message]:
    schema = {"type": "SCHEMA", "stream": "customers", "schema": {}}
    schema["key_properties"] = ["id"] if keyed else []
    rows = [{"name": name, **({"id": name} if keyed else {})} for name in names]
    records = [{"type": "RECORD", "stream": "customers", "record": row} for row in rows]
    return [schema, *records, {"type": "STATE", "value": {"after": len(names)}}]
