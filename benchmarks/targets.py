"""The two writers, and how each is made to write customers to an account."""

import json
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.accounts import API_KEY
from benchmarks.customers import COLUMNS, STREAM, Record, messages
from benchmarks.runs import Run, RunFailedError, measured

OURS = Path(sys.executable).with_name("target-invoiced")

# The target's default, written into its config, since the bound is made of it.
CONNECTIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A run that wrote. `load_s` is from the first record to the end of the last.

    `run` is all of it, from the start of the command to its exit.
    """

    run: Run
    load_s: float

    @property
    def per_s(self) -> float:
        return self.run.records / self.load_s

    @property
    def cpu_ms_per_record(self) -> float:
        return self.run.cpu_us_per_record / 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class OurTarget:
    """Our target at one account; `ledger` is None to run without one."""

    url: str
    folder: Path
    ledger: Path | None = None

    def write(self, records: Iterable[Record], outcome: str, timeout_s: float) -> Load:
        """Writes them all. Raises RunFailedError unless each had that outcome (`created`)."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        config = self.folder / "target-config.json"
        config.write_text(json.dumps(self._config(report)))
        run = measured([str(OURS), "--config", str(config)], timeout_s, messages(records))
        counts = json.loads(report.read_text())[STREAM]
        seconds = counts.pop("seconds")
        if counts != {**dict.fromkeys(counts, 0), outcome: counts[outcome]}:
            raise RunFailedError(f"not all of them were {outcome}, nor at the first try: {counts}")
        return Load(run=replace(run, records=counts[outcome]), load_s=seconds)

    def _config(self, report: Path) -> dict[str, Any]:
        return {
            "api_key": API_KEY,
            "base_url": self.url,
            "max_connections": CONNECTIONS,
            "ledger": f"sqlite:///{self.ledger}" if self.ledger else "none",
            "ids": "external" if self.ledger else "invoiced",
            "report": str(report),
        }


@dataclass(frozen=True, slots=True)
class PeerTarget:
    """drt-core in its own environment, whose `python` this is."""

    python: Path

    def create(self, url: str, records: Iterable[Record], timeout_s: float) -> Load:
        """Posts them all through its REST API destination, from a table of SQLite."""
        with TemporaryDirectory() as home:
            folder = Path(home)
            count = _project(folder, url, records)
            drt = self.python.with_name("drt").absolute()
            result = folder / "target" / "drt" / "run_results.json"
            # It looks for its profiles in the home folder.
            environ = {**os.environ, "HOME": home, "DO_NOT_TRACK": "1"}
            run = measured([str(drt), "run", "--quiet"], timeout_s, folder=folder, environ=environ)
            output = json.loads(result.read_text())
        (sync,) = output["results"]
        if sync["rows_synced"] != count:
            raise RunFailedError(f"the peer wrote {sync['rows_synced']} of {count} customers")
        return Load(run=replace(run, records=count), load_s=float(sync["duration_seconds"]))


def _project(folder: Path, url: str, records: Iterable[Record]) -> int:
    """A project of the peer that posts the records; how many there are."""
    rows = ([record[name] for name in COLUMNS] for record in records)
    warehouse = folder / "warehouse.db"
    database = sqlite3.connect(warehouse)
    with database:
        database.execute(f"CREATE TABLE {STREAM} ({', '.join(COLUMNS)})")
        places = ", ".join("?" * len(COLUMNS))
        count = database.executemany(f"INSERT INTO {STREAM} VALUES ({places})", rows).rowcount
    database.close()
    for name, content in _files(url, warehouse, count):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content))  # which is YAML, too
    return count


def _files(url: str, warehouse: Path, count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "drt_project.yml", {"name": "bench", "version": "0.1", "profile": "bench"}
    yield ".drt/profiles.yml", {"bench": {"type": "sqlite", "database": str(warehouse)}}
    destination = {
        "type": "rest_api",
        "url": f"{url}/{STREAM}",
        "method": "POST",
        "auth": {"type": "bearer", "token": API_KEY},
    }
    sync = {
        "mode": "full",
        "batch_size": count,  # each batch has a connection of its own
        "rate_limit": {"requests_per_second": 0},  # none: its default is 10
        "on_error": "fail",
    }
    model = f"SELECT {', '.join(COLUMNS)} FROM {STREAM}"
    yield (
        f"syncs/{STREAM}.yml",
        {"name": STREAM, "model": model, "destination": destination, "sync": sync},
    )
