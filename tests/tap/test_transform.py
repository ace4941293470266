"""Object -> record, compared with singer's own Transformer."""

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer import UNIX_SECONDS_INTEGER_DATETIME_PARSING
from singer import Transformer as SingerTransformer

import invoiced_schemas
from invoiced_api import exact_json
from tap_invoiced.bad_values import BadValues
from tap_invoiced.columns import row_column
from tap_invoiced.transform import Transformer

INVOICES = invoiced_schemas.load("invoices")
# The same, with an id in `ship_to`, so that one part can stand for those that have ids.
INVOICES_WITH_IDS = invoiced_schemas.load("invoices")
INVOICES_WITH_IDS["properties"]["ship_to"]["properties"]["id"] = {"type": ["null", "integer"]}
SECONDS = st.integers(min_value=0, max_value=4_102_444_800)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What Invoiced may send for a column: of its type, or null where the column takes it."""
    if isinstance(schema["type"], list):
        return st.none() | of_type(schema)
    return of_type(schema)


def of_type(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][-1]
    if schema.get("format") == "date-time":
        return SECONDS
    if kind == "object" and "properties" not in schema:
        return st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)
    if kind == "object":
        return objects(schema)
    if kind == "array":
        return st.lists(values(schema["items"]), max_size=2)
    simple: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(min_value=-(2**53), max_value=2**53),
        "number": st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
        "string": st.text(max_size=8),
    }
    return simple[kind]


def objects(schema: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the columns, and sometimes one that no schema knows."""
    columns = {name: values(column) for name, column in schema["properties"].items()}
    return st.fixed_dictionaries({}, optional={**columns, "shoe_size": st.integers()})


def transformed(row: dict[str, Any], schema: dict[str, Any] = INVOICES) -> dict[str, Any]:
    return transform(row, BadValues("invoices"), schema)


def transform(
    row: dict[str, Any], bad_values: BadValues, schema: dict[str, Any] = INVOICES
) -> dict[str, Any]:
    rows = [copy.deepcopy(row)]
    full_schema = INVOICES if schema is SOME else schema
    Transformer(row_column(schema, full_schema), bad_values)(rows)
    return rows[0]


# One part each of a list, an object and leaves of all types keeps the objects small.
SOME = {
    "type": "object",
    "properties": {
        name: INVOICES["properties"][name]
        for name in ("id", "number", "draft", "date", "total", "discounts", "ship_to", "metadata")
    },
}


def with_unknown_booleans(transformed: Any, sent: Any) -> Any:
    if isinstance(transformed, dict):
        return {name: with_unknown_booleans(one, sent[name]) for name, one in transformed.items()}
    if isinstance(transformed, list):
        return [with_unknown_booleans(*pair) for pair in zip(transformed, sent, strict=True)]
    return None if sent is None else transformed


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(row=objects(SOME))
def test_a_record_is_what_singer_would_have_made_of_it(row: dict[str, Any]) -> None:
    """With two exceptions, where ours is exact.

    singer turns the whole numbers of a number column into floats, and makes false of an unknown
    boolean: there the sent value is put back before the two are compared.
    """
    with SingerTransformer(UNIX_SECONDS_INTEGER_DATETIME_PARSING) as transformer:
        expected = transformer.transform(copy.deepcopy(row), copy.deepcopy(SOME))
    record = transformed(row, SOME)
    assert record == with_unknown_booleans(expected, row)
    if isinstance(row.get("total"), int):
        assert type(record["total"]) is int


def parsed(text: str | bytes) -> Any:
    return exact_json.parse(text if isinstance(text, bytes) else text.encode())


@pytest.mark.parametrize(
    ("column", "sent", "emitted"),
    [
        pytest.param("id", "5.0", 5, id="whole-float-of-an-id"),
        pytest.param("id", '"5"', 5, id="id-as-text"),
        pytest.param("id", '"-5"', -5, id="negative-id-as-text"),
        pytest.param("customer", '{"id": 5, "name": "Acme"}', 5, id="expanded-object-of-an-id"),
        pytest.param("customer", '{"id": "5"}', 5, id="expanded-object-with-a-text-id"),
        pytest.param("total", '"12.50"', 12.5, id="money-as-text"),
        pytest.param("total", '"-12.5e1"', -125.0, id="money-as-text-with-an-exponent"),
        pytest.param("total", "45", 45, id="whole-money-stays-whole"),
        pytest.param("total", '"45"', 45, id="whole-money-as-text-stays-whole"),
        pytest.param("total", "0.1", 0.1, id="a-tenth"),
        pytest.param("total", "3.8500000000000001", 3.85, id="seventeen-digits-of-a-double"),
        pytest.param("total", "1e22", 1e22, id="a-double-beyond-64-bits"),
        pytest.param("paid", "1", True, id="one-of-a-boolean"),
        pytest.param("paid", "0.0", False, id="zero-of-a-boolean"),
        pytest.param("paid", '"true"', True, id="true-as-text"),
        pytest.param("paid", '"0"', False, id="zero-as-text-of-a-boolean"),
        pytest.param("number", "17", "17", id="number-of-a-text"),
        pytest.param("number", "1.10", "1.10", id="number-of-a-text-keeps-its-digits"),
        pytest.param("number", "1" * 30, "1" * 30, id="long-number-of-a-text"),
        pytest.param("number", "1" * 9_000, "1" * 9_000, id="very-long-number-of-a-text"),
        pytest.param("number", "true", "true", id="boolean-of-a-text"),
        pytest.param("date", "0", "1970-01-01T00:00:00.000000Z", id="the-epoch"),
        pytest.param("date", "-1", "1969-12-31T23:59:59.000000Z", id="before-the-epoch"),
        pytest.param("date", '"2026-01-31"', "2026-01-31T00:00:00.000000Z", id="date-as-text"),
        pytest.param("date", '"1700000000"', "2023-11-14T22:13:20.000000Z", id="seconds-as-text"),
        pytest.param("date", "1.7e9", "2023-11-14T22:13:20.000000Z", id="seconds-as-a-float"),
        pytest.param("date", "1.5", "1970-01-01T00:00:01.500000Z", id="half-a-second"),
        pytest.param("metadata", "[]", {}, id="empty-map-as-a-list"),
        pytest.param("metadata", '""', {}, id="empty-map-as-text"),
        pytest.param("ship_to", "[]", {}, id="empty-object-as-a-list"),
        pytest.param("ship_to", "5", {"id": 5}, id="id-of-an-object"),
        pytest.param("items", "null", None, id="no-list"),
        pytest.param("items", "{}", [], id="empty-list-as-a-map"),
        pytest.param("items", '""', [], id="empty-list-as-text"),
        pytest.param(
            "items", '{"2": {"id": 7}, "10": {"id": 8}}', [{"id": 7}, {"id": 8}], id="gaps"
        ),
        pytest.param(
            "items", '{"10": {"id": 8}, "2": {"id": 7}}', [{"id": 7}, {"id": 8}], id="order"
        ),
        pytest.param("items", '{"id": 7}', [{"id": 7}], id="one-object-of-a-list"),
        pytest.param("items", '[{"quantity": "3"}]', [{"quantity": 3}], id="quantity-as-text"),
    ],
)
def test_a_value_with_one_meaning_is_converted_without_a_warning(
    column: str, sent: str, emitted: Any
) -> None:
    bad_values = BadValues("invoices")
    record = transform({column: parsed(sent)}, bad_values, INVOICES_WITH_IDS)
    assert record == {column: emitted}
    assert type(record[column]) is type(emitted)
    assert not bad_values.total


@pytest.mark.parametrize(
    ("column", "sent"),
    [
        pytest.param("date", "-62169984000", id="zero-date-of-mysql"),
        pytest.param("date", "99999999999999", id="milliseconds"),
        pytest.param("date", "1" * 30, id="seconds-beyond-64-bits"),
        pytest.param("date", '"0000-00-00"', id="zero-date-as-text"),
        pytest.param("date", '"0000-00-00 00:00:00"', id="zero-date-time-as-text"),
        pytest.param("date", '""', id="empty-date"),
        pytest.param("date", "false", id="false-of-a-date"),
        pytest.param("date", '"20260131"', id="date-that-may-be-seconds"),
        pytest.param("date", '"2026"', id="year"),
        pytest.param("date", '"soon"', id="words-of-a-date"),
        pytest.param("date", "[]", id="list-of-a-date"),
        pytest.param("date", "1e999", id="infinite-date"),
        pytest.param("date", "NaN", id="no-number-of-a-date"),
        pytest.param("customer", "2.5", id="part-of-an-id"),
        pytest.param("customer", "true", id="boolean-of-an-id"),
        pytest.param("customer", '""', id="empty-id"),
        pytest.param("customer", '" 5"', id="id-with-a-space"),
        pytest.param("customer", '"1_000"', id="id-with-an-underscore"),
        pytest.param("customer", '"٣"', id="digit-of-another-script"),
        pytest.param("customer", "9223372036854775808", id="id-beyond-64-bits"),
        pytest.param("customer", '{"id": {"id": 5}}', id="object-of-an-object-of-an-id"),
        pytest.param("customer", '{"name": "Acme"}', id="object-without-an-id"),
        pytest.param("total", '"much"', id="words-of-money"),
        pytest.param("total", '"--5"', id="two-signs"),
        pytest.param("total", '"nan"', id="nan-as-text"),
        pytest.param("total", '"inf"', id="inf-as-text"),
        pytest.param("total", '"1_000"', id="underscore"),
        pytest.param("total", '"1,000"', id="comma"),
        pytest.param("total", '" 5"', id="space"),
        pytest.param("total", '"5 USD"', id="currency"),
        pytest.param("total", '""', id="empty-money"),
        pytest.param("total", '"1e999"', id="infinite-text"),
        pytest.param("total", "1e999", id="infinite"),
        pytest.param("total", "-Infinity", id="infinity-token"),
        pytest.param("total", "123456789012345678901", id="digits-that-no-double-holds"),
        pytest.param("total", "false", id="boolean-of-money"),
        pytest.param("paid", '"yes"', id="words-of-a-boolean"),
        pytest.param("paid", "2", id="two-of-a-boolean"),
        pytest.param("paid", '""', id="empty-boolean"),
        pytest.param("number", "[]", id="list-of-a-text"),
        pytest.param("number", "{}", id="object-of-a-text"),
        pytest.param("number", "NaN", id="no-number-of-a-text"),
        pytest.param("items", "5", id="number-of-a-list"),
        pytest.param("items", '"abc"', id="text-of-a-list"),
        pytest.param("items", '{"a": 1}', id="other-object-of-a-list"),
        pytest.param("ship_to", "true", id="boolean-of-an-object"),
        pytest.param("ship_to", '"abc"', id="id-of-another-type-of-an-object"),
        pytest.param("ship_to", "[1]", id="list-of-an-object"),
        pytest.param("metadata", "5", id="number-of-a-map"),
        pytest.param("metadata", "[1]", id="list-of-a-map"),
        pytest.param("metadata", '"{}"', id="text-of-a-map"),
    ],
)
def test_any_other_value_becomes_null_and_is_named(
    column: str, sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    row = {"id": 7, column: parsed(sent), "name": "INV"}
    record = transform(row, BadValues("invoices"), INVOICES_WITH_IDS)
    assert record == {"id": 7, column: None, "name": "INV"}
    (warning,) = [one.getMessage() for one in caplog.records]
    assert warning.startswith(f"invoices 7: field `{column}` holds ")
    assert warning.endswith("; emitted as null")


def test_only_the_part_that_is_bad_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    items = parsed('[{"id": 1, "quantity": [], "amount": 2}, 5, null, {"id": "x"}]')
    record = transformed({"id": 7, "items": items})
    assert record["items"] == [
        {"id": 1, "quantity": None, "amount": 2},
        {"id": 5},
        None,
        {"id": None},
    ]
    assert [one.getMessage().partition(" holds")[0] for one in caplog.records] == [
        "invoices 7: field `items[].quantity`",
        "invoices 7: field `items[].id`",
    ]


@pytest.mark.parametrize(
    ("sent", "emitted"),
    [
        pytest.param("12345678901234567890123", "12345678901234567890123", id="beyond-64-bits"),
        pytest.param("9223372036854775807", 2**63 - 1, id="64-bits"),
        pytest.param("0.12345678901234567890", "0.12345678901234567890", id="twenty-digits"),
        pytest.param("0.10000000000000001", 0.1, id="seventeen-digits-of-a-double"),
        pytest.param("1.10", 1.1, id="a-zero-at-the-end"),
        pytest.param("1e999", "1e999", id="no-double"),
        pytest.param('[1e3, {"a": 1.5}]', [1000.0, {"a": 1.5}], id="nested"),
    ],
)
def test_numbers_of_free_form_parts_keep_their_digits(sent: str, emitted: Any) -> None:
    record = transformed(parsed(f'{{"metadata": {{"rate": {sent}}}}}'))
    assert record == {"metadata": {"rate": emitted}}
    assert type(record["metadata"]["rate"]) is type(emitted)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(rb'{"id": 7, "name": "cut \ud83d", "metadata": {"a": "\udc00!"}}', id="half"),
        pytest.param(b'{"id": 7, "name": "cut \xe9", "metadata": {"a": "\xff!"}}', id="latin-1"),
    ],
)
def test_broken_characters_are_replaced_and_named(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    record = transformed(parsed(body))
    assert record == {"id": 7, "name": "cut \ufffd", "metadata": {"a": "\ufffd!"}}
    assert {one.getMessage().partition(" holds")[0] for one in caplog.records} == {
        "invoices 7: field `name`",
        "invoices 7: field `metadata`",
    }


def test_an_id_in_place_of_an_object_becomes_the_object_with_that_id() -> None:
    record = transformed({"taxes": [{"id": 1, "tax_rate": "vat"}]})
    assert record["taxes"] == [{"id": 1, "tax_rate": {"id": "vat"}}]


def test_unknown_fields_are_dropped_at_any_depth_and_named_once() -> None:
    transform_rows = Transformer(row_column(INVOICES, INVOICES), BadValues("invoices"))
    rows = [{"id": 1, "new": 1, "items": [{"id": 2, "newer": 1}]}]
    transform_rows(rows)
    assert rows == [{"id": 1, "items": [{"id": 2}]}]
    assert transform_rows.new_unknown_fields() == ["items[].newer", "new"]
    transform_rows([{"id": 2, "new": 1}])
    assert transform_rows.new_unknown_fields() == []
