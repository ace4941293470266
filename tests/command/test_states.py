"""States of pipelines in a database: the tap resumes from them, `singer-invoiced` keeps them."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from invoiced_api.exceptions import InvalidInputError
from invoiced_emulator import Account, Server
from singer_command.exceptions import DatabaseBusyError
from singer_command.states import StateStore
from singer_invoiced.state_saver import StateSaver
from tests.conftest import Run, run_command

COMMANDS = Path(sys.executable).parent
STATE = {"bookmarks": {"invoices": {"updated_at": "2026-01-31T10:00:00Z"}}}
LATER = {"bookmarks": {"invoices": {"updated_at": "2026-02-28T10:00:00Z"}}}
ACME = ("--account", "acme")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/states.db"


@pytest.fixture
def states(url: str, environment: dict[str, str]) -> Callable[..., Run]:
    """`states("show", "--account", "acme")`: runs `singer-invoiced state` with the URL."""

    def run(action: str, *arguments: str, stdin: bytes = b"", place: str = url) -> Run:
        command = ["state", action, place, *arguments]
        return run_command("singer_invoiced", command, environment, stdin)

    return run


def line(state: Mapping[str, Any]) -> bytes:
    return json.dumps(state).encode() + b"\n"


def saved(run: Run) -> Any:
    assert run.exit_code == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        pytest.param(line(STATE) + line(LATER), LATER, id="the-last-of-several"),
        pytest.param(line(STATE) + line(LATER)[:-1], STATE, id="a-last-line-without-its-end"),
        pytest.param(line(STATE) + line(LATER)[:20], STATE, id="a-torn-line"),
        pytest.param(line(STATE) + b'{"book\n', STATE, id="a-line-that-is-not-json"),
        pytest.param(line(STATE) + b"{}\n", STATE, id="an-empty-state"),
        pytest.param(line(STATE) + b"loaded 3 rows\n\n", STATE, id="words"),
        pytest.param(line({"type": "STATE", "value": LATER}), LATER, id="a-state-message"),
    ],
)
def test_the_last_whole_state_is_saved(
    states: Callable[..., Run], printed: bytes, kept: Any
) -> None:
    assert states("save", *ACME, stdin=printed).exit_code == 0
    assert saved(states("show", *ACME)) == kept


def test_a_target_that_printed_no_state_leaves_the_old_one(states: Callable[..., Run]) -> None:
    states("save", *ACME, stdin=line(STATE))
    assert states("save", *ACME, stdin=b"").exit_code == 0
    assert saved(states("show", *ACME)) == STATE


def test_each_account_and_pipeline_has_a_state_of_its_own(
    states: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "state.json").write_text(json.dumps(LATER))
    states("save", *ACME, stdin=line(STATE))
    assert states("set", *ACME, "--pipeline", "hourly", f"{tmp_path}/state.json").exit_code == 0
    states("save", "--account", "globex", stdin=line(STATE))
    rows = [row.split() for row in states("list").stdout.decode().splitlines()[1:]]
    assert [row[:2] for row in rows] == [
        ["acme", "default"],
        ["acme", "hourly"],
        ["globex", "default"],
    ]
    assert saved(states("reset", *ACME)) == STATE
    assert "no state is saved for account `acme`" in states("show", *ACME).complaint
    assert saved(states("show", *ACME, "--pipeline", "hourly")) == LATER


@pytest.mark.parametrize("action", ["list", "show", "reset"])
def test_a_database_that_does_not_exist_is_an_error_and_is_not_created(
    states: Callable[..., Run], url: str, action: str
) -> None:
    file = Path(url.removeprefix("sqlite:///"))
    run = states(action, *(() if action == "list" else ACME))
    assert (run.exit_code, run.stdout) == (1, b"")
    assert run.complaint.startswith(f"the database of states {file} does not exist. Check the URL")
    assert not file.exists()


def test_setting_a_state_creates_the_database(states: Callable[..., Run]) -> None:
    assert states("set", *ACME, "-", stdin=line(STATE)).exit_code == 0
    assert saved(states("show", *ACME)) == STATE


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"bookmarks"', b"null"])
def test_only_a_whole_state_can_be_set(states: Callable[..., Run], content: bytes) -> None:
    states("save", *ACME, stdin=line(STATE))
    refused = states("set", *ACME, "-", stdin=content)
    assert refused.exit_code == 1
    assert "must be a JSON object" in refused.complaint
    assert saved(states("show", *ACME)) == STATE


def pipeline(
    folder: Path, source: Server, copy: Server, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[bytes]":
    """`tap-invoiced | target-invoiced | singer-invoiced state save`: one database for all three."""
    own = {"api_key": "emulator-key", "start_date": "2020-01-01", "account": "acme"}
    ledger = {"ids": "external", "ledger": "sqlite:///one.db", "max_rejects": -1}
    for name, settings in (
        ("from", {**own, "base_url": source.url}),
        ("to", {**own, **ledger, "base_url": copy.url}),
    ):
        (folder / f"{name}.json").write_text(json.dumps(settings))
    return subprocess.run(
        [
            *("bash", "-o", "pipefail", "-c"),
            "tap-invoiced --config from.json --state sqlite:///one.db"
            " | target-invoiced --config to.json"
            " | singer-invoiced state save sqlite:///one.db --account acme",
        ],
        cwd=folder,
        env={**environment, "PATH": f"{COMMANDS}:{environment['PATH']}"},
        capture_output=True,
        timeout=100,
        check=False,
    )


def test_a_second_run_resumes_beside_the_ledger_in_one_sqlite_file(
    tmp_path: Path,
    business: Account,
    business_server: Server,
    server: Server,
    environment: dict[str, str],
    states: Callable[..., Run],
) -> None:
    """The target locks the file: the tap reads before it, the saver writes after it."""
    first = pipeline(tmp_path, business_server, server, environment)
    assert first.returncode == 0, first.stderr.decode()
    assert b"this is its first run" in first.stderr
    state = saved(states("show", *ACME, place=f"sqlite:///{tmp_path}/one.db"))
    assert len(state["bookmarks"]) == 6
    before = len(business_server.requests)
    second = pipeline(tmp_path, business_server, server, environment)
    assert second.returncode == 0, second.stderr.decode()
    assert b"resuming account `acme`, pipeline `default`" in second.stderr
    assert len(business_server.requests) - before < before
    assert (tmp_path / "one.db").stat().st_mode & 0o777 == 0o600


def test_a_target_leaves_its_sqlite_file_unlocked_until_the_first_line(
    tmp_path: Path, url: str, config: Callable[..., Path], server: Server, environment: Any
) -> None:
    """A tap that is slow to start finds its state there."""
    StateStore(url).save("acme", "default", STATE)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = [COMMANDS / "target-invoiced", "--config", config(server, ledger=url)]
    with subprocess.Popen([*command, "--input", fifo], env=environment) as target:
        with fifo.open("wb") as messages:  # opens once the target reads
            for _ in range(200):
                assert StateStore(url, busy_s=0).get("acme", "default")
            messages.write(line({"type": "STATE", "value": LATER}))
        assert target.wait(timeout=30) == 0


def test_a_run_starts_from_the_beginning_only_without_a_saved_state(
    run_tap: Callable[..., Run], business_server: Server, states: Callable[..., Run], url: str
) -> None:
    """Looking for a state makes no file."""
    settings = {"account": "acme", "pipeline": "hourly"}
    first = run_tap(business_server, "--state", url, **settings)
    assert first.records("invoices")
    assert not Path(url.removeprefix("sqlite:///")).exists()
    states("save", *ACME, "--pipeline", "hourly", stdin=line(first.state))
    assert not run_tap(business_server, "--state", url, **settings).records("invoices")
    assert run_tap(business_server, "--state", url, account="acme").records("invoices")


@pytest.mark.parametrize(
    ("place", "settings", "said"),
    [
        pytest.param("sqlite:///x.db", {}, "setting `account` is missing", id="no-account"),
        pytest.param("mysql://x/y", {"account": "a"}, "a URL such as sqlite:///", id="mysql"),
        pytest.param(
            "postgresql://me:hush@127.0.0.1:9/db",
            {"account": "a"},
            "cannot be used",
            id="no-server",
        ),
        pytest.param("postgresql://me:hu@sh@h/db", {"account": "a"}, "%40", id="bad-password"),
    ],
)
def test_a_state_that_cannot_be_read_stops_the_run(
    run_tap: Callable[..., Run], server: Server, place: str, settings: dict[str, str], said: str
) -> None:
    run = run_tap(server, "--state", place, **settings)
    assert run.exit_code == 1
    assert said in run.complaint
    assert "hush" not in run.stderr
    assert not run.stdout


def test_a_row_that_is_no_json_stops_the_run(
    run_tap: Callable[..., Run], server: Server, states: Callable[..., Run], url: str
) -> None:
    states("save", *ACME, stdin=line(STATE))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE invoiced_pipeline_states SET state = '{\"bookm'")
    connection.close()
    run = run_tap(server, "--state", url, account="acme")
    assert (run.exit_code, run.stdout) == (1, b"")
    assert "is not JSON" in run.complaint


def test_a_locked_database_holds_up_no_target_and_loses_no_state(url: str, tmp_path: Path) -> None:
    """While a run holds the lock, states wait. The newest is saved once the target has ended."""
    StateStore(url).save("acme", "default", STATE)
    other = sqlite3.connect(tmp_path / "states.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    saver = StateSaver(url, "acme", "default")

    def printed() -> Any:
        yield line(STATE)
        with pytest.raises(DatabaseBusyError, match="is in use by another run"):
            StateStore(url, busy_s=0).get("acme", "default")
        yield line(LATER)
        other.execute("ROLLBACK")
        other.close()

    saver.save_all(printed())
    found = StateStore(url).get("acme", "default")
    assert found is not None
    assert found.state == LATER


def test_a_saver_that_cannot_save_ends_with_an_error_after_the_last_line(
    url: str, tmp_path: Path
) -> None:
    saver = StateSaver(url, "acme", "default")
    taken = []

    def printed() -> Any:
        (tmp_path / "states.db").mkdir()
        for state in (STATE, LATER):
            taken.append(state)
            yield line(state)

    with pytest.raises(InvalidInputError, match=r"the database of states .* cannot be used"):
        saver.save_all(printed())
    assert taken == [STATE, LATER]


def test_a_stopped_pipeline_saves_what_its_target_still_prints(
    url: str, environment: dict[str, str]
) -> None:
    """Ctrl-C reaches every process of a pipeline; the target's last STATE comes after it."""
    command = [COMMANDS / "singer-invoiced", "state", "save", url, *ACME]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as saver:
        assert saver.stdin
        saver.stdin.write(line(STATE))
        saver.stdin.flush()
        while StateStore(url).get("acme", "default") is None:
            os.sched_yield()
        saver.send_signal(signal.SIGINT)
        _, log = saver.communicate(line(LATER), timeout=20)
    assert (saver.returncode, log.decode().splitlines()) == (130, ["CRITICAL stopped by SIGINT"])
    found = StateStore(url).get("acme", "default")
    assert found is not None
    assert found.state == LATER
