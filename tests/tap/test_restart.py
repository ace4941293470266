"""A run may die anywhere; the next continues from the last STATE that was written."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Server, seeded

STREAMS = ("customers", "subscriptions", "invoices", "estimates", "credit_notes", "transactions")


class Warehouse:
    """Takes whole lines, as a target does: rows by id, and the last state."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], dict[str, Any]] = {}
        self.state: Any = None

    def take(self, line: bytes) -> None:
        if not line.endswith(b"\n"):
            return
        message = json.loads(line)
        if message["type"] == "RECORD":
            self.rows[message["stream"], message["record"]["id"]] = message["record"]
        elif message["type"] == "STATE":
            self.state = message["value"]


def run_and_kill(
    command: list[str], environment: dict[str, str], warehouse: Warehouse, lines: int
) -> bool:
    """Kills the tap after so many lines; True if it ended by itself before."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
    ) as tap:
        assert tap.stdout is not None
        for _ in range(lines):
            line = tap.stdout.readline()
            if not line:
                return tap.wait(timeout=30) == 0
            warehouse.take(line)
        os.kill(tap.pid, signal.SIGKILL)
        # What was in the pipe has reached the target all the same.
        for line in tap.stdout:
            warehouse.take(line)
    return False


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_ten_random_points_the_union_is_complete(
    seed: int,
    clock: Any,
    config: Callable[..., Path],
    tmp_path: Path,
    environment: dict[str, str],
) -> None:
    """Each restart continues from a state written in the middle of a stream."""
    rng = random.Random(seed)
    business = seeded(customers=200, seed=seed, now=clock, api_key="emulator-key")
    warehouse = Warehouse()
    kills, ended = 0, False
    with Server(business) as server:
        settings = config(server, start_date="2020-01-01")
        while not ended:
            command = [sys.executable, "-m", "tap_invoiced", "--config", str(settings)]
            if warehouse.state is not None:
                (tmp_path / "state.json").write_text(json.dumps(warehouse.state))
                command += ["--state", str(tmp_path / "state.json")]
            lines = rng.randrange(1, 900) if kills < 10 else 100_000
            ended = run_and_kill(command, environment, warehouse, lines)
            kills += not ended
    assert kills == 10
    for stream in STREAMS:
        emitted = {key for name, key in warehouse.rows if name == stream}
        assert emitted == {row["id"] for row in business.objects(stream)}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_stopped_run_ends_with_a_last_state(
    how: signal.Signals,
    business: Account,
    config: Callable[..., Path],
    environment: dict[str, str],
) -> None:
    tap: subprocess.Popen[bytes] | None = None

    def record_request(account: Account, number: int, method: str, path: str) -> None:
        if number == 25:
            assert tap is not None
            tap.send_signal(how)
            tap.send_signal(how)  # orchestrators send it twice

    with Server(business, before_request=record_request) as server:
        settings = config(server, start_date="2020-01-01", page_size=10)
        command = [sys.executable, "-m", "tap_invoiced", "--config", str(settings)]
        tap = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        out, log = tap.communicate(timeout=30)
    assert tap.returncode == 128 + how
    last = json.loads(out.splitlines()[-1])
    assert last["type"] == "STATE"
    assert last["value"]["currently_syncing"] in STREAMS
    assert log.decode().splitlines()[-1] == f"CRITICAL stopped by {how.name}"


def test_stdout_closed_early_ends_it_with_one_line(
    business_server: Server, config: Callable[..., Path], environment: dict[str, str]
) -> None:
    settings = config(business_server, start_date="2020-01-01")
    with subprocess.Popen(
        [sys.executable, "-m", "tap_invoiced", "--config", str(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as tap:
        assert tap.stdout is not None and tap.stderr is not None
        tap.stdout.readline()
        tap.stdout.close()
        log = tap.stderr.read().decode()
    assert tap.returncode == 1
    (complaint,) = [line for line in log.splitlines() if line.startswith("CRITICAL")]
    assert "stdout was closed" in complaint
    assert "Traceback" not in log and "Exception ignored" not in log


def test_no_bookmark_in_the_middle_of_a_stream_passes_the_lookback(
    account: Account, clock: Any, run_tap: Callable[..., Any], catalog_of: Callable[..., Any]
) -> None:
    """A change may be committed a minute after its stamp, behind rows that were emitted already.

    A run that is killed after its second STATE continues from there, and finds it.
    """
    for number in range(1_800):
        account.add("customers", name=str(number), updated_at=clock.seconds - 45 + number // 40)
    with Server(account) as server:
        run = run_tap(server, catalog=catalog_of("customers"))
        states = [one["value"] for one in run.messages if one["type"] == "STATE"]
        assert len(states) > 3
        limit = "2026-03-01T11:59:00Z"  # the server's clock, less `lookback_seconds`
        for state in states:
            assert state["bookmarks"]["customers"]["updated_at"] <= limit
        clock.seconds += 5
        account.add("customers", id=999_999, updated_at=clock.seconds - 50)
        again = run_tap(server, catalog=catalog_of("customers"), state=states[1])
    assert 999_999 in again.ids("customers")
