"""The table of resources and the schemas agree with each other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import invoiced_schemas
from invoiced_api.bodies import Body, ListOf, Nested, Ref, Scalar
from invoiced_api.resources import BY_NAME, ENDPOINTS, RESOURCES

WRITES = [
    pytest.param(BY_NAME[name], getattr(writes, call), id=f"{call}-{name}")
    for name, writes in ENDPOINTS.items()
    for call in ("create", "update")
    if getattr(writes, call) is not None
]


def attributes(body: Body, columns: dict[str, Any], path: str = "") -> Iterator[tuple]:
    """Every attribute of a body that has a column, with its path, its kind and its column."""
    for name, kind in body.items():
        column = columns.get(name)
        if column is None:
            continue
        yield path + name, kind, column
        if isinstance(kind, Nested):
            yield from attributes(kind.body, column["properties"], f"{path}{name}.")
        if isinstance(kind, ListOf):
            yield from attributes(kind.body, column["items"]["properties"], f"{path}{name}[].")


def types(column: dict[str, Any]) -> set[str]:
    written = column["type"]
    return {written} if isinstance(written, str) else set(written) - {"null"}


def test_every_resource_has_a_schema_and_every_schema_a_resource():
    files = {file.stem for file in Path(invoiced_schemas.FOLDER).glob("*.json")}
    assert files == set(BY_NAME)
    assert len(BY_NAME) == len(RESOURCES)


@pytest.mark.parametrize(("resource", "body"), WRITES)
def test_what_is_written_as_a_timestamp_is_read_as_one_and_nothing_else_is(resource, body):
    columns = invoiced_schemas.load(resource.name)["properties"]
    for path, kind, column in attributes(body, columns):
        assert (kind is Scalar.TIMESTAMP) == (column.get("format") == "date-time"), path


@pytest.mark.parametrize(("resource", "body"), WRITES)
def test_what_is_written_in_parts_is_read_in_parts(resource, body):
    columns = invoiced_schemas.load(resource.name)["properties"]
    for path, kind, column in attributes(body, columns):
        match kind:
            case ListOf():
                assert types(column) == {"array"}, path
            case Nested():
                assert types(column) == {"object"}, path
            case Ref():
                # a read may show the whole object in place of its id
                assert types(column) <= {"integer", "string", "object"}, path
            case Scalar.METADATA:
                assert types(column) == {"object"}, path
            case Scalar.JSON:
                assert types(column) == {"array"}, path
            case Scalar.TIMESTAMP | Scalar.TEXT:
                assert types(column) == {"string"}, path
            case Scalar.BOOLEAN:
                assert types(column) == {"boolean"}, path
            case Scalar.NUMBER | Scalar.INTEGER:
                assert types(column) & {"number", "integer"}, path


@pytest.mark.parametrize(("resource", "body"), WRITES)
def test_parents_stand_above_what_refers_to_them(resource, body):
    order = list(BY_NAME)
    columns = invoiced_schemas.load(resource.name)["properties"]
    referred = {kind.resource for _, kind, _ in attributes(body, columns) if isinstance(kind, Ref)}
    for parent in referred & set(order):
        assert order.index(parent) <= order.index(resource.name)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_keys_are_columns_that_are_always_there(resource):
    columns = invoiced_schemas.load(resource.name)["properties"]
    for name in resource.key:
        assert "null" not in columns[name]["type"]
    if resource.natural_key:
        assert types(columns[resource.natural_key]) == {"string"}


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.name)
def test_bookmark_columns_are_date_times_that_may_be_null(resource):
    """A row whose `updated_at` is unusable is emitted all the same."""
    column = invoiced_schemas.load(resource.name)["properties"][resource.replication_key]
    assert column == {"type": ["null", "string"], "format": "date-time"}


@pytest.mark.parametrize(("resource", "body"), WRITES)
def test_read_only_attributes_are_in_no_body(resource, body):
    """Except ids that the caller chooses, which only a create may set."""
    read_only = {"object", "total", "balance", "url", "created_at", "updated_at"}
    assert not read_only & body.keys()
    chosen = resource.natural_key == "id" and body is ENDPOINTS[resource.name].create
    assert ("id" in body) == chosen


# Parts that Invoiced gives ids; what a payment is applied to, and installments, have none to send.
WITH_IDS = ("items", "discounts", "taxes", "addons")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_id_of_a_part_is_written_by_an_update_only(endpoint):
    writes = ENDPOINTS[endpoint]
    for name, kind in writes.create.items():
        if isinstance(kind, ListOf):
            assert "id" not in kind.body, name
            if name in WITH_IDS:
                assert "id" in writes.update[name].body, name
