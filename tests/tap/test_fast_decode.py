"""Response -> records on the fast path, compared with the slow path for the same response."""

import json
from typing import Any

import orjson
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import invoiced_schemas
from invoiced_api import exact_json
from invoiced_api.definitions import ReadStrategy
from invoiced_api.reading.pages import TypedRow
from invoiced_api.resources import BY_NAME, RESOURCES
from invoiced_emulator import Server
from tap_invoiced.bad_values import BadValues
from tap_invoiced.columns import row_column
from tap_invoiced.messages import record_lines
from tap_invoiced.records import Records
from tap_invoiced.row_identity import identified
from tap_invoiced.selection import SelectedStream
from tap_invoiced.transform import Transformer

INVOICES = invoiced_schemas.load("invoices")
LATEST_S = 253_402_300_799  # the end of the year 9999

# Nothing of the rest is without an example, and nothing is there so often that objects grow large.
SENT: dict[str, list[Any]] = {
    "number": ["INV-1", "Zürich\u2028\\n\n", "", None, 17],
    "customer": [1, -(2**53), None, "", "5", 2.0, {"id": 5}],
    "draft": [True, None, 0],
    "date": [0, -1, 1_766_368_225, LATEST_S, None, "", "2026-01-31", 1.5],
    "total": [45, 45.0, 0.1, -1e-7, 1e22, None, "12.50"],
    "items": [[], None, [None], [{"id": 1, "quantity": 1.5, "metadata": {"a": [1, "b"]}}]],
    "taxes": [[{"tax_rate": {"id": "vat", "updated_at": 5}}], [{"tax_rate": "vat"}]],
    "ship_to": [None, {"name": "Acme"}, {"id": 5, "created_at": 7, "new": 1}],
    "metadata": [{}, {"id": {"deep": [None, 1.0]}}, [], None],
    "shoe_size": [43],
}


def without(schema: dict[str, Any], *names: str) -> dict[str, Any]:
    kept = {name: one for name, one in schema["properties"].items() if name not in names}
    return {**schema, "properties": kept}


def records_of(schema: dict[str, Any] = INVOICES) -> Records:
    stream = SelectedStream(resource=BY_NAME["invoices"], schema=schema, full_schema=INVOICES)
    return Records(stream, with_deletions=False, totals=None)


def fast(records: Records, rows: list[dict[str, Any]]) -> list[Any]:
    lines = records.lines(records.parse(orjson.dumps(rows))).splitlines()
    return [json.loads(line)["record"] for line in lines]


def slow(
    rows: list[dict[str, Any]],
    schema: dict[str, Any] = INVOICES,
    full_schema: dict[str, Any] = INVOICES,
) -> list[Any]:
    row = row_column(schema, full_schema)
    parsed = identified(exact_json.parse(orjson.dumps(rows)), row, "updated_at")
    Transformer(row, BadValues("invoices"))(parsed)
    return records_in(parsed)


def records_in(rows: list[Any]) -> list[Any]:
    """What a loader reads of the records."""
    lines = record_lines("invoices", rows, "").splitlines()
    return [json.loads(line)["record"] for line in lines]


def some(sent: dict[str, list[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    columns = {name: st.sampled_from(values) for name, values in sent.items()}
    needed = {"id": st.integers(1, 9), "updated_at": st.integers(0, LATEST_S)}
    return st.fixed_dictionaries(needed, optional=columns)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(some(SENT), max_size=3, unique_by=lambda row: row["id"]),
    selected=st.sampled_from([(), ("items", "number")]),
)
def test_both_paths_make_the_same_records(
    rows: list[dict[str, Any]], selected: tuple[str, ...]
) -> None:
    """Twice, since what was unknown the first time is known the second."""
    schema = without(INVOICES, *selected)
    records = records_of(schema)
    for _ in range(2):
        made = fast(records, rows)
        assert made == slow(rows, schema)
        assert list(map(repr, map(sorted_items, made))) == list(
            map(repr, map(sorted_items, slow(rows, schema)))
        ), "45 is not 45.0"


def sorted_items(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted((name, sorted_items(one)) for name, one in value.items())
    return [sorted_items(one) for one in value] if isinstance(value, list) else value


FITTING = {"id": 1, "updated_at": 5, "items": [{"id": 2, "taxes": []}, None], "ship_to": {}}


@pytest.mark.parametrize(
    ("change", "quick"),
    [
        pytest.param({}, True, id="what-columns-say"),
        pytest.param({"number": None, "date": 0}, True, id="null-and-a-moment"),
        pytest.param({"updated_at": None}, False, id="no-stamp"),
        pytest.param({"id": "1"}, False, id="id-as-text"),
        pytest.param({"customer": 5.0}, False, id="float-of-an-id"),
        pytest.param({"customer": True}, False, id="boolean-of-an-id"),
        pytest.param({"draft": 1}, False, id="one-of-a-boolean"),
        pytest.param({"number": 5}, False, id="number-of-a-text"),
        pytest.param({"total": "5"}, False, id="money-as-text"),
        pytest.param({"date": LATEST_S + 1}, False, id="the-year-10000"),
        pytest.param({"date": "2026-01-31"}, False, id="date-as-text"),
        pytest.param({"items": {}}, False, id="object-of-a-list"),
        pytest.param({"ship_to": 5}, False, id="id-of-an-object"),
        pytest.param({"metadata": []}, False, id="list-of-a-map"),
        pytest.param({"new": 5}, False, id="unknown-field"),
        pytest.param({"items": [{"new": 5}]}, False, id="unknown-field-within"),
    ],
)
def test_only_values_in_the_form_of_their_columns_go_the_fast_path(
    change: dict[str, Any], quick: bool
) -> None:
    (row,) = records_of().parse(orjson.dumps([{**FITTING, **change}]))
    assert isinstance(row, TypedRow if quick else dict)


@pytest.mark.parametrize(
    "name",
    [
        resource.name
        for resource in RESOURCES
        if resource.documented
        and resource.strategy is not ReadStrategy.NEWEST_FIRST
        and not resource.parent
    ],
)
def test_every_object_of_a_sample_account_goes_the_fast_path(
    name: str, business_server: Server
) -> None:
    """A mistake in a schema would otherwise make every read slow without a visible cause."""
    schema = invoiced_schemas.load(name)
    stream = SelectedStream(resource=BY_NAME[name], schema=schema, full_schema=schema)
    records = Records(stream, with_deletions=False, totals=None)
    answer = requests.get(
        f"{business_server.url}/{name}",
        params={"include": "updated_at", "per_page": 100},
        auth=("emulator-key", ""),
        timeout=10,
    )
    rows = records.parse(answer.content)
    assert rows and all(isinstance(row, TypedRow) for row in rows)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'[{"id":1,"updated_at":5}', id="cut-short"),
        pytest.param(b"<html>503</html>", id="html"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_body_that_is_not_json_is_an_error(body: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        records_of().parse(body)


def test_unknown_fields_are_reported_once_and_then_dropped_on_the_fast_path(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [{**FITTING, "new": 1, "items": [{"newer": {"id": 1}}]}]
    records = records_of()
    assert fast(records, rows) == slow(rows)
    assert sorted(record.args[1] for record in caplog.records if record.args) == [
        "items[].newer",
        "new",
    ]
    parsed = records.parse(orjson.dumps(rows))
    assert isinstance(parsed[0], TypedRow)
    caplog.clear()
    assert fast(records, rows) == slow(rows)
    assert not caplog.records


def test_rows_that_came_before_and_after_a_field_was_known_may_be_mixed() -> None:
    records = records_of()
    early = records.parse(orjson.dumps([FITTING]))
    rows = [{**FITTING, "id": 2, "new": 1}]
    exact = records.parse(orjson.dumps(rows))
    fast(records, rows)
    late = records.parse(orjson.dumps(rows))
    lines = records.lines([*late, *exact, *early]).splitlines()
    assert [json.loads(line)["record"] for line in lines] == slow([*rows, *rows, FITTING])


def test_a_field_that_is_not_wanted_can_be_read_until_the_record_is_made() -> None:
    """Money is summed up whether or not it is selected."""
    records = records_of(without(INVOICES, "total"))
    rows = records.parse(orjson.dumps([{**FITTING, "total": 4.5}]))
    assert (rows[0]["total"], rows[0].get("total"), rows[0].get("balance")) == (4.5, 4.5, None)
    assert b"total" not in records.lines(rows)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param('a"b', id="quote"),
        pytest.param("a.b", id="dot"),
        pytest.param("items[].c", id="like-a-path"),
        pytest.param("größe", id="umlaut"),
        pytest.param("unknown_0", id="like-ours"),
        pytest.param("get", id="like-a-method"),
        pytest.param("", id="empty"),
    ],
)
def test_unknown_fields_of_any_name_are_dropped(name: str) -> None:
    records = records_of()
    for _ in range(3):
        assert fast(records, [{**FITTING, name: 1}]) == slow([FITTING])


@pytest.mark.parametrize(
    ("sent", "emitted"),
    [
        pytest.param("12345678901234567890123", "12345678901234567890123", id="beyond-64-bits"),
        pytest.param("0.12345678901234567890", "0.12345678901234567890", id="twenty-digits"),
        pytest.param("1e999", "1e999", id="no-double"),
        pytest.param("[1.5, {}]", [1.5, {}], id="nested"),
    ],
)
def test_numbers_of_free_form_parts_keep_their_digits(sent: str, emitted: Any) -> None:
    records = records_of()
    body = f'[{{"id": 1, "updated_at": 5, "metadata": {{"a": {sent}}}}}]'
    (line,) = records.lines(records.parse(body.encode())).splitlines()
    assert json.loads(line)["record"]["metadata"] == {"a": emitted}


@pytest.mark.parametrize(
    ("sent", "moment"),
    [
        pytest.param('"1700000000"', 1_700_000_000, id="seconds-as-text"),
        pytest.param("5.0", 5, id="seconds-as-a-float"),
        pytest.param("99999999999999", None, id="milliseconds"),
        pytest.param("-62169984000", None, id="zero-date"),
        pytest.param('"soon"', None, id="words"),
        pytest.param("null", None, id="null"),
    ],
)
def test_rows_are_ordered_by_usable_moments_only(sent: str, moment: int | None) -> None:
    """The readers take what is an int for UNIX seconds, and set the bookmark by it."""
    (row,) = records_of().parse(f'[{{"id": 1, "updated_at": {sent}}}]'.encode())
    assert row["updated_at"] == moment if moment else type(row["updated_at"]) is not int
