"""Request bodies that the emulator accepts, and their effects."""

import pytest

NOW = 1_767_225_600
DAY = 86_400
LINE = {"name": "Copy Paper, Case", "quantity": 1, "unit_cost": 45}


def refused(answer, param=None):
    assert answer.status_code == 400, answer.text
    assert answer.json()["type"] == "invalid_request"
    assert answer.json().get("param") == param
    return answer.json()["message"]


def test_a_created_customer_has_every_attribute(account, api):
    answer = api.post("/customers", {"name": "Bolt", "email": ""})
    assert answer.status_code == 201
    row = answer.json()
    assert row == account.get("customers", row["id"])
    assert (row["number"], row["email"], row["chase"]) == ("CUST-0002", None, True)
    assert (row["created_at"], row["updated_at"]) == (NOW, NOW)


@pytest.mark.parametrize(
    ("path", "body", "param", "message"),
    [
        pytest.param(
            "/customers",
            {"name": "B", "statement_pdf_url": "x"},
            "statement_pdf_url",
            "Mass assignment of statement_pdf_url on Customer is not allowed",
            id="read-only-attribute",
        ),
        pytest.param(
            "/invoices",
            {"customer": 1, "status": "paid"},
            "status",
            "Mass assignment of status on Invoice is not allowed",
            id="status",
        ),
        pytest.param(
            "/credit_notes",
            {"customer": 1, "due_date": NOW},
            "due_date",
            "Mass assignment of due_date on CreditNote is not allowed",
            id="attribute-of-another-document",
        ),
        pytest.param(
            "/invoices",
            {"customer": 1, "items": [{**LINE, "amount": 45}]},
            "amount",
            "Mass assignment of amount on LineItem is not allowed",
            id="inside-a-line",
        ),
        pytest.param(
            "/invoices",
            {"customer": 1, "items": [{**LINE, "id": 7}]},
            "id",
            "Mass assignment of id on LineItem is not allowed",
            id="id-of-a-line-in-a-post",
        ),
        pytest.param(
            "/invoices",
            {"customer": 1, "discounts": [{"object": "discount", "amount": 1}]},
            "object",
            "Mass assignment of object on Discount is not allowed",
            id="inside-a-discount",
        ),
        pytest.param(
            "/invoices",
            {"customer": 1, "ship_to": {"planet": "Mars"}},
            "planet",
            "Mass assignment of planet on ShippingDetail is not allowed",
            id="inside-the-address",
        ),
        pytest.param(
            "/subscriptions",
            {"customer": 1, "plan": "starter", "addons": [{"plan": "starter", "url": "x"}]},
            "url",
            "Mass assignment of url on Addon is not allowed",
            id="inside-an-addon",
        ),
    ],
)
def test_an_attribute_not_accepted_refuses_the_whole_write(
    account, api, path, body, param, message
):
    assert refused(api.post(path, body), param) == message
    assert len(account.objects("customers")) == 1
    assert account.objects("invoices") == []


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        pytest.param("/customers", {"name": 5}, "name", id="number-for-text"),
        pytest.param("/customers", {"name": "B", "autopay": "true"}, "autopay", id="text-for-bool"),
        pytest.param("/customers", {"name": "B", "autopay": 1}, "autopay", id="one-for-true"),
        pytest.param("/customers", {"name": "B", "credit_limit": "9"}, "credit_limit", id="money"),
        pytest.param("/customers", {"name": "B", "owner": True}, "owner", id="true-for-integer"),
        pytest.param("/customers", {"name": "B", "owner": 1.5}, "owner", id="fraction-for-integer"),
        pytest.param("/customers", {"name": "B", "taxes": "vat"}, "taxes", id="text-for-list"),
        pytest.param("/customers", {"name": "B", "metadata": []}, "metadata", id="list-for-map"),
        pytest.param("/invoices", {"customer": 1, "date": "2026-01-01"}, "date", id="text-date"),
        pytest.param("/invoices", {"customer": 1, "date": 1.5}, "date", id="fractional-date"),
        pytest.param("/invoices", {"customer": 1, "date": NOW * 1000}, "date", id="milliseconds"),
        pytest.param("/invoices", {"customer": "1"}, "customer", id="text-for-an-id"),
        pytest.param("/invoices", {"customer": 1, "items": [5]}, "items", id="line-not-an-object"),
        pytest.param(
            "/invoices", {"customer": 1, "items": [{"quantity": "2"}]}, "quantity", id="qty"
        ),
        pytest.param("/customers", {}, "name", id="customer-without-name"),
        pytest.param("/customers", {"name": ""}, "name", id="blank-name"),
        pytest.param("/invoices", {}, "customer", id="invoice-without-customer"),
        pytest.param("/invoices", {"customer": 99}, "customer", id="unknown-customer"),
        pytest.param("/subscriptions", {"customer": 1}, "plan", id="subscription-without-plan"),
        pytest.param("/subscriptions", {"customer": 1, "plan": "gold"}, "plan", id="unknown-plan"),
        pytest.param(
            "/invoices",
            {"customer": 1, "items": [{"catalog_item": "x"}]},
            "catalog_item",
            id="item",
        ),
        pytest.param(
            "/invoices", {"customer": 1, "discounts": [{"coupon": "x"}]}, "coupon", id="coupon"
        ),
        pytest.param("/invoices", {"customer": 1, "taxes": ["x"]}, "tax_rate", id="tax-rate"),
        pytest.param(
            "/customers", {"name": "B", "parent_customer": 9}, "parent_customer", id="parent"
        ),
        pytest.param("/transactions", {"amount": 5, "customer": 1}, "type", id="no-type"),
        pytest.param("/transactions", {"type": "payment"}, "customer", id="no-customer-or-invoice"),
        pytest.param("/transactions", {"type": "gift", "customer": 1}, "type", id="unknown-type"),
        pytest.param(
            "/invoices",
            {"customer": 1, "date": NOW, "due_date": NOW - 1},
            "due_date",
            id="due-first",
        ),
        pytest.param(
            "/customers",
            {"name": "B", "metadata": {f"k{n}": "v" for n in range(11)}},
            "metadata",
            id="eleven-keys",
        ),
        pytest.param(
            "/customers", {"name": "B", "metadata": {"k" * 41: 1}}, "metadata", id="key-41"
        ),
        pytest.param(
            "/customers", {"name": "B", "metadata": {"k": "v" * 256}}, "metadata", id="value-256"
        ),
        pytest.param("/customers", {"name": "B", "number": "N-1"}, "number", id="number-taken"),
    ],
)
def test_a_wrong_value_is_refused_by_name(account, api, path, body, param):
    account.edit("customers", 1, number="N-1")
    refused(api.post(path, body), param)
    assert len(account.objects("customers")) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[]", id="list"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="broken"),
        pytest.param(b'{"name": NaN}', id="nan"),
    ],
)
def test_a_body_must_be_a_json_object(api, body):
    refused(api("POST", "/customers", data=body))


def test_a_patch_changes_what_was_sent_and_the_date(account, clock, api):
    before = account.get("customers", 1)
    clock.now += 5
    after = api.patch("/customers/1", {"email": "a@b.example"}).json()
    assert after == {**before, "email": "a@b.example", "updated_at": NOW + 5}
    clock.now += 5
    assert api.patch("/customers/1", {}).json() == {**after, "updated_at": NOW + 10}


def test_null_and_blank_clear(account, api):
    account.edit("customers", 1, email="a@b.example", notes="x", chase=False, metadata={"a": "b"})
    body = {"email": "", "notes": None, "chase": None, "metadata": None}
    row = api.patch("/customers/1", body).json()
    assert (row["email"], row["notes"], row["chase"], row["metadata"]) == (None, None, True, {})
    refused(api.patch("/customers/1", {"name": ""}), "name")


def test_a_number_is_unique_and_may_be_kept(account, api):
    account.add("customers", id=2, name="B", number="N-2")
    refused(api.patch("/customers/1", {"number": "N-2"}), "number")
    assert api.patch("/customers/2", {"number": "N-2"}).status_code == 200


def test_numbers_are_given_in_turn_and_pass_over_those_taken(account, api):
    account.add("invoices", number="INV-0002")
    numbers = [api.post("/invoices", {"customer": 1}).json()["number"] for _ in range(2)]
    assert numbers == ["INV-0001", "INV-0003"]


def test_an_invoice_adds_up(api):
    body = {
        "customer": 1,
        "items": [
            {**LINE, "discounts": [{"coupon": "FIFTH"}]},
            {"name": "Clips", "quantity": 2.5, "unit_cost": 0.035},
            {"catalog_item": "delivery", "taxable": False},
        ],
        "discounts": [{"amount": 1.5}],
        "taxes": [{"tax_rate": "vat"}, {"amount": 0.25}],
    }
    row = api.post("/invoices", body).json()
    assert [line["amount"] for line in row["items"]] == [45, 0.09, 10]
    assert row["items"][0]["discounts"][0]["amount"] == 9
    assert row["items"][2]["name"] == "Delivery"
    assert row["subtotal"] == 55.09
    # 5 % of (45 - 9 + 0.09 - 1.50)
    assert [tax["amount"] for tax in row["taxes"]] == [1.73, 0.25]
    assert row["taxes"][0]["tax_rate"]["id"] == "vat"
    assert row["total"] == row["balance"] == 46.57


def test_whole_amounts_are_json_integers(api):
    answer = api.post("/invoices", {"customer": 1, "items": [{"quantity": 2.0, "unit_cost": 22.5}]})
    assert '"quantity":2,' in answer.text
    assert '"total":45,' in answer.text


def test_a_document_takes_terms_currency_and_due_date_from_its_customer(account, api):
    account.edit("customers", 1, payment_terms="NET 14", currency="eur", autopay=True)
    row = api.post("/invoices", {"customer": 1}).json()
    assert (row["payment_terms"], row["currency"], row["autopay"]) == ("NET 14", "eur", True)
    assert (row["date"], row["due_date"]) == (NOW, NOW + 14 * DAY)


def test_items_in_a_patch_replace_the_list_and_a_line_with_its_id_is_updated_in_place(api):
    lines = [{**LINE, "description": "kept"}, {"name": "gone"}]
    row = api.post("/invoices", {"customer": 1, "items": lines}).json()
    first = row["items"][0]
    sent = [{"name": "new", "unit_cost": 1}, {"id": first["id"], "quantity": 2}]
    after = api.patch(f"/invoices/{row['id']}", {"items": sent}).json()
    assert [line["name"] for line in after["items"]] == ["new", "Copy Paper, Case"]
    assert after["items"][1] == {**first, "quantity": 2, "amount": 90}
    assert after["items"][0]["id"] not in {line["id"] for line in row["items"]}
    assert after["total"] == after["balance"] == 91
    refused(api.patch(f"/invoices/{row['id']}", {"items": [{"id": 999}]}), "items")


def test_a_coupon_may_be_written_as_id_or_as_object(account, api):
    line = {"unit_cost": 50}
    for coupon in ("FIFTH", account.get("coupons", "FIFTH")):
        body = {"customer": 1, "items": [line], "discounts": [{"coupon": coupon}]}
        row = api.post("/invoices", body).json()
        assert row["discounts"][0]["amount"] == 10
        assert row["discounts"][0]["coupon"] == account.get("coupons", "FIFTH")


def test_a_subscription_costs_per_period_and_per_month(account, api):
    body = {
        "customer": 1,
        "plan": "yearly",
        "quantity": 2,
        "start_date": NOW - 400 * DAY,
        "addons": [{"plan": "yearly", "quantity": 1}],
        "discounts": ["FIFTH"],
        "taxes": ["vat"],
    }
    row = api.post("/subscriptions", body).json()
    assert row["discounts"] == [account.get("coupons", "FIFTH")]
    assert row["taxes"] == [account.get("tax_rates", "vat")]
    assert row["recurring_total"] == 1257.48
    assert row["mrr"] == 99.8
    assert row["status"] == "active"
    assert row["period_start"] <= NOW <= row["period_end"]


RATED = [
    pytest.param("customers", {"name": "B"}, "taxes", "vat", id="taxes-of-a-customer"),
    pytest.param("items", {"id": "b", "name": "B"}, "taxes", "vat", id="taxes-of-an-item"),
    pytest.param(
        "subscriptions", {"customer": 1, "plan": "starter"}, "taxes", "vat", id="taxes-subscribed"
    ),
    pytest.param(
        "subscriptions",
        {"customer": 1, "plan": "starter"},
        "discounts",
        "FIFTH",
        id="discounts-subscribed",
    ),
]


@pytest.mark.parametrize(("resource", "body", "name", "key"), RATED)
def test_rates_are_written_as_ids_and_read_as_whole_objects(
    account, api, resource, body, name, key
):
    whole = account.get("coupons" if name == "discounts" else "tax_rates", key)
    created = api.post(f"/{resource}", {**body, name: [key]}).json()
    assert created[name] == [whole]
    path = f"/{resource}/{created['id']}"
    assert api.patch(path, {name: []}).json()[name] == []
    assert api.patch(path, {name: [key]}).json()[name] == [whole]
    assert api.get(path).json()[name] == [whole]
    for entry in (whole, {"tax_rate": key}, {"coupon": key}, 5, "", None):
        refused(api.patch(path, {name: [entry]}), name)
    refused(api.patch(path, {name: ["none"]}), "coupon" if name == "discounts" else "tax_rate")


def test_a_plan_with_custom_pricing_takes_its_amount_from_the_subscription(account, api):
    account.add("plans", id="custom", name="C", pricing_mode="custom", amount=None)
    body = {"customer": 1, "plan": "custom", "quantity": 2}
    refused(api.post("/subscriptions", body), "amount")
    row = api.post("/subscriptions", {**body, "amount": 12.5}).json()
    assert (row["amount"], row["recurring_total"]) == (12.5, 25)
    assert api.patch(f"/subscriptions/{row['id']}", {"amount": 10}).json()["mrr"] == 20


def test_a_subscription_that_starts_later_has_not_started(api):
    body = {"customer": 1, "plan": "starter", "start_date": NOW + DAY}
    row = api.post("/subscriptions", body).json()
    assert (row["status"], row["period_start"]) == ("not_started", None)


@pytest.mark.parametrize(
    ("resource", "body"),
    [
        ("customers", {"name": "B"}),
        ("invoices", {"customer": 1}),
        ("estimates", {"customer": 1}),
        ("credit_notes", {"customer": 1}),
        ("subscriptions", {"customer": 1, "plan": "starter"}),
        ("transactions", {"customer": 1, "type": "payment", "amount": 5}),
    ],
)
def test_every_write_leaves_an_event(account, api, resource, body):
    row = api.post(f"/{resource}", body).json()
    api.patch(f"/{resource}/{row['id']}", {"metadata": {"a": "b"}})
    singular = row["object"]
    created, updated = account.events()
    assert (created["type"], updated["type"]) == (f"{singular}.created", f"{singular}.updated")
    assert updated["previous"] == updated["data"]["previous"] == {"metadata": {}}
    assert updated["data"]["object"]["metadata"] == {"a": "b"}
    assert (updated["timestamp"], updated["user"]["id"]) == (NOW, -2)
