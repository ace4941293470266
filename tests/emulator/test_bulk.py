"""Objects by the million: listed like stored ones, computed, and never changed."""

import pytest

from invoiced_emulator import Account, add_bulk
from invoiced_emulator.http.listing import Lists
from invoiced_emulator.resources.documents import INVOICES

NOW = 1_767_225_600
FIRST = NOW - 1000


@pytest.fixture
def mixed(account):
    """Three stored invoices among 40 of a bulk, ids 11-50, four of them a second."""
    for key, updated_at in ((1, FIRST + 2), (2, FIRST + 5), (10, NOW)):
        account.add("invoices", id=key, customer=1, number=f"N{key}", updated_at=updated_at)
    add_bulk(account, "invoices", count=40, first_updated_at=FIRST, per_second=4)
    return account


def walked(api, **params):
    """The ids of a list, page by page."""
    found = []
    page = 1
    while page:
        answer = api.get("/invoices", page=page, per_page=7, **params)
        found += [row["id"] for row in answer.json()]
        page = page + 1 if "next" in answer.links else 0
    assert answer.headers["X-Total-Count"] == str(len(found))
    return found


def test_every_order_and_window_is_the_one_of_stored_rows(mixed, api, serve):
    stored = Account(mixed.api_key, mixed.now)
    for row in mixed.objects("invoices"):
        stored.add("invoices", **row)
    same = serve(stored)
    for params in (
        {},
        {"sort": "updated_at asc"},
        {"sort": "updated_at desc"},
        {"sort": "total desc"},
        {"updated_after": FIRST + 2, "sort": "updated_at asc"},
        {"updated_after": FIRST + 1, "updated_before": FIRST + 6, "sort": "updated_at desc"},
        {"updated_before": FIRST + 3},
        {"filter[number]": "INV-B20"},
        {"filter[customer]": "1", "sort": "date asc"},
    ):
        assert walked(api, **params) == walked(same, **params) != [], params


def test_a_bulk_invoice_is_one_an_accountant_would_believe(mixed, api):
    rows = api.get("/invoices").json()[3:]
    assert [row["updated_at"] for row in rows] == [FIRST + i // 4 for i in range(40)]
    assert len({row["number"] for row in rows}) == len({row["url"] for row in rows}) == 40
    for row in rows:
        assert row.keys() == INVOICES.template.keys()
        assert row["total"] == pytest.approx(
            sum(line["amount"] for line in row["items"]) + sum(t["amount"] for t in row["taxes"])
        )
        assert row["paid"] == (row["balance"] == 0)
        assert row["customer"] == 1
    ids = [part["id"] for row in rows for part in row["items"] + row["taxes"]]
    assert len(set(ids)) == len(ids)
    assert api.get("/invoices/30").json() == mixed.get("invoices", 30) == rows[19]
    assert "updated_at" not in hiding(mixed, api)


def hiding(account, api):
    account.hides_updated_at.add("invoices")
    return api.get("/invoices", page=2, per_page=3).json()[0]


def test_a_bulk_cannot_be_changed(mixed, api):
    before = mixed.objects("invoices")
    assert api.patch("/invoices/30", {"name": "x"}).status_code == 400
    assert api.delete("/invoices/30").status_code == 400
    add_bulk(mixed, "customers", count=5, first_updated_at=FIRST)
    assert api.delete("/customers/3").status_code == 400
    assert api.patch("/customers/3", {"name": "x"}).status_code == 400
    assert api.ids("/customers") == [1, 2, 3, 4, 5, 6]
    half = [{"type": "invoice", "invoice": 30, "amount": 0.01}]
    for path, body in (
        ("/customers/3/contacts", {"name": "x"}),
        ("/transactions", {"type": "payment", "invoice": 30, "amount": 0.01}),
        ("/payments", {"applied_to": half}),
    ):
        assert api.post(path, body).status_code == 400
    assert mixed.objects("invoices") == before
    assert mixed.events() == mixed.objects("transactions") == mixed.objects("payments") == []


def test_what_is_added_later_goes_on_after_the_bulk(mixed, api):
    assert api.post("/invoices", {"customer": 1}).json()["id"] == 51
    assert walked(api)[-2:] == [50, 51]
    assert api.delete("/invoices/51").status_code == 400
    mixed.remove("invoices", 51)
    assert walked(api)[-1] == 50


def test_invoices_are_spread_over_bulk_customers(account, api):
    add_bulk(account, "customers", count=30, first_updated_at=FIRST)
    add_bulk(account, "invoices", count=62, first_updated_at=FIRST)
    customers = api.get("/customers").json()
    assert len({row["name"] for row in customers}) == 31
    counts = [row["customer"] for row in api.get("/invoices").json()]
    assert {counts.count(row["id"]) for row in customers} == {2}
    assert api.post("/invoices", {"customer": 31}).status_code == 201


def test_there_is_one_bulk_of_a_resource_and_not_of_every(mixed):
    with pytest.raises(ValueError, match="already"):
        add_bulk(mixed, "invoices", count=1, first_updated_at=FIRST)
    with pytest.raises(KeyError):
        add_bulk(mixed, "transactions", count=1, first_updated_at=FIRST)


def test_a_page_far_into_a_million_is_counted_exactly(account, api):
    add_bulk(account, "invoices", count=1_000_000, first_updated_at=FIRST - 999_000, per_second=1)
    window = {"updated_after": FIRST - 600_001, "updated_before": FIRST, "sort": "updated_at asc"}
    answer = api.get("/invoices", page=5000, **window)
    assert answer.headers["X-Total-Count"] == "600000"
    assert [row["updated_at"] for row in answer.json()] == [
        FIRST - 600_000 + 499_900 + i for i in range(100)
    ]
    newest = Lists(account).page(INVOICES, [("sort", "updated_at desc"), ("per_page", "1")])
    assert b'"id":1000000,' in newest.rows[0]
