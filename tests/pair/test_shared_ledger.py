"""Many accounts write to one PostgreSQL ledger at the same time, and none blocks another."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from invoiced_api.exceptions import InvalidInputError
from invoiced_emulator import Account, Server
from target_invoiced.ledger import Ledger
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.mapping.keys import ExternalKey

RUN_TIMEOUT_S = 60


@dataclass(frozen=True, kw_only=True)
class Business:
    """An account of its own, and the run that writes to it."""

    account: Account
    server: Server
    config: Path

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "target_invoiced", "--config", str(self.config)]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    @property
    def names(self) -> list[str]:
        return sorted(row["name"] for row in self.account.objects("customers"))


Meeting = Callable[[], None]


@pytest.fixture
def businesses(
    database: str, clock: Any, tmp_path: Path
) -> Iterator[Callable[..., list[Business]]]:
    """`businesses(8)`: so many accounts. `at_request` is called at each of their requests."""
    with ExitStack() as stack:

        def make(count: int, at_request: Meeting | None = None) -> list[Business]:
            made = []
            for number in range(count):
                account = Account(api_key="emulator-key", now=clock)

                def before(*_: Any) -> None:
                    if at_request:
                        at_request()

                server = stack.enter_context(Server(account, before_request=before))
                config = tmp_path / f"{number}.json"
                settings = {
                    "api_key": "emulator-key",
                    "base_url": server.url,
                    "ledger": database,
                    "ids": "external",
                    "max_connections": 2,
                }
                config.write_text(json.dumps(settings))
                made.append(Business(account=account, server=server, config=config))
            return made

        yield make


def customers(*names: str) -> bytes:
    head = {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": ["id"]}
    records = [
        {"type": "RECORD", "stream": "customers", "record": {"id": name, "name": name}}
        for name in names
    ]
    messages = [head, *records, {"type": "STATE", "value": {"last": names[-1]}}]
    return b"".join(json.dumps(one).encode() + b"\n" for one in messages)


def ended(process: "subprocess.Popen[bytes]", timeout_s: float = RUN_TIMEOUT_S) -> tuple[int, str]:
    """Exit code and log."""
    _, log = process.communicate(timeout=timeout_s)
    return process.returncode, log.decode()


@pytest.mark.parametrize("count", [2, 8])
def test_accounts_write_at_the_same_time(
    count: int, businesses: Callable[..., list[Business]]
) -> None:
    """Each run is held at its first request until all the others have sent theirs."""
    all_there = threading.Barrier(count)
    met = threading.local()

    def meet() -> None:
        if not getattr(met, "done", False):
            met.done = True
            all_there.wait(RUN_TIMEOUT_S)

    made = businesses(count, meet)
    runs = [one.start() for one in made]
    for run in runs:
        assert run.stdin
        run.stdin.write(customers("a", "b", "c"))
        run.stdin.close()
        run.stdin = None
    for run in runs:
        code, log = ended(run)
        assert code == 0, log
    assert [one.names for one in made] == [["a", "b", "c"]] * count


def test_a_run_that_is_killed_leaves_the_others_as_they_are(
    businesses: Callable[..., list[Business]],
) -> None:
    killed, other = businesses(2)
    runs = [one.start() for one in (killed, other)]
    for run in runs:
        assert run.stdin
        run.stdin.write(customers("a", "b"))
        run.stdin.flush()
        assert run.stdout
        assert json.loads(run.stdout.readline()) == {"last": "b"}
    runs[0].kill()
    runs[0].communicate()
    code, log = (runs[1].communicate(customers("c", "d"), RUN_TIMEOUT_S), runs[1].returncode)[::-1]
    assert code == 0, log
    assert other.names == ["a", "b", "c", "d"]
    again = killed.start()
    again.stdin.write(customers("a", "b", "c"))  # type: ignore[union-attr]
    code, text = ended(again)
    assert code == 0, text
    assert killed.names == ["a", "b", "c"]


URL = "http://127.0.0.1:1"


def test_a_second_run_of_the_same_account_is_refused(
    database: str, businesses: Callable[..., list[Business]]
) -> None:
    (business,) = businesses(1)
    first = business.start()
    assert first.stdin
    assert first.stdout
    first.stdin.write(customers("a"))
    first.stdin.flush()
    assert first.stdout.readline()
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute("SELECT account FROM invoiced_accounts").fetchone()
    assert row
    second = Ledger(database, busy_s=0.2)
    with pytest.raises(InvalidInputError, match="this account is being written to by another run"):
        second.use(row[0])
    second.close()
    assert ended(first)[0] == 0
    third = Ledger(database, busy_s=0.2)
    third.use(row[0])
    third.close()


def test_a_ledger_whose_connection_was_lost_is_not_used_any_more(database: str) -> None:
    """A new connection would not have the account's lock: another run may have it by then."""
    ledger = Ledger(database, busy_s=0.2)
    ledger.use("ours")
    ledger.verify()
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    other = Ledger(database, busy_s=5)
    other.use("ours")
    with pytest.raises(InvalidInputError, match="connection to the database was lost"):
        ledger.verify()
    with pytest.raises(InvalidInputError, match="connection to the database was lost"):
        ledger.keys.keep([ObjectMapping(key=ExternalKey("customers", "1"), stream="customers")])
    ledger.close()
    other.close()


def test_a_run_whose_ledger_lost_its_connection_sends_nothing_more(
    database: str, businesses: Callable[..., list[Business]]
) -> None:
    (business,) = businesses(1)
    run = business.start()
    assert run.stdin
    assert run.stdout
    run.stdin.write(customers("a"))
    run.stdin.flush()
    assert run.stdout.readline()
    with psycopg.connect(database, autocommit=True) as admin:
        # Waits for its end: the next records must find no connection when they are looked up.
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    run.stdin.write(customers("b", "c"))
    code, log = ended(run)
    assert code == 1
    assert "the connection to the database was lost" in log
    assert "failed unexpectedly" not in log
    assert business.names == ["a"]
    again = business.start()
    again.stdin.write(customers("a", "b", "c"))  # type: ignore[union-attr]
    assert ended(again)[0] == 0
    assert business.names == ["a", "b", "c"]


def test_accounts_park_records_with_one_schema_without_waiting_for_each_other(
    database: str, businesses: Callable[..., list[Business]]
) -> None:
    """A rehearsal keeps its transaction open to its end: nobody may wait for that."""
    made = businesses(2)
    orphan = (
        b'{"type":"SCHEMA","stream":"invoices","schema":{},"key_properties":["id"]}\n'
        b'{"type":"RECORD","stream":"invoices","record":{"id":1,"customer":"none","items":[]}}\n'
        b'{"type":"STATE","value":1}\n'
    )
    Ledger(database).close()
    command = [
        sys.executable,
        "-m",
        "target_invoiced",
        "--config",
        str(made[0].config),
        "--dry-run",
    ]
    rehearsal = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert rehearsal.stdin
    assert rehearsal.stdout
    rehearsal.stdin.write(orphan + customers("a"))
    rehearsal.stdin.flush()
    assert b"customers" in rehearsal.stdout.readline()  # it has parked the invoice before
    other = made[1].start()
    other.stdin.write(orphan)  # type: ignore[union-attr]
    assert "which did not arrive" in ended(other, 25)[1]
    ended(rehearsal)


def test_a_ledger_of_0_1_0_in_postgresql_is_taken_over(database: str) -> None:
    ledger = Ledger(database)
    ledger.use("ours")
    known = ObjectMapping(key=ExternalKey("customers", "1"), stream="customers", id=7)
    ledger.keys.keep([known])
    ledger.close()
    with psycopg.connect(database, autocommit=True) as old:
        old.execute("DROP TABLE invoiced_ledger")
        old.execute("ALTER TABLE invoiced_accounts DROP COLUMN name, DROP COLUMN used_at")
    for _ in range(2):
        ledger = Ledger(database)
        ledger.use("ours")
        assert ledger.accounts.all() == []
        assert list(ledger.keys.known([known.key]).values()) == [known]
        ledger.close()
