"""The pair at work on a local account: read it, change it through the target, read what changed.

`make demo` runs this with everything it needs. Files are left in demo-output/.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

OUT = Path("demo-output")
COMMANDS = Path(sys.executable).parent
TIMEOUT_S = 100
SCREEN = Console(highlight=False)

Row = dict[str, Any]
Rows = dict[str, list[Row]]


class DemoFailedError(Exception):
    """A step did not do what it should; the message says which."""


@contextmanager
def emulator() -> Iterator[tuple[str, str]]:
    """A business on this machine: its address and its API key."""
    command = (COMMANDS / "invoiced-emulator", "--port", "0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline().strip()
            if not ready:
                raise DemoFailedError("the emulator did not start")
            SCREEN.print(f"   {ready}", soft_wrap=True)
            words = ready.split()
            yield next(word for word in words if word.startswith("http")), words[-1]
        finally:
            process.terminate()


def step(title: str) -> None:
    SCREEN.print(f"\n[bold]{title}[/bold]")


def run(*command: str | Path, stdin: Any = None, stdout: Any = subprocess.PIPE) -> str:
    """What a command printed; its log goes to demo-output/log.txt."""
    with (OUT / "log.txt").open("a") as log:
        done = subprocess.run(
            command, stdin=stdin, stdout=stdout, stderr=log, text=True, timeout=TIMEOUT_S
        )
    if done.returncode:
        raise DemoFailedError(
            f"{Path(command[0]).name} ended with {done.returncode}: see {log.name}"
        )
    return done.stdout or ""


def write_json(name: str, content: Any) -> Path:
    path = OUT / name
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def read_account(config: Path, loader: Path) -> Rows:
    """`tap-invoiced | target-jsonl`, and the rows that arrived in its files."""
    loader_config = write_json(
        "target-jsonl.json", {"destination_path": str(OUT), "do_timestamp_file": False}
    )
    tap = (COMMANDS / "tap-invoiced", "--config", config, "--catalog", OUT / "catalog.json")
    with (OUT / "log.txt").open("a") as log:
        reader = subprocess.Popen(tap, stdout=subprocess.PIPE, stderr=log)
        with reader:
            state = run(loader, "--config", loader_config, stdin=reader.stdout)
        if reader.returncode:
            raise DemoFailedError(f"tap-invoiced ended with {reader.returncode}: see {log.name}")
    (OUT / "state.json").write_text(state.splitlines()[-1])
    return {path.stem: rows_of(path) for path in sorted(OUT.glob("*.jsonl"))}


def rows_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def edits(rows: Rows) -> list[tuple[str, Row]]:
    """What an accountant may change on a Monday morning, as (stream, record)."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    terms = [
        {"id": row["id"], "payment_terms": "NET 45"}
        for row in rows["customers"]
        if row["payment_terms"] != "NET 45"
    ][:20]
    drafts = [row for row in rows["invoices"] if row["draft"] and row["items"]]
    issued = next(
        row
        for row in rows["invoices"]
        if row["status"] in ("not_sent", "past_due") and row["balance"] == row["total"]
    )
    corrected = [{**drafts[0]["items"][0], "quantity": 12}, *drafts[0]["items"][1:]]
    names = ("Larkspur Bakery", "Ostrander & Daughters", "Vela Instruments")
    customers = [
        {"name": name, "number": f"DEMO-{number}", "payment_terms": "NET 30"}
        for number, name in enumerate(names, start=1)
    ]
    invoice = {
        "customer": {"number": "DEMO-1"},
        "date": now,
        "items": [{"name": "Oven inspection", "quantity": 1.5, "unit_cost": 120.5}],
    }
    return [
        *(("customers", record) for record in (*terms, *customers)),
        ("invoices", {"id": drafts[0]["id"], "items": corrected}),
        ("invoices", {"id": issued["id"], "_sdc_deleted_at": now}),
        ("invoices", {"id": drafts[1]["id"], "_sdc_deleted_at": now}),
        ("invoices", invoice),
    ]


def write_edits(records: list[tuple[str, Row]]) -> Path:
    """A file of Singer messages. A loose schema: the target takes what the API takes."""
    path = OUT / "edits.singer"
    lines: list[Row] = [
        {"type": "SCHEMA", "stream": stream, "schema": {"type": "object"}, "key_properties": ["id"]}
        for stream in ("customers", "invoices")
    ]
    lines += [{"type": "RECORD", "stream": name, "record": record} for name, record in records]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def read_changes(config: Path) -> Rows:
    """The second run of the tap, from the state of the first."""
    state = OUT / "state.json"
    tap = (COMMANDS / "tap-invoiced", "--config", config, "--catalog", OUT / "catalog.json")
    lines = run(*tap, "--state", state).splitlines()
    (OUT / "changes.singer").write_text("\n".join(lines) + "\n")
    found: Rows = {}
    for message in map(json.loads, lines):
        if message["type"] == "RECORD":
            found.setdefault(message["stream"], []).append(message["record"])
    return found


def check(edited: list[tuple[str, Row]], changed: Rows) -> None:
    """Exactly the edits arrived: no row more, none less, each as it was sent."""
    by_id = {(stream, row["id"]): row for stream, rows in changed.items() for row in rows}
    expected = []
    for stream, record in edited:
        if "id" not in record:
            row = new_row(stream, record, changed)
        elif "_sdc_deleted_at" in record:
            row = by_id.get((stream, record["id"]))
            if row is None:
                continue  # a deleted draft is gone
            if row["status"] != "voided":
                raise DemoFailedError(f"{stream} {record['id']} was not voided")
        else:
            row = by_id.get((stream, record["id"]))
        if row is None:
            raise DemoFailedError(f"an edit of {stream} did not arrive: {record}")
        expected.append((stream, row["id"]))
    if Counter(expected) != Counter(by_id.keys()):
        raise DemoFailedError("rows arrived that nobody edited")


def new_row(stream: str, record: Row, changed: Rows) -> Row | None:
    """The row that a created record came back as."""
    key = "number" if stream == "customers" else "date"
    wanted = record[key] if stream == "customers" else record[key].replace("Z", ".000000Z")
    return next((row for row in changed.get(stream, []) if row[key] == wanted), None)


def show_changes(changed: Rows) -> None:
    table = Table("stream", "id", "number", "what it is now")
    for stream, rows in changed.items():
        for row in rows:
            if stream == "customers":
                now = f"{row['name']}: {row['payment_terms']}"
            else:
                lines = ", ".join(f"{one['quantity']:g} x {one['name']}" for one in row["items"])
                now = f"{row['status']}, {row['currency']} {row['total']:.2f}: {lines}"
            table.add_row(stream, str(row["id"]), row["number"], now)
    SCREEN.print(table)


def demo(loader: Path) -> None:
    """Read an account, edit it, and read only the edits; `loader` is a target's command."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    step("1. A business starts on this machine")
    with emulator() as (url, key):
        config = write_json(
            "config.json", {"api_key": key, "base_url": url, "start_date": "2020-01-01"}
        )
        step("2. tap-invoiced --discover, then tap-invoiced | target-jsonl")
        catalog = run(COMMANDS / "tap-invoiced", "--config", config, "--discover")
        (OUT / "catalog.json").write_text(catalog)
        rows = read_account(config, loader)
        for stream, found in rows.items():
            SCREEN.print(f"   {len(found):>6,} {stream}")
        step("3. An edited slice of it goes back: target-invoiced")
        edited = edits(rows)
        with write_edits(edited).open() as edits_file:
            run(COMMANDS / "target-invoiced", "--config", config, stdin=edits_file)
        SCREEN.print(
            "   20 customers get new payment terms, 3 customers and an invoice are new, a line of\n"
            "   a draft invoice is corrected, an issued invoice is voided, a draft is deleted",
            soft_wrap=True,
        )
        step("4. tap-invoiced --state: only what changed arrives")
        changed = read_changes(config)
        show_changes(changed)
        check(edited, changed)
    SCREEN.print(
        f"\n[bold green]Exactly the edits arrived.[/bold green] The files are in {OUT}/: a .jsonl\n"
        "per stream, the catalog, the state, what was edited, what changed, and the logs.\n"
        "For a real account: put its API key into a copy of sample_config.json and run\n"
        f"   {COMMANDS}/tap-invoiced --config config.json --check\n"
        "If the account is not in Invoiced's sandbox, remove `sandbox` from that file.",
        soft_wrap=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loader", type=Path, required=True, help="path of target-jsonl")
    try:
        demo(parser.parse_args().loader)
    except (DemoFailedError, subprocess.TimeoutExpired) as failure:
        print(f"The demo failed: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
