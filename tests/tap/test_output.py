"""What the tap writes: the API's own values, in a form that a target accepts."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import requests

import invoiced_schemas
from invoiced_emulator import Account, Server

STREAMS = ("customers", "subscriptions", "invoices", "estimates", "credit_notes", "transactions")


def fetched(server: Server, stream: str, key: int) -> Any:
    """The object as the API writes it, digits and all."""
    answer = requests.get(
        f"{server.url}/{stream}/{key}",
        params={"include": "updated_at"},
        auth=("emulator-key", ""),
        timeout=10,
    )
    return json.loads(answer.content, parse_float=Decimal, parse_int=Decimal)


def pairs(api: Any, record: Any, schema: dict[str, Any], path: str = "") -> Iterator[Any]:
    """Each leaf of the API's object beside the record's, with the schema of its column."""
    if isinstance(api, dict) and "properties" in schema:
        assert record.keys() == api.keys(), path
        for name, value in api.items():
            yield from pairs(value, record[name], schema["properties"][name], f"{path}.{name}")
    elif isinstance(api, list):
        assert len(record) == len(api), path
        for one, other in zip(api, record, strict=True):
            yield from pairs(one, other, schema["items"], f"{path}[]")
    else:
        yield path, api, record, schema


def test_every_value_of_a_seeded_account_is_the_api_s_own(
    business: Account, business_server: Server, run_tap: Callable[..., Any]
) -> None:
    """Money has the API's digits, a timestamp is the same instant, all else is the same value."""
    run = run_tap(business_server)
    lines = run.stdout.splitlines()
    records = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]
    compared = 0
    for message in records:
        if message["type"] != "RECORD":
            continue
        schema = invoiced_schemas.load(message["stream"])
        record = message["record"]
        api = fetched(business_server, message["stream"], record["id"])
        for path, sent, written, column in pairs(api, record, schema):
            if sent is not None and column.get("format") == "date-time":
                written = Decimal(int(datetime.fromisoformat(written[:-1] + "+00:00").timestamp()))
            assert written == sent, path
            if isinstance(sent, Decimal):
                assert written.as_tuple() == sent.as_tuple(), f"{path}: the same digits"
            compared += 1
    assert compared > 20_000
    assert sum(message["type"] == "RECORD" for message in records) == sum(
        len(business.objects(stream)) for stream in STREAMS
    )


def test_every_record_of_a_seeded_account_validates_strictly(
    business_server: Server, run_tap: Callable[..., Any], strict_validator: Callable[..., Any]
) -> None:
    validators = {}
    count = 0
    for message in run_tap(business_server).messages:
        if message["type"] == "SCHEMA":
            validators[message["stream"]] = strict_validator(message["schema"])
        elif message["type"] == "RECORD":
            validators[message["stream"]].validate(message["record"])
            count += 1
    assert set(validators) == set(STREAMS)
    assert count > 500


def test_messages_come_grouped_by_stream_parents_first_each_with_its_schema_once(
    business_server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(business_server)
    order: list[tuple[str, str]] = []
    for message in run.messages:
        step = (message["type"], message.get("stream", ""))
        if message["type"] != "STATE" and (not order or order[-1] != step):
            order.append(step)
    assert order == [(kind, stream) for stream in STREAMS for kind in ("SCHEMA", "RECORD")]
    assert run.messages[-1] == {
        "type": "STATE",
        "value": {
            "bookmarks": {stream: {"updated_at": "2026-03-01T11:59:00Z"} for stream in STREAMS}
        },
    }


def test_schemas_hold_nothing_that_breaks_a_target(
    business_server: Server, run_tap: Callable[..., Any]
) -> None:
    def check(schema: dict[str, Any], path: str) -> None:
        assert not {"$ref", "anyOf", "oneOf", "allOf", "additionalProperties"} & schema.keys(), path
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert len(set(types) - {"null"}) == 1, path
        if "object" in types:
            assert "properties" in schema or path.endswith(".metadata"), path
        for name, inner in schema.get("properties", {}).items():
            check(inner, f"{path}.{name}")
        if "array" in types:
            check(schema["items"], f"{path}[]")

    for message in run_tap(business_server).messages:
        if message["type"] == "SCHEMA":
            check(message["schema"], message["stream"])
            assert message["key_properties"] == ["id"]
            assert message["bookmark_properties"] == ["updated_at"]


def test_a_field_outside_the_schema_is_dropped_and_named_once(
    account: Account, server: Server, run_tap: Callable[..., Any]
) -> None:
    for _ in range(3):
        account.add("customers", name="Acme", shoe_size=43)
    run = run_tap(server)
    assert all("shoe_size" not in record for record in run.records("customers"))
    assert run.stderr.count("field `shoe_size` is not in the schema") == 1


def test_a_value_that_its_column_cannot_hold_becomes_null_and_is_named(
    account: Account, server: Server, run_tap: Callable[..., Any]
) -> None:
    account.add("customers", id=77, name="Acme", credit_limit={"amount": 5})
    run = run_tap(server)
    assert run.exit_code == 0, run.stderr
    (record,) = run.records("customers")
    assert (record["name"], record["credit_limit"]) == ("Acme", None)
    assert run.stderr.count('customers 77: field `credit_limit` holds {"amount":5}, not a') == 1


def test_with_on_bad_value_stop_such_a_value_fails_its_stream(
    account: Account, server: Server, run_tap: Callable[..., Any]
) -> None:
    account.add("customers", id=77, name="Acme", credit_limit={"amount": 5})
    run = run_tap(server, on_bad_value="stop")
    assert run.exit_code == 1
    assert 'customers 77: field `credit_limit` holds {"amount":5}, not a number' in run.stderr


def test_metrics_and_a_closing_table_go_to_stderr(
    business_server: Server, run_tap: Callable[..., Any]
) -> None:
    run = run_tap(business_server)
    for stream in STREAMS:
        metric = {"type": "counter", "metric": "record_count", "tags": {"endpoint": stream}}
        lines = [line for line in run.stderr.splitlines() if line.startswith("INFO METRIC: ")]
        found = [json.loads(line.removeprefix("INFO METRIC: ")) for line in lines]
        (value,) = [one.pop("value") for one in found if metric.items() <= one.items()]
        assert value == len(run.records(stream))
    header, rule, *rows = run.stderr.splitlines()[-2 - len(STREAMS) :]
    assert re.findall(r"\w+", header)[:3] == ["stream", "records", "requests"]
    assert set(rule) == set("| -:")
    assert [re.findall(r"\w+", row)[0] for row in rows] == list(STREAMS)
