"""What the tests share: an account to read and write, and the commands run as a user runs them."""

import atexit
import copy
import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Server, seeded
from tests.fork_server import ForkServer

# The emulators' clock stands here unless a test moves it: 2026-03-01T12:00:00Z.
NOW = 1_772_366_400
API_KEY = "emulator-key"
RUN_TIMEOUT_S = 60

# Variables of a developer's own that would change what the commands do.
OTHERS_SETTINGS = ("TAP_INVOICED_", "TARGET_INVOICED_", "INVOICED_", "LOGLEVEL", "SINGER_SDK_LOG_")

Message = dict[str, Any]


def printable(value: Any) -> Any:
    """JSON without halves of surrogate pairs, which no process can send to another as UTF-8."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {printable(key): printable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [printable(inner) for inner in value]
    return value


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Any:
    """A failed test with an odd character in its report is reported, too."""
    return printable((yield))


class Clock:
    """A clock that a test sets."""

    def __init__(self, seconds: int = NOW) -> None:
        self.seconds = seconds

    def __call__(self) -> int:
        return self.seconds


@dataclass(frozen=True, kw_only=True)
class Run:
    """The output and the exit code of a command."""

    exit_code: int
    stdout: bytes
    stderr: str

    @property
    def messages(self) -> list[Message]:
        return [json.loads(line) for line in self.stdout.splitlines()]

    def records(self, stream: str) -> list[Message]:
        return [
            message["record"]
            for message in self.messages
            if message["type"] == "RECORD" and message["stream"] == stream
        ]

    def ids(self, stream: str) -> list[Any]:
        return [record["id"] for record in self.records(stream)]

    @property
    def state(self) -> Any:
        """The value of the last STATE a tap wrote."""
        return [message["value"] for message in self.messages if message["type"] == "STATE"][-1]

    def counts(self, stream: str) -> dict[str, int]:
        """What the target's closing table says became of a stream's records, zeros left out."""
        names, *rows = [
            re.findall(r"[^\s|]+", line)
            for line in self.stderr.splitlines()
            if re.match(r"\| (?!-)", line)
        ]
        (row,) = [
            dict(zip(names[1:], cells[1:], strict=True)) for cells in rows if cells[0] == stream
        ]
        return {name: int(n) for name, n in row.items() if name != "seconds" and int(n)}

    @property
    def complaint(self) -> str:
        """The one CRITICAL line of a run that failed."""
        (line,) = [line for line in self.stderr.splitlines() if line.startswith("CRITICAL ")]
        assert "Traceback" not in self.stderr
        return line.removeprefix("CRITICAL ")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account(clock: Clock) -> Account:
    """An empty account whose clock the test moves."""
    return Account(api_key=API_KEY, now=clock)


@pytest.fixture
def server(account: Account) -> Iterator[Server]:
    """The empty account, over HTTP."""
    with Server(account) as running:
        yield running


@pytest.fixture
def business(clock: Clock) -> Account:
    """An account with months of business in it."""
    return seeded(customers=30, seed=7, now=clock, api_key=API_KEY)


@pytest.fixture
def business_server(business: Account) -> Iterator[Server]:
    with Server(business) as running:
        yield running


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of the commands: this one, without settings of a developer's own."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(OTHERS_SETTINGS)
    }


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    """Writes a config file for a server (or none), with the settings given."""

    def write(server: Server | None = None, **settings: Any) -> Path:
        content = {"api_key": API_KEY, "max_retry_seconds": 5, **settings}
        if server is not None:
            content["base_url"] = server.url
        path = tmp_path / "config.json"
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.fixture
def run_tap(
    config: Callable[..., Path], tmp_path: Path, environment: dict[str, str]
) -> Callable[..., Run]:
    """Runs `tap-invoiced` to its end. Keyword arguments are settings, but for state and catalog."""

    def run(
        server: Server | None = None,
        *arguments: str,
        state: Any = None,
        catalog: Any = None,
        env: dict[str, str] | None = None,
        **settings: Any,
    ) -> Run:
        settings = {"start_date": "2020-01-01", **settings}
        command = ["--config", str(config(server, **settings)), *arguments]
        for name, content in (("state", state), ("catalog", catalog)):
            if content is not None:
                path = tmp_path / f"{name}.json"
                path.write_text(content if isinstance(content, str) else json.dumps(content))
                command += [f"--{name}", str(path)]
        return run_command("tap_invoiced", command, environment | (env or {}))

    return run


@pytest.fixture(scope="session")
def whole_catalog() -> dict[str, Any]:
    """What `tap-invoiced --discover` prints."""
    run = run_command("tap_invoiced", ["--discover"], dict(os.environ))
    return dict(json.loads(run.stdout))


@pytest.fixture
def catalog_of(whole_catalog: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """A catalog with these streams only. It is a copy that a test may change."""

    def pick(*streams: str) -> dict[str, Any]:
        kept = [one for one in whole_catalog["streams"] if one["stream"] in streams]
        return {"streams": copy.deepcopy(kept)}

    return pick


@pytest.fixture
def run_target(
    config: Callable[..., Path], environment: dict[str, str], tmp_path: Path
) -> Callable[..., Run]:
    """Runs `target-invoiced` over messages (or raw bytes). Keyword arguments are settings."""

    def run(
        server: Server | None,
        messages: list[Message] | bytes,
        *arguments: str,
        env: dict[str, str] | None = None,
        **settings: Any,
    ) -> Run:
        settings = {"ledger": f"sqlite:///{tmp_path}/ledger.db", **settings}
        command = ["--config", str(config(server, **settings)), *arguments]
        lines = messages if isinstance(messages, bytes) else as_lines(messages)
        return run_command("target_invoiced", command, environment | (env or {}), lines)

    return run


def as_lines(messages: list[Message]) -> bytes:
    return b"".join(json.dumps(message).encode() + b"\n" for message in messages)


def run_command(
    module: str, arguments: list[str], environment: dict[str, str], stdin: bytes = b""
) -> Run:
    inherited = os.environ.items()
    if not any(one[0].startswith("PYTHON") for one in environment.items() - inherited):
        code, stdout, stderr = _fork_server().run(
            module, arguments, environment, stdin, timeout_s=RUN_TIMEOUT_S
        )
        return Run(exit_code=code, stdout=stdout, stderr=stderr.decode())
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input=stdin,
        capture_output=True,
        env=environment,
        timeout=RUN_TIMEOUT_S,
        check=False,
    )
    return Run(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr.decode())


@cache
def _fork_server() -> ForkServer:
    """One for each process of the tests."""
    started = ForkServer()
    atexit.register(started.close)
    return started


@pytest.fixture(scope="session")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """target-jsonl from PyPI, in an environment of its own."""
    home = tmp_path_factory.mktemp("loader")
    venv.create(home, with_pip=True)
    pip = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "target-jsonl==0.1.4"], check=True, capture_output=True, timeout=100)
    return home / "bin" / "target-jsonl"
