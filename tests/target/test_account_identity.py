"""A ledger belongs to one account: objects of another account are never matched."""

import pytest

from invoiced_emulator import Account, Faults, Server

OTHER_KEY = "other-key"


@pytest.fixture
def other(clock):
    """Another account, to be served at the address of the first one."""
    return Account(api_key=OTHER_KEY, now=clock)


def test_a_plan_that_two_accounts_share_does_not_make_them_one(run_target, account, other, singer):
    account.add("plans", id="basic", name="Basic", amount=10, interval="month")
    other.add("plans", id="basic", name="Basic", amount=10, interval="month")
    other.add("customers", id=1, name="Bob")
    plan = {"id": "basic", "name": "Basic", "amount": 10, "interval": "month"}
    load = {"ids": "external"}
    first = [*singer.stream("plans", plan), *singer.stream("customers", {"id": "c", "name": "A"})]
    with Server(account) as server:
        assert run_target(server, first, **load).exit_code == 0
    changed = {"id": "c", "name": "Anna"}
    with Server(other, port=server.port) as server:
        run = run_target(
            server,
            [*singer.stream("plans", plan), *singer.stream("customers", changed)],
            api_key=OTHER_KEY,
            **load,
        )
    names = sorted(row["name"] for row in other.objects("customers"))
    assert names == (["Anna", "Bob"] if run.exit_code == 0 else ["Bob"])


@pytest.mark.parametrize("resource", ["items", "coupons", "tax_rates"])
def test_an_id_that_callers_choose_proves_no_account(run_target, account, other, singer, resource):
    for one in (account, other):
        one.add(resource, id="same", name="Same")
    other.add("customers", id=1, name="Bob")
    load = {"ids": "external"}
    shared = singer.stream(resource, {"id": "same", "name": "Same"})
    with Server(account) as server:
        customer = singer.stream("customers", {"id": "c", "name": "A"})
        assert run_target(server, [*shared, *customer], **load).exit_code == 0
    with Server(other, port=server.port) as server:
        customer = singer.stream("customers", {"id": "c", "name": "Anna"})
        run_target(server, [*shared, *customer], api_key=OTHER_KEY, **load)
    assert other.get("customers", 1)["name"] == "Bob"


def test_one_customer_with_an_equal_id_proves_no_account(run_target, account, other, singer):
    """Ids are counted up from 1 in every account."""
    other.add("customers", id=1, name="Bob")
    load = {"ids": "external"}
    with Server(account) as server:
        messages = singer.stream("customers", {"id": "c", "name": "A"})
        assert run_target(server, messages, **load).exit_code == 0
    with Server(other, port=server.port) as server:
        messages = singer.stream("customers", {"id": "c", "name": "Anna"})
        run_target(server, messages, api_key=OTHER_KEY, **load)
    assert other.get("customers", 1)["name"] == "Bob"


@pytest.mark.parametrize(
    ("stream", "record", "settings"),
    [
        pytest.param(
            "own",
            {"name": "A"},
            {"streams": {"own": {"method": "POST", "path": "/customers"}}},
            id="calls-of-the-user-s-own",
        ),
        pytest.param("customers", {"name": "A"}, {}, id="records-without-a-key"),
        pytest.param("customers", {"id": "a", "name": "A"}, {"ids": "external"}, id="keyed"),
    ],
)
def test_a_key_that_changed_while_writes_are_unsettled_is_asked_about(
    run_target, account, singer, stream, record, settings
):
    messages = singer.stream(stream, record)
    lost = Faults([{"kind": "drop_after", "methods": ["POST"]}])
    with Server(account, faults=lost) as server:
        run = run_target(server, messages, max_retry_seconds=0.3, **settings)
        assert run.exit_code == 1
    account.api_key = OTHER_KEY
    with Server(account, port=server.port) as server:
        run = run_target(server, messages, api_key=OTHER_KEY, **settings)
    assert "`account`" in run.complaint
    assert len(account.objects("customers")) == 1


def test_a_named_account_keeps_its_ledger_under_a_new_key(run_target, account, singer):
    settings = {"ids": "external", "account": "main"}
    with Server(account) as server:
        run_target(server, singer.stream("customers", {"id": "a", "name": "A"}), **settings)
    account.api_key = OTHER_KEY
    with Server(account, port=server.port) as server:
        messages = singer.stream("customers", {"id": "a", "name": "B"})
        run = run_target(server, messages, api_key=OTHER_KEY, **settings)
        assert (run.exit_code, run.counts("customers")) == (0, {"updated": 1})
    assert [row["name"] for row in account.objects("customers")] == ["B"]
    assert "unknown" not in run.stderr
