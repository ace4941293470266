"""The account as tests and scripts change it, without the rules of the API."""

import pkgutil
import subprocess
import sys

import pytest

import invoiced_emulator

NOW = 1_767_225_600


def test_add_fills_in_what_is_missing_and_computes(account):
    row = account.add("invoices", customer=1, items=[{"quantity": 2.5, "unit_cost": 0.5}])
    assert (row["id"], row["number"], row["created_at"]) == (1, "INV-0001", NOW)
    assert (row["subtotal"], row["total"], row["balance"]) == (1.25, 1.25, 1.25)
    assert row["items"][0]["object"] == "line_item"
    assert account.get("invoices", 1) == row


def test_add_takes_what_it_is_given_even_if_it_is_nonsense(account):
    row = account.add("invoices", id=9, number="X", total=5, items=[{"unit_cost": 1}], status="x")
    assert (row["total"], row["balance"], row["status"]) == (5, 5, "x")
    assert account.add("invoices", colour="red")["colour"] == "red"


def test_what_is_returned_is_a_copy(account):
    account.get("customers", 1)["name"] = "changed"
    account.objects("customers")[0]["metadata"]["a"] = "b"
    assert account.get("customers", 1)["name"] == "Acme"
    assert account.get("customers", 1)["metadata"] == {}


def test_edit_moves_a_row_in_every_order(account, clock, api):
    for key in (1, 2):
        account.add("invoices", id=key, updated_at=NOW - 10 + key)
    clock.now += 60
    assert account.edit("invoices", 1, name="moved")["updated_at"] == NOW + 60
    assert api.ids("/invoices", sort="updated_at asc") == [2, 1]
    assert api.get("/invoices/1").json()["name"] == "moved"
    account.edit("invoices", 1, updated_at=5, number="OTHER")
    assert api.ids("/invoices", sort="updated_at asc") == [1, 2]
    assert api.ids("/invoices", **{"filter[number]": "OTHER"}) == [1]
    assert api.ids("/invoices", **{"filter[number]": "INV-0001"}) == []


def test_remove_leaves_an_event_and_nothing_else(account, api):
    account.add("invoices", id=1, customer=1)
    account.remove("invoices", 1)
    assert api.ids("/invoices") == []
    (event,) = account.events()
    assert (event["type"], event["data"]["object"]["id"]) == ("invoice.deleted", 1)
    for act in (account.get, account.remove, account.edit):
        with pytest.raises(KeyError):
            act("invoices", 1)


def test_a_fresh_id_is_never_one_that_was_used(account):
    account.add("invoices", id=7)
    account.remove("invoices", 7)
    assert account.add("invoices")["id"] == 8


def test_the_key_does_not_show(account):
    assert account.api_key not in repr(account)


def test_a_test_may_record_what_the_api_cannot_do(account, api):
    account.record("merged", "customers", account.get("customers", 1), at=5)
    (event,) = api.get("/events").json()
    assert (event["type"], event["timestamp"]) == ("customer.merged", 5)


def test_the_emulator_shares_no_mistake_with_the_tap_and_the_target():
    rooms = [room.name for room in pkgutil.iter_modules(invoiced_emulator.__path__)]
    script = (
        "import importlib, sys\n"
        f"for room in {rooms}: importlib.import_module('invoiced_emulator.' + room)\n"
        "packages = {name.partition('.')[0] for name in sys.modules}\n"
        "ours = {'invoiced_api', 'invoiced_schemas', 'tap_invoiced', 'target_invoiced'}\n"
        "sys.exit(', '.join(packages & ours) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, b"")
