"""A whole run over an account in which some values are not what their columns say."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from invoiced_emulator import Account, Server, seeded

STREAMS = ("customers", "invoices", "estimates", "credit_notes", "subscriptions", "transactions")
MARK = "the value goes here {}"
KEPT = ("Content-Type", "X-Total-Count", "Date")


@dataclass
class Rewriter:
    """A server before an emulator that shows some attributes with other values.

    `values` holds, by stream and id, attributes with the JSON that takes their place.
    """

    upstream: str
    values: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    url: str = ""

    def rewritten(self, target: str, body: bytes) -> bytes:
        stream = urlsplit(target).path.strip("/")
        rows = json.loads(body) if stream in STREAMS else []
        texts: list[str] = []
        for row in rows if isinstance(rows, list) else []:
            for name, text in self.values.get((stream, row["id"]), {}).items():
                row[name] = MARK.format(len(texts))
                texts.append(text)
        if not texts:
            return body
        shown = json.dumps(rows)
        for number, text in enumerate(texts):
            shown = shown.replace(json.dumps(MARK.format(number)), text)
        return shown.encode("utf-8", "surrogateescape")


def serving(rewriter: Rewriter) -> ThreadingHTTPServer:
    pool = urllib3.PoolManager(maxsize=32)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # http.server's own name
            headers = {"Authorization": self.headers["Authorization"]}
            got = pool.request("GET", rewriter.upstream + self.path, headers=headers)
            body = rewriter.rewritten(self.path, got.data)
            self.send_response_only(got.status)
            for name in KEPT:
                if name in got.headers:
                    self.send_header(name, got.headers[name])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def small() -> Account:
    return seeded(customers=12, seed=7, now=lambda: 1_772_366_400, api_key="emulator-key")


@pytest.fixture(scope="module")
def rewriter(small: Account) -> Iterator[Rewriter]:
    with Server(small) as server:
        made = Rewriter(server.url)
        front = serving(made)
        front.daemon_threads = True
        made.url = f"http://127.0.0.1:{front.server_port}"
        threading.Thread(target=front.serve_forever, args=(0.01,), daemon=True).start()
        yield made
        front.shutdown()
        front.server_close()


def rows_of(run: Any) -> dict[tuple[str, Any], Any]:
    return {(stream, row["id"]): row for stream in STREAMS for row in run.records(stream)}


# attribute, what is sent, what is emitted; None comes with a warning
ODD_CUSTOMERS = [
    ("created_at", "-62169984000", None),
    ("created_at", "99999999999999", None),
    ("created_at", '"0000-00-00"', None),
    ("created_at", "false", None),
    ("created_at", '"1700000000"', "2023-11-14T22:13:20.000000Z"),
    ("metadata", "[]", {}),
    ("taxes", '""', []),
    ("credit_limit", '"12.50"', 12.5),
    ("credit_limit", "1e999", None),
    ("credit_limit", '"1_000"', None),
    ("taxable", '"true"', True),
    ("name", "12345", "12345"),
]
BROKEN_TEXTS = [r'"cut \ud83d"', '"cut \udce9"']


def test_odd_values_cost_neither_rows_nor_time(
    small: Account, rewriter: Rewriter, run_tap: Callable[..., Any]
) -> None:
    customers = [row["id"] for row in small.objects("customers")]
    invoices = [row["id"] for row in small.objects("invoices")]
    rewriter.values.clear()
    expected = rows_of(run_tap(rewriter))
    odd = list(zip(customers, ODD_CUSTOMERS, strict=False))
    assert len(odd) == len(ODD_CUSTOMERS)
    rewriter.values |= {("customers", key): {name: sent} for key, (name, sent, _) in odd}
    rewriter.values |= {
        ("invoices", key): {"notes": text}
        for key, text in zip(invoices, BROKEN_TEXTS, strict=False)
    }
    run = run_tap(rewriter)
    assert run.exit_code == 0, run.stderr
    assert "retrying in" not in run.stderr
    for key, (name, _, emitted) in odd:
        expected["customers", key][name] = emitted
        named = f"customers {key}: field `{name}` holds" in run.stderr
        assert named == (emitted is None), name
    for key in invoices[: len(BROKEN_TEXTS)]:
        expected["invoices", key]["notes"] = "cut \ufffd"
        assert f"invoices {key}: field `notes` holds" in run.stderr
    assert rows_of(run) == expected
    assert '"metric": "bad_value_count", "value": 6' in run.stderr


def test_a_row_without_an_id_is_named_and_holds_the_bookmark(
    small: Account, rewriter: Rewriter, run_tap: Callable[..., Any]
) -> None:
    """No target could keep it; a run after Invoiced corrected it reads it."""
    key = small.objects("customers")[4]["id"]
    rewriter.values.clear()
    expected = rows_of(run_tap(rewriter))
    rewriter.values[("customers", key)] = {"id": "null"}
    broken = run_tap(rewriter)
    assert broken.exit_code == 0, broken.stderr
    assert "customers (no id): field `id` holds null" in broken.stderr
    assert "customers: rows without a usable `id` that were not emitted: 1" in broken.stderr
    assert "customers" not in broken.state["bookmarks"]
    without = {place: row for place, row in expected.items() if place != ("customers", key)}
    assert rows_of(broken) == without
    rewriter.values.clear()
    healed = run_tap(rewriter, state=broken.state)
    assert healed.exit_code == 0, healed.stderr
    assert key in healed.ids("customers")


def test_two_objects_of_one_id_both_arrive(
    small: Account, rewriter: Rewriter, run_tap: Callable[..., Any]
) -> None:
    first, second, *_ = (row["id"] for row in small.objects("customers"))
    rewriter.values.clear()
    names = {row["id"]: row["name"] for row in small.objects("customers")}
    rewriter.values[("customers", first)] = {"id": str(second)}
    run = run_tap(rewriter)
    assert run.exit_code == 0, run.stderr
    emitted = [row["name"] for row in run.records("customers") if row["id"] == second]
    assert sorted(emitted) == sorted([names[first], names[second]])
    assert f"customers {second}: field `id` holds {second}, not the id of one object only" in (
        run.stderr
    )


@pytest.mark.parametrize("sent", ["null", '"soon"', "99999999999999", "-62169984000", "[]"])
def test_a_row_without_a_moment_arrives_and_does_not_move_the_bookmark(
    sent: str, small: Account, rewriter: Rewriter, run_tap: Callable[..., Any]
) -> None:
    key = small.objects("invoices")[3]["id"]
    rewriter.values.clear()
    usual = run_tap(rewriter)
    rewriter.values[("invoices", key)] = {"updated_at": sent}
    run = run_tap(rewriter)
    assert run.exit_code == 0, run.stderr
    expected = rows_of(usual)
    expected["invoices", key]["updated_at"] = None
    assert rows_of(run) == expected
    assert run.stderr.count(f"invoices {key}: field `updated_at` holds") == 1
    assert run.state == usual.state
