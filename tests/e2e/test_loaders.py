"""Each loader takes every stream, with deletions, and again what was edited, in a plain pipe."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_api.resources import RESOURCES
from invoiced_emulator import Account, Server
from invoiced_emulator.resources.registry import RESOURCES as SERVED

STREAMS = [
    one.name for one in RESOURCES if one.name in {"events", *(served.name for served in SERVED)}
]
TAP = Path(sys.executable).with_name("tap-invoiced")
EDITED = "Larkspur Bakery"


@pytest.fixture
def pipe(
    config: Callable[..., Path],
    business_server: Server,
    catalog_of: Callable[..., dict[str, Any]],
    environment: dict[str, str],
    tmp_path: Path,
) -> Callable[..., str]:
    """`tap-invoiced | loader`: what the loader printed."""
    catalog = catalog_of(*STREAMS)
    for entry in catalog["streams"]:
        entry["metadata"][0]["metadata"]["selected"] = True
        assert entry["metadata"][0]["breadcrumb"] == []
    (tmp_path / "catalog.json").write_text(json.dumps(catalog))
    settings = config(business_server, start_date="2020-01-01", capture_deletes=True)

    def run(
        *loader: str | Path, state: str | None = None, without_nested_moments: bool = False
    ) -> str:
        if without_nested_moments:
            deselect_nested_moments(catalog)
            (tmp_path / "catalog.json").write_text(json.dumps(catalog))
        tap: list[str | Path] = [TAP, "--config", settings, "--catalog", tmp_path / "catalog.json"]
        if state is not None:
            (tmp_path / "state.json").write_text(state)
            tap += ["--state", tmp_path / "state.json"]
        with subprocess.Popen(
            tap, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        ) as reader:
            done = subprocess.run(
                loader,
                stdin=reader.stdout,
                capture_output=True,
                env=environment,
                timeout=100,
                check=False,
                cwd=tmp_path,
            )
            _, log = reader.communicate(timeout=30)
        assert reader.returncode == 0, log.decode()
        assert done.returncode == 0, done.stderr.decode()[-3000:]
        return done.stdout.decode()

    return run


def deselect_nested_moments(catalog: dict[str, Any]) -> None:
    for entry in catalog["streams"]:
        for mark in entry["metadata"]:
            field = entry["schema"]
            for step in mark["breadcrumb"]:
                field = field[step]
            if len(mark["breadcrumb"]) > 2 and field.get("format") == "date-time":
                mark["metadata"]["selected"] = False


def written(path: Path, settings: dict[str, Any]) -> Path:
    path.write_text(json.dumps(settings))
    return path


def counts(account: Account) -> dict[str, int]:
    tables = set(STREAMS) - {"events"}
    return {stream: len(account.objects(stream)) for stream in tables} | {
        "events": len(account.events())
    }


def edit_one(account: Account, clock: Any) -> int:
    clock.seconds += 3_600
    customer = int(account.objects("customers")[3]["id"])
    account.edit("customers", customer, name=EDITED)
    return customer


def test_singer_check_tap_finds_nothing_wrong(
    pipe: Callable[..., str], tools: Callable[[str, str], Path]
) -> None:
    """Except for moments in parts that may be null: there it stumbles over the null itself."""
    shown = pipe(tools("singer-tools", "singer-check-tap"), without_nested_moments=True)
    assert "The output is valid." in shown
    for stream in ("customers", "invoices", "events", "contacts"):
        assert stream in shown


def test_target_stitch_batches_all_of_it(
    pipe: Callable[..., str],
    tools: Callable[[str, str], Path],
    business: Account,
    clock: Any,
    tmp_path: Path,
) -> None:
    """In its dry mode, which validates, batches and keeps the requests for Stitch."""
    settings = written(tmp_path / "stitch.json", {"client_id": 1, "token": "none"})
    loader = (tools("target-stitch", "target-stitch"), "--config", settings, "--dry-run")
    sent = tmp_path / "sent.jsonl"
    state = pipe(*loader, "--output-file", sent).splitlines()[-1]
    found = stitched(sent)
    for stream, count in counts(business).items():
        assert len({one["id"] for one in found.get(stream, [])}) >= count, stream
    customer = edit_one(business, clock)
    again = tmp_path / "again.jsonl"
    pipe(*loader, "--output-file", again, state=state)
    assert [(one["id"], one["name"]) for one in stitched(again)["customers"]] == [
        (customer, EDITED)
    ]


def stitched(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The records of the requests that were kept, by table."""
    found: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text().splitlines():
        body = json.loads(line)
        rows = [message["data"] for message in body["messages"] if message["action"] == "upsert"]
        found.setdefault(body["table_name"], []).extend(rows)
        assert body["key_names"]
    return found


def test_target_csv_writes_a_row_per_object(
    pipe: Callable[..., str],
    tools: Callable[[str, str], Path],
    business: Account,
    tmp_path: Path,
) -> None:
    settings = written(
        tmp_path / "csv.json",
        {"output_path": str(tmp_path / "out"), "add_record_metadata": True},
    )
    (tmp_path / "out").mkdir()
    pipe(tools("target-csv", "target-csv"), "--config", settings)
    for stream in ("customers", "invoices", "transactions", "plans"):
        with (tmp_path / "out" / f"{stream}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        alive = [row for row in rows if not row.get("_sdc_deleted_at")]
        assert {row["id"] for row in alive} == {
            str(row["id"]) for row in business.objects(stream)
        }, stream


def test_target_duckdb_upserts(
    pipe: Callable[..., str],
    tools: Callable[[str, str], Path],
    business: Account,
    clock: Any,
    tmp_path: Path,
) -> None:
    """It hands DuckDB its batches as CSV without saying that they have no header, and loses the
    first record of one where DuckDB takes it for such.
    """
    database = tmp_path / "invoiced.duckdb"
    settings = written(
        tmp_path / "duckdb.json",
        {"path": str(database), "default_target_schema": "main", "flush_all_streams": True},
    )
    loader = (tools("target-duckdb", "target-duckdb"), "--config", settings)
    state = pipe(*loader).splitlines()[-1]
    customer = edit_one(business, clock)
    pipe(*loader, state=state)

    def query(sql: str) -> Any:
        script = (
            "import duckdb, json, sys; database = duckdb.connect(sys.argv[1]); "
            "print(json.dumps(database.sql(sys.argv[2]).fetchall(), default=str))"
        )
        python = tools("target-duckdb", "python")
        command = [python, "-c", script, database, sql]
        return json.loads(
            subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
        )

    for stream, count in counts(business).items():
        columns = query(f"SELECT name FROM pragma_table_info('main.{stream}')")
        where = "WHERE _sdc_deleted_at IS NULL" if ["_sdc_deleted_at"] in columns else ""
        [[found]] = query(f"SELECT count(*) FROM main.{stream} {where}")
        assert count - 1 <= found <= count, stream
    assert query(f"SELECT name FROM main.customers WHERE id = {customer}") == [[EDITED]]


def test_pipelinewise_s_target_postgres_upserts(
    pipe: Callable[..., str],
    tools: Callable[[str, str], Path],
    business: Account,
    clock: Any,
    warehouse: Any,
    tmp_path: Path,
) -> None:
    settings = written(
        tmp_path / "postgres.json",
        {
            "host": "127.0.0.1",
            "port": warehouse.postgres.port,
            "user": warehouse.postgres.user,
            "password": "none",
            "dbname": warehouse.database,
            "default_target_schema": "invoiced",
        },
    )
    loader = (tools("pipelinewise-target-postgres", "target-postgres"), "--config", settings)
    state = pipe(*loader).splitlines()[-1]
    edit_one(business, clock)
    pipe(*loader, state=state)
    warehouse.is_the_account(business)
