"""Taps of other systems, from PyPI, drive the target: what a database and CSV files hold of another
system's customers and invoices is in the account once, and afterwards only what was changed.

The view, the settings and the CSV file are those that the page on the target shows.
"""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Server

Row = dict[str, Any]

PAGE = (Path(__file__).parents[2] / "docs" / "target.md").read_text()


def shown(language: str, holding: str) -> str:
    """The one block of the page that holds this."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if holding in block]
    return str(block)


JANUARY_31 = 1_769_860_800  # noon, UTC: a date without a time


@pytest.fixture
def messages_of(
    tools: Callable[[str, str], Path], environment: dict[str, str], tmp_path: Path
) -> Callable[..., bytes]:
    """Runs a tap with its settings: what it wrote. Arguments may be the content of files."""

    def run(command: str, settings: Mapping[str, Any], **files: Any) -> bytes:
        arguments: list[str] = []
        for name, content in {"config": settings, **files}.items():
            if content is not None:
                path = tmp_path / f"{command}-{name}.json"
                path.write_text(json.dumps(content))
                arguments += [f"--{name}", str(path)]
        arguments += [] if files else ["--discover"]
        done = subprocess.run(
            [tools(command, command), *arguments],
            capture_output=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run


def records(messages: bytes) -> list[Row]:
    lines = map(json.loads, messages.splitlines())
    return [line["record"] for line in lines if line["type"] == "RECORD"]


def invoices_of(account: Account) -> dict[str, tuple[str, float]]:
    """Number of each invoice -> the name of its customer, and its total."""
    names = {row["id"]: row["name"] for row in account.objects("customers")}
    return {
        row["number"]: (names[row["customer"]], row["total"])
        for row in account.objects("invoices")
        if row["status"] != "voided"
    }


def of_customer(account: Account, name: str) -> Row:
    (row,) = [row for row in account.objects("customers") if row["name"] == name]
    return row


def numbered(account: Account, number: str) -> Row:
    (row,) = [row for row in account.objects("invoices") if row["number"] == number]
    return row


# A database

# The tables of another system, and views that show them with the names that Invoiced has for them.
TABLES = """
CREATE SCHEMA billing;
CREATE TABLE clients (
    code text PRIMARY KEY, company text NOT NULL, mail text, ceiling numeric(12, 2),
    exempt boolean NOT NULL DEFAULT false, changed timestamptz NOT NULL);
CREATE TABLE bills (
    no integer PRIMARY KEY, client text NOT NULL REFERENCES clients, issued date NOT NULL,
    due date, changed timestamptz NOT NULL);
CREATE TABLE bill_lines (
    bill integer NOT NULL REFERENCES bills ON DELETE CASCADE, place integer NOT NULL,
    what text NOT NULL, pieces numeric(10, 3) NOT NULL, price numeric(12, 2) NOT NULL,
    PRIMARY KEY (bill, place));
CREATE VIEW billing.customers AS
    SELECT code AS id, company AS name, mail AS email, ceiling AS credit_limit,
        NOT exempt AS taxable, changed
    FROM clients;
INSERT INTO clients VALUES
    ('c-1', 'Larkspur Bakery', 'books@larkspur.example', 1200.50, false, '2026-02-01 10:00Z'),
    ('c-2', 'Ostrander & Daughters', NULL, NULL, true, '2026-02-01 11:00Z'),
    ('007', 'Vela Instruments', NULL, 0, false, '2026-02-01 12:00Z');
INSERT INTO bills VALUES
    (1, 'c-1', '2026-01-31', NULL, '2026-02-01 10:00Z'),
    (2, '007', '2026-01-31', '2026-03-02', '2026-02-01 11:00Z'),
    (3, 'c-1', '2026-02-01', NULL, '2026-02-01 12:00Z');
INSERT INTO bill_lines VALUES
    (1, 1, 'Oven inspection', 1.5, 120.54), (1, 2, 'Travel', 1, 0.10),
    (2, 1, 'Calibration', 3, 19.99), (3, 1, 'Flour', 0.125, 8.80);
"""
EDITS = """
UPDATE clients SET ceiling = 2000, changed = '2026-02-03 10:00Z' WHERE code = 'c-1';
INSERT INTO clients VALUES ('c-4', 'Thistle Row', NULL, NULL, false, '2026-02-03 11:00Z');
UPDATE bill_lines SET price = 20.01 WHERE bill = 2;
UPDATE bills SET changed = '2026-02-03 10:00Z' WHERE no = 2;
INSERT INTO bills VALUES (4, 'c-4', '2026-02-03', NULL, '2026-02-03 11:00Z');
INSERT INTO bill_lines VALUES (4, 1, 'Seedlings', 40, 2.25);
"""
BEFORE = {
    "B-1": ("Larkspur Bakery", 180.91),
    "B-2": ("Vela Instruments", 59.97),
    "B-3": ("Larkspur Bakery", 1.1),
}
AFTER = {**BEFORE, "B-2": ("Vela Instruments", 60.03), "B-4": ("Thistle Row", 90)}
CHANGES = ["PATCH /customers/", "PATCH /invoices/", "POST /customers", "POST /invoices"]
FROM_VIEWS = json.loads(shown("json", '"billing-invoices": {"endpoint"'))


@pytest.fixture
def source(postgres: Any, database: str) -> Callable[[str], str]:
    """The database of another system; takes SQL."""
    postgres.execute(database, TABLES + shown("sql", "billing.invoices"))
    return lambda sql: str(postgres.execute(database, sql))


@pytest.fixture
def tap_postgres(
    source: Callable[[str], str], postgres: Any, database: str, messages_of: Callable[..., bytes]
) -> Callable[..., bytes]:
    """Reads both views by this method."""
    settings = json.loads(shown("json", '"filter_schemas"'))
    settings |= {"host": "127.0.0.1", "port": postgres.port, "user": postgres.user}
    settings |= {"password": "none", "database": database}
    found = json.loads(messages_of("tap-postgres", settings))

    def read(method: str, state: Any = None, **others: Any) -> bytes:
        for stream in found["streams"]:
            (own,) = [one["metadata"] for one in stream["metadata"] if not one["breadcrumb"]]
            own["selected"], stream["replication_method"] = True, method
            if method == "INCREMENTAL":
                stream["replication_key"] = "changed"
        return messages_of("tap-postgres", settings | others, catalog=found, state=state)

    return read


def kinds(writes: list[str]) -> list[str]:
    """The writes without the ids of the objects."""
    return sorted(write.rstrip("0123456789") for write in writes)


def test_tables_of_a_database_become_customers_and_invoices(
    tap_postgres: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    run = load(tap_postgres("FULL_TABLE"), **FROM_VIEWS)
    assert run.exit_code == 0, run.log
    assert kinds(run.writes) == ["POST /customers"] * 3 + ["POST /invoices"] * 3
    assert "left out" not in run.log
    assert invoices_of(account) == BEFORE
    bakery = of_customer(account, "Larkspur Bakery")
    assert (bakery["email"], bakery["credit_limit"]) == ("books@larkspur.example", 1200.5)
    assert (bakery["taxable"], bakery["number"][:5]) == (True, "CUST-")
    others = of_customer(account, "Ostrander & Daughters")
    assert (others["credit_limit"], others["taxable"]) == (None, False)
    assert of_customer(account, "Vela Instruments")["credit_limit"] == 0
    first = numbered(account, "B-1")
    assert first["date"] == JANUARY_31
    lines = [(one["name"], one["quantity"], one["unit_cost"]) for one in first["items"]]
    assert lines == [("Oven inspection", 1.5, 120.54), ("Travel", 1, 0.1)]


def test_of_a_table_that_comes_whole_each_time_only_changes_are_written(
    tap_postgres: Callable[..., bytes],
    source: Callable[[str], str],
    load: Callable[..., Any],
    account: Account,
) -> None:
    load(tap_postgres("FULL_TABLE"), **FROM_VIEWS)
    source(EDITS)
    changed = load(tap_postgres("FULL_TABLE"), **FROM_VIEWS)
    assert (changed.exit_code, kinds(changed.writes)) == (0, CHANGES)
    assert invoices_of(account) == AFTER
    assert of_customer(account, "Larkspur Bakery")["credit_limit"] == 2000
    same = load(tap_postgres("FULL_TABLE"), **FROM_VIEWS)
    assert (same.exit_code, same.writes) == (0, [])
    assert len(account.objects("customers")) == 4


def test_the_state_that_the_target_echoes_lets_the_tap_go_on_where_it_was(
    tap_postgres: Callable[..., bytes],
    source: Callable[[str], str],
    load: Callable[..., Any],
    account: Account,
) -> None:
    """The tap reads the second of its bookmark again: what is the same is not written."""
    first = load(tap_postgres("INCREMENTAL"), **FROM_VIEWS)
    assert invoices_of(account) == BEFORE
    source(EDITS)
    messages = tap_postgres("INCREMENTAL", state=first.states[-1])
    assert {str(record["id"]) for record in records(messages)} == {
        *("007", "c-1", "c-4"),
        *("2", "3", "4"),
    }
    second = load(messages, **FROM_VIEWS)
    assert (second.exit_code, kinds(second.writes)) == (0, CHANGES)
    assert invoices_of(account) == AFTER
    third = load(tap_postgres("INCREMENTAL", state=second.states[-1]), **FROM_VIEWS)
    assert (third.exit_code, third.writes) == (0, [])
    assert third.states[-1] == second.states[-1]


def test_a_view_whose_key_nobody_named_is_warned_of(
    tap_postgres: Callable[..., bytes], load: Callable[..., Any]
) -> None:
    run = load(tap_postgres("FULL_TABLE", stream_maps={}), "--dry-run", **FROM_VIEWS)
    for stream in FROM_VIEWS["streams"]:
        assert f"WARNING {stream}: its SCHEMA names no `key_properties`" in run.log


# CSV files


@pytest.fixture
def tap_csv(messages_of: Callable[..., bytes], tmp_path: Path) -> Callable[..., bytes]:
    """Writes rows into files of their own, and reads them with a tap that knows strings only."""
    folder = tmp_path / "csv"
    folder.mkdir()

    def read(**files: list[Row]) -> bytes:
        for name, rows in files.items():
            with (folder / f"{name}.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        settings = json.loads(shown("json", '"one_stream_per_file"')) | {"path": str(folder)}
        return messages_of("tap-csv-folder", settings, state={})

    return read


def customer(id: str, name: str, limit: str = "", taxable: str = "true") -> Row:
    return {"id": id, "name": name, "credit_limit": limit, "taxable": taxable, "notes": ""}


def invoice(id: str, customer: str, *lines: Row) -> Row:
    return {
        "id": id,
        "customer": customer,
        "number": f"CSV-{id}",
        "date": "2026-01-31",
        "due_date": "",
        "items": json.dumps(lines),
    }


CLIENTS = [
    customer("c-1", "Larkspur Bakery", "1200.50"),
    customer("007", "Vela Instruments", taxable="FALSE"),
]
BILLS = [
    invoice("1", "c-1", {"name": "Oven, inspected", "quantity": 1.5, "unit_cost": 120.54}),
    invoice("2", "007", {"name": '"Zero" set', "quantity": "3", "unit_cost": "19.99"}),
]


def test_csv_files_become_customers_and_invoices_and_the_same_again_is_not_written(
    tap_csv: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    messages = tap_csv(customers=CLIENTS, invoices=BILLS)
    run = load(messages, ids="external")
    assert run.exit_code == 0, run.log
    assert invoices_of(account) == {
        "CSV-1": ("Larkspur Bakery", 180.81),
        "CSV-2": ("Vela Instruments", 59.97),
    }
    bakery, vela = (of_customer(account, row["name"]) for row in CLIENTS)
    assert (bakery["credit_limit"], bakery["taxable"], bakery["notes"]) == (1200.5, True, None)
    assert (vela["credit_limit"], vela["taxable"]) == (None, False)
    first = numbered(account, "CSV-1")
    assert (first["date"], first["items"][0]["name"]) == (JANUARY_31, "Oven, inspected")
    again = load(tap_csv(), ids="external")
    assert (again.exit_code, again.writes) == (0, [])


def test_the_file_that_the_page_shows_is_an_invoice(
    tap_csv: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    bills = list(csv.DictReader(shown("csv", "crm-7").splitlines()))
    run = load(tap_csv(customers=[customer("crm-7", "Larkspur")], invoices=bills), ids="external")
    assert run.exit_code == 0, run.log
    assert invoices_of(account) == {"CSV-1": ("Larkspur", 180.75)}


def test_the_pipe_that_the_page_shows_runs_twice_and_writes_once(
    tap_csv: Callable[..., bytes],
    tools: Callable[[str, str], Path],
    config: Callable[..., Path],
    environment: dict[str, str],
    server: Server,
    account: Account,
    tmp_path: Path,
) -> None:
    tap_csv(customers=CLIENTS, invoices=BILLS)
    config(server)
    settings = json.loads(shown("json", '"one_stream_per_file"')) | {"path": str(tmp_path / "csv")}
    (tmp_path / "files.json").write_text(json.dumps(settings))
    (tmp_path / "external.json").write_text('{"ids": "external"}')
    commands = (tools("tap-csv-folder", "tap-csv-folder").parent, Path(sys.executable).parent)
    path = os.pathsep.join([*map(str, commands), environment["PATH"]])
    for _ in range(2):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", shown("console", "tap-csv-folder").lstrip("$ ")],
            capture_output=True,
            cwd=tmp_path,
            env=environment | {"PATH": path},
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
    writes = [one.path for one in server.requests if one.method != "GET"]
    assert sorted(writes) == ["/customers"] * 2 + ["/invoices"] * 2
    assert len(account.objects("invoices")) == 2


def test_rows_of_a_csv_file_may_move_because_a_key_identifies_them(
    tap_csv: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    load(tap_csv(customers=CLIENTS, invoices=BILLS), ids="external")
    new = customer("c-0", "Thistle Row")
    changed = invoice("2", "007", {"name": "Calibration", "quantity": 3, "unit_cost": 20})
    run = load(
        tap_csv(customers=[new, *reversed(CLIENTS)], invoices=[changed, BILLS[0]]), ids="external"
    )
    assert kinds(run.writes) == ["PATCH /invoices/", "POST /customers"]
    assert invoices_of(account)["CSV-2"] == ("Vela Instruments", 60)


def test_a_cell_that_is_no_number_is_a_reject_that_names_row_and_column(
    tap_csv: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    messages = tap_csv(customers=[*CLIENTS, customer("c-3", "Thistle Row", "1,200.50")])
    run = load(messages, ids="external", max_rejects=1)
    assert run.exit_code == 0
    said = "POST /customers refused (400): Credit limit must be a number [credit_limit]"
    (reject,) = [line for line in run.log.splitlines() if "refused" in line]
    number = messages.splitlines().index(
        next(line for line in messages.splitlines() if b'"c-3"' in line)
    )
    assert f"line {number + 1}, customers (id: c-3): {said}" in reject
    assert len(account.objects("customers")) == 2


def test_an_invoice_whose_lines_are_no_list_is_refused_before_any_request(
    tap_csv: Callable[..., bytes], load: Callable[..., Any], account: Account
) -> None:
    bill = {**invoice("1", "c-1"), "items": "Oven inspection: 120.50"}
    run = load(tap_csv(customers=CLIENTS, invoices=[bill]), ids="external")
    assert (run.exit_code, account.objects("invoices")) == (1, [])
    assert "invoices (id: 1): `items` is not a list of objects" in run.complaint
