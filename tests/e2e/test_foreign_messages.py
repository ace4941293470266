"""The messages with which singer-sdk tests targets go through ours, read from its own environment.

Invoiced has no use for this data; each stream is mapped to an endpoint that accepts it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account

TASKS = {"endpoint": "tasks"}
# The keys of the files are numbers, and the `id` of an item is a text that the caller chooses.
ITEMS = {"endpoint": "items", "exclude": ["id"]}
COUPONS = {"endpoint": "coupons", "exclude": ["id"]}
CUSTOMERS = {"endpoint": "customers"}
CONTACTS = {
    "method": "POST",
    "path": "/customers/{user_id}/contacts",
    "exclude": ["id", "location_id", "info"],
}
USERS_IN_PLACES = {
    "test_users": CUSTOMERS,
    "test_locations": ITEMS,
    "test_user_in_location": CONTACTS,
}

Objects = list[dict[str, Any]]


def named(*names: str) -> Objects:
    return [{"name": name} for name in names]


def nothing(count: int) -> Objects:
    """Objects of records of which the endpoint takes nothing but the key."""
    return [{}] * count


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Each stream may be written to its endpoint; then the account `holds` these objects.

    The first `before` customers were there already.
    """

    streams: Mapping[str, Any]
    holds: Mapping[str, Objects] = field(default_factory=dict)
    before: int = 0


@dataclass(frozen=True, kw_only=True)
class Fails:
    """The last line says this, and nothing is written."""

    streams: Mapping[str, Any]
    said: str


SENT_BACK = " - more rejects than `max_rejects` allows (0). Correct the record, and run again"

FILES: Mapping[str, Passes | Fails] = {
    "array_data": Passes(streams={"test_array_data": TASKS}, holds={"tasks": nothing(4)}),
    "camelcase": Passes(streams={"TestCamelcase": TASKS}, holds={"tasks": nothing(2)}),
    "camelcase_complex_schema": Passes(streams={"ForecastingTypeToCategory": TASKS}),
    "duplicate_records": Passes(
        streams={"test_duplicate_records": TASKS}, holds={"tasks": nothing(2)}
    ),
    "encoded_string_data": Passes(
        streams={
            "test_strings": TASKS,
            "test_strings_in_objects": ITEMS,
            "test_strings_in_arrays": COUPONS,
        },
        holds={"tasks": nothing(11), "items": nothing(11), "coupons": nothing(6)},
    ),
    # Objects of any columns: to JSON Schema that is a schema, to singer-sdk it is none.
    "invalid_schema": Passes(streams={"test_invalid_schema": TASKS}),
    "multiple_state_messages": Passes(
        streams={
            "test_multiple_state_messages_a": TASKS,
            "test_multiple_state_messages_b": ITEMS,
        },
        holds={"tasks": nothing(6), "items": nothing(6)},
    ),
    "no_primary_keys": Passes(streams={"test_no_pk": TASKS}, holds={"tasks": nothing(3)}),
    "no_primary_keys_append": Passes(streams={"test_no_pk": TASKS}, holds={"tasks": nothing(5)}),
    "optional_attributes": Passes(
        streams={"test_optional_attributes": TASKS}, holds={"tasks": nothing(4)}
    ),
    "pk_updates": Passes(
        streams={"example_stream": CUSTOMERS},
        holds={
            "customers": [
                {"name": "Alice", "email": "alice@example.com"},
                {"name": "Bob", "email": "bob@example.com"},
            ]
        },
    ),
    "record_before_schema": Fails(
        streams={"test_record_before_schema": TASKS},
        said="line 1: a RECORD of `test_record_before_schema` came before its SCHEMA. "
        "The tap must write the SCHEMA first.",
    ),
    "record_missing_fields": Passes(
        streams={"record_missing_fields": TASKS}, holds={"tasks": nothing(2)}
    ),
    "record_missing_key_property": Fails(
        streams={
            "test_record_missing_key_property": {"method": "PATCH", "path": "/customers/{id}"}
        },
        said="stopped at line 2, test_record_missing_key_property: "
        "`id` is missing, but the path of the call needs it. Add it to the record" + SENT_BACK,
    ),
    "record_missing_required_property": Fails(
        streams={"test_record_missing_required_property": TASKS},
        said="stopped at line 2, test_record_missing_required_property: the record lacks id"
        + SENT_BACK,
    ),
    "schema_no_properties": Passes(
        streams={
            "test_object_schema_with_properties": TASKS,
            "test_object_schema_no_properties": ITEMS,
        },
        holds={"tasks": nothing(2), "items": nothing(2)},
    ),
    "schema_updates": Passes(streams={"test_schema_updates": TASKS}, holds={"tasks": nothing(6)}),
    "special_chars_in_attributes": Passes(
        streams={"test:SpecialChars!in?attributes": TASKS}, holds={"tasks": nothing(1)}
    ),
    "user_location_data": Passes(
        streams=USERS_IN_PLACES,
        holds={
            "customers": named("Yannis", "Micael", "Jacob", "Josh", "Thomas"),
            "items": named("Philadelphia", "NY", "SF"),
            "contacts": nothing(3),
        },
        before=1,
    ),
    "user_location_upsert_data": Passes(
        streams=USERS_IN_PLACES,
        holds={
            "customers": named("Johny", "George", "Jim", "Thomas", "Paul", "Mary"),
            "items": named("Philly", "San Francisco", "Colorado", "Boston"),
            "contacts": nothing(4),
        },
        before=4,
    ),
}


@pytest.fixture
def folder(tools: Callable[[str, str], Path]) -> Path:
    """Where singer-sdk keeps its messages."""
    packages = tools("singer-sdk", "python").parents[1].glob("lib/python3*/site-packages")
    (found,) = [path / "singer_sdk" / "testing" / "target_test_streams" for path in packages]
    return found


@pytest.fixture
def read(folder: Path) -> Callable[..., bytes]:
    """A file's messages; columns may be named anew, as a mapper between tap and target does."""

    def file(name: str, **columns: str) -> bytes:
        lines = (folder / f"{name}.singer").read_text().splitlines()
        return b"".join(renamed(json.loads(line), columns) for line in lines)

    return file


def renamed(message: dict[str, Any], columns: Mapping[str, str]) -> bytes:
    for holder in (message.get("record"), message.get("schema", {}).get("properties")):
        for old, new in columns.items():
            if holder and old in holder:
                holder[new] = holder.pop(old)
    if "required" in message.get("schema", {}):
        required = message["schema"]["required"]
        message["schema"]["required"] = [columns.get(name, name) for name in required]
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"


def states(messages: bytes) -> list[Any]:
    lines = map(json.loads, messages.splitlines())
    return [line["value"] for line in lines if line["type"] == "STATE"]


def shown(account: Account, resource: str, expected: Objects, after: int = 0) -> Objects:
    """The attributes that are expected, of each object; in any order, as they were written."""
    names = sorted({name for row in expected for name in row})
    rows = [{name: row[name] for name in names} for row in account.objects(resource)[after:]]
    return in_order(rows)


def in_order(objects: Objects) -> Objects:
    return sorted(objects, key=lambda row: json.dumps(row, sort_keys=True))


def test_every_file_of_singer_sdk_is_in_the_table(folder: Path) -> None:
    found = {path.stem for path in folder.glob("*.singer")}
    assert found, f"{folder} holds no messages: where has singer-sdk moved them?"
    assert found == set(FILES), "singer-sdk has other files: say in FILES what becomes of each"


@pytest.mark.parametrize(
    "name", [name for name, expected in FILES.items() if isinstance(expected, Passes)]
)
def test_a_file_that_must_pass_is_written_once_with_every_state(
    name: str, read: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    """When it comes again, nothing is written."""
    expected = FILES[name]
    assert isinstance(expected, Passes)
    for number in range(expected.before):
        account.add("customers", name=f"Somebody {number}")
    messages = read(name)
    for writes in (sum(map(len, expected.holds.values())), 0):
        run = load(messages, ids="external", streams=expected.streams)
        assert run.exit_code == 0, run.log
        assert run.states == states(messages)
        assert len(run.writes) == writes
        for resource, objects in expected.holds.items():
            after = expected.before if resource == "customers" else 0
            assert shown(account, resource, objects, after) == in_order(objects)


@pytest.mark.parametrize(
    "name", [name for name, expected in FILES.items() if isinstance(expected, Fails)]
)
@pytest.mark.parametrize("ids", ["invoiced", "external"])
def test_a_file_that_must_fail_does_so_in_one_line_and_nothing_is_written(
    name: str, ids: str, read: Callable[..., bytes], load: Callable[..., Any]
) -> None:
    expected = FILES[name]
    assert isinstance(expected, Fails)
    run = load(read(name), ids=ids, streams=expected.streams)
    assert run.exit_code == 1
    assert run.complaint.startswith(expected.said)
    assert (run.states, run.writes) == ([], [])


@pytest.mark.parametrize("ids", ["invoiced", "external"])
def test_a_record_without_its_key_is_refused_where_the_endpoint_needs_more(
    ids: str, read: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    streams = {"test_record_missing_key_property": CUSTOMERS}
    run = load(read("record_missing_key_property"), ids=ids, streams=streams)
    assert run.exit_code == 1
    said = "POST /customers refused (400): Name is required [name]"
    where = "stopped at line 2, test_record_missing_key_property: "
    assert run.complaint.startswith(where + said + SENT_BACK)
    assert account.objects("customers") == []


def test_a_key_that_stands_in_the_wrong_place_is_warned_of(
    read: Callable[..., bytes], load: Callable[..., Any]
) -> None:
    """The file names its keys within the schema: to a target, its records have none."""
    run = load(read("pk_updates"), ids="external", streams={"example_stream": CUSTOMERS})
    assert "WARNING example_stream: its SCHEMA names no `key_properties`" in run.log


def test_a_stream_that_nothing_maps_is_named_with_its_line(
    read: Callable[..., bytes], load: Callable[..., Any]
) -> None:
    run = load(read("user_location_data"), streams={"test_users": CUSTOMERS}, ids="external")
    assert run.complaint.startswith("line 7: stream `test_locations` has no endpoint. Map it in ")
    assert (run.exit_code, run.states) == (1, [])
    assert run.writes == ["POST /customers"] * 5, "what came before is written"


# Values


def test_a_later_file_updates_what_an_earlier_one_created(
    read: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    for number in range(4):
        account.add("customers", name=f"Somebody {number}")
    for name in ("user_location_data", "user_location_upsert_data"):
        assert load(read(name), ids="external", streams=USERS_IN_PLACES).exit_code == 0
    customers = named("Johny", "George", "Jacob", "Josh", "Jim", "Thomas", "Paul", "Mary")
    assert shown(account, "customers", customers, after=4) == in_order(customers)
    items = named("Philly", "NY", "San Francisco", "Colorado", "Boston")
    assert shown(account, "items", items) == in_order(items)
    assert len(account.objects("contacts")) == 7


def test_records_without_a_key_are_added_to_those_that_came_before(
    read: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    for name in ("no_primary_keys", "no_primary_keys_append"):
        messages = read(name, metric="user_id")
        run = load(messages, ids="external", streams={"test_no_pk": TASKS})
        assert (run.exit_code, run.states) == (0, states(messages))
    metrics = [row["user_id"] for row in account.objects("tasks")]
    assert sorted(metrics) == [11, 22, 33, 101, 202, 303, 404, 505]


def test_the_last_of_several_records_of_one_key_is_what_remains(
    read: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    messages = read("duplicate_records", metric="user_id")
    run = load(messages, ids="external", streams={"test_duplicate_records": TASKS})
    assert run.exit_code == 0, run.log
    assert sorted(row["user_id"] for row in account.objects("tasks")) == [20, 100]


def test_records_refer_to_each_other_by_the_keys_of_their_file(
    read: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    streams = {**USERS_IN_PLACES, "test_user_in_location": {"endpoint": "contacts"}}
    run = load(read("user_location_data", user_id="customer"), ids="external", streams=streams)
    assert run.exit_code == 0, run.log
    (yannis,) = [row["id"] for row in account.objects("customers") if row["name"] == "Yannis"]
    contacts = [write for write in run.writes if write.endswith("/contacts")]
    assert contacts == [f"POST /customers/{yannis}/contacts"] * 3


@pytest.mark.parametrize(
    ("name", "stream", "column", "attribute"),
    [
        pytest.param("encoded_string_data", "test_strings", "info", "name", id="strings"),
        pytest.param(
            "encoded_string_data", "test_strings_in_objects", "info", "metadata", id="objects"
        ),
        pytest.param(
            "schema_no_properties",
            "test_object_schema_no_properties",
            "object_store",
            "metadata",
            id="objects-of-unknown-columns",
        ),
        pytest.param(
            "special_chars_in_attributes",
            "test:SpecialChars!in?attributes",
            "d",
            "metadata",
            id="odd-names",
        ),
    ],
)
def test_values_arrive_as_they_were(
    name: str,
    stream: str,
    column: str,
    attribute: str,
    read: Callable[..., bytes],
    load: Callable[..., Any],
    account: Account,
) -> None:
    """Every script, every escape, control characters among them."""
    messages = read(name, **{column: attribute})
    records = [
        line["record"][attribute]
        for line in map(json.loads, messages.splitlines())
        if line["type"] == "RECORD" and line["stream"] == stream
    ]
    run = load(messages, ids="external", unknown_streams="skip", streams={stream: ITEMS})
    assert run.exit_code == 0, run.log
    arrived = [row[attribute] for row in account.objects("items")]
    assert records
    assert sorted(map(json.dumps, arrived)) == sorted(map(json.dumps, records))
