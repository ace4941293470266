"""Object -> record, beside what singer's own Transformer makes of it."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer import UNIX_SECONDS_INTEGER_DATETIME_PARSING
from singer import Transformer as SingerTransformer

import invoiced_schemas
from tap_invoiced.shaping import SchemaMismatchError, Transformer

INVOICES = invoiced_schemas.load("invoices")
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


def shaped(row: dict[str, Any], schema: dict[str, Any] = INVOICES) -> dict[str, Any]:
    rows = [copy.deepcopy(row)]
    Transformer("invoices", schema, INVOICES)(rows)
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


@given(row=objects(SOME))
def test_a_record_is_what_singer_would_have_made_of_it(row: dict[str, Any]) -> None:
    """But for two things, in which ours keeps the truth.

    singer turns the whole numbers of a number column into floats, and makes false of an unknown
    boolean: there the sent value is put back before the two are compared.
    """
    with SingerTransformer(UNIX_SECONDS_INTEGER_DATETIME_PARSING) as transformer:
        transformed = transformer.transform(copy.deepcopy(row), copy.deepcopy(SOME))
    record = shaped(row, SOME)
    assert record == with_unknown_booleans(transformed, row)
    if isinstance(row.get("total"), int):
        assert type(record["total"]) is int


@pytest.mark.parametrize(
    ("column", "sent", "emitted"),
    [
        pytest.param("id", 5.0, 5, id="whole-float-of-an-id"),
        pytest.param("customer", {"id": 5, "name": "Acme"}, 5, id="expanded-object-of-an-id"),
        pytest.param("customer", "", None, id="empty-string-of-a-number"),
        pytest.param("total", "12.50", 12.5, id="money-as-text"),
        pytest.param("total", 45, 45, id="whole-money-stays-whole"),
        pytest.param("paid", 1, True, id="one-of-a-boolean"),
        pytest.param("number", 17, "17", id="number-of-a-text"),
        pytest.param("date", 0, "1970-01-01T00:00:00.000000Z", id="the-epoch"),
        pytest.param("date", -1, "1969-12-31T23:59:59.000000Z", id="before-the-epoch"),
        pytest.param("date", "", None, id="empty-date"),
        pytest.param("date", "2026-01-31", "2026-01-31T00:00:00.000000Z", id="date-as-text"),
        pytest.param("date", 1.5, "1970-01-01T00:00:01.500000Z", id="half-a-second"),
        pytest.param("metadata", [], {}, id="empty-map-as-a-list"),
        pytest.param("items", None, None, id="no-list"),
    ],
)
def test_what_fits_in_another_form_is_brought_into_form(
    column: str, sent: Any, emitted: Any
) -> None:
    record = shaped({column: sent})
    assert record == {column: emitted}
    assert type(record[column]) is type(emitted)


def test_an_id_in_place_of_an_object_becomes_the_object_with_that_id() -> None:
    record = shaped({"taxes": [{"id": 1, "tax_rate": "vat"}]})
    assert record["taxes"] == [{"id": 1, "tax_rate": {"id": "vat"}}]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        pytest.param({"customer": 2.5}, "customer", id="part-of-an-id"),
        pytest.param({"total": "much"}, "total", id="words-of-money"),
        pytest.param({"paid": "yes"}, "paid", id="words-of-a-boolean"),
        pytest.param({"items": {}}, "items", id="object-of-a-list"),
        pytest.param({"items": [{"quantity": []}]}, "items[].quantity", id="within-a-line"),
        pytest.param({"date": "soon"}, "date", id="words-of-a-date"),
        pytest.param({"ship_to": True}, "ship_to", id="boolean-of-an-object"),
    ],
)
def test_what_does_not_fit_is_named_and_not_bent(row: dict[str, Any], field: str) -> None:
    with pytest.raises(SchemaMismatchError, match=r"^invoices 7: field `") as misfit:
        shaped({"id": 7, **row})
    assert f"field `{field}` holds" in str(misfit.value)


def test_unknown_fields_are_dropped_at_any_depth_and_told_once() -> None:
    shape = Transformer("invoices", INVOICES, INVOICES)
    rows = [{"id": 1, "new": 1, "items": [{"id": 2, "newer": 1}]}]
    shape(rows)
    assert rows == [{"id": 1, "items": [{"id": 2}]}]
    assert shape.new_unknown_fields() == ["items[].newer", "new"]
    shape([{"id": 2, "new": 1}])
    assert shape.new_unknown_fields() == []
