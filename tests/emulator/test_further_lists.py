"""Lists beyond the resources that are written: settings, balances, attachments; and archives."""

import pytest

from invoiced_emulator import seeded
from invoiced_emulator.resources.account_settings import SETTINGS

KEY = "a-key-of-ours"


@pytest.fixture(scope="module")
def business():
    return seeded(customers=20, api_key=KEY)


@pytest.mark.parametrize("name", [resource.name for resource in SETTINGS])
def test_each_list_of_settings_is_read_and_not_written(business, serve, name):
    api = serve(business)
    rows = api.get(f"/{name}").json()
    assert rows
    assert api.get(f"/{name}/{rows[0]['id']}").json() == rows[0]
    assert api.post(f"/{name}", {}).status_code == 405


def test_a_balance_adds_up(account, api):
    account.add("invoices", customer=1, items=[{"unit_cost": 50}], due_date=5)
    account.add("invoices", customer=1, items=[{"unit_cost": 20}])
    account.add("invoices", customer=1, items=[{"unit_cost": 5}], currency="eur")
    account.add("credit_balance_adjustments", customer=1, amount=100, date=10)
    account.add("credit_balance_adjustments", customer=1, amount=-50, date=20)
    assert api.get("/customers/1/balance").json() == {
        "available_credits": 50,
        "currency": "usd",
        "history": [
            {"timestamp": 20, "currency": "usd", "balance": 50},
            {"timestamp": 10, "currency": "usd", "balance": 100},
        ],
        "past_due": True,
        "total_outstanding": 70,
        "due_now": 50,
    }
    assert api.get("/customers/1/balance", currency="eur").json()["total_outstanding"] == 5
    assert api.get("/customers/99/balance").status_code == 404


@pytest.mark.parametrize("name", ["invoices", "estimates", "credit_notes"])
def test_attachments_are_listed_below_their_document(business, serve, name):
    api = serve(business)
    key = business.objects(name)[0]["id"]
    (attachment,) = api.get(f"/{name}/{key}/attachments").json()
    assert attachment["file"]["object"] == "file"
    assert api.get(f"/{name}/{business.objects(name)[-1]['id']}/attachments").json() == []


@pytest.mark.parametrize("name", ["plans", "items", "coupons", "tax_rates"])
def test_delete_archives_and_the_id_may_be_used_again(account, api, name):
    for number in range(3):
        assert api.post(f"/{name}", {"id": "one", "name": f"{number}"}).status_code == 201
        assert api.delete(f"/{name}/one").status_code == 204
        assert api.get(f"/{name}/one").status_code == 404
    api.post(f"/{name}", {"id": "one", "name": "live"})
    live = {row["id"]: row for row in api.get(f"/{name}").json()}
    assert live["one"]["name"] == "live"
    archived = api.get(f"/{name}", archived=1).json()
    assert [(row["id"], row["name"]) for row in archived] == [("one", f"{n}") for n in range(3)]


def test_payment_sources_can_ignore_paging_and_hide_inactive_ones(account, api):
    for number in range(3):
        account.add("payment_sources", id=number + 1, _customer=1, _inactive=number == 2)
    path = "/customers/1/payment_sources"
    assert api.ids(path, per_page=1, page=2) == [2]
    account.ignores_paging.add("payment_sources")
    assert api.ids(path, per_page=1, page=7) == [1, 2]
    assert api.ids(path, include_hidden=1) == [1, 2, 3]


def test_a_strict_list_refuses_parameters_that_it_does_not_know(account, api):
    assert api.get("/tasks", colour="red").status_code == 200
    account.strict_lists.add("tasks")
    refused = api.get("/tasks", colour="red")
    assert (refused.status_code, refused.json()["param"]) == (400, "colour")
    assert api.get("/tasks", sort="name asc", page=1, **{"filter[name]": "x"}).status_code == 200
