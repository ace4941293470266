"""Values as other systems spell them: the same as Invoiced's own, with every digit."""

import pytest

LINES = [{"name": "Work", "unit_cost": 100, "quantity": 1}]


TRUE, FALSE = ("t", "T", "1", "yes", "YES", 1), ("f", "F", "0", "no", "No", 0)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(pytest.param(one, True) for one in TRUE),
        *(pytest.param(one, False) for one in FALSE),
        *(("true", True), ("false", False), (True, True), (False, False)),
    ],
)
def test_a_boolean_may_be_spelled_in_many_ways(load, singer, account, written, meant):
    account.add("customers", id=5, name="A")
    load(*singer.stream("invoices", {"customer": 5, "items": LINES, "draft": written}))
    assert [row["draft"] for row in account.objects("invoices")] == [meant]


@pytest.mark.parametrize(
    "written",
    [pytest.param("t"), pytest.param("yes"), "1", 1],
)
def test_a_voided_payment_may_be_marked_in_many_ways(load, singer, account, written):
    account.add("customers", id=5, name="A", number="C-1")
    payment = {"id": "p", "customer": {"number": "C-1"}, "amount": 5, "voided": written}
    load(*singer.stream("payments", payment), ids="external")
    assert [row["voided"] for row in account.objects("payments")] == [True]


@pytest.mark.parametrize("number", [1001, 0, 12345678901234567890])
def test_a_number_is_accepted_as_text(load, singer, account, number):
    load(*singer.stream("customers", {"name": "A", "number": number, "postal_code": 78701}))
    (customer,) = account.objects("customers")
    assert (customer["number"], customer["postal_code"]) == (str(number), "78701")


def test_a_customer_is_found_by_a_number_without_quotes(load, singer, account):
    account.add("customers", id=5, name="A", number="1001")
    load(*singer.stream("customers", {"id": "c", "name": "B", "number": 1001}), ids="external")
    assert [(row["id"], row["name"]) for row in account.objects("customers")] == [(5, "B")]


def test_an_id_may_have_a_fraction_of_zero(load, singer, account):
    account.add("customers", id=15446, name="A")
    load(*singer.stream("customers", {"id": 15446.0, "name": "B"}))
    assert account.get("customers", 15446)["name"] == "B"


def test_a_reference_may_have_a_fraction_of_zero(load, singer, account):
    account.add("customers", id=15446, name="A")
    load(*singer.stream("contacts", {"customer": 15446.0, "name": "Ada"}))
    load(*singer.stream("notes", {"customer": "15446.0", "notes": "x"}))
    assert len(account.objects("contacts")) == len(account.objects("notes")) == 1


@pytest.mark.parametrize(
    "written",
    [pytest.param(3.0), pytest.param("3.0"), "3"],
)
def test_an_integer_may_have_a_fraction_of_zero(load, singer, account, written):
    plan = {"id": "p", "name": "P", "amount": 5, "interval": "month", "interval_count": written}
    load(*singer.stream("plans", plan), ids="external")
    (kept,) = account.objects("plans")
    assert (kept["interval_count"], type(kept["interval_count"])) == (3, int)


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        pytest.param("2026-01-31T10:00:00+00", 1_769_853_600),
        pytest.param("2026-01-31 10:00:00+00", 1_769_853_600),
        pytest.param("2026-01-31T10:00:00-05", 1_769_871_600),
        ("2026-01-31T10:00:00.123+0530", 1_769_833_800),
    ],
)
def test_a_zone_may_be_short(load, singer, account, written, seconds):
    account.add("customers", id=5, name="A")
    load(*singer.stream("invoices", {"customer": 5, "items": LINES, "date": written}))
    assert [row["date"] for row in account.objects("invoices")] == [seconds]
