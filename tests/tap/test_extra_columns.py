"""Attributes without a column: kept in `_extra`, or dropped and named."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import invoiced_schemas
from invoiced_api.resources import BY_NAME
from invoiced_emulator import Account, Server
from tap_invoiced.columns import EXTRA, with_extra
from tap_invoiced.records import Records
from tap_invoiced.selection import SelectedStream

INVOICES = invoiced_schemas.load("invoices")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
NEW = st.dictionaries(st.text(max_size=4) | st.sampled_from([EXTRA, "new", "get"]), VALUES)


def records_of(schema: dict[str, Any]) -> Records:
    stream = SelectedStream(resource=BY_NAME["invoices"], schema=schema, full_schema=schema)
    return Records(stream, with_deletions=False, totals=None)


def emitted(records: Records, row: dict[str, Any]) -> Any:
    (line,) = records.lines(records.parse(orjson.dumps([row]))).splitlines()
    return json.loads(line)["record"]


def missing(sent: dict[str, Any], record: dict[str, Any]) -> Iterator[str]:
    """The attributes of an object, and of its parts, that its record does not hold."""
    for name, value in sent.items():
        if name in ("items", "ship_to"):
            continue
        held = record.get(EXTRA, {}) if name not in record or name == EXTRA else record
        if name not in held or held[name] != value:
            yield name


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(row=NEW, item=NEW, address=NEW)
def test_every_attribute_of_any_object_arrives(
    row: dict[str, Any],
    item: dict[str, Any],
    address: dict[str, Any],
    strict_validator: Callable[..., Any],
) -> None:
    """On the slow path, by which a new attribute comes first, and on the fast one after it."""
    own = {"id": 1, "updated_at": None}
    sent = {**row, **own, "items": [{**item, "id": 2}], "ship_to": {**address, "city": "Ulm"}}
    dated = {**sent, "updated_at": 5}
    records = records_of(with_extra(INVOICES))
    for one in (sent, dated, dated):
        record = emitted(records, one)
        strict_validator(records.schema).validate(record)
        record["updated_at"] = one["updated_at"]
        known = INVOICES["properties"]
        new = {name: value for name, value in one.items() if name not in known}
        assert not list(missing(new, record))
        for part, held in (
            (one["items"][0], record["items"][0]),
            (one["ship_to"], record["ship_to"]),
        ):
            properties = known["items"]["items"]["properties"] | known["ship_to"]["properties"]
            new = {name: value for name, value in part.items() if name not in properties}
            assert not list(missing(new, held))


def test_numbers_without_a_column_keep_their_digits() -> None:
    records = records_of(with_extra(INVOICES))
    body = b'[{"id": 1, "updated_at": 5, "new": [12345678901234567890123, 0.1, 1.10, NaN]}]'
    for _ in range(2):
        (line,) = records.lines(records.parse(body)).splitlines()
        extra = json.loads(line)["record"][EXTRA]
        assert extra == {"new": ["12345678901234567890123", 0.1, 1.1, None]}
    assert records.bad_values.counts == {EXTRA: 2}


def test_without_the_setting_each_new_attribute_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    records = records_of(INVOICES)
    row = {
        "id": 1,
        "updated_at": 5,
        "new": 1,
        "items": [{"id": 2, "newer": 1}],
        "ship_to": {"a": 1},
    }
    with caplog.at_level(logging.WARNING):
        for number in range(4):
            record = emitted(records, {**row, "total": str(number)})
            assert record["items"] == [{"id": 2}]
            assert record["ship_to"] == {}
            assert "new" not in record
    assert sorted(one.getMessage() for one in caplog.records) == [
        f"invoices: field `{path}` is not in the schema and is dropped. "
        "Set `extra_columns` to keep it."
        for path in ("items[].newer", "new", "ship_to.a")
    ]


def test_the_catalog_has_the_column_and_a_run_fills_it(
    account: Account, server: Server, run_tap: Callable[..., Any]
) -> None:
    account.add("customers", id=7, name="Acme", shoe_size=43)
    discovered = run_tap(None, "--discover", extra_columns="true")
    catalog = json.loads(discovered.stdout)
    customers = next(one for one in catalog["streams"] if one["stream"] == "customers")
    assert customers["schema"]["properties"][EXTRA] == {"type": ["null", "object"]}
    for given_catalog in (None, catalog):
        run = run_tap(server, catalog=given_catalog, extra_columns=True)
        assert run.exit_code == 0, run.stderr
        assert [one[EXTRA] for one in run.records("customers")] == [{"shoe_size": 43}]
        assert "shoe_size" not in run.stderr
        (schema,) = [
            message["schema"]
            for message in run.messages
            if message["type"] == "SCHEMA" and message["stream"] == "customers"
        ]
        assert EXTRA in schema["properties"]
        assert EXTRA in schema["properties"]["payment_source"]["properties"]
    without = run_tap(server, catalog=catalog)
    assert without.exit_code == 0, without.stderr
    assert EXTRA not in without.records("customers")[0]


def test_anything_but_a_boolean_is_one_line(server: Server, run_tap: Callable[..., Any]) -> None:
    for arguments in ((server,), (None, "--discover")):
        run = run_tap(*arguments, extra_columns="perhaps")
        assert run.exit_code == 1
        assert run.complaint.startswith("setting `extra_columns` must be true or false")


def test_an_attribute_named_like_the_column_is_one_without_a_column() -> None:
    records = records_of(with_extra(INVOICES))
    row = {"id": 1, "updated_at": 5, EXTRA: None}
    assert emitted(records, row)[EXTRA] == {EXTRA: None}
    part = {"id": 1, "updated_at": 5, "ship_to": {EXTRA: {"a": 1}}}
    assert emitted(records, part)["ship_to"] == {EXTRA: {EXTRA: {"a": 1}}}


def test_kept_attributes_are_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        emitted(records_of(with_extra(INVOICES)), {"id": 1, "updated_at": 5, "new": 1})
    assert not caplog.records
