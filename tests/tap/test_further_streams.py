"""Lists that no page describes, and objects of a parent that have no id."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from invoiced_api.resources import BY_NAME, RESOURCES

UPDATED = 1_772_000_000
DATE = "2026-02-25T06:13:20.000000Z"
BALANCE = {
    "available_credits": 50,
    "currency": "usd",
    "history": [{"timestamp": UPDATED, "currency": "usd", "balance": 50.5}],
    "past_due": False,
    "total_outstanding": 470,
    "due_now": 0,
}
ATTACHMENT = {
    "id": 13,
    "object": "attachment",
    "file": {"id": 14, "object": "file", "name": "a.png", "size": 6936, "updated_at": UPDATED},
    "updated_at": UPDATED,
    "created_at": UPDATED,
}
UNDOCUMENTED = [resource.name for resource in RESOURCES if not resource.documented]
FEATURE = {
    "type": "invalid_request",
    "message": "Your Invoiced account does not have access to this feature.",
}


def row(name: str) -> dict[str, Any]:
    key = "abc" if name in ("roles", "custom_fields", "payment_methods") else 5
    own = {"id": key, "object": name, "name": "One", "updated_at": UPDATED, "created_at": UPDATED}
    return {**own, "steps": [{"rate": 1.5}], "enabled": True}


@dataclass
class Lists:
    """A server of lists by path; each is given whole. Others answer 404."""

    bodies: dict[str, Any] = field(default_factory=dict)
    refusals: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    url: str = ""
    targets: list[str] = field(default_factory=list)

    def response(self, target: str) -> tuple[int, Any]:
        self.targets.append(target)
        parts = urlsplit(target)
        if parts.path in self.refusals:
            return self.refusals[parts.path]
        if parts.path in self.bodies:
            return 200, self.bodies[parts.path]
        return 404, {"type": "invalid_request", "message": "Not found."}


@pytest.fixture
def lists() -> Iterator[Lists]:
    served = Lists(
        {
            "/customers": [{"id": 1, "name": "Acme", "updated_at": UPDATED}],
            "/invoices": [{"id": 2, "customer": 1, "updated_at": UPDATED}],
            "/customers/1/balance": BALANCE,
            "/estimates": [{"id": 3, "customer": 1, "updated_at": UPDATED}],
            "/credit_notes": [{"id": 4, "customer": 1, "updated_at": UPDATED}],
            "/invoices/2/attachments": [ATTACHMENT],
            "/estimates/3/attachments": [{**ATTACHMENT, "id": 15}],
            "/credit_notes/4/attachments": [{**ATTACHMENT, "id": 16}],
            **{f"/{name}": [row(name)] for name in UNDOCUMENTED},
        }
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's own name
            status, value = served.response(self.path)
            body = json.dumps(value).encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Date", formatdate(usegmt=True))
            if isinstance(value, list):
                self.send_header("X-Total-Count", str(len(value)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture
def read(run_tap: Callable[..., Any], whole_catalog: Any, lists: Lists) -> Callable[..., Any]:
    def run(*names: str, state: Any = None) -> Any:
        entries = [one for one in whole_catalog["streams"] if one["stream"] in names]
        catalog = {"streams": [{**entry, "selected": True} for entry in entries]}
        return run_tap(lists, catalog=catalog, state=state)

    return run


def test_objects_that_no_page_describes_keep_all_their_attributes(
    read: Callable[..., Any], strict_validator: Callable[..., Any]
) -> None:
    run = read(*UNDOCUMENTED)
    assert run.exit_code == 0, run.stderr
    assert "not in the schema" not in run.stderr
    schemas = {one["stream"]: one["schema"] for one in run.messages if one["type"] == "SCHEMA"}
    for name in UNDOCUMENTED:
        (record,) = run.records(name)
        strict_validator(schemas[name]).validate(record)
        assert record["_extra"] == {"steps": [{"rate": 1.5}], "enabled": True}
        assert (record["id"], record["name"], record["updated_at"]) == (
            row(name)["id"],
            "One",
            DATE,
        )


def test_each_customer_has_a_balance_and_each_invoice_attachments(
    read: Callable[..., Any], strict_validator: Callable[..., Any]
) -> None:
    run = read("customer_balances", "attachments")
    assert run.exit_code == 0, run.stderr
    (schema, *_) = [one for one in run.messages if one.get("stream") == "customer_balances"]
    assert schema["key_properties"] == ["customer"]
    (balance,) = run.records("customer_balances")
    strict_validator(schema["schema"]).validate(balance)
    assert balance == {
        **BALANCE,
        "customer": 1,
        "history": [{"timestamp": DATE, "currency": "usd", "balance": 50.5}],
    }
    (attachment,) = run.records("attachments")
    assert (attachment["invoice"], attachment["id"], attachment["file"]["size"]) == (2, 13, 6936)
    assert "not in the schema" not in run.stderr


def test_estimates_and_credit_notes_have_attachments_too(read: Callable[..., Any]) -> None:
    run = read("estimate_attachments", "credit_note_attachments")
    assert run.exit_code == 0, run.stderr
    (of_estimate,) = run.records("estimate_attachments")
    assert (of_estimate["estimate"], of_estimate["id"]) == (3, 15)
    (of_credit_note,) = run.records("credit_note_attachments")
    assert (of_credit_note["credit_note"], of_credit_note["id"]) == (4, 16)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param((403, {"type": "invalid_request", "message": "no"}), id="forbidden"),
        pytest.param((404, {"type": "invalid_request", "message": "no"}), id="not-found"),
        pytest.param((400, FEATURE), id="feature"),
    ],
)
def test_a_list_that_the_account_lacks_is_skipped_with_a_warning(
    refusal: tuple[int, dict[str, str]], lists: Lists, read: Callable[..., Any]
) -> None:
    first = read("gl_accounts", "roles")
    lists.refusals["/gl_accounts"] = refusal
    for state in (None, first.state):
        run = read("gl_accounts", "roles", state=state)
        assert run.exit_code == 0, run.stderr
        assert not run.records("gl_accounts")
        assert run.stderr.count("WARNING gl_accounts: skipped") == 1
        assert run.ids("roles") == ([] if state else ["abc"])


def test_other_errors_of_such_a_list_fail_the_stream(
    lists: Lists, read: Callable[..., Any]
) -> None:
    lists.refusals["/gl_accounts"] = (400, {"type": "invalid_request", "message": "odd"})
    run = read("gl_accounts", "roles")
    assert run.exit_code == 1
    assert run.ids("roles") == ["abc"]


@pytest.mark.parametrize("name", ["items", "plans", "coupons", "tax_rates"])
def test_the_column_archived_shows_from_which_list_a_row_came(
    name: str, lists: Lists, read: Callable[..., Any]
) -> None:
    live = {"id": "new", "name": "New", "updated_at": UPDATED}
    old = {"id": "old", "name": "Old", "updated_at": UPDATED, "archived": None}
    lists.response = lambda target: (200, [old] if "archived=1" in target else [live])  # type: ignore[method-assign]
    run = read(name)
    assert run.exit_code == 0, run.stderr
    shown = {record["id"]: record["archived"] for record in run.records(name)}
    assert shown == {"new": False, "old": True}


def test_all_four_lists_of_subscriptions_are_read(lists: Lists, read: Callable[..., Any]) -> None:
    def subscription(target: str) -> tuple[int, Any]:
        key = 1 + 2 * ("canceled=1" in target) + 4 * ("finished=1" in target)
        after = int(parse_qs(urlsplit(target).query).get("updated_after", ["0"])[0])
        row = {"id": key, "updated_at": UPDATED + key}
        return 200, [row] if row["updated_at"] > after else []

    lists.response = subscription  # type: ignore[method-assign]
    run = read("subscriptions")
    assert run.exit_code == 0, run.stderr
    assert set(run.ids("subscriptions")) == {1, 3, 5, 7}


def test_the_update_time_is_asked_for_wherever_it_is_a_bookmark(
    lists: Lists, read: Callable[..., Any]
) -> None:
    documented = [one.name for one in RESOURCES if one.documented and one.name != "events"]
    lists.bodies |= {BY_NAME[name].path: [] for name in documented if not BY_NAME[name].parent}
    lists.bodies |= {"/customers": lists.bodies["/customers"] or [{"id": 1, "updated_at": UPDATED}]}
    read(*documented)
    for target in lists.targets:
        if "/balance" not in target and "per_page=100" in target:
            assert "include=" in target and "updated_at" in target.partition("include=")[2], target
    payments = [one for one in lists.targets if one.startswith("/payments")]
    assert payments and all("applied_to" in one for one in payments)


@pytest.mark.parametrize("old_update", [UPDATED - 5, UPDATED, UPDATED + 5])
def test_of_a_reused_id_the_live_object_is_emitted(
    old_update: int, lists: Lists, read: Callable[..., Any]
) -> None:
    """DELETE archives an item, and its id may then be given to another."""
    live = [{"id": key, "name": "New", "updated_at": UPDATED} for key in ("a", "b")]
    old = [{"id": key, "name": "Old", "updated_at": old_update} for key in ("b", "c")]
    lists.response = lambda target: (200, old if "archived=1" in target else live)  # type: ignore[method-assign]
    run = read("items")
    assert run.exit_code == 0, run.stderr
    shown = [(one["id"], one["name"], one["archived"]) for one in run.records("items")]
    assert sorted(shown) == [("a", "New", False), ("b", "New", False), ("c", "Old", True)]
