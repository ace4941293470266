"""Pages, filters and the traps of sorted lists."""

import pytest

from invoiced_emulator import Account

NOW = 1_767_225_600


@pytest.fixture
def ten(account):
    """Ten invoices, ids 1-10, updated in the opposite order, one a minute."""
    for key in range(1, 11):
        account.add(
            "invoices",
            id=key,
            customer=1,
            number=f"N{key}",
            date=1000 + key,
            created_at=500,
            updated_at=NOW - 60 * key,
            paid=key % 2 == 0,
            total=key / 4,
            metadata={"half": "first" if key < 6 else "second"},
        )
    return account


def links(answer):
    return {rel: link["url"].partition("?")[2] for rel, link in answer.links.items()}


def test_a_page_says_where_it_is_and_how_much_there_is(ten, api):
    answer = api.get("/invoices", per_page=3, page=2, sort="updated_at asc")
    assert [row["id"] for row in answer.json()] == [7, 6, 5]
    assert answer.headers["X-Total-Count"] == "10"
    query = "per_page=3&sort=updated_at+asc&page="
    assert links(answer) == {
        "self": f"{query}2",
        "first": f"{query}1",
        "previous": f"{query}1",
        "next": f"{query}3",
        "last": f"{query}4",
    }


def test_following_next_reads_everything_once(ten, api):
    answer = api.get("/invoices", per_page=4)
    found = [row["id"] for row in answer.json()]
    while "next" in answer.links:
        answer = api.session.get(answer.links["next"]["url"], auth=("a-key-of-ours", ""))
        found += [row["id"] for row in answer.json()]
    assert found == list(range(1, 11))


def test_paginate_none_drops_the_count(ten, api):
    answer = api.get("/invoices", paginate="none", per_page=2)
    assert len(answer.json()) == 2
    assert "X-Total-Count" not in answer.headers
    assert "Link" not in answer.headers


@pytest.mark.parametrize(
    ("per_page", "rows"),
    [
        pytest.param(100, 100, id="as-asked"),
        pytest.param(5000, 100, id="too-many-is-100"),
        pytest.param(0, 1, id="none-is-1"),
        pytest.param("", 100, id="blank-is-100"),
    ],
)
def test_a_page_holds_1_to_100_rows(account, api, per_page, rows):
    for key in range(1, 103):
        account.add("invoices", id=key)
    assert len(api.ids("/invoices", per_page=per_page)) == rows


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        pytest.param({}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], id="unsorted-is-by-id"),
        pytest.param({"sort": "updated_at asc"}, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1], id="ascending"),
        pytest.param({"sort": "updated_at desc"}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], id="descending"),
        pytest.param({"sort": "nonsense asc"}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], id="unknown-sort"),
        pytest.param({"sort": "items asc"}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], id="unsortable"),
        pytest.param({"sort": "date desc", "per_page": 2}, [10, 9], id="another-column"),
        pytest.param(
            {"sort": "paid desc", "per_page": 3}, [2, 4, 6], id="ties-by-id-if-descending"
        ),
        pytest.param({"updated_after": NOW - 180}, [1, 2], id="after-is-strict"),
        pytest.param({"updated_before": NOW - 540}, [10], id="before-is-strict"),
        pytest.param(
            {"updated_after": NOW - 241, "updated_before": NOW - 60, "sort": "updated_at asc"},
            [4, 3, 2],
            id="between-sorted",
        ),
        pytest.param(
            {"updated_after": NOW - 241, "updated_before": NOW - 60, "sort": "updated_at desc"},
            [2, 3, 4],
            id="between-backwards",
        ),
        pytest.param({"updated_after": NOW, "sort": "updated_at asc"}, [], id="nothing-newer"),
        pytest.param({"filter[paid]": "true"}, [2, 4, 6, 8, 10], id="filter-on-a-boolean"),
        pytest.param({"filter[total]": "0.25"}, [1], id="filter-on-money"),
        pytest.param({"filter[number]": "N7"}, [7], id="filter-on-the-number"),
        pytest.param({"filter[number]": "N"}, [], id="filter-is-exact"),
        pytest.param({"filter[name]": ""}, [], id="null-never-matches"),
        pytest.param({"filter[customer]": "1", "filter[paid]": "false"}, [1, 3, 5, 7, 9], id="two"),
        pytest.param({"metadata[half]": "second"}, [6, 7, 8, 9, 10], id="metadata"),
        pytest.param({"start_date": 1003, "end_date": 1004}, [3, 4], id="dates-are-inclusive"),
        pytest.param({"unheard_of": "1", "per_page": 1}, [1], id="unknown-parameter-is-ignored"),
    ],
)
def test_a_list_finds(ten, api, query, ids):
    answer = api.get("/invoices", **query)
    assert [row["id"] for row in answer.json()] == ids
    if "per_page" not in query:
        assert answer.headers["X-Total-Count"] == str(len(ids))


def test_a_number_that_is_none_is_refused(api):
    answer = api.get("/invoices", updated_after="yesterday")
    assert (answer.status_code, answer.json()["param"]) == (400, "updated_after")


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_rows_of_one_second_come_by_id(account, api, direction):
    for key in (3, 1, 2):
        account.add("invoices", id=key, updated_at=NOW)
    assert api.ids("/invoices", sort=f"updated_at {direction}") == [1, 2, 3]


def test_turning_sorted_pages_skips_a_row_when_one_is_edited_meanwhile(ten, serve):
    """The trap: rows move left into the page that was read, and the next page begins too late."""

    def edit(account, number, method, path):
        if number == 2:
            account.edit("invoices", 10)

    api = serve(ten, before_request=edit)
    query = {"sort": "updated_at asc", "per_page": 3}
    first, second = (api.ids("/invoices", page=page, **query) for page in (1, 2))
    assert (first, second) == ([10, 9, 8], [6, 5, 4])


def test_turning_unsorted_pages_goes_on_after_the_last_id(ten, serve):
    def remove(account, number, method, path):
        if number == 2:
            account.remove("invoices", 1)

    api = serve(ten, before_request=remove)
    pages = [api.ids("/invoices", page=page, per_page=3) for page in (1, 2)]
    assert pages == [[1, 2, 3], [4, 5, 6]]


def test_unsorted_pages_fall_back_to_the_offset_after_five_minutes(ten, clock, api):
    assert api.ids("/invoices", page=1, per_page=3) == [1, 2, 3]
    ten.remove("invoices", 1)
    clock.now += 301
    assert api.ids("/invoices", page=2, per_page=3) == [5, 6, 7]


def test_a_far_page_needs_the_one_before_it(account, clock, api):
    for key in range(1, 103):
        account.add("transactions", id=key, customer=1)
    far = {"per_page": 1, "page": 10_001}
    assert api.get("/transactions", **far).status_code == 400
    assert api.get("/transactions", sort="updated_at asc", **far).status_code == 200
    assert api.get("/transactions", per_page=1, page=10_000).status_code == 200
    assert api.get("/transactions", **far).status_code == 200
    clock.now += 301
    assert api.get("/transactions", **far).status_code == 400


def test_the_total_is_exact_on_page_1_and_up_to_five_minutes_old_later(ten, clock, api):
    def total(page):
        return int(api.get("/invoices", page=page, per_page=2).headers["X-Total-Count"])

    assert total(1) == 10
    ten.add("invoices", id=11)
    assert total(2) == 10
    assert total(1) == 11
    ten.add("invoices", id=12)
    clock.now += 301
    assert total(2) == 12


def test_an_account_may_ignore_sort_or_updated_before(ten, api):
    ten.ignores_sort = True
    assert api.ids("/invoices", sort="updated_at asc", per_page=3) == [1, 2, 3]
    ten.ignores_updated_before = True
    assert len(api.ids("/invoices", updated_before=NOW - 540)) == 10


def test_transactions_show_updated_at_only_when_asked(account, api):
    account.add("transactions", id=5, customer=1)
    assert "updated_at" not in api.get("/transactions").json()[0]
    assert "updated_at" not in api.get("/transactions/5").json()
    assert api.get("/transactions", include="updated_at").json()[0]["updated_at"] == NOW
    account.hides_updated_at.clear()
    assert api.get("/transactions").json()[0]["updated_at"] == NOW


def test_expand_puts_the_customer_in_place_of_its_id(ten, api):
    assert api.get("/invoices", expand="customer").json()[0]["customer"]["name"] == "Acme"
    assert api.get("/invoices/1", expand="customer").json()["customer"]["id"] == 1
    assert api.get("/invoices/1").json()["customer"] == 1


@pytest.fixture
def renewals(account):
    states = ["active", "past_due", "not_started", "canceled", "finished"]
    for key, status in enumerate(states, 1):
        account.add("subscriptions", id=key, customer=1, plan="starter", status=status)
    both = {"status": "finished", "canceled_at": NOW}
    account.add("subscriptions", id=6, customer=1, plan="starter", **both)
    return account


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        pytest.param({}, [1, 2, 3], id="plain-list-only-those-that-renew"),
        pytest.param({"canceled": 1}, [4], id="canceled"),
        pytest.param({"finished": 1}, [5], id="finished"),
        pytest.param({"canceled": 1, "finished": 1}, [6], id="canceled-and-finished"),
        pytest.param({"all": 1}, [1, 2, 3, 4, 5, 6], id="all"),
        pytest.param({"canceled": 1, "sort": "updated_at asc"}, [4], id="canceled-sorted"),
    ],
)
def test_subscriptions_are_spread_over_lists(renewals, api, query, ids):
    assert api.ids("/subscriptions", **query) == ids


def test_a_subscription_changes_lists_with_its_status(renewals, api):
    api.delete("/subscriptions/1")
    assert api.ids("/subscriptions") == [2, 3]
    assert api.ids("/subscriptions", canceled=1) == [1, 4]
    api.delete("/subscriptions/5")
    assert api.ids("/subscriptions", finished=1) == []
    assert api.ids("/subscriptions", finished=1, canceled=1) == [5, 6]


def test_events_come_newest_first_and_can_be_narrowed(account: Account, clock, api):
    api.post("/customers", {"name": "B"})
    clock.now += 10
    invoice = api.post("/invoices", {"customer": 1, "draft": True}).json()["id"]
    clock.now += 10
    api.delete(f"/invoices/{invoice}")

    def types(**query):
        return [event["type"] for event in api.get("/events", **query).json()]

    assert types() == ["invoice.deleted", "invoice.created", "customer.created"]
    assert types(type="customer") == ["customer.created"]
    assert types(related_to=f"invoice,{invoice}") == ["invoice.deleted", "invoice.created"]
    assert types(start_date=NOW + 10, end_date=NOW + 10) == ["invoice.created"]
    assert types(per_page=1, page=2) == ["invoice.created"]
    newest = api.get("/events").json()[0]
    assert newest["data"]["object"]["id"] == invoice
    assert newest["data"]["object"]["customer"]["name"] == "Acme"
    assert api.get(f"/events/{newest['id']}").json() == newest
    assert newest == account.events()[-1]
