"""Several accounts share one PostgreSQL, and none of them waits for another."""

import json
import select
import subprocess
import sys
from contextlib import ExitStack

import pytest

from invoiced_emulator import Account, Server

# Far less than the half minute for which a run waits for another one of its account.
SOON_S = 25


def lines(*messages):
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


SCHEMA = {"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": ["id"]}


def customer(key):
    return {"type": "RECORD", "stream": "customers", "record": {"id": key, "name": key}}


@pytest.fixture
def at_once(database, tmp_path, environment, clock):
    """Starts runs for so many accounts of one database. Each is given lines, and is kept open."""
    with ExitStack() as room:

        def start(count):
            started = []
            for number in range(count):
                account = Account(api_key=f"key-{number}", now=clock)
                server = room.enter_context(Server(account))
                path = tmp_path / f"{number}.json"
                settings = {"api_key": account.api_key, "base_url": server.url, "ids": "external"}
                path.write_text(json.dumps({**settings, "ledger": database}))
                command = [sys.executable, "-m", "target_invoiced", "--config", str(path)]
                process = room.enter_context(
                    subprocess.Popen(
                        command,
                        env=environment,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                    )
                )
                room.callback(process.kill)
                started.append((account, process))
            return started

        yield start


def say(process, *messages):
    process.stdin.write(lines(*messages))
    process.stdin.flush()


@pytest.mark.timeout(200)
@pytest.mark.parametrize("count", [2, 8])
def test_accounts_write_at_the_same_time(at_once, count):
    """All are under way before any of them may end."""
    runs = at_once(count)
    for _, process in runs:
        say(process, SCHEMA, customer("a"), {"type": "STATE", "value": 1})
    for _, process in runs:
        # A run that waited for another one would end only after that did.
        assert _line(process) == b"1\n"
    for account, process in runs:
        process.communicate(lines(customer("b")), timeout=60)
        assert process.returncode == 0
        assert sorted(row["name"] for row in account.objects("customers")) == ["a", "b"]


@pytest.mark.timeout(200)
def test_a_killed_run_of_one_account_leaves_the_others_alone(at_once):
    runs = at_once(3)
    for _, process in runs:
        say(process, SCHEMA, customer("a"), {"type": "STATE", "value": 1})
    for _, process in runs:
        assert _line(process) == b"1\n"
    (_, victim), *others = runs
    victim.kill()
    victim.wait()
    for account, process in others:
        process.communicate(lines(customer("b")), timeout=60)
        assert process.returncode == 0
        assert len(account.objects("customers")) == 2


def _line(process):
    """The next line of stdout, if it comes soon."""
    ready, _, _ = select.select([process.stdout], [], [], SOON_S)
    return process.stdout.readline() if ready else None
