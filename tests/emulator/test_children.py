"""Children of customers and invoices, listed under their parent."""

import pytest

NOW = 1_767_225_600


@pytest.fixture
def two(account):
    """A second customer, and an open invoice of 90 of the first one."""
    account.add("customers", id=2, name="Bolt")
    account.add("invoices", id=7, customer=1, number="N7", items=[{"unit_cost": 90}])
    return account


def kinds(account):
    return [event["type"] for event in account.events()]


def test_contacts_live_under_their_customer_and_do_not_name_it(two, api, clock):
    made = api.post("/customers/1/contacts", {"name": "Nancy", "email": "n@example.com"})
    assert made.status_code == 201
    row = made.json()
    assert not {"customer", "_customer", "customer_id"} & row.keys()
    assert (row["primary"], row["title"]) == (True, None)
    two.add("contacts", _customer=2, name="Other")
    path = f"/customers/1/contacts/{row['id']}"
    assert api.ids("/customers/1/contacts") == [row["id"]]
    assert api.get(path).json() == row
    clock.now += 9
    assert api.patch(path, {"title": "Boss"}).json()["updated_at"] == NOW + 9
    assert api.get(f"/customers/2/contacts/{row['id']}").status_code == 404
    assert api.get("/customers/3/contacts").status_code == 404
    assert api.delete(path).status_code == 204
    assert api.ids("/customers/1/contacts") == []
    assert kinds(two)[-1] == "contact.deleted"


def test_a_list_of_children_is_paged_sorted_and_counted(account, api):
    for key in range(1, 6):
        account.add("contacts", id=key, _customer=1, name="ABABA"[key - 1], updated_at=NOW - key)
    answer = api.get("/customers/1/contacts", sort="updated_at asc", per_page=2, page=2)
    assert [row["id"] for row in answer.json()] == [3, 2]
    assert answer.headers["X-Total-Count"] == "5"
    assert "/customers/1/contacts?" in answer.links["next"]["url"]
    assert api.ids("/customers/1/contacts", per_page=4, page=2) == [5]
    assert api.ids("/customers/1/contacts", **{"filter[name]": "B"}) == [2, 4]
    assert len(api.ids("/customers/1/contacts", updated_after=NOW)) == 5


def test_a_payment_source_takes_one_token_and_never_a_card_number(two, api):
    path = "/customers/1/payment_sources"
    for body in (
        {"method": "credit_card"},
        {"invoiced_token": "a", "gateway_token": "b"},
        {"invoiced_token": "a", "card_number": "4242424242424242"},
        {"number": "4242424242424242"},
    ):
        assert api.post(path, body).status_code == 400, body
    card = api.post(path, {"invoiced_token": "a", "make_default": True}).json()
    bank = api.post(path, {"method": "ach", "gateway_token": "b"}).json()
    assert (card["object"], bank["object"]) == ("card", "bank_account")
    assert "customer" not in card
    assert api.ids(path) == [card["id"], bank["id"]]
    assert two.get("customers", 1)["payment_source"] == card
    assert api.delete(f"/customers/1/cards/{bank['id']}").status_code == 404
    assert api.delete(f"/customers/1/bank_accounts/{bank['id']}").status_code == 204
    assert two.get("customers", 1)["payment_source"] == card
    assert api.delete(f"/customers/1/cards/{card['id']}").status_code == 204
    assert two.get("customers", 1)["payment_source"] is None
    assert kinds(two).count("payment_source.deleted") == 2


def test_a_pending_line_is_priced_and_names_its_customer(two, api):
    path = "/customers/1/line_items"
    line = api.post(path, {"catalog_item": "delivery", "quantity": 2.5, "taxes": ["vat"]}).json()
    assert (line["customer"], line["name"], line["amount"]) == (1, "Delivery", 25)
    assert line["taxes"][0]["amount"] == 1.25
    own = f"{path}/{line['id']}"
    changed = api.patch(own, {"quantity": 4, "description": "Two doors"}).json()
    assert (changed["amount"], changed["taxes"][0]["amount"]) == (40, 2)
    assert changed["id"] == line["id"]
    assert api.get(own).json() == changed == api.get(path).json()[0]
    assert api.patch(own, {"description": ""}).json()["description"] is None
    assert api.post(path, {"catalog_item": "absent"}).status_code == 400
    assert api.delete(own).status_code == 204
    assert kinds(two)[-1] == "line_item.deleted"
    assert two.add("pending_line_items", customer=2, quantity=3, unit_cost=5)["amount"] == 15


def test_a_payment_plan_pays_the_balance_in_installments(two, api, clock):
    path = "/invoices/7/payment_plan"
    halves = [{"date": NOW + day, "amount": 45} for day in (10, 20)]
    assert api.get(path).status_code == 404
    wrong = api("PUT", path, json={"installments": halves[:1]})
    assert (wrong.status_code, wrong.json()["param"]) == (400, "installments")
    assert two.get("invoices", 7)["payment_plan"] is None
    clock.now += 5
    plan = api("PUT", path, json={"installments": halves}).json()
    assert [(each["amount"], each["balance"]) for each in plan["installments"]] == [(45, 45)] * 2
    assert "invoice" not in plan
    assert api.get(path).json() == plan
    invoice = two.get("invoices", 7)
    assert (invoice["payment_plan"], invoice["updated_at"]) == (plan["id"], NOW + 5)
    assert api.patch("/invoices/7", {"name": "Desk"}).json()["payment_plan"] == plan["id"]
    other = [{"date": NOW + 30, "amount": 90}]
    assert api("PUT", path, json={"installments": other}).json()["id"] == plan["id"]
    assert api.delete(path).status_code == 204
    assert two.get("invoices", 7)["payment_plan"] is None
    assert api.get(path).status_code == 404
    assert api.delete(path).status_code == 404
    assert "payment_plan.deleted" in kinds(two)


def test_only_an_open_invoice_takes_a_payment_plan(two, api):
    two.add("invoices", id=8, customer=1, status="paid", paid=True, number="N8")
    assert api("PUT", "/invoices/8/payment_plan", json={"installments": []}).status_code == 400


def test_a_note_is_on_a_customer_or_on_an_invoice(two, api):
    for body in ({}, {"customer_id": 1, "invoice_id": 7}, {"customer_id": 99}):
        assert api.post("/notes", {"notes": "x", **body}).status_code == 400
    first = api.post("/notes", {"notes": "x", "customer_id": 2}).json()
    second = api.post("/notes", {"notes": "y", "invoice_id": 7}).json()
    assert (first["customer"], first["invoice"]) == (2, None)
    assert (second["customer"], second["invoice"]) == (1, 7)
    assert api.ids("/notes", **{"filter[customer]": "2"}) == [first["id"]]
    assert api.ids("/notes", sort="updated_at desc") == [first["id"], second["id"]]
    assert api.patch(f"/notes/{first['id']}", {"notes": "z"}).json()["notes"] == "z"
    assert api.patch(f"/notes/{first['id']}", {"invoice_id": 7}).status_code == 400
    assert api.delete(f"/notes/{first['id']}").status_code == 204
    assert kinds(two)[-1] == "note.deleted"


def test_a_task_has_a_customer_and_a_user(two, api):
    task = api.post("/tasks", {"name": "Call", "action": "phone", "customer_id": 1, "user_id": 5})
    row = task.json()
    assert (task.status_code, row["customer_id"], row["user_id"]) == (201, 1, 5)
    assert (row["complete"], "object" in row) == (False, False)
    assert api.post("/tasks", {"customer_id": 99}).status_code == 400
    assert api.patch(f"/tasks/{row['id']}", {"customer_id": 2}).status_code == 400
    assert api.patch(f"/tasks/{row['id']}", {"due_date": NOW}).json()["due_date"] == NOW
    assert api.ids("/tasks", updated_after=NOW + 99, **{"filter[user_id]": "5"}) == [row["id"]]
    assert api.delete(f"/tasks/{row['id']}").status_code == 204
    assert kinds(two)[-1] == "task.deleted"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/customers/1/payment_sources/1"),
        ("GET", "/customers/1/cards"),
        ("GET", "/contacts"),
        ("GET", "/payment_plans"),
        ("GET", "/invoices/7/contacts"),
        ("GET", "/customers/1/contacts/1/more"),
    ],
)
def test_there_is_nothing_else(two, api, method, path):
    assert api(method, path).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/refunds"), ("DELETE", "/charges/1"), ("POST", "/invoices/7/payment_plan")],
)
def test_what_a_resource_cannot_do_is_not_allowed(two, api, method, path):
    assert api(method, path, json={}).status_code == 405


def test_a_resource_may_be_forbidden_below_its_parent(two, api):
    two.forbidden.add("contacts")
    assert api.get("/customers/1/contacts").status_code == 403
    assert api.get("/customers/1").status_code == 200


def test_what_belongs_to_a_customer_goes_with_it(two, api):
    two.add("contacts", _customer=2)
    two.add("payment_sources", _customer=2)
    two.add("notes", customer=2)
    two.add("tasks", customer_id=2)
    two.add("payments", id=5, customer=1)
    assert api.delete("/customers/1").status_code == 400
    assert api.delete("/customers/2").status_code == 204
    assert not any(two.objects(name) for name in ("contacts", "payment_sources", "notes", "tasks"))
    assert kinds(two) == ["customer.deleted"]


def test_a_merge_moves_everything_and_leaves_its_dates(two, api, clock):
    two.add("contacts", id=4, _customer=1)
    two.add("tasks", id=4, customer_id=1)
    two.edit("customers", 2, parent_customer=1, updated_at=NOW)
    clock.now += 60
    merged = api.post("/customers/2/merge", {"customer": 1})
    assert (merged.status_code, merged.json()["id"]) == (200, 2)
    assert api.get("/customers/1").status_code == 404
    assert api.ids("/customers/2/contacts") == [4]
    assert two.get("tasks", 4)["customer_id"] == 2
    assert two.get("customers", 2)["parent_customer"] is None
    invoice = two.get("invoices", 7)
    assert (invoice["customer"], invoice["updated_at"]) == (2, NOW)
    (event,) = api.get("/events", related_to="customer,2").json()
    assert (event["type"], event["timestamp"]) == ("customer.merged", NOW + 60)
    assert event["data"]["object"]["id"] == 2
    assert event["data"]["object"]["original_customer"]["name"] == "Acme"
    with pytest.raises(KeyError):
        two.merge(1, 2)
