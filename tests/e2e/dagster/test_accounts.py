"""Many accounts on Dagster: two backfills at once, and kills at every level.

`make e2e` installs Dagster. The example's own code starts everything.
"""

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from invoiced_emulator import Account, Server, seeded
from singer_command.states import StateStore
from tests.e2e.conftest import Postgres, Warehouse

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "examples" / "dagster"))

import demo  # noqa: E402
import services  # noqa: E402

ACCOUNTS = demo.account_names(8)
REVOKED = "revoked"
# Invoiced refuses its estimates: such a list is skipped and not counted.
LACKS_ESTIMATES = ACCOUNTS[-1]
STREAMS = ("customers", "invoices", "subscriptions", "credit_notes", "transactions")
PAYMENTS = 3
TIMEOUT_S = 540
CHECKS = """
query {
  assetNodeOrError(assetKey: {path: ["tables"]}) {
    ... on AssetNode {
      assetChecksOrError { ... on AssetChecks { checks { name partitionDefinition { name } } } }
    }
  }
}
"""


@dataclass
class Killer:
    """Kills, when an account's tap sends its first request, that tap's ancestor: once."""

    ancestor: Callable[[int, int], int]
    code_server: int = 0
    killed: int = 0

    def __call__(self, account: Account, number: int, method: str, path: str) -> None:
        if self.killed or not self.code_server:
            return
        tap = tap_of(account.api_key)
        if tap is not None:
            self.killed = self.ancestor(tap, self.code_server)
            os.kill(self.killed, signal.SIGKILL)


def parent_of(process: int) -> int:
    return int((Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[1])


def step_worker(tap: int, code_server: int) -> int:
    """It started the tap."""
    return parent_of(tap)


def run_worker(tap: int, code_server: int) -> int:
    """The code server started it; between it and the step worker is a process that forks."""
    process = tap
    while parent_of(process) != code_server:
        process = parent_of(process)
    return process


def tap_of(api_key: str) -> int | None:
    """The process of a tap that has this key."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it has just ended
            continue
        is_tap = any(word.endswith(b"/tap-invoiced") for word in command[:2])
        if is_tap and f"TAP_INVOICED_API_KEY={api_key}".encode() in variables:
            return int(folder.name)
    return None


def account_of(name: str, number: int) -> Account:
    return seeded(customers=8, seed=number, api_key=f"key-of-{name}")


@pytest.fixture
def killers() -> dict[str, Killer]:
    return {ACCOUNTS[0]: Killer(step_worker), ACCOUNTS[1]: Killer(run_worker)}


@pytest.fixture
def servers(killers: dict[str, Killer]) -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                Server(account_of(name, number), before_request=killers.get(name))
            )
            for number, name in enumerate((*ACCOUNTS, REVOKED))
        }


@pytest.fixture
def running(
    postgres: Postgres, servers: dict[str, Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[services.Dagster]:
    """Dagster in the state of a user who has just set it up, with these accounts."""
    path = os.pathsep.join([*map(str, services.COMMANDS), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    url = f"postgresql://postgres@127.0.0.1:{postgres.port}"
    demo.create_databases(url)
    demo.add_payments(url, servers, PAYMENTS)
    accounts = tmp_path / "accounts.json"
    demo.write_accounts(accounts, servers, [REVOKED])
    servers[LACKS_ESTIMATES].account.forbidden.add("estimates")
    with services.dagster(tmp_path / "home", accounts, url) as dagster:
        yield dagster
    for name in ("dagster", "invoiced"):
        postgres.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.timeout(TIMEOUT_S + 120)
def test_accounts_stay_apart_and_whole_whatever_is_killed(
    running: services.Dagster,
    servers: dict[str, Server],
    killers: dict[str, Killer],
    postgres: Postgres,
) -> None:
    """Every account is loaded twice and written once, though a worker of each kind is killed."""
    for killer in killers.values():
        killer.code_server = running.processes["code"].pid
    running.backfill([*ACCOUNTS, REVOKED], "first")
    running.backfill(ACCOUNTS, "second")
    services.wait_for("runs in progress", lambda: none_starts(running), TIMEOUT_S)
    services.stop_at_once(running.processes["daemon"])
    running.start("daemon")
    services.wait_for("the end of all runs", lambda: all_loaded_twice(running), TIMEOUT_S, 1)

    assert all(killer.killed for killer in killers.values())
    runs = postgres.query(
        "dagster",
        "SELECT partition, status, start_time, end_time FROM runs ORDER BY partition, start_time",
    )
    for before, after in pairwise(run for run in runs if run["start_time"]):
        if before["partition"] == after["partition"]:
            assert before["end_time"] <= after["start_time"], "two runs of one account overlap"
    started = [run for run in runs if run["start_time"]]
    failed = [run["partition"] for run in started if run["status"] != "SUCCESS"]
    assert failed == [ACCOUNTS[1], REVOKED]
    assert "401" in reason_of_failure(postgres)

    saved = StateStore(running.environment["INVOICED_DATABASE"]).all()
    states = {one.account: one for one in saved}
    assert "updated_at" not in str(states.get(REVOKED)), "nothing of it was read"
    for name in ACCOUNTS:
        account = servers[name].account
        assert len(states[name].state["bookmarks"]) == 6
        assert len(account.objects("payments")) == paid_before(name) + PAYMENTS
    for name in ACCOUNTS:  # what was written back is read by the next run
        tables = Warehouse(postgres=postgres, database="invoiced", schema=name)
        streams = STREAMS if name == LACKS_ESTIMATES else (*STREAMS, "estimates")
        tables.is_the_account(servers[name].account, streams)
    assert accounts_of_checks(running) == {"verify": "accounts", "counts": "accounts"}


def none_starts(running: services.Dagster) -> bool:
    """Both backfills are queued, and some runs are in progress.

    A run that is being created or started when the daemon is killed is started again only after
    `start_timeout_seconds`, for which this test has no time.
    """
    statuses = Counter(run["status"] for run in running.runs())
    complete = statuses.total() >= 2 * len(ACCOUNTS) + 1
    return (
        complete and statuses["STARTED"] > 0 and not statuses.keys() & {"STARTING", "NOT_STARTED"}
    )


def all_loaded_twice(running: services.Dagster) -> bool:
    """And none is left, nor will come: the account with a revoked key has failed."""
    runs = running.runs()
    loads = Counter(run["account"] for run in runs if run["status"] == "SUCCESS")
    ended = all(run["status"] in services.FINISHED for run in runs)
    return ended and all(loads[name] >= 2 for name in ACCOUNTS)


def accounts_of_checks(running: services.Dagster) -> dict[str, str | None]:
    """By which partitions the UI shows the results of each check; None if it shows only one."""
    checks = running.ask(CHECKS)["assetNodeOrError"]["assetChecksOrError"]["checks"]
    return {one["name"]: (one["partitionDefinition"] or {}).get("name") for one in checks}


def paid_before(name: str) -> int:
    return len(account_of(name, ACCOUNTS.index(name)).objects("payments"))


def reason_of_failure(postgres: Postgres) -> str:
    """What the UI shows of the failed step of the account with a revoked key."""
    rows = postgres.query(
        "dagster",
        "SELECT e.event FROM event_logs e JOIN runs r USING (run_id) WHERE r.partition = "
        f"'{REVOKED}' AND e.dagster_event_type = 'STEP_FAILURE'",
    )
    assert rows
    return str(json.dumps([row["event"] for row in rows]))
