"""`make dagster`: accounts on emulators, PostgreSQL and Dagster, and a backfill of all of them.

Everything is on loopback, lives in a temporary folder, and is stopped at the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import sqlalchemy as sa
from services import COMMANDS, Dagster, NotStartedError, dagster, postgresql, stop_on_signals

from invoiced_emulator import Server, seeded

RUN_TIMEOUT_S = 60
CUSTOMERS = 10
# For how long the UI stays up when a person looks at it.
KEEP_S = 3_600


@contextmanager
def emulators(names: Sequence[str], customers: int = CUSTOMERS) -> Iterator[dict[str, Server]]:
    """An account per name, each with a key of its own, in threads of this process."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                Server(seeded(customers=customers, seed=number, api_key=f"key-of-{name}"))
            )
            for number, name in enumerate(names)
        }


def write_accounts(file: Path, servers: dict[str, Server], revoked: Sequence[str] = ()) -> None:
    """The file of accounts; that of a `revoked` name has a key that does not exist any more."""
    content = {
        name: {
            "api_key": "revoked" if name in revoked else server.account.api_key,
            "base_url": server.url,
            "start_date": "2010-01-01",
        }
        for name, server in servers.items()
    }
    file.touch(mode=0o600)
    file.write_text(json.dumps(content, indent=2))


def create_databases(postgres: str) -> None:
    """One for Dagster; one for tables, states and ledger."""
    address = postgres.replace("://", "+psycopg://") + "/postgres"
    engine = sa.create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name in ("dagster", "invoiced"):
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()


def add_payments(postgres: str, servers: dict[str, Server], number: int = 3) -> None:
    """Payments that the bank reported, which the second asset writes to Invoiced."""
    engine = sa.create_engine(postgres.replace("://", "+psycopg://") + "/invoiced")
    with engine.begin() as connection:
        for name, server in servers.items():
            connection.exec_driver_sql(f"CREATE SCHEMA {name}")
            connection.exec_driver_sql(
                f"CREATE TABLE {name}.new_payments (key text PRIMARY KEY, customer text NOT NULL,"
                " currency text NOT NULL, amount numeric NOT NULL, date date NOT NULL)"
            )
            for row in server.account.objects("customers")[:number]:
                connection.execute(
                    sa.text(
                        f"INSERT INTO {name}.new_payments VALUES"
                        " (:key, :customer, :currency, 120.5, '2026-01-31')"
                    ),
                    {
                        "key": f"BANK-{name}-{row['id']}",
                        "customer": row["number"],
                        "currency": row["currency"],
                    },
                )
    engine.dispose()


@contextmanager
def everything(
    folder: Path, names: Sequence[str], revoked: Sequence[str] = ()
) -> Iterator[Dagster]:
    """Emulators, PostgreSQL and Dagster, ready for a backfill."""
    with postgresql() as postgres, emulators(names) as servers:
        create_databases(postgres)
        add_payments(postgres, servers)
        write_accounts(folder / "accounts.json", servers, revoked)
        with dagster(folder / "home", folder / "accounts.json", postgres) as running:
            yield running


def account_names(number: int) -> list[str]:
    return [f"account_{one:02}" for one in range(1, number + 1)]


def main() -> int:
    """Start everything, load all accounts, show where to look, and stop what was started."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--accounts", type=int, default=24)
    arguments.add_argument("--revoked", type=int, default=0, help="accounts with a revoked key")
    arguments.add_argument("--picture", metavar="FILE", help="write a picture of the UI here")
    options = arguments.parse_args()
    os.environ["PATH"] = os.pathsep.join([*map(str, COMMANDS), os.environ.get("PATH", os.defpath)])
    stop_on_signals()
    names = account_names(options.accounts)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="invoiced-dagster-") as folder:
        say(f"starting PostgreSQL, {len(names)} emulators and Dagster")
        revoked = names[len(names) - options.revoked :]
        with everything(Path(folder), names, revoked) as running:
            say(f"Dagster is at {running.url}: watch the runs at {running.url}/runs")
            running.backfill(names, "all accounts")
            runs = running.wait_for_runs(
                len(names),
                RUN_TIMEOUT_S * len(names),
                lambda ended: say(f"{ended} of {len(names)} runs have ended"),
            )
            counts = Counter(run["status"] for run in runs)
            say(", ".join(f"{number} runs: {status}" for status, number in counts.items()))
            say(f"look at {running.url}/assets/tables and {running.url}/assets/payments")
            if options.picture:
                page = f"{running.url}/assets/tables?view=partitions&partition={names[0]}"
                take_picture(page, Path(options.picture))
            elif sys.stdin.isatty():
                wait_for_enter()
        say("stopped all")
    return 0 if counts["SUCCESS"] == len(names) - options.revoked else 1


def wait_for_enter() -> None:
    """At most an hour."""
    import select

    print("          press Enter to stop it all", flush=True)
    select.select([sys.stdin], [], [], KEEP_S)


def take_picture(page: str, file: Path) -> None:
    """A picture of a page of the real UI, by a headless Chromium."""
    command = [
        *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
        *("--window-size=1400,760", "--virtual-time-budget=20000"),
        f"--screenshot={file}",
        page,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotStartedError as error:
        sys.exit(str(error))
