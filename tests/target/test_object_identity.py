"""One record stands for one object: keys are exact, and numbers are looked up at the time."""

import json

import pytest

from invoiced_emulator import Faults, Server

GONE = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}
LINES = [{"name": "Work", "unit_cost": 100, "quantity": 1}]


@pytest.fixture
def load(run_target, server):
    def run(*messages, **settings):
        return run_target(server, list(messages), **{"ids": "external", **settings})

    return run


def lines_of(messages):
    """The messages as the input has them, with numbers written as they stand in strings `#…`."""
    text = "".join(json.dumps(message) + "\n" for message in messages)
    return text.replace('"#', "").replace('#"', "").encode()


# Keys


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("123456789012345678901", "123456789012345678902", id="21-digits"),
        pytest.param("1" * 30, "1" * 29 + "2", id="30-digits"),
        pytest.param("-123456789012345678901", "-123456789012345678902", id="negative"),
        pytest.param("18446744073709551616", "18446744073709551617", id="just-beyond-64-bits"),
        pytest.param("0.12345678901234567890", "0.12345678901234567891", id="many-decimals"),
    ],
)
def test_keys_that_differ_in_their_last_digit_are_two_objects(
    run_target, server, singer, account, one, other
):
    messages = singer.stream(
        "customers", {"id": f"#{one}#", "name": "One"}, {"id": f"#{other}#", "name": "Other"}
    )
    run = run_target(server, lines_of(messages), ids="external")
    assert run.exit_code == 0, run.stderr
    assert sorted(row["name"] for row in account.objects("customers")) == ["One", "Other"]
    again = run_target(server, lines_of(messages), ids="external")
    assert again.counts("customers") == {"unchanged": 2}


def test_a_reference_by_a_long_number_finds_its_object(run_target, server, singer, account):
    one, other = "123456789012345678901", "123456789012345678902"
    messages = [
        *singer.stream(
            "customers", {"id": f"#{one}#", "name": "One"}, {"id": f"#{other}#", "name": "Other"}
        ),
        *singer.stream("invoices", {"id": 1, "customer": f"#{one}#", "items": LINES}),
    ]
    run = run_target(server, lines_of(messages), ids="external")
    assert run.exit_code == 0, run.stderr
    (invoice,) = account.objects("invoices")
    assert account.get("customers", invoice["customer"])["name"] == "One"


def test_the_order_of_key_properties_does_not_matter(load, singer, account):
    record = {"tenant": "t", "acct": "a", "name": "One"}
    load(*singer.stream("customers", record, key=("tenant", "acct")))
    changed = {**record, "name": "Changed"}
    run = load(*singer.stream("customers", changed, key=("acct", "tenant")))
    assert run.counts("customers") == {"updated": 1}
    assert [row["name"] for row in account.objects("customers")] == ["Changed"]


def test_columns_with_swapped_values_are_two_objects(load, singer, account):
    load(*singer.stream("customers", {"a": 1, "b": 2, "name": "One"}, key=("a", "b")))
    load(*singer.stream("customers", {"a": 2, "b": 1, "name": "Two"}, key=("b", "a")))
    assert sorted(row["name"] for row in account.objects("customers")) == ["One", "Two"]


# A key that is not `id`, of records of this account


@pytest.mark.parametrize("key", [["customer_id"], ["id", "tenant"], ["ID"]])
def test_another_key_than_id_needs_external_ids(load, singer, account, key):
    record = dict.fromkeys(key, 1) | {"name": "A"}
    messages = [
        *singer.stream("customers", {"name": "Before"}),
        *singer.stream("customers", record, key=key),
        singer.state(1),
    ]
    run = load(*messages[2:], ids="invoiced")
    assert (run.exit_code, run.messages) == (1, [])
    assert "`ids`" in run.complaint
    assert account.objects("customers") == []


@pytest.mark.parametrize(
    ("stream", "key", "record"),
    [
        pytest.param("contacts", ["customer", "id"], {"customer": 5, "name": "A"}, id="contacts"),
        pytest.param("notes", ["id"], {"customer": 5, "notes": "A"}, id="notes"),
        pytest.param("notes", [], {"customer": 5, "notes": "A"}, id="no-key"),
    ],
)
def test_the_keys_of_the_account_s_own_streams_are_accepted(
    load, singer, account, stream, key, record
):
    account.add("customers", id=5, name="A")
    run = load(*singer.stream(stream, record, key=key), ids="invoiced")
    assert (run.exit_code, run.counts(stream)) == (0, {"created": 1})


# Numbers that move


@pytest.fixture
def slow(account, run_target):
    """Runs the target while the answers to its first look-ups take long."""
    port = 0

    def run(*messages, **settings):
        nonlocal port
        late = {"kind": "slow", "seconds": 0.6, "methods": ["GET"], "path": "/customers"}
        faults = Faults([{**late, "times": 2}])
        with Server(account, port=port, faults=faults) as server:
            port = server.port  # the same account is at the same address
            done = run_target(server, list(messages), **{"ids": "external", **settings})
            assert done.exit_code == 0, done.stderr
            return done

    return run


def billed(account):
    """The name of the customer of each invoice, by its purchase order."""
    names = {row["id"]: row["name"] for row in account.objects("customers")}
    return {row["purchase_order"]: names[row["customer"]] for row in account.objects("invoices")}


def invoice(key, number):
    return {"id": key, "customer": {"number": number}, "items": LINES, "purchase_order": key}


def test_an_invoice_is_billed_to_who_has_the_number_by_then(slow, singer, account):
    a, b = {"id": "a", "name": "A", "number": "N1"}, {"id": "b", "name": "B", "number": "N1"}
    slow(*singer.stream("customers", a))
    slow(
        *singer.stream("invoices", invoice("before", "N1")),
        *singer.stream("customers", {**a, "number": "N2"}, b),
        *singer.stream("invoices", invoice("after", "N1"), invoice("renamed", "N2")),
    )
    assert billed(account) == {"before": "A", "after": "B", "renamed": "A"}


def test_two_customers_may_swap_their_numbers_between_invoices(slow, singer, account):
    a, b = {"id": "a", "name": "A", "number": "N1"}, {"id": "b", "name": "B", "number": "N2"}
    slow(*singer.stream("customers", a, b))
    slow(
        *singer.stream("invoices", invoice("1", "N1"), invoice("2", "N2")),
        *singer.stream("customers", {**a, "number": "N3"}, {**b, "number": "N1"}),
        *singer.stream("customers", {**a, "number": "N2"}),
        *singer.stream("invoices", invoice("3", "N1"), invoice("4", "N2")),
    )
    assert billed(account) == {"1": "A", "2": "B", "3": "B", "4": "A"}


@pytest.mark.parametrize(
    "tells_its_number",
    [pytest.param(True, id="with-number"), pytest.param(False, id="without-number")],
)
def test_an_invoice_is_billed_to_the_new_customer_of_a_number(
    slow, singer, account, tells_its_number
):
    old, new = ({"id": key, "name": key, "number": "N"} for key in ("old", "new"))
    slow(*singer.stream("customers", old))
    number = {"number": "N"} if tells_its_number else {}
    slow(
        *singer.stream("notes", {"id": "n", "customer": {"number": "N"}, "notes": "x"}),
        *singer.stream("customers", {"id": "old", **number, **GONE}, new),
        *singer.stream("invoices", invoice("i", "N")),
    )
    assert billed(account) == {"i": "new"}
