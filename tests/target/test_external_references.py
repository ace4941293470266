"""Keys of another system in the place of ids: translated wherever an id can stand."""

import pytest

CHILD = ("customer", "id")

# Every place of every write where an id can stand, with a key there.
RECORDS = [
    ("items", [{"id": "i", "name": "Item", "unit_cost": 100}], ["id"]),
    ("plans", [{"id": "p", "name": "Plan", "amount": 10, "catalog_item": "i"}], ["id"]),
    ("coupons", [{"id": "co", "name": "Coupon", "value": 10}], ["id"]),
    ("tax_rates", [{"id": "t", "name": "Tax", "value": 5}], ["id"]),
    (
        "customers",
        [
            {"id": "grandparent", "name": "Grandparent"},
            {"id": "parent", "name": "Parent", "parent_customer": "grandparent"},
            {"id": "c", "name": "C", "parent_customer": "parent", "taxes": [{"tax_rate": "t"}]},
        ],
        ["id"],
    ),
    (
        "subscriptions",
        [
            {
                "id": "s",
                "customer": "c",
                "plan": "p",
                "addons": [{"plan": "p", "quantity": 1}],
                "discounts": [{"coupon": "co"}],
                "taxes": [{"tax_rate": "t"}],
            }
        ],
        ["id"],
    ),
    (
        "invoices",
        [
            {
                "id": "inv",
                "customer": "c",
                "items": [
                    {
                        "catalog_item": "i",
                        "discounts": [{"coupon": "co"}],
                        "taxes": [{"tax_rate": "t"}],
                    }
                ],
                "discounts": [{"coupon": "co"}],
                "taxes": [{"tax_rate": "t"}],
            }
        ],
        ["id"],
    ),
    ("estimates", [{"id": "e", "customer": "c", "invoice": "inv", "deposit": 1}], ["id"]),
    ("credit_notes", [{"id": "n", "customer": "c", "items": [{"unit_cost": 9}]}], ["id"]),
    (
        "transactions",
        [
            {
                "id": "tr",
                "customer": "c",
                "invoice": "inv",
                "credit_note": "n",
                "type": "payment",
                "amount": 1,
            }
        ],
        ["id"],
    ),
    (
        "payments",
        [
            {
                "id": "pay",
                "customer": "c",
                "amount": 5,
                "applied_to": [
                    {"type": "invoice", "invoice": "inv", "amount": 1},
                    {"type": "credit_note", "credit_note": "n", "invoice": "inv", "amount": 1},
                    {"type": "estimate", "estimate": "e", "amount": 1},
                ],
            }
        ],
        ["id"],
    ),
    ("credit_balance_adjustments", [{"id": "adj", "customer": "c", "amount": 1}], ["id"]),
    (
        "charges",
        [
            {
                "id": "ch",
                "customer": "c",
                "method": "card",
                "amount": 2,
                "invoiced_token": "tok-1",
                "applied_to": [{"type": "invoice", "invoice": "inv", "amount": 1}],
            }
        ],
        ["id"],
    ),
    ("refunds", [{"id": "r", "charge": "ch", "amount": 1}], ["id"]),
    ("tasks", [{"id": "task", "customer": "c", "name": "Call"}], ["id"]),
    ("notes", [{"id": "note", "customer": "c", "invoice": "inv", "notes": "N"}], ["id"]),
    ("contacts", [{"id": "con", "customer": "c", "name": "Ada"}], CHILD),
    ("payment_sources", [{"id": "ps", "customer": "c", "invoiced_token": "tok-2"}], CHILD),
    ("pending_line_items", [{"id": "l", "customer": "c", "catalog_item": "i"}], CHILD),
    (
        "payment_plans",
        [{"invoice": "open", "id": "pp", "installments": [{"date": "2026-04-01", "amount": 7}]}],
        ("invoice", "id"),
    ),
    ("open_invoices", [{"id": "open", "customer": "c", "items": [{"unit_cost": 7}]}], ["id"]),
    ("pauses", [{"subscription": "s", "paused": True}], ["subscription"]),
]
SETTINGS = {
    "ids": "external",
    "allow_side_effects": ["charges", "payment_sources"],
    "streams": {
        "open_invoices": {"endpoint": "invoices"},
        "pauses": {"method": "PATCH", "path": "/subscriptions/{subscription}"},
    },
}


@pytest.fixture
def account(account):
    """Its ids do not begin at 1, so that no key equals an id by chance."""
    for number, resource in enumerate(("customers", "invoices", "estimates", "credit_notes"), 1):
        account.add(resource, id=100 * number, name="Somebody", customer=100)
    account.add("charges", id=700, customer=100)
    account.remove("charges", 700)
    return account


@pytest.mark.parametrize("backwards", [False, True], ids=["parents-first", "children-first"])
def test_keys_are_translated_wherever_an_id_can_stand(
    run_target, account, server, singer, backwards
):
    """And children may come before their parents, down to the last grandchild."""
    streams = [singer.stream(name, *records, key=key) for name, records, key in RECORDS]
    messages = [message for stream in streams for message in stream]
    if backwards:
        heads = [message for message in messages if message["type"] == "SCHEMA"]
        messages = heads + [one for one in reversed(messages) if one["type"] == "RECORD"]
    run = run_target(server, [*messages, singer.state(1)], **SETTINGS)
    assert (run.exit_code, run.messages) == (0, [1]), run.stderr
    for name, records, _ in RECORDS:
        kind = "updated" if name == "pauses" else "created"
        assert run.counts(name) == {kind: len(records)}, name
    customer = check_customers_and_subscriptions(account)
    check_documents_and_payments(account, customer)
    for resource in ("credit_balance_adjustments", "pending_line_items", "notes"):
        assert [row["customer"] for row in account.objects(resource)] == [customer], resource
    assert account.objects("tasks")[0]["customer_id"] == customer
    assert len(server.account.objects("contacts")) == 1


def check_customers_and_subscriptions(account):
    """Returns the id of the customer of all other records."""
    people = {row["name"]: row for row in account.objects("customers")}
    customer = people["C"]["id"]
    assert people["C"]["parent_customer"] == people["Parent"]["id"]
    assert people["Parent"]["parent_customer"] == people["Grandparent"]["id"]
    assert people["C"]["taxes"][0]["id"] == "t"
    assert account.get("plans", "p")["catalog_item"] == "i"
    (subscription,) = account.objects("subscriptions")
    assert (subscription["customer"], subscription["plan"]) == (customer, "p")
    assert subscription["addons"][0]["plan"] == "p"
    assert subscription["discounts"][0]["id"] == "co"
    assert subscription["taxes"][0]["id"] == "t"
    assert subscription["paused"] is True
    return customer


def check_documents_and_payments(account, customer):
    ids = {
        name: row["id"] for name in ("estimates", "credit_notes") for row in account.objects(name)
    }
    (invoice,) = [row for row in account.objects("invoices") if row["discounts"]]
    assert invoice["customer"] == customer
    assert invoice["items"][0]["catalog_item"] == "i"
    assert invoice["items"][0]["discounts"][0]["coupon"]["id"] == "co"
    assert invoice["items"][0]["taxes"][0]["tax_rate"]["id"] == "t"
    assert account.get("estimates", ids["estimates"])["invoice"] == invoice["id"]
    assert account.get("credit_notes", ids["credit_notes"])["customer"] == customer
    (paid,) = [row for row in account.objects("payments") if not row["charge"]]
    assert [entry["type"] for entry in paid["applied_to"]] == ["invoice", "credit_note", "estimate"]
    assert paid["applied_to"][0]["invoice"] == invoice["id"]
    assert paid["applied_to"][1]["credit_note"] == ids["credit_notes"]
    assert paid["applied_to"][2]["estimate"] == ids["estimates"]
    own = [
        row for row in account.objects("transactions") if row["amount"] == 1 and row["credit_note"]
    ]
    assert own[0]["invoice"] == invoice["id"]
    (charge,) = account.objects("charges")
    assert (charge["customer"], charge["refunds"][0]["amount"]) == (customer, 1)
    assert account.objects("notes")[0]["invoice"] == invoice["id"]
    (plan,) = account.objects("payment_plans")
    (planned,) = [row for row in account.objects("invoices") if row["payment_plan"]]
    assert (planned["total"], planned["payment_plan"]) == (7, plan["id"])


def test_an_id_of_invoiced_is_accepted_where_keys_are_not_ids(run_target, account, server, singer):
    """The other system numbers its items; Invoiced chooses other ids."""
    run = run_target(
        server,
        [
            *singer.stream("customers", {"id": "c", "name": "C"}),
            *singer.stream("products", {"sku": 4711, "name": "Chair", "unit_cost": 5}, key=["sku"]),
            *singer.stream(
                "invoices", {"id": "inv", "customer": "c", "items": [{"catalog_item": 4711}]}
            ),
        ],
        ids="external",
        streams={"products": {"endpoint": "items"}},
    )
    assert run.exit_code == 0, run.stderr
    (item,) = account.objects("items")
    assert item["id"] != "4711"
    assert account.objects("invoices")[-1]["items"][0]["catalog_item"] == item["id"]


def test_references_may_be_objects_or_natural_keys(run_target, account, server, singer):
    account.add("customers", id=7, name="Here already", number="C-7")
    run = run_target(
        server,
        [
            *singer.stream("customers", {"id": "c", "name": "C", "number": "C-8"}),
            *singer.stream(
                "invoices",
                {"id": 1, "customer": {"id": "c", "name": "C"}},
                {"id": 2, "customer": {"number": "C-7"}},
                {"id": 3, "customer": {"number": "C-8"}},
            ),
        ],
        ids="external",
    )
    assert run.exit_code == 0, run.stderr
    new = account.objects("customers")[-1]["id"]
    found = sorted(row["customer"] for row in account.objects("invoices") if row["id"] != 200)
    assert found == sorted([new, 7, new])


def test_the_ids_of_parts_belong_to_the_other_account_and_are_left_out(
    run_target, account, server, singer
):
    invoice = {"id": "inv", "customer": {"number": "C-1"}, "items": [{"id": 9, "unit_cost": 5}]}
    account.add("customers", name="A", number="C-1")
    for cost in (5, 6):
        invoice["items"][0]["unit_cost"] = cost
        run = run_target(server, singer.stream("invoices", invoice), ids="external")
        assert run.exit_code == 0, run.stderr
    assert account.objects("invoices")[-1]["total"] == 6
