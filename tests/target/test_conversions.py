"""Values as other systems write them become values that Invoiced accepts."""

import json
from decimal import Decimal

import pytest

from invoiced_api.definitions import DeleteBehaviour
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.keys import ExternalKey, NaturalKey
from target_invoiced.stream_settings import Ids
from tests.target.bodies import created, plan, refusal, updated


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
def test_a_string_is_converted_where_no_string_is_accepted(stream, name, written, sent):
    """A CSV file holds only text, and some databases return JSON as text."""
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
def test_a_reference_by_number_may_be_json_in_a_string(ids):
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
def test_a_number_that_a_double_holds_is_sent(number):
    for written in (number, str(number)):
        assert created("customers", credit_limit=written) == {"credit_limit": number}


def test_a_long_number_in_a_list_of_the_callers_own_is_refused():
    assert "`attachments[]` has more digits" in refusal("invoices", attachments=[Decimal(2**64)])
    assert "`attachments[]` has more digits" in refusal("invoices", attachments=f"[{2**64}]")


@pytest.mark.parametrize("text", ["much", "1,200.00", "007", "null", '"5"', "NaN", "1e999"])
def test_a_string_that_cannot_be_converted_is_sent_unchanged(text):
    assert created("customers", credit_limit=text) == {"credit_limit": text}


@pytest.mark.parametrize("name", ["discounts", "ship_to", "metadata"])
def test_an_empty_string_instead_of_a_list_or_object_is_sent(name):
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
