"""`meltano run tap-invoiced target-postgres`: the tables equal the account, however runs end."""

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Server

ROOT = Path(__file__).parents[2]
MONEY = {
    "invoices": ("subtotal", "total", "balance"),
    "estimates": ("subtotal", "total"),
    "credit_notes": ("subtotal", "total", "balance"),
    "transactions": ("amount",),
}
HOUR_S = 3_600


def sums(account: Account, stream: str, column: str) -> dict[str, Any]:
    """The sum of a column per currency, exactly."""
    found: dict[str, Any] = {}
    for row in account.objects(stream):
        amount = Decimal(repr(row[column]))
        found[row["currency"]] = found.get(row["currency"], Decimal()) + amount
    return found


def some_edits(account: Account, clock: Any, rng: random.Random, invoices: int = 5) -> None:
    """An hour of business: a few objects of every stream change."""
    clock.seconds += HOUR_S
    customer = rng.choice(account.objects("customers"))["id"]
    account.edit("customers", customer, name=f"Name {rng.randrange(1_000)}")
    for invoice in rng.sample(account.objects("invoices"), invoices):
        account.edit("invoices", invoice["id"], purchase_order=f"PO-{rng.randrange(1_000)}")
    estimate = rng.choice(account.objects("estimates"))["id"]
    account.edit("estimates", estimate, notes="edited")


def test_the_tables_are_the_account_after_each_run(
    meltano: Any, warehouse: Any, business: Account, clock: Any
) -> None:
    """Counts, money, moments and nested parts; then edits and deletions, incrementally."""
    run = ("run", "--state-id-suffix=tables", "tap-invoiced", "target-postgres")
    variables = {**warehouse.variables, "TAP_INVOICED_CAPTURE_DELETES": "true"}
    meltano(*run, **variables)
    warehouse.is_the_account(business)
    for stream, columns in MONEY.items():
        for column in columns:
            rows = warehouse.query(
                f"SELECT currency, sum({column}) AS sum FROM invoiced.{stream} "
                "WHERE _sdc_deleted_at IS NULL GROUP BY currency"
            )
            assert {row["currency"]: row["sum"] for row in rows} == sums(business, stream, column)
    (lines,) = warehouse.query(
        "SELECT count(*) AS count, sum((line->>'amount')::numeric) AS sum "
        "FROM invoiced.invoices, unnest(items) AS line WHERE _sdc_deleted_at IS NULL"
    )
    amounts = [line["amount"] for row in business.objects("invoices") for line in row["items"]]
    assert (lines["count"], float(lines["sum"])) == (len(amounts), pytest.approx(sum(amounts)))
    gone = {row["id"] for row in warehouse.rows("invoices", deleted=True)}

    some_edits(business, clock, random.Random(1))
    drafts = [row["id"] for row in business.objects("invoices") if row["draft"]][:2]
    for draft in drafts:
        business.remove("invoices", draft)
    business.add("customers", name="Vela Instruments")
    meltano(*run, **variables)
    warehouse.is_the_account(business)
    now_gone = {row["id"] for row in warehouse.rows("invoices", deleted=True)}
    assert now_gone == gone | set(drafts)
    (newest,) = warehouse.query("SELECT max(_sdc_deleted_at)::text AS at FROM invoiced.invoices")
    assert newest["at"] == time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(clock.seconds))


BLOCK = re.compile(r"^<!-- not run: (?P<why>.+?) -->\n```bash\n(?P<text>.*?)^```$", re.S | re.M)
EXAMPLE = "postgresql://user:password@localhost:5432/database"


def blocks_for_here(page: str) -> list[str]:
    """The commands of a page whose comment says that this module runs them."""
    text = (ROOT / page).read_text()
    return [one["text"] for one in BLOCK.finditer(text) if "test_warehouse.py" in one["why"]]


@pytest.fixture
def typed(
    tools: Callable[[str, str], Path],
    warehouse: Any,
    environment: dict[str, str],
    config: Callable[..., Path],
    business_server: Server,
    tmp_path: Path,
) -> Callable[[str], str]:
    """Runs commands as they are typed in a clone, with the test's database: what they print."""
    config(business_server, start_date="2010-01-01")
    loader = tools("target-postgres", "target-postgres").parent
    folders = (
        Path(sys.executable).parent,
        ROOT / "examples",
        loader,
        warehouse.postgres.programs,
    )
    path = os.pathsep.join(map(str, (*folders, environment["PATH"])))

    def run(block: str) -> str:
        assert EXAMPLE in block or "state.json" in block
        done = subprocess.run(
            ["bash", "-e", "-c", block.replace(EXAMPLE, warehouse.url)],
            cwd=tmp_path,
            env=environment | {"PATH": path},
            capture_output=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr.decode()}"
        return done.stdout.decode()

    return run


def test_cron_lines_fill_a_database(
    typed: Callable[[str], str], warehouse: Any, business: Account, clock: Any
) -> None:
    """Typed twice, with edits between: the second run continues from the state of the first."""
    (block,) = blocks_for_here("docs/operating.md")
    typed(block)
    warehouse.is_the_account(business)
    some_edits(business, clock, random.Random(3))
    typed(block)
    warehouse.is_the_account(business)


def test_the_page_s_lines_fill_a_database_and_sum_what_is_there(
    typed: Callable[[str], str], warehouse: Any, business: Account, clock: Any
) -> None:
    first, second, queries = blocks_for_here("docs/warehouse.md")
    typed(first)
    warehouse.is_the_account(business)
    some_edits(business, clock, random.Random(4))
    typed(second)
    warehouse.is_the_account(business)
    billed: dict[str, list[Decimal]] = {}
    for row in business.objects("invoices"):
        if row["status"] not in ("draft", "voided"):
            billed.setdefault(row["currency"], []).append(Decimal(repr(row["total"])))
    shown = re.findall(r"^ (\w{3}) +\| +(\d+) +\| +([\d.]+) +\|", typed(queries), re.M)
    assert {currency: (int(count), Decimal(total)) for currency, count, total in shown} == {
        currency: (len(totals), sum(totals)) for currency, totals in billed.items()
    }


@pytest.fixture
def cut(meltano: Any, warehouse: Any, business: Account) -> Callable[..., tuple[int, str]]:
    """Starts a run and acts on it once it reads the account: exit code and log."""

    def start(suffix: str, what: Callable[[int], None], after_s: float) -> tuple[int, str]:
        reads = threading.Event()

        def note(account: Account, number: int, method: str, path: str) -> None:
            reads.set()

        with Server(business, latency_s=0.05, before_request=note) as server:
            run = ("run", "--force", f"--state-id-suffix={suffix}", "tap-invoiced")
            with meltano.start(
                *run,
                "target-postgres",
                **warehouse.variables,
                TAP_INVOICED_BASE_URL=server.url,
                TAP_INVOICED_PAGE_SIZE="10",
                TAP_INVOICED_MAX_CONNECTIONS="2",
            ) as process:
                try:
                    assert reads.wait(60)
                    time.sleep(after_s)
                    what(process.pid)
                    shown, _ = process.communicate(timeout=60)
                finally:
                    kill_session(process.pid)
        return process.returncode, shown

    return start


def of_session(session: int) -> Iterator[tuple[int, str]]:
    """The processes that Meltano started, it among them: id and command line."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(words[3]) == session:
                command = (folder / "cmdline").read_text().replace("\0", " ")
                yield int(folder.name), command
        except OSError:
            continue  # it has just ended


def kill_session(session: int) -> None:
    for process, _ in of_session(session):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def kill_one(session: int, name: str) -> None:
    for process, command in of_session(session):
        if name in command and "bin/meltano" not in command:
            os.kill(process, signal.SIGKILL)


def test_a_run_cut_by_sigterm_goes_on_where_it_was(
    cut: Callable[..., tuple[int, str]], meltano: Any, warehouse: Any, business: Account, clock: Any
) -> None:
    code, shown = cut("term", lambda session: os.kill(session, signal.SIGTERM), after_s=1)
    assert code != 0
    assert "stopped by SIGTERM" in shown, "the tap's last words"
    some_edits(business, clock, random.Random(2))
    meltano(
        "run", "--state-id-suffix=term", "tap-invoiced", "target-postgres", **warehouse.variables
    )
    warehouse.is_the_account(business)


VICTIMS: dict[str, Callable[[int], None]] = {
    "all": kill_session,
    "tap": lambda session: kill_one(session, "tap-invoiced"),
    "target": lambda session: kill_one(session, "target-postgres"),
    "SIGTERM": lambda session: os.kill(session, signal.SIGTERM),
}


@pytest.mark.timeout(400)
def test_ten_runs_killed_anywhere_end_with_the_same_tables(
    cut: Callable[..., tuple[int, str]], meltano: Any, warehouse: Any, business: Account, clock: Any
) -> None:
    """Meltano, the tap or the target dies while the account is edited on."""
    rng = random.Random(20260301)
    killed = 0
    for _ in range(20):  # some are over before
        victim = rng.choice(list(VICTIMS))
        code, _ = cut("kills", VICTIMS[victim], after_s=rng.uniform(0, 2))
        killed += code != 0
        some_edits(business, clock, rng, invoices=100)
        if killed == 10:
            break
    assert killed == 10
    run = ("run", "--force", "--state-id-suffix=kills", "tap-invoiced", "target-postgres")
    meltano(*run, **warehouse.variables)
    warehouse.is_the_account(business)
