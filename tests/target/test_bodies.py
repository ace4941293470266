"""From records to bodies: the attributes that the endpoint accepts. Tables of cases."""

import json

import pytest

from invoiced_api.resources import BY_NAME
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.mapping.keys import ExternalKey, NaturalKey
from target_invoiced.mapping.payloads import already_matches
from target_invoiced.stream_settings import EndpointStream, Ids
from tests.target.bodies import created, plan, refusal, updated

TEN_O_CLOCK = 1_769_853_600


# Attributes


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        pytest.param("2026-01-31T10:00:00Z", TEN_O_CLOCK, id="date-time"),
        pytest.param("2026-01-31T12:00:00+02:00", TEN_O_CLOCK, id="with-zone"),
        pytest.param("2026-01-31T10:00:00.123456Z", TEN_O_CLOCK, id="with-fraction"),
        pytest.param("2026-01-31", TEN_O_CLOCK + 7_200, id="date-is-noon-utc"),
        pytest.param(TEN_O_CLOCK, TEN_O_CLOCK, id="seconds"),
        pytest.param(str(TEN_O_CLOCK), TEN_O_CLOCK, id="seconds-as-a-string"),
        pytest.param(float(TEN_O_CLOCK), TEN_O_CLOCK, id="seconds-as-a-double"),
        pytest.param("", "", id="empty-string-which-invoiced-reads-as-null"),
        pytest.param(None, None, id="null"),
    ],
)
def test_timestamps_become_unix_seconds(written, sent):
    assert updated("invoices", due_date=written) == {"due_date": sent}
    inside = updated("invoices", items=[{"discounts": [{"expires": written}]}])
    assert inside == {"items": [{"discounts": [{"expires": sent}]}]}


@pytest.mark.parametrize("written", ["tomorrow", "2026-02-30", True, 1.5, {}, []], ids=repr)
def test_what_is_no_timestamp_is_refused_by_name(written):
    assert "`due_date` is not " in refusal("invoices", due_date=written)
    inside = refusal("invoices", items=[{"discounts": [{"expires": written}]}])
    assert inside.startswith("`items[].discounts[].expires` is not ")


def test_a_null_clears_with_an_update_and_is_nothing_to_a_new_object():
    assert updated("customers", name="A", email=None) == {"name": "A", "email": None}
    assert created("customers", name="A", email=None) == {"name": "A"}
    assert updated("invoices", items=[{"name": None}]) == {"items": [{"name": None}]}
    assert created("invoices", items=[{"name": None}]) == {"items": [{}]}


def test_read_only_attributes_are_left_out_also_inside():
    record = {
        "object": "invoice",
        "customer": 3,
        "status": "paid",
        "total": 5,
        "url": "https://x.example",
        "created_at": "2026-01-31T10:00:00Z",
        "items": [
            {
                "object": "line_item",
                "amount": 5,
                "quantity": 1,
                "taxes": [{"id": 7, "object": "tax", "amount": 1, "updated_at": None}],
            }
        ],
        "ship_to": {"name": "A", "created_at": "2026-01-31T10:00:00Z"},
    }
    items = [{"quantity": 1, "taxes": [{"amount": 1}]}]
    known_items = [{"quantity": 1, "taxes": [{"id": 7, "amount": 1}]}]
    assert created("invoices", **record) == {
        "customer": 3,
        "items": items,
        "ship_to": {"name": "A"},
    }
    # nobody moves an invoice to another customer
    assert updated("invoices", **record) == {"items": known_items, "ship_to": {"name": "A"}}


@pytest.mark.parametrize(
    ("stream", "name", "part"),
    [
        pytest.param("invoices", "items", {"id": 8, "quantity": 2}, id="line"),
        pytest.param("invoices", "discounts", {"id": 8, "amount": 2}, id="discount"),
        pytest.param("invoices", "taxes", {"id": 8, "tax_rate": "vat"}, id="tax"),
        pytest.param("subscriptions", "addons", {"id": 8, "plan": "support"}, id="addon"),
    ],
)
def test_the_id_of_a_part_is_sent_with_an_update_only(stream, name, part):
    new = {key: value for key, value in part.items() if key != "id"}
    assert updated(stream, **{name: [part]}) == {name: [part]}
    assert created(stream, **{name: [part]}) == {name: [new]}


@pytest.mark.parametrize(
    ("stream", "record", "body"),
    [
        pytest.param(
            "invoices",
            {"taxes": [{"amount": 1, "tax_rate": {"id": "vat", "value": 19}}]},
            {"taxes": [{"amount": 1, "tax_rate": "vat"}]},
            id="tax-rate",
        ),
        pytest.param(
            "customers",
            {"taxes": ["gst", {"id": "vat", "value": 19}, {"id": 8, "tax_rate": {"id": "eco"}}]},
            {"taxes": ["gst", "vat", "eco"]},
            id="tax-rates-of-a-customer",
        ),
        pytest.param(
            "subscriptions",
            {"discounts": [{"id": "FIFTH", "value": 20}, {"coupon": "SIXTH"}]},
            {"discounts": ["FIFTH", "SIXTH"]},
            id="coupons-of-a-subscription",
        ),
        pytest.param(
            "invoices",
            {"discounts": [{"coupon": {"id": "FIFTH", "value": 20}}]},
            {"discounts": [{"coupon": "FIFTH"}]},
            id="coupon",
        ),
        pytest.param("subscriptions", {"plan": {"id": "starter"}}, {"plan": "starter"}, id="plan"),
        pytest.param(
            "subscriptions",
            {"addons": [{"plan": {"id": "support"}, "quantity": 2}]},
            {"addons": [{"plan": "support", "quantity": 2}]},
            id="plan-of-an-addon",
        ),
        pytest.param(
            "invoices",
            {"items": [{"catalog_item": {"id": "delivery"}}]},
            {"items": [{"catalog_item": "delivery"}]},
            id="catalog-item",
        ),
        pytest.param(
            "customers",
            {"parent_customer": {"id": 3, "name": "A"}},
            {"parent_customer": 3},
            id="expanded-customer",
        ),
        pytest.param("customers", {"parent_customer": 3}, {"parent_customer": 3}, id="plain-id"),
    ],
)
def test_objects_that_are_referred_to_are_written_by_id(stream, record, body):
    assert updated(stream, **record) == body


@pytest.mark.parametrize(
    ("stream", "record", "key"),
    [
        ("invoices", {"customer": {"number": "C-1"}}, NaturalKey("customers", "number", "C-1")),
        ("transactions", {"invoice": {"number": "I-1"}}, NaturalKey("invoices", "number", "I-1")),
        (
            "transactions",
            {"credit_note": {"number": "N-1", "name": "A"}},
            NaturalKey("credit_notes", "number", "N-1"),
        ),
    ],
    ids=["customer", "invoice", "credit-note"],
)
def test_objects_may_be_referred_to_by_natural_key(stream, record, key):
    (name,) = record
    assert created(stream, **record) == {name: key}


@pytest.mark.parametrize(
    "reference",
    [
        pytest.param({}, id="empty"),
        pytest.param({"name": "A"}, id="neither"),
        pytest.param({"number": ""}, id="empty-number"),
        pytest.param({"number": [5]}, id="number-is-a-list"),
        pytest.param({"id": None}, id="null-id"),
    ],
)
def test_an_object_without_id_and_natural_key_refers_to_nothing(reference):
    said = refusal("invoices", customer=reference)
    assert said == "`customer` refers to no object. Add its `id` or `number`"


NOT_A_LIST = "`items` is not a list of objects. Send one, or its JSON as a string"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        pytest.param({"items": {}}, NOT_A_LIST, id="no-list"),
        pytest.param({"items": ["a"]}, NOT_A_LIST, id="list-of-others"),
        pytest.param({"items": "[1"}, NOT_A_LIST, id="broken-json"),
        pytest.param({"items": "5"}, NOT_A_LIST, id="another-s-json"),
        pytest.param({"ship_to": "a"}, "`ship_to` is not an object", id="no-object"),
        pytest.param({"metadata": []}, "`metadata` is not an object", id="metadata"),
    ],
)
def test_what_has_not_its_shape_is_refused(record, said):
    assert refusal("invoices", **record) == said


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        pytest.param({str(n): 1 for n in range(11)}, "more than 10 keys", id="eleven-keys"),
        pytest.param({"k" * 41: 1}, "a key of more than 40 characters", id="key-of-41"),
        pytest.param({"k": "v" * 256}, "a value of more than 255 characters", id="value-of-256"),
    ],
)
def test_metadata_beyond_its_limits_is_refused_before_any_request(metadata, said):
    assert refusal("customers", metadata=metadata) == f"`metadata` has {said}"
    inside = refusal("invoices", items=[{"metadata": metadata}])
    assert inside == f"`items[].metadata` has {said}"


def test_metadata_at_its_limits_is_sent():
    metadata = {f"{n:040}": "v" * 255 for n in range(10)}
    assert created("customers", metadata=metadata) == {"metadata": metadata}


@pytest.mark.parametrize("amount", [0.1, 19.99, 3.85, 1e-7, 123456789.01, 10**15, 0.1 + 0.2])
def test_numbers_keep_their_digits(amount):
    body = created("transactions", amount=amount)
    assert json.dumps(body) == json.dumps({"amount": amount})


# Lists of ids

RATES = [
    pytest.param(["vat", "gst"], id="ids"),
    pytest.param([{"id": "vat", "object": "tax_rate", "value": 19}, {"id": "gst"}], id="objects"),
    pytest.param([{"tax_rate": "vat"}, {"id": 7, "tax_rate": {"id": "gst"}}], id="taxes"),
    pytest.param('["vat", {"tax_rate": "gst"}]', id="json-in-a-string"),
]


@pytest.mark.parametrize("stream", ["customers", "items", "subscriptions"])
@pytest.mark.parametrize("written", RATES)
def test_tax_rates_are_sent_as_a_list_of_ids(stream, written):
    assert created(stream, taxes=written) == {"taxes": ["vat", "gst"]}
    assert updated(stream, taxes=written) == {"taxes": ["vat", "gst"]}
    external = plan(stream, {"id": "x", "taxes": written}, ids=Ids.EXTERNAL).body
    assert external["taxes"] == [ExternalKey("tax_rates", "vat"), ExternalKey("tax_rates", "gst")]


def test_coupons_of_a_subscription_are_sent_as_a_list_of_ids():
    written = ["FIFTH", {"id": "SIXTH", "value": 5}, {"coupon": {"id": "TENTH"}, "amount": 3}]
    sent = {"discounts": ["FIFTH", "SIXTH", "TENTH"]}
    assert created("subscriptions", discounts=written) == sent
    assert updated("subscriptions", discounts=written) == sent


@pytest.mark.parametrize("none", [None, ""], ids=repr)
def test_no_tax_rates_are_an_empty_list_in_an_update(none):
    assert updated("customers", taxes=none) == {"taxes": []}
    assert created("customers", taxes=none) == {}


@pytest.mark.parametrize("written", [5, True, {"id": "vat"}, [["vat"]], [True], [{}]], ids=repr)
def test_what_is_no_list_of_tax_rates_is_refused_by_name(written):
    assert refusal("customers", taxes=written).startswith("`taxes")


def test_columns_of_the_tap_without_attributes_are_left_out_without_a_warning():
    mapper = EndpointMapper(EndpointStream(resource=BY_NAME["customers"]), frozenset(), frozenset())
    record = {"name": "A", "_extra": {"new": 1}, "_sdc_batched_at": 1}
    assert mapper.unknown_attributes(record) == []
    assert created("customers", **record) == {"name": "A"}


@pytest.mark.parametrize(
    ("stream", "record"),
    [
        ("subscriptions", {"amount": 19.99}),
        ("payments", {"metadata": {"a": "b"}}),
        ("customers", {"active": False, "bill_to_parent": True, "consolidated": True}),
        ("customers", {"late_fee_schedule": 5}),
        ("contacts", {"send_new_invoices": True}),
        ("invoices", {"late_fees": False}),
        ("pending_line_items", {"plan": "gold", "prorated": True, "period_start": TEN_O_CLOCK}),
    ],
)
def test_attributes_that_a_call_accepts_are_sent(stream, record):
    parent = {"customer": 5}
    assert record.items() <= created(stream, **parent, **record).items()
    assert record.items() <= updated(stream, **parent, **record).items()


# Whether an object has every value of a body already


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        pytest.param({"name": "A"}, True, id="same"),
        pytest.param({"name": "B"}, False, id="other"),
        pytest.param({"name": "A", "notes": None}, True, id="null"),
        pytest.param({"notes": ""}, True, id="empty-string-is-null"),
        pytest.param({"more": 1}, False, id="absent"),
        pytest.param({"items": [{"quantity": 1}]}, True, id="lines"),
        pytest.param({"items": [{"quantity": 2}]}, False, id="other-lines"),
        pytest.param({"items": []}, False, id="fewer-lines"),
        pytest.param({"items": [{"quantity": 1}] * 2}, False, id="more-lines"),
        pytest.param({"coupon": "FIFTH"}, True, id="id-of-a-whole-object"),
        pytest.param({"coupon": "SIXTH"}, False, id="id-of-another-object"),
    ],
)
def test_whether_an_object_shows_a_body_already(body, answer):
    current = {
        "name": "A",
        "notes": None,
        "items": [{"id": 8, "quantity": 1, "amount": 5}],
        "coupon": {"id": "FIFTH", "value": 20},
    }
    assert already_matches(current, body) is answer
