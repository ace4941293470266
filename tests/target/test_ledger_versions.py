"""A ledger of an earlier version is taken over; one of a later version is refused."""

import json
import re
import sqlite3
import stat
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from invoiced_api.exceptions import InvalidInputError
from invoiced_emulator import Account, Server
from target_invoiced.ledger import Ledger
from target_invoiced.ledger.migrations import VERSION

# Written by version 0.1.0, which was killed in its second run. The account has customers 1 and
# "two" (ids 1 and 2), a contact with a key of two columns, invoice 70 (id 1) and three payments
# without a key. Invoice 79 waits for customer 9. Payment "m1" of 21 and a payment of 14 without a
# key were about to be sent.
DUMP = (Path(__file__).parent / "ledgers" / "0.1.0.sql").read_text()
IN_FLIGHT = {
    "m1": ("f0f3f19fa528bd6846d78ade268ab9d762a6a2c74768c54d", {"customer": 1, "amount": 21}),
    "keyless": ("77c650dfebef4e5fad2f7c6b3940fe59", {"customer": 1, "amount": 14}),
}
STREAMS = {
    "wires": {"endpoint": "payments", "ids": "invoiced"},
    "branches": {"endpoint": "contacts"},
}


def old_ledger(file: Path, base_url: str = "http://127.0.0.1:1") -> None:
    """The ledger of 0.1.0, as if its runs had ended a moment ago."""
    dump = re.sub(r"http://127\.0\.0\.1:\d+", base_url, DUMP)
    dump = re.sub(r"\b1795675\d{3}\b", str(int(time.time()) - 60), dump)
    with closing(sqlite3.connect(file)) as database:
        database.executescript(dump)


@pytest.fixture
def old(tmp_path: Path, account: Account, server: Server) -> Account:
    """The account that 0.1.0 wrote to, and its ledger."""
    old_ledger(tmp_path / "ledger.db", server.url)
    account.add("customers", id=1, name="Acme", number="C-1")
    account.add("customers", id=2, name="Bolt")
    account.add("contacts", id=1, customer=1, name="Ann", email="ann@acme.example")
    account.add("invoices", id=1, customer=1, items=[{"quantity": 1, "unit_cost": 100}])
    for amount in (11, 12, 13):
        account.add("payments", customer=1, amount=amount)
    return account


def head(stream: str, *key: str) -> dict[str, Any]:
    return {"type": "SCHEMA", "stream": stream, "schema": {}, "key_properties": list(key)}


def line(stream: str, **record: Any) -> dict[str, Any]:
    return {"type": "RECORD", "stream": stream, "record": record}


ITEM = {"quantity": 1, "unit_cost": 100}
FIRST = [
    head("customers", "id"),
    line("customers", id=1, name="Acme", number="C-1"),
    line("customers", id="two", name="Bolt"),
    head("branches", "tenant", "code"),
    line("branches", tenant="north", code=7, customer=1, name="Ann", email="ann@acme.example"),
    head("invoices", "id"),
    line("invoices", id=70, customer=1, items=[ITEM]),
    line("invoices", id=79, customer=9, items=[{"quantity": 1, "unit_cost": 50}]),
]
SECOND = [
    head("wires"),
    head("payments", "id"),
    line("wires", customer=1, amount=13),
    line("payments", id="m1", customer=1, amount=21),
    line("wires", customer=1, amount=14),
    line("wires", customer=1, amount=14),
    line("payments", id="m2", customer=1, amount=22),
]


@pytest.mark.parametrize("carried_out", [[], ["m1"], ["keyless"], ["m1", "keyless"]])
def test_a_ledger_of_0_1_0_is_taken_over_without_a_doubled_or_lost_write(
    old: Account, server: Server, run_target: Callable[..., Any], carried_out: list[str]
) -> None:
    for name in carried_out:
        send(server, *IN_FLIGHT[name])
    inputs = [*FIRST, {"type": "STATE", "value": {"day": 1}}, *SECOND]
    inputs += [head("customers", "id"), line("customers", id=9, name="Late")]
    run = run_target(server, inputs, ids="external", streams=STREAMS, max_rejects=-1)
    assert run.exit_code == 0, run.stderr
    amounts = sorted(row["amount"] for row in old.objects("payments"))
    assert amounts == [11, 12, 13, 14, 14, 21, 22]
    assert sorted(row["name"] for row in old.objects("customers")) == ["Acme", "Bolt", "Late"]
    assert len(old.objects("contacts")) == 1
    assert sorted(row["total"] for row in old.objects("invoices")) == [50, 100]


def send(server: Server, idempotency_key: str, body: dict[str, Any]) -> None:
    """The records that 0.1.0 sent before it was killed, without a response."""
    request = urllib.request.Request(
        f"{server.url}/payments",
        json.dumps(body).encode(),
        {
            "Authorization": f"Basic {b64encode(b'emulator-key:').decode()}",
            "Content-Type": "application/json",
            "Idempotency-Key": idempotency_key,
        },
    )
    urllib.request.urlopen(request, timeout=10).close()


def test_a_rehearsal_leaves_a_ledger_of_0_1_0_as_it_was(
    old: Account, server: Server, run_target: Callable[..., Any], tmp_path: Path
) -> None:
    before = contents(tmp_path / "ledger.db")
    run = run_target(server, FIRST, "--dry-run", ids="external", streams=STREAMS, max_rejects=-1)
    assert run.exit_code == 0, run.stderr
    assert contents(tmp_path / "ledger.db") == before


def contents(file: Path) -> str:
    with closing(sqlite3.connect(file)) as database:
        return "\n".join(database.iterdump())


def query(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as database, database:
        return database.execute(sql).fetchall()


def test_a_ledger_is_migrated_once(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    old_ledger(file)
    for _ in range(2):
        Ledger(f"sqlite:///{file}").close()
        assert query(file, "SELECT version FROM invoiced_ledger") == [(VERSION,)]
        assert query(file, "SELECT count(*) FROM invoiced_objects") == [(6,)]


def test_a_migrated_ledger_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    old_ledger(tmp_path / "old.db")
    tables = []
    for name in ("old", "new"):
        file = tmp_path / f"{name}.db"
        Ledger(f"sqlite:///{file}").close()
        names = [row[0] for row in query(file, "SELECT name FROM sqlite_master")]
        columns = {
            one: {row[1] for row in query(file, f"PRAGMA table_info({one})")} for one in names
        }
        tables.append(columns)
    assert tables[0] == tables[1]


def test_a_ledger_of_a_newer_version_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    Ledger(f"sqlite:///{file}").close()
    query(file, "UPDATE invoiced_ledger SET version = version + 1")
    before = contents(file)
    with pytest.raises(InvalidInputError, match=f"version {VERSION + 1}.*newer"):
        Ledger(f"sqlite:///{file}")
    assert contents(file) == before


def test_a_new_ledger_and_its_log_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.use("ours")
    ledger.outbox.add([b"{}"])
    files = sorted(tmp_path.iterdir())
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}
    ledger.close()
    assert set(modes.values()) == {0o600}, modes
    assert "ledger.db-wal" in modes


def test_what_sqlite_commits_survives_a_power_cut(tmp_path: Path) -> None:
    """`synchronous` is FULL (2): the log is synced at each commit."""
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    with ledger.transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2
    ledger.close()
