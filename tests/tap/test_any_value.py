"""Any JSON value in place of any attribute of any object costs that attribute at most."""

import copy
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import invoiced_schemas
from invoiced_api.resources import BY_NAME, RESOURCES
from invoiced_emulator import Server, seeded
from tap_invoiced.bad_values import BadValues
from tap_invoiced.records import Records
from tap_invoiced.selection import SelectedStream
from tests.tap.odd_account import MARK, VALUES, Place, path_of, places

Rows = list[dict[str, Any]]

NAMED = {"id": 5, "object": "part", "name": "One", "created_at": 5, "updated_at": 1_772_000_000}
# What the emulator does not serve.
FURTHER: dict[str, Rows] = {
    "attachments": [
        {"id": 5, "file": {**NAMED, "size": 5}, "updated_at": 1_772_000_000},
        {"id": 6, "file": None, "updated_at": None},
    ],
}
# A balance has no id and comes alone.
NAMES = [name for name in BY_NAME if name != "customer_balances"]


@pytest.fixture(scope="module")
def sample() -> Iterator[Callable[[str], Rows]]:
    """Some objects of every stream, as the API shows them."""
    account = seeded(customers=30, seed=7, now=lambda: 1_772_366_400, api_key="key")
    with Server(account) as server:

        def get(path: str) -> Any:
            params = {"include": "updated_at,applied_to", "per_page": "4"}
            response = requests.get(server.url + path, params, auth=("key", ""), timeout=10)
            return response.json() if response.ok else []

        found: dict[str, Rows] = {}
        for resource in RESOURCES:
            if resource.name not in NAMES:
                continue
            if not resource.documented or resource.name in FURTHER:
                found[resource.name] = FURTHER.get(resource.name, [NAMED, {**NAMED, "id": 6}])
                continue
            parents: list[Any] = [None]
            if resource.parent:
                having = resource.parent.having
                rows_above = account.objects(resource.parent.resource)
                parents = [row["id"] for row in rows_above if not having or row.get(having)]
            rows: Rows = []
            for parent in parents:
                path = resource.path
                if resource.parent:
                    path = path.format(**{resource.parent.attribute: parent})
                body = get(path)
                rows += body if isinstance(body, list) else [body]
                if len(rows) >= 3:
                    break
            found[resource.name] = rows[:4]
        yield lambda name: found[name]


def own_places(name: str) -> list[Place]:
    """The attribute that the reader itself adds: the id of the parent."""
    parent = BY_NAME[name].parent
    return [(parent.attribute,)] if parent else []


def replaced(rows: Rows, row: int, place: Place, value: str) -> bytes:
    """The body of a page in which one attribute has another value, given as JSON."""
    rows = copy.deepcopy(rows)
    holder: Any = rows[row]
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = MARK
    body = json.dumps(rows).replace(f'"{MARK}"', value, 1)
    return body.encode("utf-8", "surrogateescape")


def at(record: Any, place: Place) -> Any:
    for step in place:
        record = record[step]
    return record


def records_of(name: str, body: bytes, **options: Any) -> tuple[Rows, BadValues]:
    schema = invoiced_schemas.load(name)
    stream = SelectedStream(resource=BY_NAME[name], schema=schema, full_schema=schema)
    bad_values = BadValues(name)
    records = Records(stream, with_deletions=False, totals=None, bad_values=bad_values, **options)
    lines = records.lines(records.parse(body)).splitlines()
    return [json.loads(line)["record"] for line in lines], bad_values


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_any_value_of_any_attribute_costs_that_attribute_at_most(
    name: str,
    data: st.DataObject,
    sample: Callable[[str], Rows],
    strict_validator: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.clear()
    rows = sample(name)
    assert rows, f"the sample account has no {name}"
    row = data.draw(st.integers(0, len(rows) - 1))
    known = [one for one in places(rows[row]) if one not in own_places(name)]
    place = known[data.draw(st.integers(0, len(known) - 1))]
    value = data.draw(VALUES)
    with caplog.at_level(logging.WARNING):
        made, bad_values = records_of(name, replaced(rows, row, place, value))
    expected, _ = records_of(name, json.dumps(rows).encode())
    named = any(f"field `{path_of(place)}" in one.getMessage() for one in caplog.records)
    if len(made) < len(rows):
        assert place == ("id",) and named
        assert made == [one for index, one in enumerate(expected) if index != row]
        return
    validator = strict_validator(invoiced_schemas.load(name))
    for one in made:
        validator.validate(one)
    assert [one for index, one in enumerate(made) if index != row] == [
        one for index, one in enumerate(expected) if index != row
    ]
    without_it = copy.deepcopy(made[row])
    for record in (without_it, expected[row]):
        at(record, place[:-1])[place[-1]] = None
    assert without_it == expected[row], "the other attributes are as they were"
    if at(made[row], place) is None and value != "null":
        assert bad_values.total and (named or "metadata" in place)
