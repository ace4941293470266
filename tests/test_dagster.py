"""Parts of examples/dagster that need no Dagster; tests/e2e/dagster runs all of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from invoiced_emulator import Faults, Server, seeded

EXAMPLE = Path(__file__).parents[1] / "examples" / "dagster"
sys.path.insert(0, str(EXAMPLE))

import accounts  # noqa: E402


def account_at(server: Server, **settings: str) -> accounts.Account:
    key = {"api_key": server.account.api_key, "base_url": server.url}
    return accounts.Account("acme", key | settings)


def test_all_objects_of_an_account_are_counted() -> None:
    with Server(seeded(customers=3)) as server:
        counts = account_at(server).counts()
        expected = {name: len(server.account.objects(name)) for name in accounts.LISTS}
    assert counts == expected


@pytest.mark.parametrize("status", [429, 503])
def test_a_count_is_repeated_while_others_exhaust_the_limit(status: int) -> None:
    rules = [{"kind": "status", "status": status, "times": 2, "path": "/customers"}]
    with Server(seeded(customers=3), faults=Faults(rules)) as server:
        assert account_at(server).counts()["customers"] == 3


def test_a_list_that_the_account_lacks_is_not_counted() -> None:
    """The tap skips its stream with a warning."""
    with Server(seeded(customers=3)) as server:
        server.account.forbidden.add("estimates")
        assert account_at(server).counts().keys() == accounts.LISTS.keys() - {"estimates"}


def test_a_revoked_key_is_reported_and_not_shown() -> None:
    with Server(seeded(customers=3)) as server:
        account = account_at(server, api_key="not-a-key")
        with pytest.raises(requests.HTTPError, match="401") as error:
            account.counts()
    assert "not-a-key" not in f"{error.value}{account}"


def test_the_state_of_an_account_is_that_of_its_partition() -> None:
    """The state is saved under this name, so the tap has to read it by the same."""
    account = accounts.Account("acme", {"api_key": "key", "account": "other"})
    environment = account.environment("TAP_INVOICED", pipeline="warehouse")
    assert environment["TAP_INVOICED_ACCOUNT"] == "acme"
    assert environment["TAP_INVOICED_PIPELINE"] == "warehouse"


STARTER = """
import os, signal, services
services.stop_on_signals()
with services.process(["sleep", "60"], services.Path(os.devnull)) as started:
    print(started.pid, flush=True)
    try:
        signal.pause()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # a second one, while it stops
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_stops_what_it_started_after_a_signal(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], cwd=EXAMPLE, stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout
        started = int(demo.stdout.readline())
        demo.send_signal(number)
        assert demo.wait(20) == 128 + number
    with pytest.raises(ProcessLookupError):
        os.kill(started, 0)
