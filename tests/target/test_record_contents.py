"""A write has the values of its record, or the record is a reject. Nothing changes silently."""

import json

import pytest

CHICAGO_MIDNIGHT, NOON_UTC = 1_769_839_200, 1_769_860_800  # of 31 January 2026
LINES = [{"name": "Work", "unit_cost": 100, "quantity": 1}]
INVOICE = {"id": "i", "customer": {"number": "C-1"}, "items": LINES}


@pytest.fixture(autouse=True)
def business(account):
    account.add("customers", id=5, name="A", number="C-1")
    account.add("plans", id="pro", name="Pro", amount=10, interval="month")


@pytest.fixture
def load(run_target, server):
    def run(*messages, arguments=(), **settings):
        settings = {"ids": "external", "max_rejects": -1, **settings}
        return run_target(server, list(messages), *arguments, **settings)

    return run


# Statuses


@pytest.mark.parametrize("status", ["Voided", "void", "VOID", " voided ", "Void"])
@pytest.mark.parametrize("resource", ["invoices", "estimates", "credit_notes"])
def test_a_void_document_is_never_created_live(load, singer, account, resource, status):
    run = load(*singer.stream(resource, {**INVOICE, "status": status}))
    assert run.exit_code == 0, run.stderr
    assert [row["status"] for row in account.objects(resource)] in ([], ["voided"])


@pytest.mark.parametrize("status", ["Draft", "draft"])
def test_a_draft_is_never_issued(load, singer, account, status):
    run = load(*singer.stream("invoices", {**INVOICE, "status": status}))
    assert run.exit_code == 0, run.stderr
    assert [row["draft"] for row in account.objects("invoices")] in ([], [True])


def test_an_unknown_status_is_a_reject(load, singer, account):
    run = load(*singer.stream("invoices", {**INVOICE, "status": "written_off_by_hand"}))
    assert run.counts("invoices") == {"rejected": 1}
    assert account.objects("invoices") == []


@pytest.mark.parametrize("status", ["cancelled", "Canceled", "CANCELLED", "expired", "Finished"])
def test_a_subscription_that_has_ended_is_never_created(load, singer, account, status):
    record = {"id": "s", "customer": {"number": "C-1"}, "plan": {"id": "pro"}, "status": status}
    run = load(*singer.stream("subscriptions", record))
    assert run.exit_code == 0, run.stderr
    assert account.objects("subscriptions") == []
    assert run.counts("subscriptions") in ({"skipped": 1}, {"rejected": 1})


@pytest.mark.parametrize("complete", [True, "true", 1, "t"])
def test_a_task_that_is_complete_is_never_created_open(load, singer, account, complete):
    task = {"id": "t", "name": "Call", "action": "phone", "customer": {"number": "C-1"}}
    run = load(*singer.stream("tasks", {**task, "complete": complete, "due_date": "2026-01-05"}))
    assert run.exit_code == 0, run.stderr
    assert run.counts("tasks") == {"skipped": 1}
    assert account.objects("tasks") == []


@pytest.mark.parametrize("status", ["canceled", "Cancelled", "finished"])
def test_a_payment_plan_that_has_ended_is_never_set(load, singer, account, status):
    load(*singer.stream("invoices", INVOICE))
    plan = {"invoice": INVOICE["id"], "id": "p", "status": status}
    plan["installments"] = [{"date": "2026-02-01", "amount": 100}]
    run = load(*singer.stream("payment_plans", plan, key=["invoice"]))
    assert run.exit_code == 0, run.stderr
    assert run.counts("payment_plans") == {"skipped": 1}


def test_an_issued_invoice_that_is_a_draft_at_its_source_is_a_reject(load, singer, account):
    load(*singer.stream("invoices", {**INVOICE, "status": "sent"}))
    run = load(*singer.stream("invoices", {**INVOICE, "status": "draft"}))
    assert run.counts("invoices") == {"rejected": 1}


# Lines that were lost on the way


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"items__0__name": "Work", "items__0__unit_cost": 100}, id="flattened"),
        pytest.param({"ITEMS": LINES}, id="capitals"),
        pytest.param({"items_0_unit_cost": 100}, id="flattened-by-one-underscore"),
        pytest.param({"Items": json.dumps(LINES)}, id="text-with-a-capital"),
    ],
)
@pytest.mark.parametrize("resource", ["invoices", "estimates", "credit_notes"])
def test_a_document_whose_lines_were_lost_is_a_reject(load, singer, account, resource, columns):
    record = {"id": "i", "customer": {"number": "C-1"}, **columns}
    schema = singer.schema(resource, **{name: {} for name in record})
    run = load(schema, singer.record(resource, **record))
    assert run.counts(resource) == {"rejected": 1}
    assert account.objects(resource) == []


# Dates


def dated(date):
    return {**INVOICE, "date": date}


@pytest.mark.parametrize(
    ("settings", "date", "seconds"),
    [
        pytest.param({}, "2026-01-31", NOON_UTC, id="noon-utc-without-a-zone"),
        pytest.param(
            {"time_zone": "America/Chicago"}, "2026-01-31", CHICAGO_MIDNIGHT, id="midnight-there"
        ),
        pytest.param(
            {"time_zone": "Pacific/Auckland"}, "2026-01-31", 1_769_770_800, id="east-of-utc"
        ),
        pytest.param({"time_zone": "America/Chicago"}, "2026-07-01", 1_782_882_000, id="in-summer"),
    ],
)
def test_a_date_is_that_day_in_the_zone_of_the_account(
    load, singer, account, settings, date, seconds
):
    run = load(*singer.stream("invoices", dated(date)), **settings)
    assert run.exit_code == 0, run.stderr
    assert [row["date"] for row in account.objects("invoices")] == [seconds]


def test_a_date_time_is_that_instant(load, singer, account):
    load(*singer.stream("invoices", dated("2026-01-31T01:02:03-05:00")))
    assert [row["date"] for row in account.objects("invoices")] == [1_769_839_323]


NO_SECONDS = [46053, "46053", 20260131, "20260131"]


@pytest.mark.parametrize(
    "date",
    [
        *(pytest.param(date) for date in NO_SECONDS),
        1_769_817_600_000,
        "1769817600000",
        1_769_817_600_000_000,
    ],
)
def test_a_number_that_is_no_unix_time_is_a_reject(load, singer, account, date):
    run = load(*singer.stream("invoices", dated(date)))
    assert run.counts("invoices") == {"rejected": 1}
    assert account.objects("invoices") == []


# Nulls


NULLS = ("number", "currency", "date", "name", "due_date", "payment_terms", "notes", "draft")


def test_no_null_is_sent_where_an_attribute_cannot_be_cleared(load, singer, account):
    record = {**INVOICE, **dict.fromkeys(NULLS)}
    load(*singer.stream("invoices", record))
    shown = load(
        *singer.stream("invoices", {**record, "purchase_order": "PO-1"}), arguments=["--dry-run"]
    )
    (call,) = [json.loads(line) for line in shown.stdout.splitlines()]
    cleared = {name for name, value in call["body"].items() if value is None}
    assert cleared.isdisjoint({"number", "currency", "date", "name", "draft"})
    assert {"notes"} <= cleared
    assert call["body"]["purchase_order"] == "PO-1"


@pytest.mark.parametrize(
    ("nulls", "kept"), [("clear", None), ("ignore", "kept"), (["notes"], "kept")]
)
def test_a_null_clears_unless_the_stream_ignores_it(load, singer, account, nulls, kept):
    streams = {"invoices": {"nulls": nulls}}
    load(*singer.stream("invoices", {**INVOICE, "notes": "kept"}), streams=streams)
    changed = {**INVOICE, "notes": None, "purchase_order": "PO-1"}
    run = load(*singer.stream("invoices", changed), streams=streams)
    assert run.counts("invoices") == {"updated": 1}
    (invoice,) = account.objects("invoices")
    assert (invoice["notes"], invoice["purchase_order"]) == (kept, "PO-1")


# What can only be set at creation


@pytest.mark.parametrize(
    ("stream", "record", "change"),
    [
        pytest.param("invoices", INVOICE, {"customer": {"number": "C-2"}}, id="customer"),
        pytest.param(
            "plans",
            {"id": "gold", "name": "G", "amount": 5, "interval": "month"},
            {"amount": 6},
            id="amount-of-a-plan",
        ),
        pytest.param(
            "items",
            {"id": "work", "name": "W", "unit_cost": 5},
            {"unit_cost": 6},
            id="unit-cost-of-an-item",
        ),
        pytest.param(
            "tax_rates", {"id": "vat", "name": "V", "value": 5}, {"value": 6}, id="tax-rate"
        ),
    ],
)
def test_a_change_that_cannot_be_made_is_named(load, singer, account, stream, record, change):
    account.add("customers", id=6, name="B", number="C-2")
    load(*singer.stream(stream, record))
    run = load(*singer.stream(stream, {**record, **change}))
    (name,) = change
    said = [one for one in run.stderr.splitlines() if one.startswith(("WARNING", "ERROR"))]
    assert any(f"`{name}`" in one for one in said)
    assert "updated" not in run.counts(stream)


@pytest.mark.parametrize("amount", ["12345678901234567.89", "0.1234567890123456789"])
def test_an_amount_that_a_double_cannot_hold_is_a_reject(load, singer, account, amount):
    payment = {"id": "p", "customer": {"number": "C-1"}, "amount": amount}
    run = load(*singer.stream("payments", payment))
    assert run.counts("payments") == {"rejected": 1}
    assert account.objects("payments") == []


# Objects that changed in the account


def test_a_voided_key_that_comes_again_is_a_new_document_or_a_reject_with_a_remedy(
    load, singer, account, tmp_path, rejects_in
):
    file = tmp_path / "rejects.singer"
    record = {**INVOICE, "number": "INV-X"}
    load(*singer.stream("invoices", record))
    account.edit("invoices", 1, status="voided", voided=True)
    run = load(*singer.stream("invoices", {**record, "notes": "back"}), rejects=str(file))
    assert run.exit_code == 0, run.stderr
    live = [row for row in account.objects("invoices") if row["status"] != "voided"]
    reasons = [one["reject"]["reason"] for one in rejects_in(file)]
    assert live or any("INV-X" in one and "number" in one for one in reasons), reasons


@pytest.mark.parametrize("stream", ["invoices", "payments"])
def test_the_remedy_for_a_voided_object_creates_it_again(
    load, singer, account, tmp_path, rejects_in, stream
):
    file = tmp_path / "rejects.singer"
    record = {
        "invoices": {**INVOICE, "number": "INV-X"},
        "payments": {"id": "i", "customer": {"number": "C-1"}, "amount": 5},
    }[stream]
    load(*singer.stream(stream, record))
    (made,) = account.objects(stream)
    account.edit(stream, made["id"], status="voided", voided=True)
    load(*singer.stream(stream, {**record, "notes": "changed"}), rejects=str(file))
    (reject,) = rejects_in(file)
    assert "`_sdc_deleted_at`" in reject["reject"]["reason"]
    new = {**record, "number": "INV-Y"} if stream == "invoices" else record
    gone = {**new, "_sdc_deleted_at": "2026-02-01T00:00:00Z"}
    run = load(*singer.stream(stream, gone, new))
    assert run.counts(stream) == {"unchanged": 1, "created": 1}


@pytest.mark.parametrize("how", ["deleted", "merged"])
def test_a_customer_that_was_made_again_by_hand_is_found_by_its_number(load, singer, account, how):
    customer = {"id": "c", "name": "C", "number": "C-9"}
    load(*singer.stream("customers", customer))
    (made,) = [row["id"] for row in account.objects("customers") if row["number"] == "C-9"]
    if how == "merged":
        account.edit("customers", 5, number="C-8")
        account.merge(made, into=5)
        account.edit("customers", 5, number="C-9")
    else:
        account.remove("customers", made)
        account.add("customers", id=99, name="again", number="C-9")
    kept = 5 if how == "merged" else 99
    run = load(
        *singer.stream("customers", {**customer, "name": "Changed"}),
        *singer.stream("invoices", {**INVOICE, "customer": "c"}),
    )
    assert "rejected" not in run.counts("customers"), run.stderr
    assert account.get("customers", kept)["name"] == "Changed"
    assert [row["customer"] for row in account.objects("invoices")] == [kept]
