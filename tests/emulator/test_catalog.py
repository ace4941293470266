"""Plans, items, coupons and tax rates: string ids, archived rows, what can still be written."""

import pytest

NOW = 1_767_225_600
CATALOG = ["plans", "items", "coupons", "tax_rates"]


@pytest.mark.parametrize("name", CATALOG)
def test_the_caller_chooses_the_id_or_gets_one(name, api):
    chosen = api.post(f"/{name}", {"id": "ours", "name": "Ours"})
    assert (chosen.status_code, chosen.json()["id"]) == (201, "ours")
    assert api.get(f"/{name}/ours").json() == chosen.json()
    made = [api.post(f"/{name}", {"name": "Any"}).json()["id"] for _ in range(2)]
    assert all(isinstance(key, str) and key for key in made)
    assert made[0] != made[1]
    again = api.post(f"/{name}", {"id": "ours"})
    assert (again.status_code, again.json()["param"]) == (400, "id")


@pytest.mark.parametrize("name", CATALOG)
def test_only_what_prices_nothing_is_written_to_again(name, api, clock):
    api.post(f"/{name}", {"id": "ours", "name": "Ours", "currency": "EUR"})
    clock.now += 60
    changed = api.patch(f"/{name}/ours", {"name": "Renamed", "metadata": {"a": "b"}}).json()
    assert (changed["name"], changed["metadata"]) == ("Renamed", {"a": "b"})
    assert (changed["updated_at"], changed["currency"]) == (NOW + 60, "eur")
    assert api.patch(f"/{name}/ours", {"currency": "usd"}).status_code == 400
    assert api.delete(f"/{name}/ours").status_code == 204
    assert api.get(f"/{name}/ours").status_code == 404


@pytest.mark.parametrize("name", CATALOG)
def test_archived_ones_are_only_listed_when_asked_for(name, account, api):
    account.add(name, id="current")
    account.add(name, id="old", _archived=True)
    account.edit(name, "old", name="Older")
    assert "current" in api.ids(f"/{name}")
    assert "old" not in api.ids(f"/{name}")
    assert api.ids(f"/{name}", archived="1") == ["old"]
    assert "_archived" not in api.get(f"/{name}/old").json()
    account.edit(name, "old", _archived=False)
    assert api.ids(f"/{name}", archived="1") == []


def test_lists_of_the_catalog_ignore_updated_after_and_honour_sort(account, api):
    account.add("items", id="early", updated_at=10)
    account.add("items", id="late", updated_at=NOW + 5)
    assert api.ids("/items", updated_after=NOW + 100) == ["delivery", "early", "late"]
    assert api.ids("/items", sort="updated_at desc") == ["late", "delivery", "early"]
    assert api.ids("/items", sort="updated_at asc", per_page=2, page=2) == ["late"]


def test_a_plan_with_subscribers_stays(account, api):
    account.add("subscriptions", customer=1, plan="starter", addons=[{"plan": "yearly"}])
    assert api.delete("/plans/starter").status_code == 400
    assert api.delete("/plans/yearly").status_code == 400
    assert api.post("/plans", {"catalog_item": "absent"}).status_code == 400
    assert api.post("/plans", {"interval": "decade"}).status_code == 400


def test_changes_to_the_catalog_record_no_event(account, api):
    api.post("/coupons", {"id": "ours"})
    api.delete("/coupons/ours")
    account.remove("items", "delivery")
    assert account.events() == []
