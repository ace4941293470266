"""Records to calls: the kind of each call, and its path. Tables of cases."""

import pytest

from invoiced_api.definitions import DeleteBehaviour, SideEffect
from invoiced_api.resources import BY_NAME, ENDPOINTS
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.mapping.keys import ExternalKey, NaturalKey, ObjectId
from target_invoiced.mapping.operations import Create, NoOp, Remove, Update
from target_invoiced.mapping.outcomes import Kind
from target_invoiced.stream_settings import EndpointStream, Ids, OperationKind

GONE = {"_sdc_deleted_at": "2026-01-31T10:00:00Z"}
DELETE, VOID = DeleteBehaviour.DELETE, DeleteBehaviour.VOID
VOID_ONCE_ISSUED = DeleteBehaviour.VOID_ONCE_ISSUED


def planner(stream, allowed=(), own=(), **settings):
    to = EndpointStream(resource=BY_NAME[stream], **settings)
    return EndpointMapper(to, frozenset(), frozenset(allowed), frozenset(own))


def plan(stream, record, known=None, **settings):
    return planner(stream, **settings).operation(record, known)


def external(stream, record, known=None, **settings):
    return plan(stream, record, known, ids=Ids.EXTERNAL, **settings)


def refusal(stream, record, known=None, **settings):
    with pytest.raises(InvalidRecordError) as caught:
        plan(stream, record, known, **settings)
    return str(caught.value)


def where(path):
    """A path in readable form."""
    return "".join(map(str, path))


@pytest.mark.parametrize("ids", Ids)
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param('{"id":"A"}', "A", id="object-in-a-string"),
        pytest.param({"id": "A"}, "A", id="object"),
        pytest.param("A", "A", id="id"),
        pytest.param('{"id": 5}', "5", id="number-in-a-string"),
        pytest.param(5.0, "5", id="whole-float"),
    ],
)
def test_what_a_record_refers_to_is_understood_as_in_its_body(ids, written, meant):
    """An update of it is kept behind the write of the object, though its body does not name it."""
    token = ExternalKey if ids is Ids.EXTERNAL else ObjectId
    refers_to = planner("invoices", ids=ids).refers_to({"customer": written})
    assert refers_to == {token("customers", meant)}


def test_an_empty_reference_names_no_object():
    for written in (None, "", True, [5], {}, "{}"):
        assert planner("invoices", ids=Ids.EXTERNAL).refers_to({"customer": written}) == set()


# Ids of this account


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        pytest.param({"name": "A"}, Create, id="no-id-creates"),
        pytest.param({"id": None, "name": "A"}, Create, id="null-id-creates"),
        pytest.param({"id": "", "name": "A"}, Create, id="empty-id-creates"),
        pytest.param({"id": 5, "name": "A"}, Update, id="id-updates"),
        pytest.param({"id": "5", "name": "A"}, Update, id="id-as-a-string-updates"),
        pytest.param({"id": 5, "name": "A", **GONE}, Remove, id="deletion-mark-deletes"),
        pytest.param(
            {"id": 5, "name": "A", "_sdc_deleted_at": None}, Update, id="null-mark-does-not-delete"
        ),
    ],
)
def test_a_record_becomes_one_call(record, kind):
    intent = plan("customers", record)
    assert isinstance(intent, kind)
    assert where(intent.path) == ("/customers" if kind is Create else "/customers/5")
    assert kind is Remove or intent.body == {"name": "A"}


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("../invoices/5", id="path"),
        pytest.param("5/void", id="path-below"),
        pytest.param(-5, id="negative"),
        pytest.param("cus_5", id="word"),
        pytest.param(True, id="true"),
        pytest.param(5.5, id="decimal"),
        pytest.param({"id": 5}, id="object"),
    ],
)
@pytest.mark.parametrize("mark", [{}, GONE], ids=["update", "delete"])
def test_an_id_that_cannot_be_invoiceds_is_refused(written, mark):
    assert refusal("customers", {"id": written, "name": "A", **mark}).startswith("`id` is ")


def test_a_deletion_without_an_id_is_refused():
    assert "`id` is missing" in refusal("customers", GONE)


@pytest.mark.parametrize(
    ("record", "operation"),
    [
        ({"name": "A"}, OperationKind.CREATE),
        ({"id": 5, "name": "A"}, OperationKind.UPDATE),
        ({"id": 5, **GONE}, OperationKind.DELETE),
    ],
    ids=["create", "update", "delete"],
)
def test_an_operation_that_is_not_allowed_is_skipped(record, operation):
    others = frozenset(OperationKind) - {operation}
    assert plan("customers", record, operations=others) == NoOp(Kind.SKIPPED)
    only = plan("customers", record, operations=frozenset({operation}))
    assert not isinstance(only, NoOp)


def test_only_a_document_that_shows_itself_void_may_be_void():
    assert plan("invoices", {"id": 5, "status": "voided"}).ended
    assert plan("payments", {"id": 5, "voided": True}).ended
    assert not plan("invoices", {"id": 5, "status": "paid"}).ended
    assert not plan("customers", {"id": 5, "status": "voided"}).ended


# Keys of another system


@pytest.mark.parametrize(
    ("record", "known", "kind"),
    [
        pytest.param({"id": 5, "name": "A"}, None, Create, id="unknown-creates"),
        pytest.param({"id": 5, "name": "A"}, 77, Update, id="known-updates"),
        pytest.param({"id": 5, **GONE}, 77, Remove, id="known-deletes"),
        pytest.param({"name": "A"}, None, Create, id="no-key-creates"),
    ],
)
def test_what_the_ledger_knows_decides_where_keys_are_of_another_system(record, known, kind):
    intent = external("customers", record, known)
    assert isinstance(intent, kind)
    assert where(intent.path) == ("/customers" if kind is Create else "/customers/77")


@pytest.mark.parametrize(
    ("stream", "record", "known", "intent"),
    [
        pytest.param("customers", {"id": 5, **GONE}, None, Kind.UNCHANGED, id="never-came"),
        pytest.param("subscriptions", {"status": "canceled"}, None, Kind.SKIPPED, id="would-bill"),
        pytest.param("subscriptions", {"status": "finished"}, None, Kind.SKIPPED, id="would-bill2"),
        pytest.param("subscriptions", {"status": "finished"}, 7, Kind.SKIPPED, id="ends-by-itself"),
    ],
)
def test_what_needs_no_call_gets_none(stream, record, known, intent):
    assert external(stream, record, known) == NoOp(intent)


@pytest.mark.parametrize(
    ("stream", "record", "removal"),
    [
        pytest.param("invoices", {"status": "voided"}, VOID_ONCE_ISSUED, id="document"),
        pytest.param("payments", {"voided": True}, VOID, id="payment"),
        pytest.param(
            "subscriptions", {"status": "canceled"}, DeleteBehaviour.CANCEL, id="subscription"
        ),
    ],
)
def test_an_object_that_ended_at_its_source_is_removed(stream, record, removal):
    assert external(stream, {"id": 5, **record}, 77).removal is removal
    if removal is not DeleteBehaviour.CANCEL:
        assert external(stream, {"id": 5, **record}).then is removal


@pytest.mark.parametrize(
    ("stream", "attribute", "value"),
    [
        ("customers", "number", "C-1"),
        ("invoices", "number", "I-1"),
        ("estimates", "number", "E-1"),
        ("credit_notes", "number", "N-1"),
        ("plans", "id", "starter"),
        ("items", "id", "delivery"),
        ("coupons", "id", "FIFTH"),
        ("tax_rates", "id", "vat"),
    ],
)
def test_an_object_may_be_there_already_under_its_natural_key(stream, attribute, value):
    expected = NaturalKey(stream, attribute, value)
    assert external(stream, {attribute: value}).natural == expected
    assert plan(stream, {"number": "C-1"}).natural is None, "an id of this account needs no search"


@pytest.mark.parametrize("stream", ["payments", "transactions", "subscriptions", "notes", "tasks"])
def test_a_resource_without_a_natural_key_is_not_searched(stream):
    assert external(stream, {"id": 5, "number": "X-1"}).natural is None


@pytest.mark.parametrize(
    ("settings", "record", "key", "tokens"),
    [
        pytest.param({}, {"id": 5}, None, {ObjectId("customers", "5")}, id="an-id-is-the-object"),
        pytest.param(
            {"ids": Ids.EXTERNAL},
            {"id": 5, "number": "C-1"},
            ExternalKey("customers", "5"),
            {ExternalKey("customers", "5"), NaturalKey("customers", "number", "C-1")},
            id="a-key-and-a-number",
        ),
    ],
)
def test_writes_to_one_object_are_known_by_what_names_it(settings, record, key, tokens):
    assert planner("customers", **settings).objects(record, key) == tokens


# Where it goes


@pytest.mark.parametrize(
    ("stream", "record", "path"),
    [
        ("contacts", {"customer": 3}, "/customers/3/contacts"),
        ("contacts", {"customer": {"id": 3}, "id": 5}, "/customers/3/contacts/5"),
        ("pending_line_items", {"customer": 3}, "/customers/3/line_items"),
        ("pending_line_items", {"customer": 3, "id": 5}, "/customers/3/line_items/5"),
        ("payment_plans", {"invoice": 4}, "/invoices/4/payment_plan"),
        ("payment_plans", {"invoice": 4, "id": 5}, "/invoices/4/payment_plan"),
        ("payment_plans", {"invoice": 4, "id": 5, **GONE}, "/invoices/4/payment_plan"),
        (
            "payment_sources",
            {"customer": 3, "id": 5, "object": "card", **GONE},
            "/customers/3/cards/5",
        ),
        (
            "payment_sources",
            {"customer": 3, "id": 5, "object": "bank_account", **GONE},
            "/customers/3/bank_accounts/5",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" in value else "",
)
def test_children_are_found_below_their_parents(stream, record, path):
    assert where(plan(stream, record, allowed=SideEffect).path) == path


def test_a_refund_is_found_below_its_charge():
    intent = plan("refunds", {"charge": 6, "amount": 5}, allowed=SideEffect)
    assert (where(intent.path), intent.body) == ("/charges/6/refunds", {"amount": 5})


@pytest.mark.parametrize(
    ("stream", "name"),
    [
        ("contacts", "customer"),
        ("payment_sources", "customer"),
        ("pending_line_items", "customer"),
        ("payment_plans", "invoice"),
        ("refunds", "charge"),
    ],
)
def test_a_child_without_its_parent_is_refused_by_name(stream, name):
    said = refusal(stream, {"notes": "x"}, allowed=SideEffect)
    assert said == (f"`{name}` is missing, but the path of the call needs it. Add it to the record")


@pytest.mark.parametrize("written", ["3/void", "../3", "a b"], ids=repr)
def test_what_fills_a_path_is_one_piece_of_it_and_cannot_lead_elsewhere(written):
    """The parts are quoted when they are joined."""
    path = plan("contacts", {"customer": written}).path
    assert path == ("/customers/", written, "/contacts")


@pytest.mark.parametrize(
    ("stream", "operation"),
    [
        ("charges", "deletes"),
        ("charges", "updates"),
        ("refunds", "deletes"),
        ("refunds", "updates"),
        ("payment_sources", "updates"),
    ],
)
def test_what_invoiced_has_no_call_for_is_refused(stream, operation):
    record = {"id": 5, "customer": 3, "charge": 6, "object": "card"}
    mark = GONE if operation == "deletes" else {}
    said = refusal(stream, {**record, **mark}, allowed=SideEffect)
    assert said == f"Invoiced has no call that {operation} {stream}"


@pytest.mark.parametrize(
    ("record", "body"),
    [
        pytest.param({"customer": 3}, {"customer_id": 3}, id="customer"),
        pytest.param({"invoice": 4}, {"invoice_id": 4}, id="invoice"),
        pytest.param({"customer_id": 3}, {"customer_id": 3}, id="as-the-write-calls-it"),
        pytest.param({"customer": 3, "invoice": 4}, {"invoice_id": 4}, id="the-closer-of-both"),
        pytest.param({"customer": 3, "invoice": None}, {"customer_id": 3}, id="null-is-none"),
    ],
)
def test_a_note_is_on_what_the_tap_calls_customer_or_invoice(record, body):
    assert plan("notes", {"notes": "N", **record}).body == {"notes": "N", **body}


def test_a_task_is_of_the_customer_that_the_tap_names():
    assert plan("tasks", {"name": "Call", "customer": 3}).body == {"name": "Call", "customer_id": 3}


@pytest.mark.parametrize(
    ("stream", "record"),
    [
        ("transactions", {"type": "payment", "gateway": "test"}),
        ("charges", {"amount": 5, "payment_source": {"id": 9, "object": "card"}}),
        ("customers", {"name": "A", "tax": 5}),
    ],
    ids=["gateway", "payment-source", "tax"],
)
def test_only_customers_and_invoices_have_two_names(stream, record):
    """A gateway once went out as its `gateway_id`, too, and the card of a charge as an id."""
    body = plan(stream, record, allowed=SideEffect).body
    assert not any(name.endswith("_id") for name in body)


@pytest.mark.parametrize("stream", ENDPOINTS)
def test_every_endpoint_can_be_planned_for(stream):
    of_all = {"customer": 3, "invoice": 4, "charge": 6, "name": "A"}
    create = plan(stream, of_all, allowed=SideEffect)
    assert where(create.path).startswith("/")
    assert "id" not in create.body


# Attributes that are left out


def test_excluded_attributes_are_left_out_and_unknown_ones_reported():
    record = {"name": "A", "id": 5, "created_at": 1, "_sdc_batched_at": 1, "colour": 1, "key": 1}
    assert planner("customers", own=["key"]).unknown_attributes(record) == ["colour"]


@pytest.mark.parametrize(
    ("stream", "name"), [("notes", "customer"), ("contacts", "customer"), ("refunds", "charge")]
)
def test_what_names_a_parent_is_not_unknown(stream, name):
    assert planner(stream).unknown_attributes({name: 3}) == []


@pytest.mark.parametrize(
    ("stream", "record"),
    [
        ("customers", {"number": "C-1", "name": "A", "currency": "usd", "notes": "x"}),
        ("invoices", {"number": "I-1", "customer": "c", "notes": "x", "currency": "usd"}),
        ("plans", {"name": "A", "amount": 5, "interval": "month"}),
    ],
)
def test_an_update_compares_only_attributes_that_it_does_not_send(stream, record):
    update = external(stream, {"id": "k", **record}, 5)
    assert update.body
    assert not update.fixed.keys() & update.body.keys()
