"""An account that answers as a PHP server over MySQL does."""

import pytest

ZERO_DATE = -62_169_984_000


@pytest.fixture
def untidy(account, api):
    account.untidy = True
    line = {"unit_cost": 2.5, "quantity": 2}
    for key in (12, 15, 16, 17):
        account.add("invoices", id=key, customer=1, items=[line], total=5, balance=5)
    return api


def test_values_have_the_types_of_an_untidy_server(untidy):
    row = untidy.get("/invoices/17").json()
    assert row["metadata"] == []
    assert (row["draft"], row["chase"]) == (0, 1)
    assert (row["total"], row["items"][0]["unit_cost"]) == ("5", "2.5")
    assert row["discounts"] == []
    assert row["id"] == 17


@pytest.mark.parametrize(
    ("key", "name", "value"),
    [
        pytest.param(12, "due_date", ZERO_DATE, id="zero-date"),
        pytest.param(17, "due_date", None, id="null-date"),
        pytest.param(15, "discounts", None, id="null-for-a-list"),
        pytest.param(16, "discounts", [], id="empty-list"),
    ],
)
def test_some_objects_are_untidier_than_others(untidy, key, name, value):
    assert untidy.get(f"/invoices/{key}").json()[name] == value


def test_a_list_can_be_an_object_with_numbers(untidy):
    assert list(untidy.get("/invoices/16").json()["items"]) == ["1"]


def test_lists_stay_lists_and_keep_their_headers(untidy):
    answer = untidy.get("/invoices")
    assert answer.headers["X-Total-Count"] == "4"
    assert 'rel="last"' in answer.headers["Link"]
    assert [row["metadata"] for row in answer.json()] == [[]] * 4
    assert untidy.get("/customers/99").json()["type"] == "invalid_request"
