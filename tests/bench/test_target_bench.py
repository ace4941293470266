"""The parts with which `make bench` measures writes, at small sizes."""

import sys
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import orjson
import pytest

# The benchmarks belong to the repository and are not installed.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import lists, table
from benchmarks.accounts import Emulator, Size, emulator
from benchmarks.bare_writer import bare_writer
from benchmarks.customers import STATE_EVERY, customers, messages, with_ids
from benchmarks.runs import RunFailedError, measured
from benchmarks.targets import OurTarget

TIMEOUT_S = 60


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with emulator(Size(), latency_ms=0) as one:
        yield one


def test_input_is_made_as_it_is_read() -> None:
    endless = messages(with_ids(count(1)))
    lines = [orjson.loads(line) for line in islice(endless, STATE_EVERY + 2)]
    assert [line["type"] for line in (lines[0], lines[1], lines[-1])] == [
        "SCHEMA",
        "RECORD",
        "STATE",
    ]


def test_a_command_is_fed_while_it_runs() -> None:
    copy = "import shutil, sys; shutil.copyfileobj(sys.stdin, sys.stdout)"
    run = measured([sys.executable, "-c", copy], TIMEOUT_S, messages(customers(20_000)))
    assert run.records == 20_000


def test_a_command_that_does_not_read_to_the_end_times_out() -> None:
    run = measured([sys.executable, "-c", "input()"], TIMEOUT_S, messages(with_ids(count(1))))
    assert run.records == 0


def test_creates_and_updates_without_a_ledger_are_one_request_each(
    server: Emulator, tmp_path: Path
) -> None:
    target, before = OurTarget(url=server.url, folder=tmp_path), server.requests
    created = target.write(customers(30), "created", TIMEOUT_S)
    assert (created.run.records, server.requests - before) == (30, 30)
    ids = lists.ids(server.url, "/customers", 1, 20)
    updated = target.write(with_ids(ids, edition=1), "updated", TIMEOUT_S)
    assert updated.run.records == 20


def test_with_a_ledger_so_are_they_and_unchanged_records_are_none(
    server: Emulator, tmp_path: Path
) -> None:
    before = server.requests
    target = OurTarget(url=server.url, folder=tmp_path, ledger=tmp_path / "ledger.db")
    steps = ((0, "created", 30), (1, "updated", 60), (1, "unchanged", 60))
    for edition, outcome, requests in steps:
        load = target.write(with_ids(range(1, 31), edition), outcome, TIMEOUT_S)
        assert (load.run.records, server.requests - before) == (30, requests), outcome


def test_a_load_with_another_outcome_is_no_measurement(server: Emulator, tmp_path: Path) -> None:
    with pytest.raises(RunFailedError, match="'created': 3"):
        OurTarget(url=server.url, folder=tmp_path).write(customers(3), "updated", TIMEOUT_S)


def test_the_bare_writer_creates_customers(server: Emulator) -> None:
    before = server.requests
    assert bare_writer(server.url, 2, 50, TIMEOUT_S).writes_per_s > 0
    assert server.requests - before == 50


def test_a_figure_alone_is_held_against_a_floor_or_a_ceiling() -> None:
    assert table.alone("account", "records/s", 12_000, at_least=10_000).cells[-2:] == (
        "> 10,000",
        "yes",
    )
    assert table.alone("account", "records/s", 9_000, at_least=10_000).met is False
    assert table.alone("account", "peak memory, MB", 119, at_most=120).met
