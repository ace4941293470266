"""Records to bodies: what the endpoint accepts, in the form it accepts. Tables of cases."""

import json
from decimal import Decimal

import pytest

from invoiced_api.definitions import DeleteBehaviour
from invoiced_api.resources import BY_NAME
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.card_numbers import without_card_numbers
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.mapping.keys import ExternalKey, NaturalKey
from target_invoiced.mapping.operations import Create, Update
from target_invoiced.mapping.payloads import already_matches
from target_invoiced.stream_settings import EndpointStream, Ids

TEN_O_CLOCK = 1_769_853_600


def plan(stream, record, allow=(), **settings):
    to = EndpointStream(resource=BY_NAME[stream], **settings)
    return EndpointMapper(to, frozenset(allow), frozenset()).operation(record, None)


def created(stream, **record):
    intent = plan(stream, record)
    assert isinstance(intent, Create)
    return intent.body


def updated(stream, **record):
    intent = plan(stream, {"id": 5, **record})
    assert isinstance(intent, Update)
    return intent.body


def refusal(stream, allow=(), **record):
    with pytest.raises(InvalidRecordError) as caught:
        plan(stream, record, allow)
    return str(caught.value)


def card_number():
    """A Visa number that passes every check, written down nowhere."""
    digits = "4" + "24" * 7
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    total = doubled + sum(int(digit) for digit in digits[-2::-2])
    return digits + str(-total % 10)


CARD = card_number()


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
def test_the_id_of_a_part_goes_out_with_an_update_only(stream, name, part):
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
    assert said == "`customer` refers to no object: it holds neither `id` nor a natural key"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        pytest.param({"items": {}}, "`items` is not a list of objects", id="no-list"),
        pytest.param({"items": ["a"]}, "`items` is not a list of objects", id="list-of-others"),
        pytest.param({"items": "[1"}, "`items` is not a list of objects", id="broken-json"),
        pytest.param({"items": "5"}, "`items` is not a list of objects", id="another-s-json"),
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


def test_metadata_at_its_limits_goes_out():
    metadata = {f"{n:040}": "v" * 255 for n in range(10)}
    assert created("customers", metadata=metadata) == {"metadata": metadata}


@pytest.mark.parametrize("amount", [0.1, 19.99, 3.85, 1e-7, 123456789.01, 10**15, 0.1 + 0.2])
def test_numbers_keep_their_digits(amount):
    body = created("transactions", amount=amount)
    assert json.dumps(body) == json.dumps({"amount": amount})


# Strings


@pytest.mark.parametrize(
    ("stream", "name", "written", "sent"),
    [
        pytest.param("customers", "credit_limit", "120.50", 120.5, id="number"),
        pytest.param("customers", "credit_limit", "-3", -3, id="whole-number"),
        pytest.param("customers", "chasing_cadence", "7", 7, id="integer"),
        pytest.param("customers", "taxable", "false", False, id="false"),
        pytest.param("customers", "taxable", "TRUE", True, id="true-of-a-spreadsheet"),
        pytest.param("customers", "metadata", '{"a": "1"}', {"a": "1"}, id="object"),
        pytest.param("invoices", "disabled_payment_methods", '["ach"]', ["ach"], id="list"),
        pytest.param("invoices", "ship_to", '{"name": "A"}', {"name": "A"}, id="nested-object"),
        pytest.param("invoices", "customer", "15444", 15444, id="id"),
        pytest.param(
            "invoices",
            "items",
            '[{"name": "7", "quantity": "1.5", "taxable": "false", "amount": 3}]',
            [{"name": "7", "quantity": 1.5, "taxable": False}],
            id="lines-with-strings-inside",
        ),
    ],
)
def test_a_string_where_none_can_be_is_what_it_stands_for(stream, name, written, sent):
    """A CSV file holds nothing else, and some databases tell JSON as text."""
    for body in (created(stream, **{name: written}), updated(stream, **{name: written})):
        assert json.dumps(body.get(name, sent)) == json.dumps(sent)
    assert name in created(stream, **{name: written})


@pytest.mark.parametrize("text", ["7", "true", "null", '{"a": 1}', "007", "1e5"])
@pytest.mark.parametrize(("stream", "name"), [("customers", "number"), ("plans", "id")])
def test_text_stays_text_whatever_it_looks_like(stream, name, text):
    assert plan(stream, {name: text}, ids=Ids.EXTERNAL).body == {name: text}


def test_a_key_of_another_system_is_text_whatever_it_looks_like():
    body = plan("invoices", {"customer": "7"}, ids=Ids.EXTERNAL).body
    assert body == {"customer": ExternalKey("customers", "7")}


@pytest.mark.parametrize("ids", Ids)
def test_a_reference_by_number_may_stand_in_a_string(ids):
    body = plan("invoices", {"customer": '{"number": "C-1"}'}, ids=ids).body
    assert body == {"customer": NaturalKey("customers", "number", "C-1")}


@pytest.mark.parametrize("written", [True, "true", "TRUE", "t", "yes", 1, "1", 1.0])
def test_a_payment_is_void_however_its_source_writes_true(written):
    assert plan("payments", {"voided": written}, ids=Ids.EXTERNAL).then is DeleteBehaviour.VOID


@pytest.mark.parametrize("written", [False, "false", 0, "0", None, "", "2", "no"])
def test_a_payment_is_not_void_where_its_source_does_not_say_so(written):
    assert plan("payments", {"voided": written}, ids=Ids.EXTERNAL).then is None


@pytest.mark.parametrize(
    "number",
    [
        *("18446744073709551616", "-9223372036854775809", "9" * 30, "1" * 300),
        *(str(2**64 - 1), str(2**53 + 1), "12345678901234567.89", "0.12345678901234567890123"),
        *(2**53 + 1, Decimal("12345678901234567.89"), Decimal("9" * 30), Decimal("1e400")),
    ],
    ids=lambda number: f"{type(number).__name__}-{str(number)[:20]}",
)
def test_an_amount_that_a_double_would_round_is_refused(number):
    said = "`credit_limit` has more digits than Invoiced keeps of a number: it would be rounded"
    assert refusal("customers", credit_limit=number) == said
    inside = refusal("invoices", items=[{"unit_cost": number}])
    assert inside == said.replace("credit_limit", "items[].unit_cost")


@pytest.mark.parametrize("number", [2**53, -(2**63), 12345678901234567168, 0.1 + 0.2])
def test_a_number_that_a_double_holds_goes_out(number):
    for written in (number, str(number)):
        assert created("customers", credit_limit=written) == {"credit_limit": number}


def test_a_long_number_in_a_list_of_the_callers_own_is_refused():
    assert "`attachments[]` has more digits" in refusal("invoices", attachments=[Decimal(2**64)])
    assert "`attachments[]` has more digits" in refusal("invoices", attachments=f"[{2**64}]")


@pytest.mark.parametrize("text", ["much", "1,200.00", "007", "null", '"5"', "NaN", "1e999"])
def test_a_string_that_stands_for_nothing_is_left_to_invoiced(text):
    assert created("customers", credit_limit=text) == {"credit_limit": text}


@pytest.mark.parametrize("name", ["discounts", "ship_to", "metadata"])
def test_an_empty_string_in_the_place_of_a_list_or_object_goes_out(name):
    """As everywhere, since Invoiced reads it as null."""
    assert updated("invoices", **{name: ""}) == {name: ""}
    assert created("invoices", **{name: ""}) == {}


TRUE = [True, "true", "TRUE", "t", "T", "yes", "Yes", "y", "1", 1, 1.0, " true "]
FALSE = [False, "false", "False", "f", "no", "N", "0", 0, 0.0]


@pytest.mark.parametrize(
    ("written", "sent"),
    [*((one, True) for one in TRUE), *((one, False) for one in FALSE)],
    ids=repr,
)
def test_a_boolean_may_be_written_in_any_usual_way(written, sent):
    for body in (created("customers", taxable=written), updated("customers", taxable=written)):
        assert body["taxable"] is sent
    assert created("invoices", items=[{"taxable": written}]) == {"items": [{"taxable": sent}]}


@pytest.mark.parametrize("written", ["2", "maybe", 2, -1, "oui"])
def test_any_other_word_is_no_boolean_and_left_to_invoiced(written):
    assert created("customers", taxable=written)["taxable"] not in (True, False)


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (1001, "1001"),
        (1001.0, "1001"),
        (10.5, "10.5"),
        (0, "0"),
        (Decimal("123456789012345678901"), "123456789012345678901"),
        (Decimal("12345678901234567.80"), "12345678901234567.80"),
        ("007", "007"),
    ],
    ids=repr,
)
def test_a_number_in_the_place_of_text_is_sent_with_its_digits(written, sent):
    body = created("customers", number=written, postal_code=written)
    assert body == {"number": sent, "postal_code": sent}
    assert updated("customers", number=written)["number"] == sent
    (natural,) = created("invoices", customer={"number": written}).values()
    assert natural == NaturalKey("customers", "number", sent)


@pytest.mark.parametrize("written", [7, 7.0, "7", "7.0", "7.", " 7 ", Decimal("7.000")], ids=repr)
def test_an_integer_may_have_a_point_and_zeros(written):
    for body in (created("customers", owner=written), updated("customers", owner=written)):
        assert body["owner"] == 7
        assert type(body["owner"]) is int
    assert created("invoices", customer=written) == {"customer": 7}


@pytest.mark.parametrize("written", [15446, 15446.0, "15446", "15446.0"], ids=repr)
def test_an_id_may_have_a_point_and_zeros(written):
    operation = plan("customers", {"id": written, "name": "A"})
    assert operation.path == ("/customers/", 15446, "")


@pytest.mark.parametrize("written", [15446.5, "15446.5", "15446.0x", True, [15446]], ids=repr)
def test_any_other_id_is_refused(written):
    with pytest.raises(InvalidRecordError, match="`id` is "):
        plan("customers", {"id": written, "name": "A"})


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


# Card numbers


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(CARD, id="plain"),
        pytest.param(int(CARD), id="number"),
        pytest.param(" ".join(CARD[at : at + 4] for at in (0, 4, 8, 12)), id="spaces"),
        pytest.param("-".join(CARD[at : at + 4] for at in (0, 4, 8, 12)), id="dashes"),
        pytest.param(f"paid with {CARD}, thanks", id="in-a-sentence"),
    ],
)
@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(lambda value: {"notes": value}, "notes", id="attribute"),
        pytest.param(lambda value: {"metadata": {"card": value}}, "card", id="metadata"),
        pytest.param(lambda value: {"items": [{"name": value}]}, "name", id="line"),
        pytest.param(
            lambda value: {"items": json.dumps([{"name": value}])}, "name", id="line-in-a-string"
        ),
        pytest.param(lambda value: {"attachments": [value]}, "attachments", id="list"),
        pytest.param(
            lambda value: {"customer": {"number": str(value)}}, "customer", id="natural-key"
        ),
    ],
)
def test_a_full_card_number_is_refused_by_name_and_never_shown(shown, place, name):
    said = refusal("invoices", **place(shown))
    assert said.startswith(f"`{name}` looks like a full card number.")
    assert CARD[4:] not in said.replace(" ", "").replace("-", "")
    assert plan("invoices", place(shown), allow=[name])


def test_a_card_number_in_an_attribute_that_is_not_sent_is_no_matter():
    assert created("customers", name="A", unknown=CARD) == {"name": "A"}


def test_what_may_be_kept_in_a_file_shows_no_card_number():
    record = {"a": CARD, "b": [{"c": int(CARD), "d": f"x {CARD}"}], "e": 5, "f": None, "g": 0.1}
    kept = without_card_numbers(record, allowed=())
    assert CARD not in json.dumps(kept)
    assert (kept["e"], kept["f"], kept["g"]) == (5, None, 0.1)


ESCAPED = f"\\u{ord(CARD[0]):04x}{CARD[1:]}"
HIDING = [
    pytest.param(f'{{"card": "{ESCAPED}"}}', id="escaped-in-an-object"),
    pytest.param(f'["{ESCAPED}"]', id="escaped-in-a-list"),
    pytest.param(json.dumps({"a": f'{{"b": "{ESCAPED}"}}'}), id="a-string-in-a-string"),
    pytest.param(f'"{ESCAPED}"', id="an-escaped-string"),
    pytest.param(f" {CARD[0]}.{CARD[1:]}e15", id="float"),
    pytest.param(f"[{CARD}.0, {'9' * 30}]", id="float-beside-a-long-number"),
]


@pytest.mark.parametrize("hiding", HIDING)
def test_a_card_number_that_json_in_a_string_hides_is_kept_in_no_file(hiding):
    kept = without_card_numbers({"id": 1, "notes": hiding, "name": "A"})
    assert kept == {"id": 1, "notes": "[hidden]", "name": "A"}


@pytest.mark.parametrize("hiding", HIDING)
@pytest.mark.parametrize("name", ["notes", "attachments", "metadata"])
def test_a_card_number_that_json_in_a_string_hides_is_not_sent(hiding, name):
    """Whatever is kept hidden is refused: a record that waited would come back without it."""
    with pytest.raises(InvalidRecordError) as caught:
        plan("invoices", {name: hiding})
    assert CARD[1:] not in str(caught.value)


@pytest.mark.parametrize("text", ['{"a": 1}', "[1, 2", '"a"', "-", "4.5", "{", "\\u0034"])
def test_json_in_a_string_that_hides_nothing_is_kept_as_it_is(text):
    assert without_card_numbers({"notes": text}) == {"notes": text}


def test_what_is_allowed_to_look_like_a_card_number_is_kept():
    """A record refused for another reason would come back changed otherwise."""
    record = {"notes": CARD, "metadata": {"token": [int(CARD)]}, "name": CARD}
    kept = without_card_numbers(record, allowed=("notes", "token"))
    assert (kept["notes"], kept["metadata"]) == (CARD, {"token": [int(CARD)]})
    assert kept["name"] != CARD


# What an object already_matches already


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
