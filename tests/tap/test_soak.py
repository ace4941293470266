"""Runs that once hung, over and over: `SOAK_RUNS` of each, with and without load on the machine.

Which response comes first differs from run to run, so one run that ends proves little.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from invoiced_emulator import Account, Faults, Server, add_bulk

RUNS = int(os.environ.get("SOAK_RUNS", "0"))
DAY_S = 86_400

pytestmark = [
    pytest.mark.skipif(not RUNS, reason="run by `make soak`"),
    pytest.mark.timeout(60 + 60 * RUNS),
]


@pytest.fixture(params=["idle", "loaded"])
def load(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing else, or one busy process for each core."""
    busy = os.cpu_count() or 1 if request.param == "loaded" else 0
    with ExitStack() as stack:
        for _ in range(busy):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while 1: pass"]))
            stack.callback(process.kill)
        yield


def charges_and_customers(account: Account, now: int) -> None:
    """A long list, and customers without contacts."""
    for number in range(200):
        account.add("customers", name="Acme", updated_at=now - DAY_S + number)
    for number in range(1_000):
        account.add("charges", customer=1, updated_at=now - DAY_S + number)


def invoices(account: Account, now: int, size: int, count: int) -> None:
    """Invoices that fill the buffer, whose text is so long."""
    account.add("customers", name="Acme", updated_at=now - DAY_S)
    for number in range(count):
        stamp = now - DAY_S + 4 * number
        account.add("invoices", customer=1, notes="x" * size, updated_at=stamp)


@contextmanager
def served(account: Account, latency_s: float, *faults: dict[str, Any]) -> Iterator[Server]:
    with Server(account, latency_s=latency_s, faults=Faults([*faults], seed=3)) as server:
        yield server


@pytest.mark.usefixtures("load")
class TestEveryRunEnds:
    """Each run has the time limit of `run_tap`, and fails after it."""

    @pytest.fixture
    def read(
        self, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Reads some streams, and then again from the state."""

        def read(server: Server, *streams: str) -> None:
            catalog = catalog_of(*streams)
            for stream in catalog["streams"]:
                stream["metadata"][0]["metadata"]["selected"] = True
            first = run_tap(server, catalog=catalog)
            assert first.exit_code == 0, first.stderr
            again = run_tap(server, catalog=catalog, state=first.state)
            assert again.exit_code == 0, again.stderr

        return read

    def test_a_long_list_beside_parents_without_children(
        self, account: Account, clock: Any, read: Callable[..., Any]
    ) -> None:
        charges_and_customers(account, clock.seconds)
        with served(account, 0.002) as server:
            for _ in range(RUNS):
                read(server, "charges", "contacts")

    @pytest.mark.parametrize("streams", [("contacts",), ("contacts", "charges", "notes")])
    def test_children_of_many_parents(
        self, account: Account, clock: Any, read: Callable[..., Any], streams: tuple[str, ...]
    ) -> None:
        add_bulk(account, "customers", count=300, first_updated_at=clock.seconds - DAY_S)
        with served(account, 0) as server:
            for _ in range(RUNS):
                read(server, *streams)

    @pytest.mark.parametrize(("size", "faults"), [(12_700, []), (4_300, ["late"])])
    def test_large_rows(
        self,
        account: Account,
        clock: Any,
        read: Callable[..., Any],
        size: int,
        faults: list[str],
    ) -> None:
        invoices(account, clock.seconds, size, 40_000_000 // size)
        late = {"kind": "status", "status": 503, "retry_after": 1, "share": 0.02, "times": 1}
        for _ in range(RUNS):
            with served(account, 0, *[late for _ in faults]) as server:
                read(server, "invoices")
