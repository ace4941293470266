"""Discovery, and the selection of streams and fields."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Server

ROOT = Path(__file__).parents[2]
Catalog = dict[str, Any]


def marked(entry: Catalog, *breadcrumb: str, **marks: Any) -> None:
    """Writes metadata as an orchestrator does."""
    for one in entry["metadata"]:
        if one["breadcrumb"] == list(breadcrumb):
            one["metadata"].update(marks)
            return
    raise KeyError(breadcrumb)


def test_catalog_json_is_what_discover_prints(run_tap: Callable[..., Any]) -> None:
    discovered = run_tap(None, "--discover")
    assert discovered.exit_code == 0
    assert discovered.stdout == (ROOT / "catalog.json").read_bytes()


def test_discovery_needs_no_network(run_tap: Callable[..., Any]) -> None:
    """Nothing is sent to the address it is given; not even a connection is made."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert run_tap(None, "--discover", base_url=address).exit_code == 0
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_later_discovery_is_called_with_a_state(run_tap: Callable[..., Any]) -> None:
    state = {"bookmarks": {"invoices": {"updated_at": "2026-01-31T10:00:00Z"}}}
    discovered = run_tap(None, "--discover", state=state)
    assert discovered.stdout == (ROOT / "catalog.json").read_bytes()


def test_every_field_has_metadata_and_only_keys_and_bookmarks_are_automatic(
    whole_catalog: Catalog,
) -> None:
    for entry in whole_catalog["streams"]:
        marks = {tuple(one["breadcrumb"]): one["metadata"] for one in entry["metadata"]}
        keys, bookmarks = entry["key_properties"], marks[()]["valid-replication-keys"]
        for name in entry["schema"]["properties"]:
            automatic = marks["properties", name]["inclusion"] == "automatic"
            assert automatic == (name in (*keys, *bookmarks)), (entry["stream"], name)
        assert marks[()]["table-key-properties"] == keys


def test_without_selection_the_default_streams_are_read(
    business_server: Server, run_tap: Callable[..., Any], whole_catalog: Catalog
) -> None:
    without = run_tap(business_server)
    with_catalog = run_tap(business_server, catalog=whole_catalog)
    assert [one["type"] for one in without.messages] == [
        one["type"] for one in with_catalog.messages
    ]


@pytest.mark.parametrize(
    "select",
    [
        pytest.param(lambda entry, yes: marked(entry, selected=yes), id="metadata"),
        pytest.param(lambda entry, yes: entry.update(selected=yes), id="top-level"),
        pytest.param(lambda entry, yes: entry["schema"].update(selected=yes), id="old-schema"),
    ],
)
def test_streams_are_selected_in_any_of_the_known_ways(
    select: Callable[..., Any],
    business_server: Server,
    run_tap: Callable[..., Any],
    whole_catalog: Catalog,
    catalog_of: Callable[..., Catalog],
) -> None:
    catalog = catalog_of(*(entry["stream"] for entry in whole_catalog["streams"]))
    for entry in catalog["streams"]:
        select(entry, entry["stream"] == "estimates")
    run = run_tap(business_server, catalog=catalog)
    streams = {message["stream"] for message in run.messages if "stream" in message}
    assert streams == {"estimates"}


def test_a_field_that_is_not_selected_is_neither_in_schema_nor_records_at_any_depth(
    business_server: Server, run_tap: Callable[..., Any], catalog_of: Callable[..., Catalog]
) -> None:
    catalog = catalog_of("invoices")
    (entry,) = catalog["streams"]
    marked(entry, "properties", "notes", selected=False)
    marked(entry, "properties", "items", "items", "properties", "unit_cost", selected=False)
    marked(entry, "properties", "id", selected=False)  # automatic: stays
    entry["schema"]["properties"]["currency"]["selected"] = False  # the old way
    run = run_tap(business_server, catalog=catalog)
    (schema,) = [message["schema"] for message in run.messages if message["type"] == "SCHEMA"]
    line_columns = schema["properties"]["items"]["items"]["properties"]
    assert not {"notes", "currency"} & schema["properties"].keys()
    assert "unit_cost" not in line_columns and "quantity" in line_columns
    for record in run.records("invoices"):
        assert record["id"]
        assert not {"notes", "currency"} & record.keys()
        assert not any("unit_cost" in line for line in record["items"])
    assert "not in the schema" not in run.stderr, "left out on purpose is no news"


def test_a_catalog_as_meltano_rewrites_it_is_understood(
    business_server: Server, run_tap: Callable[..., Any], whole_catalog: Catalog
) -> None:
    """Everything listed, `selected` beside the metadata, automatic fields of others unselected."""
    catalog = json.loads(json.dumps(whole_catalog))
    for entry in catalog["streams"]:
        wanted = entry["stream"] == "customers"
        entry |= {"selected": wanted, "replication_method": "INCREMENTAL"}
        for one in entry["metadata"]:
            one["metadata"]["selected"] = wanted and one["breadcrumb"] != ["properties", "email"]
    run = run_tap(business_server, catalog=catalog)
    assert {message["stream"] for message in run.messages if "stream" in message} == {"customers"}
    assert all("email" not in record and "id" in record for record in run.records("customers"))


def test_properties_is_the_old_name_of_catalog(
    business_server: Server,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Catalog],
    tmp_path: Path,
) -> None:
    path = tmp_path / "properties.json"
    path.write_text(json.dumps(catalog_of("estimates")))
    run = run_tap(business_server, "--properties", str(path))
    assert {message["stream"] for message in run.messages if "stream" in message} == {"estimates"}


def test_nothing_selected_is_said_and_is_no_failure(
    business_server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(business_server, catalog={"streams": []})
    assert run.exit_code == 0
    assert "no stream is selected" in run.stderr


# Replication, names, and fields that are not there


@pytest.fixture
def two_customers(account: Account, clock: Any) -> Account:
    """One customer of long ago, and one of just now."""
    account.add("customers", id=1, name="Old", number="A-1", updated_at=clock.seconds - 90_000_000)
    account.add("customers", id=2, name="New", number="A-2")
    return account


LATER = {"bookmarks": {"customers": {"updated_at": "2026-02-01T00:00:00Z"}}}


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(
            lambda one: marked(one, **{"replication-method": "FULL_TABLE"}), id="metadata"
        ),
        pytest.param(lambda one: one.update(replication_method="FULL_TABLE"), id="as-meltano"),
    ],
)
def test_full_table_reads_everything_whatever_state_and_start_date(
    ask: Callable[[Catalog], None],
    two_customers: Account,
    server: Server,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Catalog],
) -> None:
    catalog = catalog_of("customers")
    ask(catalog["streams"][0])
    run = run_tap(server, catalog=catalog, state=LATER, start_date="2026-01-01")
    assert run.ids("customers") == [1, 2]


@pytest.mark.parametrize(
    ("marks", "warning"),
    [
        ({"replication-key": "created_at"}, "replication key `created_at` is not supported"),
        ({"replication-method": "LOG_BASED"}, "replication method LOG_BASED is not supported"),
        ({"selected": "perhaps"}, "ignoring `selected`, which must be true or false, not perhaps"),
    ],
    ids=["replication-key", "replication-method", "selected"],
)
def test_what_a_catalog_asks_for_in_vain_is_a_warning(
    marks: Catalog,
    warning: str,
    two_customers: Account,
    server: Server,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Catalog],
) -> None:
    catalog = catalog_of("customers")
    marked(catalog["streams"][0], **marks)
    run = run_tap(server, catalog=catalog, state=LATER)
    assert run.exit_code == 0
    assert run.ids("customers") == [2]
    assert f"WARNING catalog: stream `customers`: {warning}" in run.stderr


def test_a_renamed_stream_has_its_own_name_in_messages_and_its_id_in_the_state(
    two_customers: Account,
    server: Server,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Catalog],
) -> None:
    catalog = catalog_of("customers")
    catalog["streams"][0]["stream"] = "crm_customers"
    run = run_tap(server, catalog=catalog, state=LATER)
    assert {one["stream"] for one in run.messages if "stream" in one} == {"crm_customers"}
    assert run.ids("crm_customers") == [2]
    assert list(run.state["bookmarks"]) == ["customers"]


def test_two_streams_of_one_name_are_refused(
    server: Server, run_tap: Callable[..., Any], catalog_of: Callable[..., Catalog]
) -> None:
    catalog = catalog_of("customers", "invoices")
    for entry in catalog["streams"]:
        entry["stream"] = "things"
    run = run_tap(server, catalog=catalog)
    assert run.exit_code == 1
    assert "two selected streams have the name `things`" in run.complaint


def unsupported(entry: Catalog) -> None:
    marked(entry, "properties", "number", inclusion="unsupported")


def removed(entry: Catalog) -> None:
    del entry["schema"]["properties"]["number"]


def deselected(entry: Catalog) -> None:
    marked(entry, "properties", "number", selected="false")


@pytest.mark.parametrize("leave_out", [unsupported, removed, deselected])
def test_a_field_that_is_unsupported_removed_or_deselected_is_not_emitted(
    leave_out: Callable[[Catalog], None],
    two_customers: Account,
    server: Server,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Catalog],
) -> None:
    catalog = catalog_of("customers")
    leave_out(catalog["streams"][0])
    run = run_tap(server, catalog=catalog)
    (schema,) = [one["schema"] for one in run.messages if one["type"] == "SCHEMA"]
    assert "number" not in schema["properties"] and "name" in schema["properties"]
    assert all("number" not in one and "name" in one for one in run.records("customers"))
    assert "not in the schema" not in run.stderr


def test_key_and_bookmark_are_emitted_even_if_the_catalog_has_removed_them(
    two_customers: Account,
    server: Server,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Catalog],
) -> None:
    catalog = catalog_of("customers")
    catalog["streams"][0]["schema"]["properties"] = {"name": {"type": ["null", "string"]}}
    run = run_tap(server, catalog=catalog)
    assert [set(one) for one in run.records("customers")] == [{"id", "name", "updated_at"}] * 2


@pytest.mark.parametrize("word", [False, "false"])
def test_a_deselected_stream_or_field_that_is_no_longer_there_is_ignored(
    word: Any,
    two_customers: Account,
    server: Server,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Catalog],
) -> None:
    catalog = catalog_of("customers")
    entry = catalog["streams"][0]
    entry["schema"]["properties"]["shoe_size"] = {"type": ["null", "integer"]}
    entry["metadata"].append(
        {"breadcrumb": ["properties", "shoe_size"], "metadata": {"selected": word}}
    )
    gone = {"tap_stream_id": "shoes", "stream": "shoes", "schema": {"type": "object"}}
    mark = {"breadcrumb": [], "metadata": {"selected": word}}
    catalog["streams"].append({**gone, "metadata": [mark]})
    run = run_tap(server, catalog=catalog)
    assert run.exit_code == 0, run.stderr
    assert run.ids("customers") == [1, 2]
