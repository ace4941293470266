"""examples/cron.sh keeps its state, however a run ends."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Server

SCRIPT = Path(__file__).parents[1] / "examples" / "cron.sh"
COMMANDS = Path(sys.executable).parent
STREAMS = ("customers", "subscriptions", "invoices", "estimates", "credit_notes", "transactions")
OLD = {"bookmarks": {}, "of": "an earlier run"}


@pytest.fixture
def folder(tmp_path: Path, config: Callable[..., Path], business_server: Server) -> Path:
    """What the script is given: a folder with a config.json."""
    config(business_server, start_date="2020-01-01", page_size=20, max_connections=2)
    return tmp_path


@pytest.fixture
def start(folder: Path, environment: dict[str, str]) -> Callable[..., "subprocess.Popen[bytes]"]:
    """Starts the script as cron does, with a target, in a session of its own."""
    path = os.pathsep.join([str(COMMANDS), environment["PATH"]])

    def run(*target: str | Path) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [SCRIPT, folder, *target],
            cwd="/",
            env=environment | {"PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    return run


def ended(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    _, log = process.communicate(timeout=60)
    return process.returncode, log.decode()


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)
    return path


def kept(folder: Path) -> Any:
    return json.loads((folder / "state.json").read_text())


@pytest.mark.parametrize(
    ("echoed", "state"),
    [
        pytest.param('{"a": 1}\n{"a": 2}\n', {"a": 2}, id="the-last-counts"),
        pytest.param('{"a": 1}\n{"a": 2}\n{"a": ', {"a": 2}, id="a-broken-line-does-not"),
        pytest.param('{"a": 1}\n{"a": 2}', {"a": 1}, id="nor-one-without-its-end"),
        pytest.param('{"a": 1}\nloaded 5 rows\n{}\n', {"a": 1}, id="nor-what-is-no-state"),
        pytest.param("", OLD, id="without-any-the-old-one-stays"),
    ],
)
@pytest.mark.parametrize("code", [0, 3], ids=["well", "failed"])
def test_the_last_whole_state_counts_even_if_the_run_failed(
    echoed: str, state: Any, code: int, folder: Path, start: Callable[..., Any]
) -> None:
    (folder / "state.json").write_text(json.dumps(OLD))
    target = script(folder / "target", f"cat > /dev/null; printf '%s' '{echoed}'; exit {code}")
    found, log = ended(start(target))
    assert found == code, log
    assert kept(folder) == state
    assert not (folder / "echoed").exists()


def test_a_tap_that_fails_fails_the_run(folder: Path, start: Callable[..., Any]) -> None:
    (folder / "config.json").write_text("{}")
    target = script(folder / "target", "cat > /dev/null")
    found, log = ended(start(target))
    assert found == 1
    assert "`api_key` is missing" in log


def test_what_a_killed_run_echoed_is_found_by_the_next(
    folder: Path, start: Callable[..., Any]
) -> None:
    (folder / "echoed").write_text('{"bookmarks": {"customers": {"updated_at": 1772362800}}}\n{"b')
    target = script(folder / "target", "cat > received")
    found, log = ended(start(target))
    assert found == 0, log
    assert "customers: reading what was updated since 2026-03-01T11:00:00Z" in log


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        pytest.param((), 2, "usage: cron.sh FOLDER TARGET [ARGUMENTS]", id="nothing"),
        pytest.param(("here",), 2, "usage: cron.sh FOLDER TARGET [ARGUMENTS]", id="no-target"),
        pytest.param(("gone", "cat"), 1, "there is no folder gone", id="no-folder"),
        pytest.param(("empty", "cat"), 1, "there is no config.json in ", id="empty"),
        pytest.param(("here", "target-x"), 1, "there is no command target-x; ", id="no-command"),
    ],
)
def test_what_it_cannot_start_with_is_one_clear_line(
    arguments: tuple[str, ...],
    code: int,
    complaint: str,
    tmp_path: Path,
    environment: dict[str, str],
) -> None:
    for name in ("here", "empty"):
        (tmp_path / name).mkdir()
    (tmp_path / "here" / "config.json").write_text("{}")
    done = subprocess.run(
        [SCRIPT, *arguments],
        cwd=tmp_path,
        env=environment | {"PATH": os.pathsep.join([str(COMMANDS), environment["PATH"]])},
        capture_output=True,
        timeout=10,
        check=False,
    )
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"cron.sh: {complaint}")
    assert done.returncode == code
    assert [one.name for one in (tmp_path / "here").iterdir()] == ["config.json"]


def test_a_run_does_nothing_while_another_is_in_progress(
    folder: Path, start: Callable[..., Any]
) -> None:
    """Also if the script was killed, and only the target it started is still alive."""
    slow = script(folder / "slow", "touch started; sleep 20 & echo $! > sleeper; wait; cat > rows")
    first = start(slow)
    for _ in range(500):
        if (folder / "sleeper").exists() and (folder / "sleeper").read_text().strip():
            break
        time.sleep(0.02)
    first.kill()
    found, log = ended(start(script(folder / "other", "touch done")))
    assert found == 0
    assert "still at work" in log
    assert not (folder / "done").exists()
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate(timeout=10)


def of_session(session: int) -> Iterator[tuple[int, str]]:
    """Processes that the script started, it among them: id and command line."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "stat").read_text().rpartition(")")[2].split()
            if int(words[3]) == session and words[0] != "Z":
                yield int(process.name), (process / "cmdline").read_text()
        except OSError:
            continue  # it has just ended


def wait_for_the_end_of(session: int) -> None:
    """Also of orphaned processes."""
    deadline = time.monotonic() + 60
    while any(of_session(session)):
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Killer:
    """Kills processes of a session before one of its requests is answered: the run goes on then.

    A moment of the clock would be before the run on one machine, and after it on another.
    """

    def __init__(self) -> None:
        self.session, self.victim, self.requests_left = 0, "", 0
        self.killed = 0

    def aim(self, session: int, victim: str, at_request: int) -> None:
        """Kills once so many requests have come; `victim` is a command's name, "" for all."""
        self.victim, self.requests_left, self.session = victim, at_request, session

    def __call__(self, account: Account, number: int, method: str, path: str) -> None:
        self.requests_left -= 1
        if self.requests_left or not self.session:
            return
        deadline = time.monotonic() + 20
        while not (found := list(self._victims())):  # it may not have started yet
            assert time.monotonic() < deadline, f"there is no {self.victim}"
            time.sleep(0.01)
        for one in found:
            os.kill(one, signal.SIGKILL)
        self.killed += 1

    def _victims(self) -> Iterator[int]:
        for process, command in of_session(self.session):
            names = [Path(word).name for word in command.split("\0")[:2]]
            if not self.victim or self.victim in names:
                yield process


def newest_rows(folder: Path) -> dict[tuple[str, Any], dict[str, Any]]:
    """What target-jsonl has, by stream and id. A line that a kill cut off does not count."""
    newest = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("}\n"):
                row = json.loads(line)
                newest[path.stem.rpartition("-")[0], row["id"]] = row
    return newest


VICTIMS = ("cron.sh", "tap-invoiced", "target-jsonl", "")


@pytest.mark.timeout(300)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")
def test_killed_at_random_points_nothing_is_lost(
    folder: Path,
    config: Callable[..., Path],
    start: Callable[..., Any],
    loader: Path,
    business: Account,
    clock: Any,
) -> None:
    """The script, the tap, the target or all of them die; what target-jsonl has is the account.

    Each dies at least twice; every third run is left alone.
    """
    rng = random.Random(20260301)
    killer = Killer()
    (folder / "target.json").write_text(json.dumps({"destination_path": str(folder / "rows")}))
    target = (loader, "--config", "target.json")
    with Server(business, before_request=killer) as server:
        config(server, start_date="2020-01-01", page_size=20, max_connections=2)
        for run in range(12):
            time.sleep(1 - time.time() % 1)  # target-jsonl names its files by the second
            left_alone = run % 3 == 2
            first_reads = 25 if run < 2 else 8  # a quiet run sends fewer requests
            at_request = 0 if left_alone else rng.randrange(1, first_reads)
            process = start(*target)
            killer.aim(process.pid, VICTIMS[run % len(VICTIMS)], at_request)
            code, log = ended(process)
            assert (code == 0) == left_alone, (run, code, log)
            wait_for_the_end_of(process.pid)
            if (folder / "state.json").exists():
                assert kept(folder)["bookmarks"]
            clock.seconds += 3_600
            for invoice in rng.sample(business.objects("invoices"), 20):
                business.edit("invoices", invoice["id"], purchase_order=f"PO-{rng.randrange(1000)}")
        assert killer.killed == 8
        time.sleep(1 - time.time() % 1)
        code, log = ended(start(*target))
    assert code == 0, log
    newest = newest_rows(folder / "rows")
    for stream in STREAMS:
        account = {row["id"]: row for row in business.objects(stream)}
        assert {key for name, key in newest if name == stream} == account.keys()
        for key, row in account.items():
            if stream == "invoices":
                assert newest[stream, key]["purchase_order"] == row["purchase_order"]
