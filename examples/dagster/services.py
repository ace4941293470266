"""Starts what the example needs on this machine, on loopback, and stops all of it again."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 20
# Commands of the pair, of Dagster, and of the loader, each from an environment of its own.
COMMANDS = [
    ROOT / environment / "bin"
    for environment in (".venv", ".venv-dagster", ".venv-e2e/target-postgres")
]
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FINISHED = {"SUCCESS", "FAILURE", "CANCELED"}

BACKFILL = """
mutation ($parameters: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $parameters) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on PartitionSetNotFoundError { message }
    ... on PartitionKeysNotFoundError { message }
    ... on UnauthorizedError { message }
  }
}
"""
RUNS = """
query ($filter: RunsFilter!) {
  runsOrError(filter: $filter, limit: 500) {
    ... on Runs { results { runId status tags { key value } } }
  }
}
"""
PARTITIONS = """
query {
  partitionSetOrError(
    partitionSetName: "sync_partition_set"
    repositorySelector: {repositoryLocationName: "invoiced", repositoryName: "__repository__"}
  ) { ... on PartitionSet { partitionsOrError { ... on Partitions { results { name } } } } }
}
"""


class NotStartedError(Exception):
    """Something did not start, or did not come to its end, in time; the message says what."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(what: str, done: Callable[[], bool], timeout_s: float, every_s: float = 0.2) -> None:
    """Raises NotStartedError if it is not done in time."""
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            raise NotStartedError(f"{what}: not within {timeout_s:g} s")
        time.sleep(every_s)


@contextmanager
def process(
    command: Sequence[str | Path], log: Path, **options: Any
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process in a group of its own; SIGTERM ends it, and SIGKILL what is left of the group."""
    with log.open("ab") as lines:
        started = subprocess.Popen(
            command, stdout=lines, stderr=lines, start_new_session=True, **options
        )
    try:
        yield started
    finally:
        stop(started)


def stop(started: "subprocess.Popen[bytes]") -> None:
    started.terminate()
    with suppress(subprocess.TimeoutExpired):
        started.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)
    started.wait(STOP_TIMEOUT_S)


def stop_at_once(started: "subprocess.Popen[bytes]") -> None:
    """SIGKILL, as the system does when memory runs out."""
    os.killpg(started.pid, signal.SIGKILL)
    started.wait(STOP_TIMEOUT_S)


def stop_on_signals() -> None:
    """Make Ctrl-C, `kill` and a closed terminal end this process by SystemExit.

    So what it started is stopped. A second signal does not cut that short. What `nohup` ignores
    stays ignored.
    """

    def end(number: int, _: object) -> None:
        for one in STOPPING:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for one in STOPPING:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, end)


# PostgreSQL


def _programs_of_postgresql() -> Path:
    """Where Debian keeps its newest server, else where the PATH has one."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    found = sorted(installed, key=lambda one: float(one.parts[4]))
    initdb = found[-1] if found else shutil.which("initdb")
    if not initdb:
        raise NotStartedError("PostgreSQL's initdb is missing: install the package postgresql")
    return Path(initdb).resolve().parent


@contextmanager
def postgresql() -> Iterator[str]:
    """A new server on a free port: `postgresql://postgres@127.0.0.1:PORT`. Trusts this machine.

    PostgreSQL refuses to be run by root, so root lends it to the user `postgres`.
    """
    programs, port = _programs_of_postgresql(), free_port()
    as_user: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        home = Path(folder)
        if as_user:
            os.chown(home, pwd.getpwnam("postgres").pw_uid, -1)
        initdb = [programs / "initdb", "-D", home / "data", "--auth=trust", "--username=postgres"]
        subprocess.run(
            [*initdb, "--no-sync"], check=True, capture_output=True, timeout=60, cwd=home, **as_user
        )
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", str(home), "-c", "max_connections=300"]
        command = [programs / "postgres", "-D", home / "data", "-F", *options]
        ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
        with process(command, Path(os.devnull), cwd=home, **as_user) as server:
            wait_for(
                "PostgreSQL",
                lambda: subprocess.run(ready, check=False, timeout=10).returncode == 0,
                START_TIMEOUT_S,
            )
            yield f"postgresql://postgres@127.0.0.1:{port}"
            server.send_signal(signal.SIGINT)  # SIGTERM would wait for clients


# Dagster


@dataclass
class Dagster:
    """A running instance: its home, where its UI is, and its processes by name."""

    home: Path
    port: int
    environment: Mapping[str, str] = field(repr=False)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL answer."""
        request = urllib.request.Request(
            f"{self.url}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        if answer.get("errors"):
            raise NotStartedError(f"Dagster: {answer['errors'][0]['message']}")
        return dict(answer["data"])

    def partitions(self) -> set[str]:
        """The accounts that Dagster knows; none while it starts."""
        try:
            found = self.ask(PARTITIONS)["partitionSetOrError"]
        except (OSError, NotStartedError):
            return set()
        return {one["name"] for one in found.get("partitionsOrError", {}).get("results", [])}

    def backfill(self, accounts: Sequence[str], title: str) -> str:
        """Start a run per account, as the button of the UI does. Returns the backfill's id."""
        repository = {"repositoryLocationName": "invoiced", "repositoryName": "__repository__"}
        parameters = {
            "selector": {
                "partitionSetName": "sync_partition_set",
                "repositorySelector": repository,
            },
            "partitionNames": list(accounts),
            "title": title,
        }
        answer = self.ask(BACKFILL, parameters=parameters)["launchPartitionBackfill"]
        if "backfillId" not in answer:
            raise NotStartedError(f"the backfill did not start: {answer}")
        return str(answer["backfillId"])

    def runs(self, backfill: str | None = None) -> list[dict[str, Any]]:
        """The runs, newest first: `runId`, `status` and `account`."""
        tags = [{"key": "dagster/backfill", "value": backfill}] if backfill else []
        results = self.ask(RUNS, filter={"tags": tags})["runsOrError"]["results"]
        for run in results:
            run["account"] = {one["key"]: one["value"] for one in run["tags"]}.get(
                "dagster/partition"
            )
        return list(results)

    def wait_for_runs(
        self, number: int, timeout_s: float, progress: Callable[[int], None] = lambda _: None
    ) -> list[dict[str, Any]]:
        """Wait until at least so many runs exist and all have ended.

        `progress` is given how many have ended, each time that it is another number.
        """
        last = 0

        def ended() -> bool:
            nonlocal last
            try:
                runs = self.runs()
            except OSError:  # the web server is busy
                return False
            done = sum(one["status"] in FINISHED for one in runs)
            if done != last:
                progress(done)
            last = done
            return len(runs) >= number and done == len(runs)

        wait_for(f"the end of {number} runs", ended, timeout_s, every_s=1)
        return self.runs()

    def start(self, name: str) -> None:
        """Start one of the three services, as a service manager would."""
        code = self.environment["CODE_SERVER_PORT"]
        workspace = HERE / "workspace.yaml"
        commands: dict[str, list[str | Path]] = {
            "code": [
                *("dagster", "api", "grpc", "--host", "127.0.0.1", "--port", code),
                *("--python-file", HERE / "definitions.py", "--working-directory", HERE),
                *("--location-name", "invoiced"),
            ],
            "daemon": ["dagster-daemon", "run", "--workspace", workspace],
            "web": [
                *("dagster-webserver", "--host", "127.0.0.1", "--port", str(self.port)),
                *("--workspace", workspace),
            ],
        }
        with (self.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                commands[name],
                env=self.environment,
                cwd=self.home,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@contextmanager
def dagster(home: Path, accounts: Path, postgres: str) -> Iterator[Dagster]:
    """Dagster on the databases `dagster` and `invoiced` of a server, both of which exist.

    `accounts` is the file of accounts. The web server has a free port.
    """
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "dagster.yaml", home)
    path = os.pathsep.join([*map(str, COMMANDS), os.environ.get("PATH", os.defpath)])
    environment = {
        **os.environ,
        "PATH": path,
        "DAGSTER_HOME": str(home),
        "DAGSTER_DATABASE": f"{postgres}/dagster",
        "INVOICED_DATABASE": f"{postgres}/invoiced",
        "ACCOUNTS_FILE": str(accounts),
        "CODE_SERVER_PORT": str(free_port()),
    }
    running = Dagster(home, free_port(), environment)
    known = set(json.loads(accounts.read_text()))
    with ExitStack() as stack:
        stack.callback(_stop_all, running)
        # The first process creates the tables; two at once would get in each other's way.
        subprocess.run(
            ["dagster", "instance", "migrate"],
            env=environment,
            check=True,
            capture_output=True,
            timeout=START_TIMEOUT_S,
        )
        for name in ("code", "daemon", "web"):
            running.start(name)
        wait_for("Dagster", lambda: running.partitions() >= known, START_TIMEOUT_S)
        yield running


def _stop_all(running: Dagster) -> None:
    for name in ("daemon", "web", "code"):  # the code server last: it is the runs' parent
        if name in running.processes:
            stop(running.processes[name])
