"""Twenty concurrent requests: complete and in order like one, and never more than twenty."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_api.reading.windows import cut
from invoiced_emulator import Account, Faults, Server, seeded

FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 429, "retry_after": 0},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 502, "html": True},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "half_body"},
    {"kind": "garbage"},
    {"kind": "stall", "seconds": 10, "times": 1},
    {"kind": "redirect", "location": "http://127.0.0.1:9/"},
]


def spread(account: Account, clock: Any, *, count: int, one_second: int, seed: int) -> None:
    """Customers over three days, some of them in one second."""
    rng = random.Random(seed)
    crowded = clock.seconds - 100_000
    for number in range(count):
        moment = crowded if number < one_second else clock.seconds - rng.randrange(250_000)
        account.add("customers", name="Acme", updated_at=moment)


class Colleagues:
    """Each request finds two customers edited and, now and then, one gone."""

    def __init__(self, account: Account, clock: Any, seed: int) -> None:
        self._rng, self._clock = random.Random(seed), clock
        self._ids = [row["id"] for row in account.objects("customers")]
        self._rng.shuffle(self._ids)

    def __call__(self, account: Account, number: int, method: str, path: str) -> None:
        self._clock.seconds += self._rng.choice((0, 1))
        for key in self._rng.sample(self._ids, 2):
            account.edit("customers", key, notes="called")
        if number % 5 == 0 and len(self._ids) > 10:
            account.remove("customers", self._ids.pop())


def check_complete_and_ordered(run: Any, account: Account, before: set[int]) -> None:
    assert run.exit_code == 0, run.stderr
    left = {row["id"] for row in account.objects("customers")}
    assert (before & left) - set(run.ids("customers")) == set()
    stamps = [record["updated_at"] for record in run.records("customers")]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("ignored", [False, True], ids=["sorted", "sort-ignored"])
def test_a_saturated_second_is_read_while_it_is_edited(
    ignored: bool,
    seed: int,
    account: Account,
    clock: Any,
    run_tap: Callable[..., Any],
    catalog_of: Callable[..., Any],
) -> None:
    """5,000 customers changed in one second, as an import leaves them."""
    account.ignores_sort = ignored
    spread(account, clock, count=5_500, one_second=5_000, seed=seed)
    before = {row["id"] for row in account.objects("customers")}
    with Server(account, before_request=Colleagues(account, clock, seed)) as server:
        run = run_tap(server, catalog=catalog_of("customers"))
    check_complete_and_ordered(run, account, before)


def test_a_deletion_between_any_two_requests_is_no_hidden_row(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """Each page counts one row less than the page before left, as if a row were hidden."""
    for _ in range(300):
        clock.seconds += 1
        account.add("customers", name="Acme")
    ids = [row["id"] for row in account.objects("customers")]

    def remove_the_last(account: Account, number: int, method: str, path: str) -> None:
        account.remove("customers", ids.pop())

    with Server(account, before_request=remove_the_last) as server:
        run = run_tap(server, catalog=catalog_of("customers"), max_connections=1)
    assert run.ids("customers") == sorted(set(run.ids("customers")))
    check_complete_and_ordered(run, account, set(ids))


@pytest.mark.parametrize("seed", range(10))
def test_faults_in_a_twentieth_of_the_requests_change_nothing(
    seed: int, clock: Any, run_tap: Callable[..., Any]
) -> None:
    """Each kind of fault, mixed; the stall is longer than the tap's timeout."""
    account = seeded(customers=40, seed=seed, now=clock, api_key="emulator-key")
    share = 0.05 / len(FAULTS)
    faults = Faults([{**kind, "share": share} for kind in FAULTS], seed=seed)
    with Server(account, faults=faults) as server:
        run = run_tap(server, page_size=2, request_timeout=1, max_retry_seconds=60)
    assert run.exit_code == 0, run.stderr
    assert run.stderr.count("retrying in") > 5
    for stream in ("customers", "subscriptions", "invoices", "estimates", "transactions"):
        assert sorted(run.ids(stream)) == [row["id"] for row in account.objects(stream)]
        stamps = [record["updated_at"] for record in run.records(stream)]
        assert stamps == sorted(stamps)


@pytest.mark.parametrize(
    ("settings", "connections"),
    [
        pytest.param({"max_connections": 1, "page_size": 100}, 1, id="one"),
        pytest.param({"max_connections": 20}, 20, id="as-many-as-invoiced-takes"),
        pytest.param({}, 16, id="default"),
    ],
)
def test_as_many_requests_are_in_flight_as_set_and_none_is_refused(
    settings: dict[str, Any],
    connections: int,
    account: Account,
    clock: Any,
    run_tap: Callable[..., Any],
) -> None:
    spread(account, clock, count=2_500, one_second=0, seed=1)
    with Server(account, latency_s=0.03) as server:
        run = run_tap(server, **{"page_size": 10, **settings})
    assert run.exit_code == 0
    assert (server.stats.max_in_flight, server.stats.too_many) == (connections, 0)


def test_killed_at_fifty_random_points_and_resumed_it_is_complete(
    account: Account, clock: Any, config: Callable[..., Path], environment: dict[str, str]
) -> None:
    """Each run starts from what reached the reader; no older version follows a newer in one run."""
    spread(account, clock, count=8_000, one_second=300, seed=1)
    rng = random.Random(50)
    seen: set[int] = set()
    state: Any = None
    with Server(account, before_request=Colleagues(account, clock, 1)) as server:
        settings = config(server, start_date="2020-01-01", page_size=20)
        command = [sys.executable, "-m", "tap_invoiced", "--config", str(settings)]
        state_file = settings.with_name("state.json")
        for kill in range(51):
            extra: list[str] = []
            if state is not None:
                state_file.write_text(json.dumps(state))
                extra = ["--state", str(state_file)]
            limit = rng.randrange(1, 1_500) if kill < 50 else 10**6
            with subprocess.Popen(
                [*command, *extra],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
            ) as tap:
                assert tap.stdout is not None
                versions: dict[int, str] = {}
                for count, line in enumerate(tap.stdout):
                    if not line.endswith(b"\n"):
                        break
                    message = json.loads(line)
                    if message["type"] == "STATE":
                        state = message["value"]
                    elif message["type"] == "RECORD" and message["stream"] == "customers":
                        row = message["record"]
                        assert versions.get(row["id"], "") <= row["updated_at"]
                        versions[row["id"]] = row["updated_at"]
                    if count == limit:
                        tap.send_signal(signal.SIGKILL)
            seen |= versions.keys()
        assert tap.returncode == 0
    assert {row["id"] for row in account.objects("customers")} - seen == set()


def test_hardly_a_request_more_is_spent_than_there_are_pages(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """Evenly spread customers, and a start long before the first of them."""
    for number in range(20_000):
        account.add("customers", name="Acme", updated_at=clock.seconds - 60 * (20_001 - number))
    with Server(account) as server:
        run = run_tap(server, catalog=catalog_of("customers"), start_date="2000-01-01")
    assert len(run.ids("customers")) == 20_000
    pages = 20_000 / 99  # each shows the last row of the one before again
    assert server.stats.requests < 1.08 * pages + 5  # the head, three looks at the order, the tail


@pytest.mark.parametrize(
    ("since", "until", "rows", "pieces"),
    [
        pytest.param(0, 100, 0, 1, id="nothing"),
        pytest.param(0, 100, 1_000, 1, id="one-window-full"),
        pytest.param(0, 100, 1_001, 2, id="one-row-more"),
        pytest.param(0, 100, 10**9, 16, id="no-more-than-that"),
        pytest.param(0, 2, 10**9, 2, id="a-second-at-least"),
        pytest.param(0, 1, 10**9, 1, id="one-second"),
    ],
)
def test_a_time_is_cut_into_pieces(since: int, until: int, rows: int, pieces: int) -> None:
    edges = cut(since, until, rows, 1_000)
    assert (edges[0], edges[-1], len(edges)) == (since, until, pieces + 1)
    assert edges == sorted(set(edges))


def test_all_pieces_but_the_last_hold_as_many_rows_as_they_should() -> None:
    assert cut(0, 1_000, rows=2_500, rows_per_piece=1_000) == [0, 400, 800, 1_000]
