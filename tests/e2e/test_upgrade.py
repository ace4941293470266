"""Users of `tap-invoiced` 0.3.0 continue with its catalog and its state."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from invoiced_api.timestamps import to_seconds
from invoiced_emulator import Account, Server

ROOT = Path(__file__).parents[2]
PEER = ROOT / ".venv-peer" / "bin"
STREAMS = ("invoices", "customers", "plans", "estimates", "credit_notes", "subscriptions")

Row = dict[str, Any]


@pytest.fixture
def peer(business_server: Server, tmp_path: Path) -> Callable[..., list[Row]]:
    """The messages of the earlier tap, as published; only its address is another one."""
    assert PEER.exists(), "make e2e installs the earlier tap"
    config = tmp_path / "peer.json"
    config.write_text(json.dumps({"api_key": "emulator-key", "start_date": "2020-01-01"}))
    wrapper = ROOT / "benchmarks" / "peer.py"
    started = [PEER / "python", "-I", wrapper, business_server.url, PEER / "tap-invoiced"]

    def run(*arguments: str | Path) -> bytes:
        command = [*started, "--config", config, *arguments]
        return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout

    return run


def rows(messages: list[Row], stream: str) -> dict[Any, Row]:
    """The last version of each object."""
    return {
        message["record"]["id"]: message["record"]
        for message in messages
        if message["type"] == "RECORD" and message["stream"] == stream
    }


def whole_catalog(peer: Callable[..., bytes]) -> dict[str, Any]:
    """The catalog of the earlier tap, with all streams selected."""
    catalog: dict[str, Any] = json.loads(peer("--discover"))
    for entry in catalog["streams"]:
        (own,) = [mark for mark in entry["metadata"] if mark["breadcrumb"] == []]
        own["metadata"]["selected"] = True
    return catalog


def test_nothing_is_lost_when_the_tap_continues_from_the_earlier_tap(
    peer: Callable[..., bytes],
    run_tap: Callable[..., Any],
    business: Account,
    business_server: Server,
    clock: Any,
    tmp_path: Path,
) -> None:
    catalog = whole_catalog(peer)
    assert {entry["stream"] for entry in catalog["streams"]} == set(STREAMS)
    (tmp_path / "old-catalog.json").write_text(json.dumps(catalog))
    before = list(map(json.loads, peer("--catalog", tmp_path / "old-catalog.json").splitlines()))
    state = [message["value"] for message in before if message["type"] == "STATE"][-1]
    bookmarks = {stream: state["bookmarks"][stream]["updated_at"] for stream in STREAMS}
    assert all(isinstance(moment, int) for moment in bookmarks.values())

    # Of the very second of the bookmark, which the earlier tap has already passed.
    late = business.add("customers", name="Late", updated_at=bookmarks["customers"])["id"]
    clock.seconds += 3_600
    new = business.add("customers", name="New")["id"]
    edited = business.objects("invoices")[7]["id"]
    business.edit("invoices", edited, purchase_order="PO-7")
    renewing = next(row for row in business.objects("subscriptions") if row["status"] == "active")
    business.edit("subscriptions", renewing["id"], status="canceled")

    ours = run_tap(business_server, catalog=catalog, state=state)
    assert ours.exit_code == 0, ours.stderr
    assert {late, new} <= set(ours.ids("customers"))
    assert edited in ours.ids("invoices")
    assert renewing["id"] in ours.ids("subscriptions")
    for stream in STREAMS:
        account = {row["id"]: row for row in business.objects(stream)}
        arrived = rows(before, stream) | rows(ours.messages, stream)
        # What the earlier tap never read; ours reads it from now on, when it changes.
        unseen = {
            key
            for key, row in account.items()
            if row.get("archived") or row.get("status") in ("canceled", "finished")
        }
        assert account.keys() - unseen <= arrived.keys(), stream
        assert {
            key for key, row in account.items() if row["updated_at"] >= bookmarks[stream]
        } <= set(ours.ids(stream)), stream


def test_every_column_of_the_earlier_tap_is_still_there(peer: Callable[..., bytes]) -> None:
    ours = {
        entry["stream"]: entry["schema"]["properties"]
        for entry in json.loads((ROOT / "catalog.json").read_text())["streams"]
    }
    for entry in json.loads(peer("--discover"))["streams"]:
        assert entry["schema"]["properties"].keys() <= ours[entry["stream"]].keys()
        assert entry["key_properties"] == ["id"]


def types(schema: Row, within: str = "") -> Iterator[tuple[str, Row]]:
    """Each column with its type; columns of other objects too."""
    for name, field in schema.get("properties", {}).items():
        kinds = [field["type"]] if isinstance(field["type"], str) else field["type"]
        yield within + name, {**field, "type": set(kinds) - {"null"}}
        yield from types(field, f"{within}{name}.")
        yield from types(field.get("items", {}), f"{within}{name}[].")


def differing(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where a record of ours is not what the earlier tap's was; columns that are new left out."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in old:
            yield from differing(old[name], new.get(name), f"{path}.{name}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            yield from differing(one, other, f"{path}[]")
    elif old != new:
        yield path, old, new


def test_the_data_changes_only_as_the_page_on_upgrading_says(
    peer: Callable[..., bytes],
    run_tap: Callable[..., Any],
    business_server: Server,
    tmp_path: Path,
) -> None:
    catalog = json.loads(peer("--discover"))
    ours = {
        entry["stream"]: dict(types(entry["schema"]))
        for entry in json.loads((ROOT / "catalog.json").read_text())["streams"]
    }
    changed = {
        (entry["stream"], path)
        for entry in catalog["streams"]
        for path, field in types(entry["schema"])
        if any(field.get(key) != ours[entry["stream"]][path].get(key) for key in ("type", "format"))
    }
    page = (ROOT / "docs" / "upgrading.md").read_text()
    listed = re.findall(r"^\| `(\w+)`: (`[^|]+`) \|", page, re.MULTILINE)
    assert changed == {(stream, name) for stream, row in listed for name in re.findall(r"\w+", row)}

    for entry in catalog["streams"]:
        entry["metadata"] = [{"breadcrumb": [], "metadata": {"selected": True}}]
    (tmp_path / "old-catalog.json").write_text(json.dumps(catalog))
    before = list(map(json.loads, peer("--catalog", tmp_path / "old-catalog.json").splitlines()))
    after = run_tap(business_server, catalog=catalog).messages
    for stream in STREAMS:
        now = rows(after, stream)
        for key, row in rows(before, stream).items():
            for path, old, new in differing(row, now[key]):
                nested_or_plans = "." in path or stream == "plans"
                moments = ("created_at", "updated_at", "period_start", "period_end")
                if path.endswith(moments) and nested_or_plans:
                    assert to_seconds(new) == old
                elif (stream, path) == ("estimates", "approved"):
                    assert bool(old) == bool(new)
                else:
                    assert (old, new) == (False, None), (stream, path)


def test_fields_left_out_before_stay_left_out(
    peer: Callable[..., bytes], run_tap: Callable[..., Any], business_server: Server
) -> None:
    catalog = json.loads(peer("--discover"))
    for entry in catalog["streams"]:
        for mark in entry["metadata"]:
            if mark["breadcrumb"] == []:
                mark["metadata"]["selected"] = entry["stream"] == "customers"
            if mark["breadcrumb"] == ["properties", "notes"]:
                mark["metadata"]["selected"] = False
    run = run_tap(business_server, catalog=catalog)
    assert {one["stream"] for one in run.messages if one["type"] == "RECORD"} == {"customers"}
    assert all("notes" not in row and "name" in row for row in run.records("customers"))
