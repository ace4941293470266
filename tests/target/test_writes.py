"""Records to objects: the whole command against an account over HTTP."""

AFTER = {"_sdc_deleted_at": "2026-02-01T00:00:00Z"}

STREAMS = ("customers", "subscriptions", "invoices", "estimates", "credit_notes", "transactions")


def test_records_without_an_id_are_created_and_counted(run_target, account, server, singer):
    run = run_target(
        server,
        [
            *singer.stream("customers", {"name": "A", "number": "C-1"}, {"name": "B"}),
            *singer.stream(
                "invoices",
                {
                    "customer": {"number": "C-1"},
                    "number": "I-1",
                    "date": "2026-02-01",
                    "items": [{"name": "Work", "quantity": 3, "unit_cost": 19.99}],
                },
            ),
            *singer.stream(
                "transactions",
                {"invoice": {"number": "I-1"}, "type": "payment", "amount": 9.97},
            ),
        ],
    )
    assert (run.exit_code, run.stdout) == (0, b"")
    assert {row["name"] for row in account.objects("customers")} == {"A", "B"}
    (invoice,) = account.objects("invoices")
    assert (invoice["total"], invoice["balance"], invoice["date"]) == (59.97, 50, 1_769_947_200)
    assert run.counts("customers") == {"created": 2}
    assert run.counts("invoices") == {"created": 1}
    assert run.counts("transactions") == {"created": 1}
    assert "CRITICAL" not in run.stderr


def test_every_kind_of_object_can_be_created(run_target, account, server, singer):
    account.add("plans", id="starter", name="Starter", amount=49)
    account.add("coupons", id="FIFTH", value=20)
    account.add("tax_rates", id="vat", value=5)
    a = {"number": "C-1"}
    of_a = {"customer": a, "items": [{"name": "Work", "quantity": 1, "unit_cost": 100}]}
    rated = {"discounts": [{"coupon": "FIFTH"}], "taxes": [{"tax_rate": {"id": "vat"}}]}
    run = run_target(
        server,
        [
            *singer.stream("customers", {"name": "A", **a, "taxes": [{"tax_rate": {"id": "vat"}}]}),
            *singer.stream(
                "subscriptions",
                {"customer": a, "plan": {"id": "starter"}, "start_date": "2026-03-01"},
            ),
            *singer.stream("invoices", {**of_a, **rated, "due_date": "2026-04-01T00:00:00Z"}),
            *singer.stream("estimates", {**of_a, "expiration_date": "2026-04-01"}),
            *singer.stream("credit_notes", {**of_a, "metadata": {"reason": "late"}}),
            *singer.stream("transactions", {"customer": a, "type": "adjustment", "amount": -0.1}),
        ],
    )
    assert run.exit_code == 0
    assert all(run.counts(stream) == {"created": 1} for stream in STREAMS)
    assert account.get("invoices", 1)["total"] == 84
    assert account.get("subscriptions", 1)["plan"] == "starter"
    assert account.get("transactions", 1)["amount"] == -0.1


def test_an_update_changes_what_it_holds_and_null_clears(
    run_target, account, server, singer, writes
):
    account.add("customers", id=5, name="A", email="a@example.com", notes="N", phone="1")
    run = run_target(server, singer.stream("customers", {"id": 5, "name": "B", "email": None}))
    customer = account.get("customers", 5)
    assert (customer["name"], customer["email"]) == ("B", None)
    assert (customer["notes"], customer["phone"]) == ("N", "1")
    assert run.counts("customers") == {"updated": 1}
    assert writes(server) == [("PATCH", "/customers/5")]


def test_a_line_of_a_document_is_changed_in_place_by_its_id(run_target, account, server, singer):
    account.add("customers", id=1, name="A")
    invoice = account.add(
        "invoices", customer=1, items=[{"name": "Work", "quantity": 1, "unit_cost": 10}]
    )
    line = {**invoice["items"][0], "quantity": 2}
    run_target(server, singer.stream("invoices", {**invoice, "items": [line]}))
    after = account.get("invoices", invoice["id"])
    assert [row["id"] for row in after["items"]] == [line["id"]]
    assert after["total"] == 20


def test_a_record_with_nothing_to_write_is_unchanged_without_a_request(run_target, server, singer):
    run = run_target(server, singer.stream("customers", {"id": 5, "created_at": "2026-01-31"}))
    assert run.counts("customers") == {"unchanged": 1}
    assert server.stats.requests == 0


def test_deletions_do_what_the_object_allows(run_target, account, server, singer):
    account.add("plans", id="starter", name="Starter", amount=49)
    for key in (1, 2):
        account.add("customers", id=key, name="A")
    for resource in ("invoices", "estimates", "credit_notes"):
        account.add(resource, id=10, customer=1, draft=True, status="draft")
        account.add(resource, id=11, customer=1)
        account.add(resource, id=12, customer=1, status="voided")
    account.add("subscriptions", id=20, customer=1, plan="starter")
    account.add("subscriptions", id=21, customer=1, plan="starter", status="canceled")
    account.add("subscriptions", id=22, customer=1, plan="starter", status="finished")
    account.add("transactions", id=30, customer=1, amount=5)
    removals = {
        "customers": (2, 99),
        "invoices": (10, 11, 12, 99),
        "estimates": (10, 11, 12, 99),
        "credit_notes": (10, 11, 12, 99),
        "subscriptions": (20, 21, 22, 99),
        "transactions": (30, 99),
    }
    run = run_target(
        server,
        [
            message
            for stream, ids in removals.items()
            for message in singer.stream(stream, *({"id": key, **AFTER} for key in ids))
        ],
    )
    assert run.exit_code == 0
    assert [row["id"] for row in account.objects("customers")] == [1]
    assert run.counts("customers") == {"deleted": 2}
    for resource in ("invoices", "estimates", "credit_notes"):
        left = {row["id"]: row["status"] for row in account.objects(resource)}
        assert left == {11: "voided", 12: "voided"}
        assert run.counts(resource) == {"deleted": 2, "voided": 1, "unchanged": 1}
    left = {row["id"]: row["status"] for row in account.objects("subscriptions")}
    assert left == {20: "canceled", 21: "canceled", 22: "finished"}
    assert run.counts("subscriptions") == {"deleted": 2, "unchanged": 2}
    assert account.objects("transactions") == []
    assert run.counts("transactions") == {"deleted": 2}


def test_what_invoiced_does_not_delete_is_a_reject_in_its_own_words(
    run_target, account, server, singer
):
    account.add("customers", id=1, name="A")
    account.add("transactions", customer=1, amount=5)
    run = run_target(server, singer.stream("customers", {"id": 1, **AFTER}))
    assert "A customer with transactions cannot be deleted" in run.complaint
    assert run.counts("customers") == {"rejected": 1}
    assert run.exit_code == 1
    assert account.get("customers", 1)


def test_a_void_document_that_is_what_it_was_is_left_alone(
    run_target, account, server, singer, writes
):
    """A void document cannot be edited, so copying one again would be refused."""
    account.add("customers", id=1, name="A")
    voided = account.add("invoices", id=10, customer=1, notes="N", status="voided")
    run = run_target(
        server, singer.stream("invoices", voided, {**voided, "notes": "other"}), max_rejects=1
    )
    assert run.counts("invoices") == {"unchanged": 1, "rejected": 1}
    assert writes(server) == [("PATCH", "/invoices/10")]
    assert "A voided invoice cannot be edited" in run.stderr


def test_no_input_is_a_run_that_had_nothing_to_do(run_target, server):
    run = run_target(server, b"")
    assert (run.exit_code, run.stdout, server.stats.requests) == (0, b"", 0)


def test_check_says_what_the_key_may_read(run_target, account, server):
    account.forbidden.add("estimates")
    run = run_target(server, b"", "--check")
    assert run.exit_code == 0
    lines = run.stdout.decode().splitlines()
    assert "customers: readable" in lines
    assert [line for line in lines if line.startswith("estimates: not readable")]
