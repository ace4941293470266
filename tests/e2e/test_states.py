"""States of many accounts in one PostgreSQL database."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from singer_command.database import engine_for
from singer_command.states import CREATION_LOCK, STATES, StateStore

COMMAND = Path(sys.executable).with_name("singer-invoiced")
STATE = {"bookmarks": {"invoices": {"updated_at": "2026-01-31T10:00:00Z"}}}


def test_two_accounts_that_find_no_table_create_it_once(warehouse: Any) -> None:
    """The second one reads while the first one writes."""
    engine = engine_for(warehouse.url, 30)
    with engine.connect() as first, ThreadPoolExecutor(1) as threads:
        first.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CREATION_LOCK})")
        STATES.create(first)
        second = threads.submit(StateStore(warehouse.url).save, "acme", "default", STATE)
        deadline = time.monotonic() + 20
        while not warehouse.query("SELECT 1 FROM pg_locks WHERE NOT granted"):
            assert time.monotonic() < deadline
        first.commit()
        second.result(timeout=20)
    engine.dispose()
    found = StateStore(warehouse.url).get("acme", "default")
    assert found is not None
    assert found.state == STATE


def test_many_accounts_save_their_states_at_once(
    warehouse: Any, environment: dict[str, str]
) -> None:
    """Every state is whole at any time."""
    accounts = [f"account-{number}" for number in range(8)]

    def save(account: str) -> None:
        store = StateStore(warehouse.url)
        for number in range(20):
            store.save(account, "default", STATE | {"number": number})
            found = store.get(account, "default")
            assert found is not None
            assert found.state["number"] == number

    with ThreadPoolExecutor(len(accounts)) as threads:
        list(threads.map(save, accounts))
    done = subprocess.run(
        [COMMAND, "state", "save", warehouse.url, "--account", "account-0"],
        input=json.dumps(STATE).encode() + b"\n" + b'{"bookmarks": {"inv',
        env=environment,
        capture_output=True,
        timeout=30,
        check=True,
    )
    assert b"ignoring the target's last line" in done.stderr
    found = {one.account: one.state for one in StateStore(warehouse.url).all()}
    last = {account: STATE | {"number": 19} for account in accounts}
    assert found == last | {"account-0": STATE}
