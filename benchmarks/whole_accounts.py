"""Whole accounts where latency rules: several streams, a quiet second run, and child streams."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import lists, table
from benchmarks.accounts import Emulator, Size, emulator
from benchmarks.runs import Run, RunFailedError, measured
from benchmarks.table import Row
from benchmarks.taps import CLOSED, CONNECTIONS, LISTS, PAGE_SIZE, STREAMS, Tap

SIX_STREAMS = (*STREAMS, "transactions")
SIX_LISTS = (*LISTS, *CLOSED, "/transactions")
LONG_AGO = 946_684_800  # 2000-01-01, in UNIX seconds
TIMEOUT_S = 300
LATENCIES_MS = (200, 500)
CHILDREN_MS = 100

SHARE_OF_BOUND, SHARE_FOR_CHILDREN = 0.8, 0.9
REQUESTS_OF_NEEDED = 1.1
QUIET_ROUND_TRIPS = 4


def whole_accounts(
    tap: Tap, customers: int, folder: Path, report: Callable[[str], None]
) -> Iterator[Row]:
    """Rows about an account of so many customers; `folder` takes the files of the tap."""
    quiet: dict[int, Run] = {}
    for latency_ms in LATENCIES_MS:
        name = f"{customers:,} customers, 6 streams, {latency_ms} ms"
        report(name)
        with emulator(Size(customers=customers), latency_ms) as server:
            yield from _first_run(tap, server, name, latency_ms, folder)
            quiet[latency_ms], _ = _run(tap, server, SIX_STREAMS, int(time.time()), folder)
    # What a run takes apart from its round trips is the same at both latencies.
    least, most = LATENCIES_MS
    round_trips = (quiet[most].seconds - quiet[least].seconds) / (most - least) * 1000
    name = f"{customers:,} customers, 6 streams, nothing new"
    yield table.alone(name, "round trips of a second run", round_trips, at_most=QUIET_ROUND_TRIPS)
    yield _children(tap, customers, folder, report)


def _first_run(
    tap: Tap, server: Emulator, name: str, latency_ms: int, folder: Path
) -> Iterator[Row]:
    held = [lists.held(server.url, [path]) for path in SIX_LISTS]
    run, requests = _run(tap, server, SIX_STREAMS, LONG_AGO, folder)
    if run.records != sum(held):
        raise RunFailedError(f"{name}: the tap wrote {run.records} records, not {sum(held)}")
    bound = CONNECTIONS * PAGE_SIZE * 1000 / latency_ms
    needed = sum(-(-rows // PAGE_SIZE) for rows in held)
    yield table.more(name, "records/s", run.records_per_s, "bound", bound, SHARE_OF_BOUND)
    yield table.less(name, "requests", requests, "needed", needed, REQUESTS_OF_NEEDED)


def _children(tap: Tap, customers: int, folder: Path, report: Callable[[str], None]) -> Row:
    """One list for each customer, so that requests count and not rows."""
    name = f"contacts of {customers:,} customers, {CHILDREN_MS} ms"
    report(name)
    with emulator(Size(customers=customers), CHILDREN_MS) as server:
        run, requests = _run(tap, server, ["contacts"], LONG_AGO, folder)
    bound = CONNECTIONS * 1000 / CHILDREN_MS
    return table.more(
        name, "requests/s", requests / run.seconds, "bound", bound, SHARE_FOR_CHILDREN
    )


def _run(
    tap: Tap, server: Emulator, streams: tuple[str, ...] | list[str], start: int, folder: Path
) -> tuple[Run, int]:
    """A run, and how many requests it sent."""
    command = tap.reading(server.url, streams, lists.as_date_time(start), folder)
    before = server.requests
    run = measured(command, TIMEOUT_S)
    return run, server.requests - before
